"""Walks along lanes and looks to their sides, from which the finders judge a place.

The scenario engine has walks of its own that stop, or go on, where CARLA's do. The sampler is stricter: a stretch that
it accepts has neither forks nor junctions nor ends, so that on it all these walks agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import carla
import numpy as np

from lead.routes.sampler.errors import UnfitError

STEP_M = 2.0
MIN_LANE_M = 2.75
"""Cars pass each other and obstacles on lanes of this width."""
MIN_PARKING_M = 1.9
"""Least width of a lane on which cars stand."""
_MAX_LANES = 12


def stretch(waypoint: carla.Waypoint, least_m: float, most_m: float | None = None) -> list[carla.Waypoint]:
    """Walk ahead on a road in steps of two metres.

    Args:
        waypoint: Where to begin.
        least_m: The walk must be so long.
        most_m: It goes on until this length, if the road does; None stops at the least length.

    Returns:
        Way points from the first to the last one.

    Raises:
        UnfitError: If the road ends, forks or meets a junction before the least length.
    """
    line = [waypoint]
    while (len(line) - 1) * STEP_M < (least_m if most_m is None else most_m):
        ahead = line[-1].next(STEP_M)
        if len(ahead) != 1 or ahead[0].is_junction:
            break
        line.append(ahead[0])
    if length_m(line) < least_m:
        raise UnfitError("the road is too short between junctions")
    return line


def length_m(line: list[carla.Waypoint]) -> float:
    """Return the length of a walk."""
    return (len(line) - 1) * STEP_M


def stretch_behind(waypoint: carla.Waypoint, most_m: float) -> list[carla.Waypoint]:
    """Walk back on a road in steps of two metres, as far as it goes.

    Returns:
        Way points from the first to the last one, which is at most so far behind and before no junction.
    """
    line = [waypoint]
    while len(line) * STEP_M <= most_m:
        behind = line[-1].previous(STEP_M)
        if len(behind) != 1 or behind[0].is_junction:
            break
        line.append(behind[0])
    return line


def at(line: list[carla.Waypoint], distance_m: float) -> carla.Waypoint:
    """Return the way point of a walk nearest to a distance from its first one."""
    return line[min(len(line) - 1, round(distance_m / STEP_M))]


def run_out(waypoint: carla.Waypoint, most_m: float, rng: np.random.Generator) -> list[carla.Waypoint]:
    """Walk ahead through junctions, turning at random, until a length is reached or the road ends."""
    line = [waypoint]
    while length_m(line) < most_m:
        ahead = line[-1].next(STEP_M)
        if not ahead:
            break
        line.append(ahead[int(rng.integers(len(ahead)))] if len(ahead) > 1 else ahead[0])
    return line


def run_up(waypoint: carla.Waypoint, most_m: float, rng: np.random.Generator) -> list[carla.Waypoint]:
    """Walk back through junctions, coming from a random side, until a length is reached or the road begins."""
    line = [waypoint]
    while length_m(line) < most_m:
        behind = line[-1].previous(STEP_M)
        if not behind:
            break
        line.append(behind[int(rng.integers(len(behind)))] if len(behind) > 1 else behind[0])
    return line


def side(waypoint: carla.Waypoint, left: bool) -> carla.Waypoint | None:
    """Return the adjacent lane of any type, None at the edge of the road."""
    return waypoint.get_left_lane() if left else waypoint.get_right_lane()


def lanes_beside(waypoint: carla.Waypoint, left: bool) -> Iterator[carla.Waypoint]:
    """Yield all lanes on one side, from the adjacent one outwards; the side is that seen from the first lane."""
    current = waypoint
    for _ in range(_MAX_LANES):
        neighbour = side(current, left)
        if neighbour is None:
            return
        if neighbour.lane_id * current.lane_id < 0:
            left = not left
        current = neighbour
        yield current


def is_same_way(waypoint: carla.Waypoint, other: carla.Waypoint | None) -> bool:
    """Tell whether another lane is a driving lane of the same direction."""
    return other is not None and other.lane_type == carla.LaneType.Driving and other.lane_id * waypoint.lane_id > 0


def is_oncoming(waypoint: carla.Waypoint, other: carla.Waypoint | None) -> bool:
    """Tell whether another lane is a driving lane of the opposite direction."""
    return other is not None and other.lane_type == carla.LaneType.Driving and other.lane_id * waypoint.lane_id < 0


def is_parkable(road: carla.Waypoint, left: bool) -> bool:
    """Tell whether cars can stand beside a lane: on a parking lane, or on a shoulder in a street with a sidewalk."""
    lane = side(road, left)
    if lane is None or lane.lane_width < MIN_PARKING_M:
        return False
    is_street = lane.lane_type == carla.LaneType.Shoulder and has_sidewalk(road, left)
    return bool(lane.lane_type == carla.LaneType.Parking or is_street)


def same_way_lanes(waypoint: carla.Waypoint) -> list[carla.Waypoint]:
    """Return the driving lanes of a lane's direction beside it, itself included, from left to right."""
    lanes = [waypoint]
    for left in (True, False):
        for lane in lanes_beside(waypoint, left):
            if not is_same_way(waypoint, lane):
                break
            lanes.insert(0 if left else len(lanes), lane)
    return lanes


def sidewalk(waypoint: carla.Waypoint, left: bool) -> carla.Waypoint | None:
    """Return the first sidewalk on one side of the road, None if there is none."""
    lanes = lanes_beside(waypoint, left)
    return next((lane for lane in lanes if lane.lane_type == carla.LaneType.Sidewalk), None)


def has_sidewalk(waypoint: carla.Waypoint, left: bool) -> bool:
    """Tell whether there is a sidewalk on one side of the road."""
    return sidewalk(waypoint, left) is not None


def has_verge(waypoint: carla.Waypoint, left: bool) -> bool:
    """Tell whether there is a lane on one side on which nobody drives or parks: signs stand there."""
    used = (carla.LaneType.Driving, carla.LaneType.Parking)
    return any(lane.lane_type not in used for lane in lanes_beside(waypoint, left))


def turn_deg(before: carla.Waypoint, after: carla.Waypoint) -> float:
    """Return the change of heading from one way point to another, -180 to 180 degrees, positive to the right."""
    difference_deg = after.transform.rotation.yaw - before.transform.rotation.yaw
    return float((difference_deg + 180.0) % 360.0 - 180.0)


def bend_deg(line: list[carla.Waypoint]) -> float:
    """Return how far a walk turns in all, in degrees."""
    return sum(abs(turn_deg(before, after)) for before, after in zip(line[:-5:5], line[5::5], strict=False))


def xyz(waypoint: carla.Waypoint) -> tuple[float, float, float]:
    """Return the place of a way point, world frame, metres."""
    place = waypoint.transform.location
    return float(place.x), float(place.y), float(place.z)


def distance_m(first: carla.Waypoint, second: carla.Waypoint) -> float:
    """Return the straight distance of two way points."""
    return math.dist(xyz(first), xyz(second))
