"""What the makers of contact sheets share: captions, sheets, files. Apart, so that they need not import each other."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def titled(image: Image, text: str) -> Image:
    """The image with a caption in its corner."""
    out: Image = np.array(image)
    width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0]
    cv2.rectangle(out, (0, 0), (width + 10, 18), (0, 0, 0), -1)
    cv2.putText(out, text, (5, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return out


def sheet(images: list[Image], columns: int) -> Image:
    """Images of equal size in rows."""
    rows = [images[first : first + columns] for first in range(0, len(images), columns)]
    blank = np.full_like(images[0], 255)
    rows[-1] += [blank] * (columns - len(rows[-1]))
    joined: Image = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    return joined


def save(name: str, image: Image, out: Path) -> None:
    """Write a sheet as JPEG."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.jpg"
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 82])
    print(path)
