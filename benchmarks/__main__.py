"""Run benchmarks and write what they print into `docs/performance.md`: a section each, in it a block per processor.

python -m benchmarks [NAME...]        all but the one for accelerators: about an hour on two cores

A block is replaced by one from a processor of the same kind: of the same name with the same instruction sets.
"""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import torch

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
TITLES = {
    "graph": "The graph itself",
    "prefetch": "Prefetch",
    "long_stream": "Memory over a long stream",
    "basicvsr_plusplus": "UR-Net's networks against a plain transcription",
    "flow_eraser": "FlowEraser against its optical flow",
    "words": "Removing by name",
    "stills": "Completing what no frame shows",
    "movers": "Drawn movers",
    "hard_motion": "Where motion is hard to tell",
    "accelerator": "The learned stages on an accelerator",
}
HEAD = """# Performance

Every figure on this page was printed by the command above it, on the machine that stands beside it, with the
instruction sets that decide which kernels run; ratios were taken side by side in one run. `python -m benchmarks NAME`
makes a section again, for the processor it runs on.
"""
BLOCK = re.compile(r"^`python -m benchmarks\.\w+`, (.*?), \d+ cores.*?^```text\n.*?^```\n", re.MULTILINE | re.DOTALL)
"""What one kind of processor printed; the kind in front."""


def processor() -> str:
    """The name and the instruction sets that matter to networks."""
    cpu = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpu.read_text()) if cpu.exists() else [platform.processor()]
    return f"{names[0]} ({instruction_sets()})"


def instruction_sets() -> str:
    """Those that PyTorch's kernels are chosen by, as PyTorch sees them."""
    checks = {"AVX2": "avx2", "AVX512": "avx512", "BF16": "avx512_bf16", "AMX": "amx_tile"}
    has = [name for name, check in checks.items() if getattr(torch.cpu, f"_is_{check}_supported", lambda: False)()]
    return " ".join(has) or platform.machine()


def machine() -> str:
    """Processor, cores, and the versions that matter."""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{processor()}, {os.cpu_count()} cores, {platform.system()}, {versions}"


def sections() -> dict[str, dict[str, str]]:
    """What the page holds now: title -> kind of processor -> block."""
    text = PAGE.read_text() if PAGE.exists() else ""
    parts = re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return {title: {block[1]: block[0] for block in BLOCK.finditer(part)} for title, part in parts}


def main() -> None:
    for name in sys.argv[1:] or [name for name in TITLES if name != "accelerator"]:
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        print(printed, flush=True)
        held = sections()
        block = f"`python -m benchmarks.{name}`, {machine()}:\n\n```text\n{printed}\n```\n"
        held.setdefault(TITLES[name], {})[processor()] = block
        ordered = ["\n".join([f"## {title}\n", *held[title].values()]) for title in TITLES.values() if title in held]
        PAGE.write_text("\n".join([HEAD, *ordered]))


if __name__ == "__main__":
    main()
