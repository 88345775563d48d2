"""Where the ego's route passes its next junction: scenarios clear the lanes there, or put something behind it."""

from __future__ import annotations

import carla
import numpy as np

from lead.routes.planner import DenseRoute, RoadOption
from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_walks import place_text

_TURNS = (RoadOption.LEFT, RoadOption.RIGHT, RoadOption.STRAIGHT)


def route_passage(dense: DenseRoute, waypoint: carla.Waypoint) -> tuple[carla.Waypoint, carla.Waypoint]:
    """Find the junction that a route passes next after a place.

    Whether a route point belongs to a junction is told by its command, as in CARLA's scenarios.

    Args:
        dense: Dense route.
        waypoint: Place on the route.

    Returns:
        The last route point before the junction and the first behind it.

    Raises:
        ScenarioError: If the route turns at no junction after the place, or ends in it.
    """
    place = waypoint.transform.location
    offsets = dense.xyz - (place.x, place.y, place.z)
    squares = np.einsum("ij,ij->i", offsets, offsets)
    nearest = len(squares) - 1 - int(np.argmin(squares[::-1]))
    is_turn = np.isin(dense.option, _TURNS)
    inside = np.flatnonzero(is_turn[nearest:])
    entry = nearest + int(inside[0]) if len(inside) else len(dense)
    behind = np.flatnonzero(~is_turn[entry:])
    if not len(behind):
        raise ScenarioError(f"the route passes no junction after {place_text(waypoint)}")
    return dense.waypoints[max(0, entry - 1)], dense.waypoints[entry + int(behind[0])]
