"""Parked obstacle: one car with its hazard lights on stands in the ego's lane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.families.obstacle import PARKED_CAR, LaneObstacle
from lead.scenarios.lane_tools import forward
from lead.scenarios.messages import LeaveSpaceInFront
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import scenario_class

_LIGHTS = carla.VehicleLightState
_HAZARD_LIGHTS = _LIGHTS(_LIGHTS.RightBlinker | _LIGHTS.LeftBlinker | _LIGHTS.Position)
_SHIFT = 0.7
_SPACE_BEHIND_M = 20.0


@scenario_class("ParkedObstacle")
class ParkedObstacle(LaneObstacle):
    """The ego changes the lane; the traffic there is slowed down to let it in."""

    def build(self) -> None:
        """Spawn the sign and the car."""
        place = forward(self.trigger_waypoint, self.parameters.number("distance"))[0]
        self.set_course(place.transform.location, place, place)
        self.spawn_sign("static.prop.warningaccident")
        car = self.spawn_in_lane(PARKED_CAR, place, _SHIFT, left=self.is_left)
        car.set_light_state(_HAZARD_LIGHTS)
        self.record.first_actor = car
        self.record.memory["obstacles"] = [car]

    def preparation(self) -> Sequence[Behaviour]:
        """Move the background's cars out of the way."""
        return [Post(self.stage, LeaveSpaceInFront(self.parameters.number("distance") + _SPACE_BEHIND_M))]


@scenario_class("ParkedObstacleTwoWays")
class ParkedObstacleTwoWays(ParkedObstacle):
    """The ego must use the opposite lane."""

    two_ways: ClassVar[bool] = True
