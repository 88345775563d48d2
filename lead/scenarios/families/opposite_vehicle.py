"""A vehicle with flashing lights crosses the ego's way at a junction although it must wait.

With traffic lights it runs a red one while the ego has green; without lights it takes the ego's right of way. It drives
off when the ego is so close that both come to the crossing of their ways at the same time.
"""

from __future__ import annotations

from typing import ClassVar, get_args

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.emergency_vehicle import EMERGENCY_VEHICLE
from lead.scenarios.lane_tools import (
    Direction,
    entries_from,
    entry_lanes,
    junction_ahead,
    next_waypoint,
    path_between,
    shifted,
    sink_point,
    source_point,
)
from lead.scenarios.messages import HandleJunctionScenario
from lead.scenarios.nodes.actors import ConstantVelocityDrive, Destroy, SetPose
from lead.scenarios.nodes.base import in_order, until_one
from lead.scenarios.nodes.conditions import EgoArrives, EgoNear, Idle, JunctionLeft
from lead.scenarios.nodes.lights import FreezeLights, closest_light, lights_of_junction, one_way_lights
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

SOURCE_M, SINK_M = 30.0, 10.0
"""The vehicle comes from so far before the junction and vanishes so far behind it."""
SPEED_KMH = 60.0
ARRIVAL_S, NEAR_M = 2.2, 12.0
"""It starts when the ego is so close, in time or in distance, to the place where their ways cross."""
LAYER_M = 500.0
_STEP_M = 1.0
_LIFT_M = 0.1
_KMH_PER_MPS = 3.6
_PARALLEL = 1e-6
_LIGHTS = carla.VehicleLightState
_FLASHING = _LIGHTS(_LIGHTS.Special1 | _LIGHTS.Special2)


@scenario_class("OppositeVehicleTakingPriority")
class OppositeVehicleTakingPriority(Scenario):
    """There are no lights, and the vehicle does not give way.

    Attributes:
        stop_entries: The background's cars wait at the other entries.
        crossing: Where the ways of ego and vehicle cross.
    """

    stop_entries: ClassVar[bool] = True

    crossing: carla.Location

    def build(self) -> None:
        """Find the vehicle's way through the next junction, and put it below its start.

        Raises:
            ScenarioError: If nobody comes from the side that the file names, or the ways do not cross.
        """
        self._junction = junction_ahead(self.trigger_waypoint)
        entry = self._entry()
        source = source_point(entry, SOURCE_M, _STEP_M)
        self._sink, _ = sink_point(source, 0, SINK_M)
        self.crossing = self._crossing(entry)
        self._source = source
        self._path = path_between(self.stage.map, source, self._sink)
        self.claimed.append(source.transform.location)
        self._vehicle = self.spawn_vehicle(shifted(source.transform, up_m=-LAYER_M))
        self._vehicle.set_simulate_physics(False)
        self.record.first_actor = self._vehicle
        self.record.memory["adversarial_actors"] = [self._vehicle]

    def spawn_vehicle(self, pose: carla.Transform) -> carla.Actor:
        """Spawn the vehicle that does not give way.

        Raises:
            ScenarioError: If something stands there.
        """
        vehicle = self.spawn(EMERGENCY_VEHICLE, pose)
        vehicle.set_light_state(_FLASHING)
        return vehicle

    def behaviour(self) -> Behaviour:
        """Clear the junction, send the vehicle through it, and wait until the ego has left it."""
        stage, vehicle = self.stage, self._vehicle
        room = HandleJunctionScenario(
            remove_entries=[self._source], remove_exits=[self._sink], stop_entries=self.stop_entries
        )
        start = shifted(self._source.transform, up_m=_LIFT_M)
        way_m = self._source.transform.location.distance(self._sink.transform.location)
        close = [EgoArrives(stage, self.crossing, ARRIVAL_S), EgoNear(stage, self.crossing, NEAR_M)]
        drive = ConstantVelocityDrive(
            stage, vehicle, SPEED_KMH, path=self._path, ignore_lights=True, ignore_vehicles=True
        )
        cross = [
            until_one("the ego is close", close),
            until_one("cross", [drive, Idle(stage, way_m / (SPEED_KMH / _KMH_PER_MPS))]),
            Destroy(stage, vehicle),
            JunctionLeft(stage),
        ]
        return in_order(
            self.config.name,
            [Post(stage, room), SetPose(stage, vehicle, start), self.beside(in_order("the vehicle", cross))],
        )

    def beside(self, crossing: Behaviour) -> Behaviour:
        """Return the tree of the crossing with what runs at the same time."""
        return crossing

    def _entry(self) -> carla.Waypoint:
        """Return the vehicle's last way point before the junction."""
        direction = self.parameters.text("direction")
        sides: tuple[Direction, ...] = get_args(Direction)
        for side in sides:
            if side == direction:
                reference_deg = self._junction.waypoint.transform.rotation.yaw
                entries = entries_from(entry_lanes(self._junction.junction), reference_deg, side)
                if entries:
                    return entries[0]
        raise ScenarioError(f"{self.config.name}: no lane leads into the junction from direction {direction!r}")

    def _crossing(self, entry: carla.Waypoint) -> carla.Location:
        """Return where the straight lines of both ways into the junction meet, on the lane there."""
        mine, theirs = self._junction.waypoint, entry
        ahead = [next_waypoint(each, _STEP_M).transform.location for each in (mine, theirs)]
        here = [each.transform.location for each in (mine, theirs)]
        (dx, dy), (ex, ey) = ((end.x - start.x, end.y - start.y) for start, end in zip(here, ahead, strict=True))
        area = dx * ey - dy * ex
        if abs(area) < _PARALLEL:
            raise ScenarioError(f"{self.config.name}: the ways of ego and vehicle are parallel and never cross")
        along = ((here[1].x - here[0].x) * ey - (here[1].y - here[0].y) * ex) / area
        place = carla.Location(here[0].x + along * dx, here[0].y + along * dy, here[0].z)
        place.z = self.stage.map.get_waypoint(place).transform.location.z
        return place


@scenario_class("OppositeVehicleRunningRedLight")
class OppositeVehicleRunningRedLight(OppositeVehicleTakingPriority):
    """The ego has green and all others red until the scenario ends; where there are no lights, nothing is held."""

    stop_entries: ClassVar[bool] = False

    def build(self) -> None:
        """Find also the lights."""
        super().build()
        lights = lights_of_junction(self.stage, self._junction.junction)
        ego = [closest_light(self.stage, self.trigger_waypoint, lights)] if lights else []
        self._states = one_way_lights(lights, ego)

    def beside(self, crossing: Behaviour) -> Behaviour:
        """Hold the lights."""
        return until_one("with green", [FreezeLights(self.stage, self._states), crossing])
