"""Colour augmentation of camera images, seeded per sample.

The six operators and their ranges are those with which the published weights were trained. Random fields are cut out of
two pools that every process draws once, and always the same: drawing a million numbers for each image would take longer
than everything else. Where a field begins is drawn per image.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

PROBABILITY = 0.2
"""Of each operator."""
MAX_BLUR_PX = 1.0
MAX_NOISE = 0.05 * 255.0
MIN_DROPPED, MAX_DROPPED = 0.01, 0.1
MAX_FACTOR = 1.2
MIN_SHIFT_PX, MAX_SHIFT_PX = 0.5, 1.5
_POOL = 1 << 22
_SEED = 20260414
_NOISE_STEPS = 28.0
"""Values of the pool of normal numbers per standard deviation."""
_MIDDLE = 128.0
_UNIFORM_RANGE = 65536


def augment(image: Image, rng: np.random.Generator, probability: float = PROBABILITY) -> Image:
    """Change an image at random.

    Args:
        image: uint8 (h, w, 3); it is not changed itself.
        rng: Source of all draws.
        probability: Of each of the six operators, which come in random order.

    Returns:
        uint8 (h, w, 3), the image itself if no operator was drawn.
    """
    order = rng.permutation(len(_OPERATORS))
    is_drawn = rng.random(len(_OPERATORS)) < probability
    for index in order[is_drawn[order]]:
        image = _OPERATORS[index](image, rng)
    return image


def blur(image: Image, rng: np.random.Generator) -> Image:
    """Blur with a standard deviation of up to 1 pixel."""
    import cv2

    sigma = rng.uniform(0.0, MAX_BLUR_PX)
    return np.asarray(cv2.GaussianBlur(image, (5, 5), sigma), np.uint8) if sigma > 0.0 else image


def noise(image: Image, rng: np.random.Generator) -> Image:
    """Add normal noise, the same or another one in each channel."""
    import cv2

    scale = rng.uniform(0.0, MAX_NOISE) / _NOISE_STEPS
    field = _field(_normal_pool(), image, rng, is_per_channel=_coin(rng))
    return np.asarray(cv2.addWeighted(image, 1.0, field, scale, -_MIDDLE * scale), np.uint8)


def drop(image: Image, rng: np.random.Generator) -> Image:
    """Blacken 1 to 10 % of the pixels, or of the values of each channel."""
    share = rng.uniform(MIN_DROPPED, MAX_DROPPED)
    field = _field(_uniform_pool(), image, rng, is_per_channel=_coin(rng))
    kept = field >= np.uint16(share * _UNIFORM_RANGE)
    return np.asarray(np.multiply(image, kept.view(np.uint8)), np.uint8)


def brighten(image: Image, rng: np.random.Generator) -> Image:
    """Multiply with a factor around 1, the same or another one for each channel."""
    return _stretched(image, _factors(rng), 0.0)


def contrast(image: Image, rng: np.random.Generator) -> Image:
    """Stretch or shrink distances to the middle grey, the same or other factors for each channel."""
    return _stretched(image, _factors(rng), _MIDDLE)


def distort(image: Image, rng: np.random.Generator) -> Image:
    """Shift every pixel on its own by up to 1.5 pixels; what comes from outside is black."""
    import cv2

    reach_px = rng.uniform(MIN_SHIFT_PX, MAX_SHIFT_PX)
    height, width = image.shape[:2]
    places = []
    for grid in _grid(height, width):
        # The published field is smoothed with a quarter of a pixel, which leaves it as it is.
        shift = _cut(_uniform_pool(), (height, width), rng).astype(np.float32)
        places.append(cv2.addWeighted(shift, 2.0 * reach_px / _UNIFORM_RANGE, grid, 1.0, -reach_px))
    # OpenCV is more than twice as quick with a fourth channel.
    padded = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
    moved = cv2.remap(padded, places[0], places[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB), np.uint8)


_OPERATORS: tuple[Callable[[Image, np.random.Generator], Image], ...] = (blur, noise, drop, brighten, contrast, distort)


def _coin(rng: np.random.Generator) -> bool:
    return bool(rng.random() < 0.5)


def _factors(rng: np.random.Generator) -> NDArray[np.float64]:
    """One factor for all channels or one for each, (1,) or (3,)."""
    return rng.uniform(1.0 / MAX_FACTOR, MAX_FACTOR, 3 if _coin(rng) else 1)


def _stretched(image: Image, factors: NDArray[np.float64], middle: float) -> Image:
    """Multiply distances to a value with one factor (1,) or one per channel (3,)."""
    import cv2

    parts = [image] if len(factors) == 1 else cv2.split(image)
    parts = [
        cv2.addWeighted(part, factor, part, 0.0, middle * (1.0 - factor))
        for part, factor in zip(parts, factors.tolist(), strict=True)
    ]
    return np.asarray(parts[0] if len(parts) == 1 else cv2.merge(parts), np.uint8)


def _field(pool: NDArray[np.generic], image: Image, rng: np.random.Generator, *, is_per_channel: bool) -> NDArray[Any]:
    """Random field of the image's shape."""
    import cv2

    if is_per_channel:
        return _cut(pool, image.shape, rng)
    return np.asarray(cv2.merge([_cut(pool, image.shape[:2], rng)] * 3))


def _cut(pool: NDArray[np.generic], shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    size = int(np.prod(shape))
    if size > len(pool):
        raise ValueError(f"an image of {shape} is larger than the pool of random numbers")
    first = int(rng.integers(len(pool) - size + 1))
    field: NDArray[Any] = pool[first : first + size].reshape(shape)
    return field


@cache
def _normal_pool() -> NDArray[np.uint8]:
    """Normal numbers around 128."""
    numbers = np.random.default_rng(_SEED).standard_normal(_POOL, np.float32)
    return np.asarray(np.clip(np.rint(numbers * _NOISE_STEPS + _MIDDLE), 0, 255), np.uint8)


@cache
def _uniform_pool() -> NDArray[np.uint16]:
    return np.random.default_rng(_SEED + 1).integers(0, _UNIFORM_RANGE, _POOL, np.uint16)


@cache
def _grid(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row of every pixel."""
    rows, columns = np.indices((height, width), np.float32)
    return columns, rows
