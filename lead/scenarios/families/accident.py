"""Accident: a police car and two damaged cars stand in the ego's lane, one behind the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.families.obstacle import PARKED_CAR, LaneObstacle
from lead.scenarios.lane_tools import forward
from lead.scenarios.messages import LeaveSpaceInFront
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import scenario_class

POLICE_CAR = ActorModel("vehicle.dodge.charger_police_2020", category="car")
_LIGHTS = carla.VehicleLightState
_POLICE_LIGHTS = _LIGHTS(_LIGHTS.Special1 | _LIGHTS.Special2 | _LIGHTS.Position)
_GAPS_M = (10.0, 6.0)
_SHIFT = 0.6
_SPACE_BEHIND_M = 20.0


@scenario_class("Accident")
class Accident(LaneObstacle):
    """The ego changes the lane; the traffic there is slowed down to let it in."""

    def build(self) -> None:
        """Spawn the sign, the police car and the two cars."""
        places = [forward(self.trigger_waypoint, self.parameters.number("distance"))[0]]
        for gap_m in _GAPS_M:
            places.append(forward(places[-1], gap_m)[0])
        self.set_course(places[1].transform.location, places[-1], places[-1])
        self.spawn_sign("static.prop.warningaccident")
        models = (POLICE_CAR, PARKED_CAR, PARKED_CAR)
        cars = [
            self.spawn_in_lane(model, place, _SHIFT, left=self.is_left)
            for model, place in zip(models, places, strict=True)
        ]
        cars[0].set_light_state(_POLICE_LIGHTS)
        self.record.first_actor, self.record.last_actor = cars[0], cars[-1]
        self.record.memory["obstacles"] = cars

    def preparation(self) -> Sequence[Behaviour]:
        """Move the background's cars out of the way."""
        space_m = self.parameters.number("distance") + sum(_GAPS_M) + _SPACE_BEHIND_M
        return [Post(self.stage, LeaveSpaceInFront(space_m))]


@scenario_class("AccidentTwoWays")
class AccidentTwoWays(Accident):
    """The ego must use the opposite lane."""

    two_ways: ClassVar[bool] = True
