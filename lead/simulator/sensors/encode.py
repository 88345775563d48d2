"""How cameras put what they see on the wire: CARLA's pixel formats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.simulator.rendering.scene import FAR_M, LEVEL_OBJECT_BIT

_DEPTH_STEPS = 2**24 - 1
_LEVEL_ID_BIT = 0x8000


def depth_pixels(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """BGRA (h, w, 4) of depths (h, w) in metres: 24 bits from 0 to 1000 m, the lowest byte in red."""
    share = np.clip(depth.astype(np.float64) / FAR_M, 0.0, 1.0)
    value = np.rint(share * _DEPTH_STEPS).astype("<u4")
    pixels = np.empty((*depth.shape, 4), np.uint8)
    pixels[..., 2] = value & 0xFF
    pixels[..., 1] = value >> 8 & 0xFF
    pixels[..., 0] = value >> 16
    pixels[..., 3] = 255
    return pixels


def semantic_pixels(label: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """BGRA (h, w, 4) with the class in red."""
    pixels = np.zeros((*label.shape, 4), np.uint8)
    pixels[..., 2] = label
    pixels[..., 3] = 255
    return pixels


def instance_pixels(label: NDArray[np.uint8], object_id: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """BGRA (h, w, 4) with the class in red and the object in green (low byte) and blue (high byte).

    Actors show the lower 16 bits of their id. Objects of the level have numbers of their own with the highest of the
    16 bits set, so that they differ from actors as long as ids stay below 32768.
    """
    number = object_id & np.uint32(0xFFFF)
    level = (object_id & LEVEL_OBJECT_BIT) != 0
    number = np.where(level, number & np.uint32(_LEVEL_ID_BIT - 1) | np.uint32(_LEVEL_ID_BIT), number)
    pixels = np.empty((*label.shape, 4), np.uint8)
    pixels[..., 2] = label
    pixels[..., 1] = number & 0xFF
    pixels[..., 0] = number >> 8
    pixels[..., 3] = 255
    return pixels


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
