"""Parking cut-in: a car leaves its parking place behind another one, into the ego's lane."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.families.obstacle import PARKED_CAR
from lead.scenarios.families.roadside import ego_comes, spawn_parked
from lead.scenarios.lane_tools import next_waypoint
from lead.scenarios.messages import ChangeRoadBehavior, LeaveSpaceInFront
from lead.scenarios.nodes.actors import Destroy, FollowLane
from lead.scenarios.nodes.base import in_order, until_one
from lead.scenarios.nodes.conditions import Drive
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

BLOCKER_AT_M, CUT_IN_AT_M = 28.0, 35.0
REACTION_S, REACTION_M = 2.35, 10.0
SPEED_KMH = 20.0
CUT_IN_M = 30.0
"""The scenario is over when the car has driven so far."""
_SPACE_BEHIND_M, _EXTRA_SPACE_M = 10.0, 20.0
_CUTTING_CAR = ActorModel("vehicle.*", {"base_type": "car", "generation": 2, "special_type": ""}, "car")


@scenario_class("ParkingCutIn")
class ParkingCutIn(Scenario):
    """The ego must brake for the car."""

    def build(self) -> None:
        """Park both cars; the one that stays hides the other."""
        left = self.parameters.is_left()
        self._blocker = spawn_parked(self, PARKED_CAR, next_waypoint(self.trigger_waypoint, BLOCKER_AT_M), left)
        self._blocker.apply_control(carla.VehicleControl(hand_brake=True))
        self._conflict = next_waypoint(self.trigger_waypoint, CUT_IN_AT_M)
        self._car = spawn_parked(self, _CUTTING_CAR, self._conflict, left)
        self.record.first_actor = self._car
        self.record.memory.update(cut_in_vehicle=self._car, stopped=False)

    def behaviour(self) -> Behaviour:
        """Let the car drive off when the ego comes."""
        stage = self.stage
        drive_off = [FollowLane(stage, self._car, SPEED_KMH, ignore_lights=True), Drive(stage, CUT_IN_M, self._car)]
        return in_order(
            self.config.name,
            [
                Post(stage, LeaveSpaceInFront(CUT_IN_AT_M + _SPACE_BEHIND_M)),
                ego_comes(stage, self._conflict.transform.location, REACTION_S, REACTION_M),
                Post(stage, ChangeRoadBehavior(extra_space_m=_EXTRA_SPACE_M)),
                until_one("cut in", drive_off),
                Destroy(stage, self._blocker),
                Destroy(stage, self._car),
                Post(stage, ChangeRoadBehavior(extra_space_m=0.0)),
            ],
        )
