"""Junctions: their entries and exits, from which side traffic comes, and paths through them."""

from __future__ import annotations

import itertools
import math
from typing import Literal, NamedTuple

import carla
import numpy as np
from numpy.typing import NDArray

from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_walks import HOP_M, next_waypoint, place_text

Direction = Literal["ref", "left", "opposite", "right"]
"""Where traffic comes from, seen by someone who drives into the junction; "ref" is his own road."""
EXIT_STEP_M = 0.2
LOOK_AHEAD_M = 10.0
"""Which branch turns where is judged by where it leads after so many metres."""
MAX_WALK_M = 5000.0
"""A walk that has not found a junction after this is a circle."""
_LAST_DEG: tuple[tuple[Direction, float], ...] = (("ref", 30.0), ("left", 135.0), ("opposite", 225.0), ("right", 330.0))


class JunctionAhead(NamedTuple):
    """The next junction on a lane.

    Attributes:
        junction: The junction.
        waypoint: First way point inside.
        distance_m: Metres walked to it.
    """

    junction: carla.Junction
    waypoint: carla.Waypoint
    distance_m: float


def junction_ahead(waypoint: carla.Waypoint) -> JunctionAhead:
    """Walk ahead in steps of one metre until a junction begins.

    Raises:
        ScenarioError: If the road ends before.
    """
    walked_m = 0.0
    while not waypoint.is_junction:
        waypoint = next_waypoint(waypoint, HOP_M)
        walked_m += HOP_M
        if walked_m > MAX_WALK_M:
            raise ScenarioError(f"there is no junction within {MAX_WALK_M:.0f} m before {place_text(waypoint)}")
    return JunctionAhead(waypoint.get_junction(), waypoint, walked_m)


def entry_lanes(junction: carla.Junction) -> list[carla.Waypoint]:
    """Return the last way point before the junction on every driving lane into it, one per road and lane."""
    starts = [start for start, _ in junction.get_waypoints(carla.LaneType.Driving)]
    return _outside(starts, backwards=True)


def exit_lanes(junction: carla.Junction) -> list[carla.Waypoint]:
    """Return the first way point after the junction on every driving lane out of it, one per road and lane."""
    ends = [end for _, end in junction.get_waypoints(carla.LaneType.Driving)]
    return _outside(ends, backwards=False)


def entries_from(entries: list[carla.Waypoint], reference_yaw_deg: float, direction: Direction) -> list[carla.Waypoint]:
    """Choose the lanes whose traffic comes from one side; only headings are compared.

    Args:
        entries: Way points before a junction.
        reference_yaw_deg: Heading on the reference's way into the junction.
        direction: The side.

    Returns:
        The fitting ones in the order given.
    """
    return [entry for entry in entries if _direction(entry.transform.rotation.yaw - reference_yaw_deg) == direction]


def source_point(entry: carla.Waypoint, distance_m: float, step_m: float = 5.0) -> carla.Waypoint:
    """Walk back from a junction's entry until the distance is reached or another junction begins.

    Raises:
        ScenarioError: If the road begins before.
    """
    walked_m = 0.0
    while walked_m < distance_m:
        behind = entry.previous(step_m)
        if not behind:
            raise ScenarioError(f"the road begins less than {step_m:g} m before {place_text(entry)}")
        if behind[0].is_junction:
            break
        entry = behind[0]
        walked_m += step_m
    return entry


def sink_point(source: carla.Waypoint, turn: int, distance_m: float) -> tuple[carla.Waypoint, list[carla.Waypoint]]:
    """Follow a lane through the next junction and some way beyond.

    Args:
        source: A way point before the junction.
        turn: Where to go in the junction: 0 as straight as possible, 1 as far right, -1 as far left.
        distance_m: How far to go on from the first way point after the junction.

    Returns:
        The place reached, and the way points from the source to it, at most one metre apart.

    Raises:
        ScenarioError: If the road ends before.
    """
    path = [source]
    is_reached = False
    while not is_reached or path[-1].is_junction:
        if len(path) * HOP_M > MAX_WALK_M:
            raise ScenarioError(f"there is no junction within {MAX_WALK_M:.0f} m after {place_text(source)}")
        choices = path[-1].next(HOP_M)
        if not choices:
            raise ScenarioError(f"the road ends at {place_text(path[-1])}, before a junction was passed")
        if not is_reached and (len(choices) > 1 or choices[0].is_junction):
            is_reached = True
            branch = _branch(path[-1], choices, turn)
            path += [branch, *_steps(branch, LOOK_AHEAD_M)]
        else:
            path.append(choices[0])
    path += _steps(path[-1], distance_m)
    return path[-1], path


def _outside(inner: list[carla.Waypoint], backwards: bool) -> list[carla.Waypoint]:
    """Leave a junction from way points at its edge; keep the first of every road and lane."""
    found: dict[tuple[int, int], carla.Waypoint] = {}
    for edge in inner:
        waypoint: carla.Waypoint | None = edge
        while waypoint is not None and waypoint.is_junction:
            steps = waypoint.previous(EXIT_STEP_M) if backwards else waypoint.next(EXIT_STEP_M)
            waypoint = steps[0] if steps else None
        if waypoint is not None:
            found.setdefault((waypoint.road_id, waypoint.lane_id), waypoint)
    return list(found.values())


def _direction(difference_deg: float) -> Direction:
    """Name the side from which a heading comes; headings turn clockwise."""
    difference_deg %= 360.0
    return next((name for name, last_deg in _LAST_DEG if difference_deg <= last_deg), "ref")


def _branch(waypoint: carla.Waypoint, choices: list[carla.Waypoint], turn: int) -> carla.Waypoint:
    """Choose where to go on by how far to the right the direction of each branch's place after some metres points.

    Branches may coincide that long. Rounding decides then, so the arithmetic is CARLA's to the last bit: locations of
    single precision, the heading as the direction of a place one metre ahead, and the later of equal branches.
    """
    place, yaw_rad = waypoint.transform.location, math.radians(waypoint.transform.rotation.yaw)
    heading = _direction_to(place, place + carla.Location(math.cos(yaw_rad), math.sin(yaw_rad)))
    rightness: dict[float, carla.Waypoint] = {}
    for choice in choices:
        for reached in choice.next(LOOK_AHEAD_M)[:1]:
            way = _direction_to(place, reached.transform.location)
            rightness[float(heading[0] * way[1] - heading[1] * way[0])] = choice
    if not rightness:
        raise ScenarioError(f"all roads end less than {LOOK_AHEAD_M:g} m after {place_text(waypoint)}")
    return rightness[min(rightness, key=lambda right: abs(right) if turn == 0 else -right * turn)]


def _direction_to(start: carla.Location, end: carla.Location) -> NDArray[np.float64]:
    """Return the (3,) unit vector from one place to another."""
    way = np.array([end.x - start.x, end.y - start.y, end.z - start.z], dtype=np.float64)
    way /= np.linalg.norm(way) + np.finfo(np.float64).eps
    return way


def _steps(waypoint: carla.Waypoint, distance_m: float) -> list[carla.Waypoint]:
    """Return the way points of every metre after one, and that at the distance itself."""
    whole = list(itertools.takewhile(lambda metres: metres < distance_m, itertools.count(1.0)))
    return [next_waypoint(waypoint, metres) for metres in [*whole, distance_m]] if distance_m > 0.0 else []
