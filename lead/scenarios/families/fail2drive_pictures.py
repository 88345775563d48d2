"""Fail2Drive's pictures: one that hangs on street furniture, and one that covers a stop sign."""

from __future__ import annotations

import math

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.assets import available
from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.obstacle import LAYER_M
from lead.scenarios.families.roadside import roadside
from lead.scenarios.lane_tools import next_waypoint, shifted
from lead.scenarios.messages import HandleJunctionScenario
from lead.scenarios.nodes.actors import SetPose
from lead.scenarios.nodes.base import in_order, until_all, until_one
from lead.scenarios.nodes.conditions import Drive, JunctionLeft, ScenarioTimeout
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

_NOTHING = "none"
_UPRIGHT_DEG = 90.0
"""Plates lie in their x-y plane; this roll stands them up."""

_OUTWARDS_M = 0.7
_BUS_STOP = "busstop"
_BUS_STOP_YAW_DEG, _OTHER_YAW_DEG = 180.0, -90.0
_BEFORE_BUS_STOP_M, _BEFORE_OTHER_M = 1.7, 0.15
_BEYOND_M = 10.0

_SEARCH_M = 50
_AT_SIGN_M, _PLATE_REACH_M = 1.5, 10.0
_OFF_PLATE_M = 0.03
_BEHIND_JUNCTION_M = 10.0


class _Picture(Scenario):
    """Base of both: things hang in the air once the ego reaches the trigger; experts are told nothing."""

    is_shown: bool = False

    _hung: list[tuple[carla.Actor, carla.Transform]]

    def hide(self, blueprint: str, pose: carla.Transform) -> carla.Actor:
        """Spawn something below the place at which it hangs later.

        Raises:
            ScenarioError: If something stands there, or the simulator has no such thing.
        """
        actor = self.spawn(ActorModel(available(self.stage.pool, blueprint)), shifted(pose, up_m=-LAYER_M))
        actor.set_simulate_physics(False)
        self._hung.append((actor, pose))
        return actor

    def hang(self) -> Behaviour:
        """Return the node that brings everything up."""
        puts = [SetPose(self.stage, actor, pose, physics=False) for actor, pose in self._hung]
        return until_all("hang up", puts)


@scenario_class("ImageOnObject")
class ImageOnObject(_Picture):
    """A bus stop or an advertisement on the sidewalk carries a picture that faces the ego."""

    def build(self) -> None:
        """Spawn both below their places."""
        self._distance_m = self.parameters.number("distance")
        edge = roadside(next_waypoint(self.trigger_waypoint, self._distance_m), left=False).waypoint.transform
        prop, image = self.parameters.text("prop"), self.parameters.text("image")
        is_stop = _BUS_STOP in prop
        place = shifted(edge, right_m=_OUTWARDS_M)
        yaw_deg = edge.rotation.yaw + (_BUS_STOP_YAW_DEG if is_stop else _OTHER_YAW_DEG)
        pose = carla.Transform(place.location, carla.Rotation(edge.rotation.pitch, yaw_deg, edge.rotation.roll))
        self._hung = []
        furniture = self.hide(prop, pose)
        if image != _NOTHING:
            center = pose.transform(furniture.bounding_box.location)
            before_m = _BEFORE_BUS_STOP_M if is_stop else _BEFORE_OTHER_M
            x, y, z = (self.parameters.number(f"offset_{axis}") for axis in "xyz")
            middle = shifted(carla.Transform(center, edge.rotation), forward_m=x - before_m, right_m=y, up_m=z)
            turn = carla.Rotation(yaw=edge.rotation.yaw + 90.0, roll=_UPRIGHT_DEG)
            self.hide(image, carla.Transform(middle.location, turn))

    def behaviour(self) -> Behaviour:
        """Hang it up and wait until the ego is past."""
        stage = self.stage
        timeout, way = ScenarioTimeout(stage, self.config.name), Drive(stage, self._distance_m + _BEYOND_M)
        return in_order(self.config.name, [self.hang(), until_one("until past", [timeout, way])])


@scenario_class("ObscuredStopSign")
class ObscuredStopSign(_Picture):
    """Something covers the next stop sign, or a part of it; the sign counts all the same."""

    def build(self) -> None:
        """Find the sign and spawn its cover.

        Raises:
            ScenarioError: If there is no stop sign on the ego's way to the junction, or the level has no plate there.
        """
        lane, sign = self._sign_ahead()
        plate = self._plate(sign)
        prop, number = self.parameters.text("prop"), self.parameters.number
        self._hung = []
        if prop == _NOTHING:
            return
        is_wide_along = plate.extent.x >= plate.extent.y
        yaw_deg = plate.rotation.yaw + (0.0 if is_wide_along else 90.0)
        along = carla.Transform(plate.location, carla.Rotation(yaw=yaw_deg))
        outwards_m = _OFF_PLATE_M + (plate.extent.y if is_wide_along else plate.extent.x)
        looks, faces = lane.transform.get_forward_vector(), along.get_right_vector()
        if looks.x * faces.x + looks.y * faces.y > 0.0:
            outwards_m = -outwards_m
        place = shifted(along, right_m=outwards_m, forward_m=number("offset_y"), up_m=number("offset_z"))
        self.hide(prop, carla.Transform(place.location, carla.Rotation(yaw=yaw_deg, roll=_UPRIGHT_DEG)))

    def behaviour(self) -> Behaviour:
        """Cover the sign and clear the junction until the ego has left it."""
        stage = self.stage
        past = in_order("past", [JunctionLeft(stage), Drive(stage, _BEHIND_JUNCTION_M)])
        timeout = ScenarioTimeout(stage, self.config.name, is_judged=False)
        return in_order(
            self.config.name,
            [self.hang(), Post(stage, HandleJunctionScenario()), until_one("until past", [timeout, past])],
        )

    def _sign_ahead(self) -> tuple[carla.Waypoint, carla.TrafficSign]:
        """Return the first place on the ego's lane that lies in a stop sign's box, and the sign."""
        signs = [(sign, _trigger_center(sign)) for sign in self.stage.world.get_actors().filter("traffic.stop*")]
        waypoint = self.trigger_waypoint
        for _ in range(_SEARCH_M):
            place = waypoint.transform.location
            for sign, center in signs:
                if math.hypot(center.x - place.x, center.y - place.y) < _AT_SIGN_M:
                    return waypoint, sign
            if waypoint.is_junction:
                break
            waypoint = next_waypoint(waypoint, 1.0)
        raise ScenarioError(f"{self.config.name}: there is no stop sign on the ego's way to the junction")

    def _plate(self, sign: carla.TrafficSign) -> carla.BoundingBox:
        """Return the box of the level's sign nearest to the actor."""
        boxes = self.stage.world.get_level_bbs(carla.CityObjectLabel.TrafficSigns)
        place = sign.get_location()
        near = [(box.location.distance(place), number) for number, box in enumerate(boxes)]
        distance_m, number = min(near, default=(math.inf, 0))
        if distance_m > _PLATE_REACH_M:
            raise ScenarioError(f"{self.config.name}: there is no sign within {_PLATE_REACH_M:g} m of the stop sign")
        return boxes[number]


def _trigger_center(sign: carla.TrafficSign) -> carla.Location:
    return sign.get_transform().transform(sign.trigger_volume.location)
