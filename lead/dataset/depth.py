"""Depth images: from the 24 bits of a CARLA camera to metres, mended at car windows, and to the stored codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.sensing.encodings import encode_depth8, encode_depth16

RANGE_M = 1000.0
"""Depth of a raw value of all ones."""
CAR = 14
SHRINK = 4
_CODES = np.int32((1 << 24) - 1)
_FULL = float(_CODES)


def metric_depth(bgra: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Decode a raw depth image.

    Args:
        bgra: uint8 (h, w, 4) as the sensor delivers it; red holds the low byte.

    Returns:
        float32 (h, w), metres.
    """
    import cv2

    # Red, green, blue and alpha in that order are a number whose low 24 bits are the code.
    code = cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA).view("<i4")[..., 0]
    code &= _CODES
    depth_m = np.empty(code.shape, np.float32)
    np.multiply(code, RANGE_M / _FULL, out=depth_m, dtype=np.float64, casting="same_kind")
    return depth_m


def repair_windows(
    depth_m: NDArray[np.float32], semantic_ids: NDArray[np.uint8], instance_bgra: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Bring the panes of cars to the front: a camera looks through them, a LiDAR does not.

    For every instance with pixels of the class Car, those pixels of it that the semantic camera labels differently
    get the smallest depth of the instance.

    Args:
        depth_m: float32 (h, w), metres.
        semantic_ids: uint8 (h, w) class ids of the semantic camera.
        instance_bgra: uint8 (h, w, 3 or 4) of the instance camera: red the class, green and blue the instance.

    Returns:
        The mended image, ``depth_m`` itself if there is nothing to mend.
    """
    import cv2

    classes = np.asarray(cv2.extractChannel(instance_bgra, 2), np.uint8)
    is_pane = (classes == CAR) & (semantic_ids != classes)
    if not bool(is_pane.any()):
        return depth_m
    instance = instance_bgra[..., 1].astype(np.int32) | instance_bgra[..., 0].astype(np.int32) << 8
    has_car = np.zeros(1 << 16, dtype=bool)
    has_car[instance[classes == CAR]] = True
    of_car = has_car[instance]
    nearest = np.full(1 << 16, np.inf, dtype=np.float32)
    np.minimum.at(nearest, instance[of_car], depth_m[of_car])
    return np.asarray(np.where(is_pane, nearest[instance], depth_m), np.float32)


def quantise_depth(depth_m: NDArray[np.float32], bits: int = 8) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Shrink a depth image four times by averaging areas and turn it into codes.

    Args:
        depth_m: float32 (h, w), metres; h and w are multiples of 4.
        bits: 8 for codes up to 50 m, 16 for codes up to 96 m.

    Returns:
        uint8 or uint16 (h / 4, w / 4), rounded down.
    """
    import cv2

    size = (depth_m.shape[1] // SHRINK, depth_m.shape[0] // SHRINK)
    small = cv2.resize(depth_m, size, interpolation=cv2.INTER_AREA)
    return encode_depth8(small) if bits == 8 else encode_depth16(small)
