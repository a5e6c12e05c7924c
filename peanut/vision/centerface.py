"""Finding faces in an image with CenterFace, run by OpenCV alone."""

from pathlib import Path

import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.detection import Detection, suppress

STRIDE = 4
"""Pixels of the image by cell of the network's outputs."""
MULTIPLE = 32
"""What the sides of its input must be multiples of."""
LEAST = 64
"""What its sides must be at least: OpenCV before 5 computes wrongly at the 32 that the published file tells."""
SEEN_BEST = 24
"""Height in pixels from which on a face is found well; measured: docs/faces.md."""
SHORT_SIDE = 720
"""Short side above which half the size is looked at as well: a face of more than about 500 pixels is found there."""
NETWORKS = 4
"""Sizes for which networks are kept at most."""
OVERLAP = 0.3
"""Overlap above which two boxes are of the same face, as published."""


class FaceDetector:
    """Finds faces, in any light and many poses. One object is for one thread at a time: a network of OpenCV has states.

    path: the published network, an ONNX file of 7.3 MB.
    Raises cv2.error if the file is no such network.
    Source: Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, 2019 (arXiv 1911.03599).
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self._networks = {(LEAST, LEAST): cv2.dnn.readNetFromONNX(self._path)}

    def detect(self, image: Array, min_score: float, scale: float = 1.0) -> list[Detection]:
        """The faces of an image, best first, with the label "face"; boxes may reach over its edges.

        image: h w 3, uint8, RGB. min_score: 0 to 1. scale: by which the image is enlarged first (below 1: reduced).
        """
        found: list[Detection] = []
        sizes = [scale]
        while min(image.shape[:2]) * sizes[-1] > SHORT_SIDE:
            sizes.append(sizes[-1] / 2)
        for size in sizes:
            found += self._at(image, min_score, size)
        return suppress(found, OVERLAP)

    def _at(self, image: Array, min_score: float, scale: float) -> list[Detection]:
        """The faces at one size of the image."""
        h, w = image.shape[:2]
        if scale != 1:
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            image = cv2.resize(image, (max(1, round(w * scale)), max(1, round(h * scale))), interpolation=how)
        high, wide = image.shape[:2]
        below, right = (max(LEAST - side, -side % MULTIPLE) for side in (high, wide))
        padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT)
        network = self._network_for(padded.shape[:2])
        network.setInput(cv2.dnn.blobFromImage(padded))
        heat, scales, offsets, _ = network.forward(network.getUnconnectedOutLayersNames())  # the last are landmarks
        rows, columns = np.nonzero(heat[0, 0] >= min_score)
        center = np.stack([rows, columns]) + offsets[0][:, rows, columns] + 0.5
        size = np.exp(np.minimum(scales[0][:, rows, columns], 8.0))
        (top, left), (bottom, right) = STRIDE * (center - size / 2), STRIDE * (center + size / 2)
        boxes = np.stack([left, top, right, bottom], axis=1).astype(float).tolist()
        scores = heat[0, 0, rows, columns].astype(float).tolist()
        found = (Detection(tuple(box), score, "face") for box, score in zip(boxes, scores, strict=True))
        return [one.scaled(w / wide, h / high) for one in suppress(found, OVERLAP)]

    def _network_for(self, size: tuple[int, int]) -> cv2.dnn.Net:
        """A network for inputs of one size: OpenCV before 5 computes wrongly when the size changes."""
        if size not in self._networks:
            if len(self._networks) == NETWORKS:
                del self._networks[next(iter(self._networks))]
            self._networks[size] = cv2.dnn.readNetFromONNX(self._path)
        return self._networks[size]
