"""Fail2Drive's construction sites: with a worker who steps out, incomplete, and beside the ego's lane."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.construction import ConstructionObstacle, site_poses, spawn_hidden
from lead.scenarios.families.obstacle import CLEAR_DISTANCE_M
from lead.scenarios.families.roadside import WALKER_LIFT_M, ego_comes, spawn_walker, wait_below
from lead.scenarios.lane_tools import forward, next_waypoint, shifted, side_lane, turned
from lead.scenarios.messages import ChangeOppositeBehavior, ChangeRoadBehavior, ReAddRoadLane, RemoveRoadLane
from lead.scenarios.nodes.actors import Destroy, KeepVelocity, SetPose
from lead.scenarios.nodes.base import Forever, in_order, until_all, until_one
from lead.scenarios.nodes.conditions import EgoPassed, ScenarioTimeout
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

EMPTY_ROAD = ChangeRoadBehavior(0, 0, 200.0, 200.0)
"""No background cars at all on the ego's road."""
LEFT_OUT = "none"
"""Word of a file for "no prop"."""

_CRAWL_KMH = 1.0
_WORKER_TIME_S, _WORKER_SPEED_MPS, _WORKER_WALK_M = 1.5, 2.0, 8.0
_BESIDE_M, _BESIDE_UP_M, _NARROWED = 0.1, 0.1, 0.9


@scenario_class("ConstructionObstaclePedestrian")
class ConstructionObstaclePedestrian(ConstructionObstacle):
    """A worker walks from the site into the lane on which the ego passes; the road is empty otherwise."""

    def build(self) -> None:
        """Spawn the site, and the worker in its middle.

        Raises:
            ScenarioError: If no lane lies beside the site.
        """
        super().build()
        site = next_waypoint(self.trigger_waypoint, self.parameters.number("distance"))
        passing = side_lane(site, left=not self.is_left)
        if passing is None:
            raise ScenarioError(f"{self.config.name}: there is no lane beside the site on which the ego could pass")
        self._conflict = passing.transform.location
        self._worker_pose = turned(shifted(site.transform, up_m=WALKER_LIFT_M), 90.0 if self.is_left else 270.0)
        self._worker = spawn_walker(self, self._worker_pose, self.parameters.text("pedestrian"))
        self.file_by_geometry("ConstructionObstacle", site)

    def waiting(self) -> Behaviour:
        """Keep the worker out of sight."""
        return wait_below(self.stage, [self._worker])

    def preparation(self) -> Sequence[Behaviour]:
        """Empty the road, put the site up and the worker into it."""
        place = SetPose(self.stage, self._worker, self._worker_pose, physics=True)
        return [Post(self.stage, EMPTY_ROAD), *super().preparation(), place]

    @property
    def limit_kmh(self) -> float:
        """What traffic is left crawls, whatever the file says."""
        return _CRAWL_KMH

    def beside(self) -> Sequence[Behaviour]:
        """Let the worker walk when the ego comes to pass."""
        stage, worker = self.stage, self._worker
        duration_s = _WORKER_WALK_M / _WORKER_SPEED_MPS
        walk = KeepVelocity(stage, worker, _WORKER_SPEED_MPS, duration_s=duration_s, distance_m=_WORKER_WALK_M)
        comes = ego_comes(stage, self._conflict, _WORKER_TIME_S)
        return [in_order("the worker", [comes, walk, Destroy(stage, worker), Forever(stage)])]


@scenario_class("PermutedConstructionObstacle")
class PermutedConstructionObstacle(ConstructionObstacle):
    """A site with another barrier, other debris, or without some of its cones."""

    def build(self) -> None:
        """Spawn all cones; those left out stay below the ground.

        Raises:
            ScenarioError: If ``cones`` does not tell for every cone whether it is put up, or nothing is.
        """
        super().build()
        pattern, count = self.parameters.text("cones"), self._cone_count
        if len(pattern) != count or set(pattern) - set("01"):
            raise ScenarioError(f"{self.config.name}: cones is {pattern!r}, not {count} characters 0 or 1")
        others, cones = self._props[:-count], self._props[-count:]
        self._props = [*others, *(cone for cone, word in zip(cones, pattern, strict=True) if word == "1")]
        if not self._props:
            raise ScenarioError(f"{self.config.name}: nothing of the site is left")
        props = [prop for prop, _ in self._props]
        self.record.first_actor, self.record.last_actor = props[0], props[-1]
        self.record.memory["obstacles"] = props
        site = next_waypoint(self.trigger_waypoint, self.parameters.number("distance"))
        self.file_by_geometry("ConstructionObstacle", site)

    def layout(self, site: carla.Transform) -> list[tuple[str, carla.Transform]]:
        """Exchange barrier and debris."""
        (_, barrier), (_, debris), *cones = super().layout(site)
        self._cone_count = len(cones)
        wanted = [(self.parameters.text("warning_sign"), barrier), (self.parameters.text("debris"), debris)]
        return [*(each for each in wanted if each[0] != LEFT_OUT), *cones]


@scenario_class("PermutedConstructionObstacleTwoWays")
class PermutedConstructionObstacleTwoWays(PermutedConstructionObstacle):
    """The ego must use the opposite lane."""

    two_ways: ClassVar[bool] = True


class _SiteBeside(Scenario):
    """Base of the sites beside the ego's lane, which it only has to drive past.

    Experts are told nothing.
    """

    is_shown: bool = False

    def put_up(self, site: carla.Transform, half_lane_m: float) -> None:
        """Spawn the props below the ground."""
        left = self.parameters.is_left()
        self._props = spawn_hidden(self, site_poses(site, half_lane_m, left=left))
        self.record.first_actor, self.record.last_actor = self._props[0][0], self._props[-1][0]

    @abc.abstractmethod
    def clear(self) -> Sequence[Behaviour]:
        """Return what makes room in the traffic."""

    @abc.abstractmethod
    def restore(self) -> Sequence[Behaviour]:
        """Return what undoes it."""

    def behaviour(self) -> Behaviour:
        """Put the site up and wait until the ego is past."""
        stage = self.stage
        site = next_waypoint(self.trigger_waypoint, self.parameters.number("distance"))
        end = forward(site, CLEAR_DISTANCE_M)[0].transform
        puts = [SetPose(stage, prop, pose, physics=True) for prop, pose in self._props]
        passing = until_one("until past", [ScenarioTimeout(stage, self.config.name), EgoPassed(stage, end)])
        return in_order(self.config.name, [*self.clear(), until_all("put up", puts), passing, *self.restore()])


@scenario_class("ConstructionObstacleRightLane")
class ConstructionObstacleRightLane(_SiteBeside):
    """The site stands in the lane to the right of the ego's, or on the shoulder."""

    def build(self) -> None:
        """Spawn the site a lane's width to the right."""
        site = next_waypoint(self.trigger_waypoint, self.parameters.number("distance"))
        width_m = self.trigger_waypoint.lane_width
        aside_m = width_m + _BESIDE_M + self.parameters.number("y_offset")
        place = shifted(site.transform, right_m=aside_m, up_m=_BESIDE_UP_M)
        self.claimed.append(place.location)
        self.put_up(place, _NARROWED * width_m / 2.0)

    def clear(self) -> Sequence[Behaviour]:
        """Take the background off that lane, if anybody drives there."""
        beside = side_lane(self.trigger_waypoint, left=False)
        self._is_driven = beside is not None and beside.lane_type == carla.LaneType.Driving
        return [Post(self.stage, RemoveRoadLane(beside))] if self._is_driven else []

    def restore(self) -> Sequence[Behaviour]:
        """Give it back."""
        return [Post(self.stage, ReAddRoadLane(1))] if self._is_driven else []


@scenario_class("ConstructionObstacleOppositeLane")
class ConstructionObstacleOppositeLane(_SiteBeside):
    """The site stands in the opposite lane; nobody comes on it."""

    def build(self) -> None:
        """Spawn the site there, in the direction of that lane.

        Raises:
            ScenarioError: If the lane to the left is none for oncoming cars.
        """
        here = next_waypoint(self.trigger_waypoint, self.parameters.number("distance"))
        opposite = side_lane(here, left=True)
        if opposite is None or opposite.lane_type != carla.LaneType.Driving or opposite.lane_id * here.lane_id > 0:
            raise ScenarioError(f"{self.config.name}: the lane to the left of the ego's is none for oncoming cars")
        self.put_up(opposite.transform, self.trigger_waypoint.lane_width / 2.0)

    def clear(self) -> Sequence[Behaviour]:
        """Let no cars come."""
        return [Post(self.stage, ChangeOppositeBehavior(active=False))]

    def restore(self) -> Sequence[Behaviour]:
        """Let them come again."""
        return [Post(self.stage, ChangeOppositeBehavior(active=True))]
