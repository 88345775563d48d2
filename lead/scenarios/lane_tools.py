"""Finding places on the lanes of a map: the look-ups from which scenarios choose where their actors stand and go.

Everything works on CARLA's way points, with or without a server. A look-up that the map cannot answer raises
:class:`ScenarioError`, so that a scenario is left out where it does not fit. Walks and junctions have modules of their
own; scenarios find all names here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import carla

from lead.scenarios.errors import ScenarioError
from lead.scenarios.junctions import (
    Direction,
    JunctionAhead,
    entries_from,
    entry_lanes,
    exit_lanes,
    junction_ahead,
    sink_point,
    source_point,
)
from lead.scenarios.lane_walks import backward, forward, next_waypoint, path_between, place_text

__all__ = [
    "Direction",
    "JunctionAhead",
    "backward",
    "entries_from",
    "entry_lanes",
    "exit_lanes",
    "first_non_driving",
    "forward",
    "junction_ahead",
    "lanes_beside",
    "next_waypoint",
    "opposite_lanes",
    "outermost",
    "parking_displacement",
    "path_between",
    "same_direction_lanes",
    "shifted",
    "side_lane",
    "sidewalk",
    "sink_point",
    "source_point",
    "turned",
]

PARKED_LIFT_M = 0.05
"""Parked cars stand a little above the road, so that they do not touch it when they appear."""


def side_lane(waypoint: carla.Waypoint, left: bool) -> carla.Waypoint | None:
    """Return the adjacent lane of any type; None at the edge of the road.

    The way point of a lane for the opposite direction looks in that direction.
    """
    return waypoint.get_left_lane() if left else waypoint.get_right_lane()


def lanes_beside(waypoint: carla.Waypoint, left: bool) -> Iterator[carla.Waypoint]:
    """Yield all lanes on one side from the adjacent one to the edge of the road.

    Beyond the middle of the road the way points look in the opposite direction; the side is that seen from the first.
    """
    current = waypoint
    while (neighbour := side_lane(current, left)) is not None:
        if neighbour.lane_id * current.lane_id < 0:
            left = not left
        current = neighbour
        yield current


def outermost(waypoint: carla.Waypoint, left: bool, kinds: Collection[carla.LaneType]) -> carla.Waypoint:
    """Go from lane to lane on one side while they are of certain types; return the last, which may be the first."""
    last = waypoint
    for lane in lanes_beside(waypoint, left):
        if lane.lane_type not in kinds:
            break
        last = lane
    return last


def first_non_driving(waypoint: carla.Waypoint, left: bool) -> tuple[carla.Waypoint, float]:
    """Return the first lane on one side on which nobody drives or parks, and the width of the last one before it.

    Raises:
        ScenarioError: If there is none.
    """
    width_m = waypoint.lane_width
    for lane in lanes_beside(waypoint, left):
        if lane.lane_type not in (carla.LaneType.Driving, carla.LaneType.Parking):
            return lane, width_m
        width_m = lane.lane_width
    side = "left" if left else "right"
    raise ScenarioError(f"there is nothing beside the road on the {side} of {place_text(waypoint)}")


def sidewalk(waypoint: carla.Waypoint, left: bool) -> carla.Waypoint | None:
    """Return the first sidewalk on one side; None if the road has none there."""
    lanes = lanes_beside(waypoint, left)
    return next((lane for lane in lanes if lane.lane_type == carla.LaneType.Sidewalk), None)


def same_direction_lanes(waypoint: carla.Waypoint) -> list[carla.Waypoint]:
    """Return the driving lanes beside each other in a lane's direction, itself included, innermost first."""
    return [*reversed(_driving_neighbours(waypoint, left=True)), waypoint, *_driving_neighbours(waypoint, left=False)]


def opposite_lanes(waypoint: carla.Waypoint) -> list[carla.Waypoint]:
    """Return all driving lanes of the other direction, innermost first; empty on a one-way road."""
    beside = lanes_beside(waypoint, left=True)
    is_opposite = [lane for lane in beside if lane.lane_id * waypoint.lane_id < 0]
    return [lane for lane in is_opposite if lane.lane_type == carla.LaneType.Driving]


def shifted(pose: carla.Transform, right_m: float = 0.0, forward_m: float = 0.0, up_m: float = 0.0) -> carla.Transform:
    """Return a pose moved along its own right and forward vectors, and straight up; the heading stays."""
    right, ahead = pose.get_right_vector(), pose.get_forward_vector()
    place = carla.Location(
        pose.location.x + right_m * right.x + forward_m * ahead.x,
        pose.location.y + right_m * right.y + forward_m * ahead.y,
        pose.location.z + right_m * right.z + forward_m * ahead.z + up_m,
    )
    return carla.Transform(place, _copy(pose.rotation))


def turned(pose: carla.Transform, yaw_deg: float) -> carla.Transform:
    """Return a pose turned on the spot, clockwise seen from above."""
    rotation = _copy(pose.rotation)
    rotation.yaw += yaw_deg
    return carla.Transform(carla.Location(pose.location.x, pose.location.y, pose.location.z), rotation)


def parking_displacement(
    waypoint: carla.Waypoint, actor_half_width_m: float, left: bool, towards_road: bool = False
) -> carla.Transform:
    """Return where a car parks on a lane: near its edge instead of in its middle.

    Args:
        waypoint: Middle of the parking lane.
        actor_half_width_m: Half the width of the car.
        left: The lane lies on the left of the road; the car moves to its own left then.
        towards_road: Move to the other side.
    """
    outwards_m = 0.25 * (waypoint.lane_width - actor_half_width_m)
    return shifted(waypoint.transform, right_m=-outwards_m if left != towards_road else outwards_m, up_m=PARKED_LIFT_M)


def _driving_neighbours(waypoint: carla.Waypoint, left: bool) -> list[carla.Waypoint]:
    """Return the neighbours on one side up to the first that is no driving lane of the same direction."""
    found: list[carla.Waypoint] = []
    for lane in lanes_beside(waypoint, left):
        if lane.lane_type != carla.LaneType.Driving or lane.lane_id * waypoint.lane_id < 0:
            break
        found.append(lane)
    return found


def _copy(rotation: carla.Rotation) -> carla.Rotation:
    return carla.Rotation(pitch=rotation.pitch, yaw=rotation.yaw, roll=rotation.roll)
