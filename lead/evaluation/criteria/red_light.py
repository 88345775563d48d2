"""Red lights that are run."""

from __future__ import annotations

import math
from typing import ClassVar

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.criteria.base import Criterion, actor_location
from lead.evaluation.observation import EgoState, Observation
from lead.evaluation.traffic_lights import StopLine, TrafficLights
from lead.scoring.penalties import EventType

LIGHT_REACH_M = 15.0
TAIL_START = 0.8
"""The tail begins at this share of the ego's half length behind its centre."""
TAIL_END_M = 1.0
"""It ends this far behind the ego's box."""


class RunningRedLight(Criterion):
    """Stop lines crossed by the tail of the ego while their light is red."""

    name: ClassVar[str] = "RunningRedLightTest"

    def __init__(self, carla_map: carla.Map, lights: TrafficLights) -> None:
        """Watch the lights of a world."""
        super().__init__()
        self._map = carla_map
        self._lights = lights
        self._last_light: int | None = None

    def update(self, observation: Observation) -> None:
        """Check the red lights close by."""
        tail: _Tail | None = None
        for place in self._lights.near(observation.ego.location, LIGHT_REACH_M):
            index = int(place)
            if index == self._last_light or self._lights.state(index) != carla.TrafficLightState.Red:
                continue
            tail = tail or _Tail(self._map, observation.ego)
            if any(tail.crosses(line) for line in self._lights.judged_lines(index)):
                self._last_light = index
                light = self._lights.actors[index]
                message = f"Agent passed the red light {light.id}"
                self._report(EventType.TRAFFIC_LIGHT_INFRACTION, observation, message, actor_location(light))


class _Tail:
    """A short line behind the ego's centre, and the lane of its rear end."""

    def __init__(self, carla_map: carla.Map, ego: EgoState) -> None:
        near = ego.point_ahead(-TAIL_START * float(ego.extent[0]))
        far = ego.point_ahead(-float(ego.extent[0]) - TAIL_END_M)
        lane = carla_map.get_waypoint(far)
        self._place = (lane.road_id, lane.lane_id)
        self._near, self._far = np.array([near.x, near.y]), np.array([far.x, far.y])
        self._heading = (math.cos(ego.yaw_rad), math.sin(ego.yaw_rad))

    def crosses(self, line: StopLine) -> bool:
        """Tell whether the tail lies across a stop line of its own lane, in driving direction."""
        stop = line.waypoint
        if (stop.road_id, stop.lane_id) != self._place:
            return False
        forward = stop.transform.get_forward_vector()
        if self._heading[0] * forward.x + self._heading[1] * forward.y <= 0.0:
            return False
        return segments_cross(self._near, self._far, line.left, line.right)


def segments_cross(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> bool:
    """Tell whether the segments a-b and c-d meet; all points (2,)."""

    def side(p: NDArray[np.float64], q: NDArray[np.float64], r: NDArray[np.float64]) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return side(a, b, c) * side(a, b, d) <= 0.0 and side(c, d, a) * side(c, d, b) <= 0.0
