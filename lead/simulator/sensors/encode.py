"""How cameras put normals, motion and brightness on the wire; the renderer packs the other images itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def normal_pixels(normals: NDArray[np.float32]) -> NDArray[np.uint8]:
    """BGRA (h, w, 4) of unit normals (h, w, 3): -1 to 1 becomes 0 to 255, x in red."""
    pixels = np.full((*normals.shape[:2], 4), 255, np.uint8)
    pixels[..., 2::-1] = np.rint((normals + 1.0) * 127.5)
    return pixels


def flow_pixels(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (h, w, 2) of motion in pixels, right and down: half widths to the right, half heights upwards."""
    height, width = flow.shape[:2]
    return np.asarray(flow * np.array([2.0 / width, -2.0 / height], np.float32), "<f4")


def luminance(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness 0 to 1 (h, w) of BGRA pixels (ITU-R BT.601 weights)."""
    blue, green, red = (pixels[..., channel].astype(np.float32) for channel in range(3))
    return np.asarray((0.114 * blue + 0.587 * green + 0.299 * red) / np.float32(255.0), np.float32)
