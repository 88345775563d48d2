"""The ego comes to a red light with nobody before it: its next light turns red once, and standing cars are taken away.

A scenario of LEAD's data collection. The lights ahead are found once on the ego's route; looking for them on the lane
in every tick would cost far more than the scenario itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import carla
import numpy as np
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from lead.scenarios.nodes.base import Do, Forever, Node, in_order, until_one
from lead.scenarios.nodes.conditions import Drive, ScenarioTimeout, is_ahead
from lead.scenarios.nodes.lights import GREEN, RED, lights_of_junction
from lead.scenarios.scenario import Scenario, scenario_class
from lead.scenarios.stage import Stage

DRIVE_M = 200.0
RED_WITHIN_M = 48.0
CLEARED_M = 24.0
STANDING_MPS = 3.0
LONGER_RED_S = 5.0
LANE_TOLERANCE_M = 2.0
"""A stop line belongs to the route if a route point on its lane is so near."""


class StopLine(NamedTuple):
    """A light on the ego's route.

    Attributes:
        light: The light.
        pose: Where the ego's lane stops for it.
    """

    light: carla.TrafficLight
    pose: carla.Transform


@scenario_class("RedLightWithoutLeadVehicle")
class RedLightWithoutLeadVehicle(Scenario):
    """Every light on the next 200 m turns red before the ego."""

    def build(self) -> None:
        """Find the lights on the route."""
        self._prolonged: list[carla.TrafficLight] = []
        self._stop_lines = stop_lines_on_route(self.stage, self.trigger.location, DRIVE_M + RED_WITHIN_M)

    def behaviour(self) -> Behaviour:
        """Make red lights last longer once, then see to the ego's lights until it has driven on."""
        stage = self.stage
        meanwhile = [
            Drive(stage, DRIVE_M),
            ScenarioTimeout(stage, self.config.name),
            TurnRedOnce(stage, self._stop_lines),
            ClearLaneAhead(stage),
        ]
        return in_order(self.config.name, [Do(stage, self._prolong), until_one("red lights", meanwhile)])

    def _prolong(self) -> None:
        for light in self.stage.world.get_actors().filter("traffic.traffic_light*"):
            if light.get_state() == RED:
                light.set_red_time(self.stage.lights.note(light).red_s + LONGER_RED_S)
                self._prolonged.append(light)

    def close(self) -> None:
        """Leave no light with another time, either."""
        super().close()
        for light in self._prolonged:
            self.stage.lights.give_back_times(light)


def stop_lines_on_route(stage: Stage, place: carla.Location, reach_m: float) -> list[StopLine]:
    """Return the stop lines on the ego's route, in its order.

    Args:
        stage: What all scenarios share.
        place: Where to begin.
        reach_m: How far to look along the route.
    """
    dense = stage.dense
    offsets = dense.xyz - (place.x, place.y, place.z)
    start = int(np.argmin(np.einsum("ij,ij->i", offsets, offsets)))
    end = int(np.searchsorted(dense.distance_m, dense.distance_m[start] + reach_m, side="right"))
    junctions = {int(waypoint.junction_id): waypoint for waypoint in dense.waypoints[start:end] if waypoint.is_junction}
    found: list[tuple[int, StopLine]] = []
    for waypoint in junctions.values():
        for light in lights_of_junction(stage, waypoint.get_junction()):
            for stop in light.get_stop_waypoints():
                index = _index_on_lane(stage, stop, start, end)
                if index is not None:
                    found.append((index, StopLine(light, stop.transform)))
    return [line for _, line in sorted(found, key=lambda entry: entry[0])]


def _index_on_lane(stage: Stage, stop: carla.Waypoint, start: int, end: int) -> int | None:
    """Return the route point at a stop line; None if the route does not use its lane there."""
    dense, place = stage.dense, stop.transform.location
    is_lane = (dense.road_id[start:end] == stop.road_id) & (dense.lane_id[start:end] == stop.lane_id)
    distance_m = np.linalg.norm(dense.xyz[start:end] - (place.x, place.y, place.z), axis=1)
    distance_m[~is_lane] = np.inf
    index = int(np.argmin(distance_m))
    return start + index if distance_m[index] < LANE_TOLERANCE_M else None


class TurnRedOnce(Node):
    """Turns the ego's next light red when it comes near, and green when the light's own phase changes; never ends."""

    def __init__(self, stage: Stage, stop_lines: Sequence[StopLine], name: str = "") -> None:
        """Take the lights in the order in which the ego comes to them."""
        super().__init__(stage, name)
        self._waiting = list(stop_lines)
        self._held: carla.TrafficLight | None = None
        self._elapsed_s = 0.0
        self._done: set[int] = set()

    def update(self) -> Status:
        """Look at the next light."""
        self._release()
        ego = self.stage.ego_location
        while self._waiting and is_ahead(self._waiting[0].pose, ego):
            self._waiting.pop(0)
        if self._waiting:
            light, pose = self._waiting[0]
            if int(light.id) not in self._done and ego.distance(pose.location) <= RED_WITHIN_M:
                self._done.add(int(light.id))
                light.set_state(RED)
                self._held, self._elapsed_s = light, 0.0
        return Status.RUNNING

    def _release(self) -> None:
        """Give the light green when its clock has begun anew."""
        if self._held is None:
            return
        elapsed_s = float(self._held.get_elapsed_time())
        if elapsed_s < self._elapsed_s:
            self._held.set_state(GREEN)
            self._held = None
        self._elapsed_s = elapsed_s


class ClearLaneAhead(Forever):
    """Destroys slow and standing vehicles close before the ego on its lane."""

    def update(self) -> Status:
        """Look at the vehicles of scenarios and background traffic."""
        stage, pool = self.stage, self.stage.pool
        pose = stage.ego_transform
        for actor in pool.actors:
            if not actor.type_id.startswith("vehicle."):
                continue
            place = pool.location(actor)
            is_near = pose.location.distance(place) < CLEARED_M and is_ahead(pose, place)
            if is_near and stage.speed_mps(actor) <= STANDING_MPS and self._is_on_lane(place):
                pool.destroy(actor)
        return Status.RUNNING

    def _is_on_lane(self, place: carla.Location) -> bool:
        there, here = self.stage.map.get_waypoint(place), self.stage.ego_waypoint
        return bool(there.road_id == here.road_id and there.lane_id == here.lane_id)
