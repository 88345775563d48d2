"""Emergency vehicle: one with flashing lights comes up fast from behind, and the ego must let it pass."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.obstacle import FAR_INDEX
from lead.scenarios.lane_tools import shifted
from lead.scenarios.messages import ReAddRoadLane, RemoveRoadLane
from lead.scenarios.nodes.actors import ConstantVelocityDrive, Destroy, SetPose
from lead.scenarios.nodes.base import Node, in_order, until_one
from lead.scenarios.nodes.conditions import Drive, EgoNear, Idle, Overtaken, is_ahead
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class
from lead.scenarios.stage import Stage
from lead.scoring.penalties import EventType

EMERGENCY_VEHICLE = ActorModel("vehicle.*", {"special_type": "emergency"}, "car")
FASTER_MPS = 25.0
"""How much faster than the ego it drives, at every moment."""
NEAR_M, PATIENCE_S = 50.0, 10.0
"""From this distance on, the ego has so much time to let it pass."""
AHEAD_M = 50.0
"""After passing, it drives on for so long before it vanishes."""
_BESIDE_M = 10.0
_LAYER_M = 500.0
_LIGHTS = carla.VehicleLightState
_FLASHING = _LIGHTS(_LIGHTS.Special1 | _LIGHTS.Special2)
_MPS_TO_KMH = 3.6


class YieldWatch(Node):
    """Reports the ego if it is still ahead of the emergency vehicle at the end; never ends by itself."""

    def __init__(self, stage: Stage, vehicle: carla.Actor, name: str = "") -> None:
        """Take the emergency vehicle."""
        super().__init__(stage, name)
        self._vehicle = vehicle
        self._is_blocking = False

    def update(self) -> Status:
        """Note where the ego is."""
        self._is_blocking = is_ahead(self.stage.pool.transform(self._vehicle), self.stage.ego_location)
        return Status.RUNNING

    def terminate(self, new_status: Status) -> None:
        """Judge, once; also if the drive ends before the scenario."""
        if self._is_blocking:
            self._is_blocking = False
            message = "The ego did not let the emergency vehicle behind it pass"
            self.stage.criteria.report(EventType.YIELD_TO_EMERGENCY_VEHICLE, message, {}, self.stage.frame)


@scenario_class("YieldToEmergencyVehicle")
class YieldToEmergencyVehicle(Scenario):
    """The ego must make room."""

    def build(self) -> None:
        """Put the vehicle below its place behind the trigger."""
        distance_m = self.parameters.number("distance")
        behind = self.trigger_waypoint.previous(distance_m)
        if not behind:
            raise ScenarioError(
                f"{self.config.name}: the road begins less than {distance_m:g} m before the trigger, so there is no "
                "place for the emergency vehicle"
            )
        self._start = behind[0].transform
        self._vehicle = self.spawn(EMERGENCY_VEHICLE, shifted(self._start, up_m=-_LAYER_M))
        self._vehicle.set_simulate_physics(False)
        self._vehicle.set_light_state(_FLASHING)
        self.record.first_actor = self._vehicle
        self.record.memory.update(
            emergency_vehicle=self._vehicle,
            changed_route=False,
            from_index=FAR_INDEX,
            to_index=FAR_INDEX,
            to_left=False,
        )

    def behaviour(self) -> Behaviour:
        """Chase the ego until it is passed or its time is over."""
        stage, vehicle = self.stage, self._vehicle
        # Its speed is imposed, so it looks only a short way ahead to press the ego, and it looks at outlines so that
        # it does not hit an ego that is changing the lane.
        drive = ConstantVelocityDrive(
            stage,
            vehicle,
            lambda: (stage.ego_speed_mps + FASTER_MPS) * _MPS_TO_KMH,
            base_distance_m=10.0,
            distance_per_mps=0.15,
            detect_by_box=True,
            lookahead_base_m=1.0,
            lookahead_per_mps=0.2,
        )
        chase = until_one(
            "chase",
            [
                YieldWatch(stage, vehicle),
                in_order("blocked", [EgoNear(stage, vehicle, NEAR_M), Idle(stage, PATIENCE_S)]),
                in_order("passed", [Overtaken(stage, stage.ego, vehicle, _BESIDE_M), Drive(stage, AHEAD_M, vehicle)]),
                drive,
            ],
        )
        return in_order(
            self.config.name,
            [
                Post(stage, RemoveRoadLane(self.trigger_waypoint)),
                SetPose(stage, vehicle, self._start, physics=True),
                chase,
                Destroy(stage, vehicle),
                Post(stage, ReAddRoadLane(0)),
            ],
        )
