"""Moving a part of the path to a neighbouring lane, or a fixed way aside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.expert.route import ExpertRoute
from lead.routes.planner import RoadOption

YIELD_AHEAD_POINTS, YIELD_RAMP_POINTS = 200, 80
"""A yielding ego stays aside for so long ahead of it, and comes back on a ramp of this length."""


def ramp(first: int, last: int, transition: int) -> NDArray[np.float64]:
    """Return how far each of the points from ``first`` to ``last`` is moved: cosine ramps at both ends, 1 between."""
    place = np.arange(first, last)
    entry, leave = (place - first) / max(transition, 1), (last - place) / max(transition, 1)
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(np.minimum(entry, leave), 0.0, 1.0))


def shift_to_lane(
    route: ExpertRoute, first: int, last: int, transition: int, *, left: bool, factor: float = 1.0
) -> tuple[int, int]:
    """Move a stretch of the path to the neighbouring lane and mark both ramps as lane changes.

    Args:
        route: The path.
        first: Point at which the ego begins to move aside.
        last: Point at which it is back.
        transition: Points of each ramp.
        left: Use the lane on the left.
        factor: Share of the way to the neighbouring lane's centre; above 1 goes beyond it.

    Returns:
        First and last point as they could be used.
    """
    first, last = max(first, 0), min(last, len(route))
    weight = factor * ramp(first, last, transition)
    offset = route.neighbour_offset(left)[first:last]
    route.xy[first:last] = route.original_xy[first:last] + weight[:, None] * offset
    out, back = (RoadOption.CHANGELANELEFT, RoadOption.CHANGELANERIGHT)
    if not left:
        out, back = back, out
    route.option[first : min(first + transition, last)] = int(out)
    route.option[max(last - transition, first) : last] = int(back)
    route.refresh(first, last)
    route.is_changed = True
    return first, last


def extend_shift(route: ExpertRoute, stay_until: int, wanted: int, transition: int, *, left: bool) -> int:
    """Let a shift that has begun last longer.

    Args:
        route: The path.
        stay_until: Point at which the ramp back begins so far.
        wanted: Point at which it should begin.
        transition: Points of the ramp back.
        left: Side of the lane that is used.

    Returns:
        Point at which the ramp back begins now; never before the old one.
    """
    begin = max(stay_until, wanted)
    last = min(begin + transition, len(route))
    first = min(stay_until, last)
    count = last - first
    weight = np.where(
        np.arange(first, last) < begin, 1.0, 0.5 + 0.5 * np.cos(np.pi * (np.arange(first, last) - begin) / transition)
    )
    offset = route.neighbour_offset(left)[first:last]
    route.xy[first:last] = route.original_xy[first:last] + weight[:, None] * offset
    back = RoadOption.CHANGELANERIGHT if left else RoadOption.CHANGELANELEFT
    if count:
        route.option[first:last] = np.where(
            np.arange(first, last) < begin, route.original_option[first:last], int(back)
        )
    route.refresh(first, last)
    return begin


def abandon_shift(route: ExpertRoute, last: int, transition: int) -> None:
    """Lead the path back to where it was planned, from just ahead of the ego on.

    Args:
        route: The path.
        last: End of the shift.
        transition: Points of the ramp back.
    """
    first = min(route.index + 1, len(route))
    last = max(min(last, len(route)), first)
    place = np.clip(np.arange(last - first) / transition, 0.0, 1.0)
    weight = 0.5 + 0.5 * np.cos(np.pi * place)
    route.xy[first:last] += (weight - 1.0)[:, None] * (route.xy[first:last] - route.original_xy[first:last])
    route.option[first:last] = route.original_option[first:last]
    route.refresh(first, last)


def shift_right(route: ExpertRoute, first: int, last: int, transition: int, offset_m: NDArray[np.float64]) -> None:
    """Move a stretch of the path to its right by (last - first,) metres, with ramps at both ends."""
    first, last = max(first, 0), min(last, len(route))
    offset = offset_m[: last - first] * ramp(first, last, transition)
    yaw = route.yaw_rad[first:last]
    route.xy[first:last] += offset[:, None] * np.stack([-np.sin(yaw), np.cos(yaw)], axis=1)
    route.refresh(first, last)
    route.is_changed = True


def restore(route: ExpertRoute, first: int, last: int) -> None:
    """Put a stretch of the path back where it was planned."""
    route.xy[first:last] = route.original_xy[first:last]
    route.option[first:last] = route.original_option[first:last]
    route.refresh(first, last)
