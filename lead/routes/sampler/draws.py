"""Random parameters as route files write them. Ranges lie within those of the public route files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import carla
import numpy as np

from lead.routes.sampler.errors import UnfitError

Range = tuple[float, float]


def whole(rng: np.random.Generator, low: float, high: float) -> int:
    """Draw a whole number from a closed range."""
    return int(rng.integers(round(low), round(high) + 1))


def fitting(rng: np.random.Generator, wanted: Range, most: float) -> int:
    """Draw a whole number from the part of a range that lies below a limit.

    Raises:
        UnfitError: If the whole range lies above it.
    """
    low, high = wanted
    if most < low:
        raise UnfitError("the road is too short between junctions")
    return whole(rng, low, min(high, most))


def value(number: float | str) -> Mapping[str, str]:
    """Write a number or word."""
    return {"value": number if isinstance(number, str) else f"{number:g}"}


def interval(rng: np.random.Generator, low: Range, high: Range) -> Mapping[str, str]:
    """Draw the two ends of an interval."""
    return {"from": str(whole(rng, *low)), "to": str(whole(rng, *high))}


def one_of(rng: np.random.Generator, words: Sequence[str]) -> str:
    """Draw a word."""
    return words[int(rng.integers(len(words)))]


def location(waypoint: carla.Waypoint) -> Mapping[str, str]:
    """Write the place of a way point."""
    place = waypoint.transform.location
    return {"x": f"{place.x:.1f}", "y": f"{place.y:.1f}", "z": f"{place.z:.1f}"}
