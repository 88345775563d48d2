"""Construction site: a barrier, debris and a fence of cones in the ego's lane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.families.obstacle import LAYER_M, LaneObstacle
from lead.scenarios.lane_tools import next_waypoint, shifted, turned
from lead.scenarios.messages import ReAddRoadLane, RemoveRoadLane
from lead.scenarios.nodes.actors import SetPose
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

_BARRIER_BEFORE_M = 5.0
_DEBRIS_BEHIND_M, _DEBRIS_HEIGHT_M = 2.0, 1.0
_FENCE_SHIFT, _CONE_HEIGHT_M = 0.85, 0.1
_ROW_ALONG = (2.0, 4.0, 6.0, 8.0)
_ROW_ACROSS = (1.0, 2.0, 3.0)


def site_poses(site: carla.Transform, half_lane_m: float, *, left: bool) -> list[tuple[str, carla.Transform]]:
    """Lay a site out: the barrier, the debris, the cones along the lane, then those across it.

    Args:
        site: Centre of the lane at the site.
        half_lane_m: Half the width of the lane.
        left: The site lies on the left of the lane, so the fence stands on its right.

    Returns:
        Blueprint and pose of each prop.
    """
    inner = 1.0 if left else -1.0
    fence_m = inner * _FENCE_SHIFT * half_lane_m
    barrier = turned(shifted(site, forward_m=-_BARRIER_BEFORE_M), 270.0)
    debris = turned(shifted(site, forward_m=_DEBRIS_BEHIND_M, up_m=_DEBRIS_HEIGHT_M), 90.0)
    along = [shifted(site, forward_m=ahead_m, right_m=fence_m, up_m=_CONE_HEIGHT_M) for ahead_m in _ROW_ALONG]
    across = [
        turned(
            shifted(site, forward_m=_ROW_ALONG[-1], right_m=fence_m - inner * across_m, up_m=_CONE_HEIGHT_M),
            -90.0 * inner,
        )
        for across_m in _ROW_ACROSS
    ]
    return [
        ("static.prop.trafficwarning", barrier),
        ("static.prop.dirtdebris02", debris),
        *(("static.prop.constructioncone", pose) for pose in (*along, *across)),
    ]


def spawn_hidden(
    scenario: Scenario, layout: Sequence[tuple[str, carla.Transform]]
) -> list[tuple[carla.Actor, carla.Transform]]:
    """Spawn the props of a site below the ground.

    Returns:
        Props with the poses that they get at the trigger.

    Raises:
        ScenarioError: If something stands there.
    """
    props = []
    for blueprint, pose in layout:
        prop = scenario.spawn(ActorModel(blueprint), shifted(pose, up_m=-LAYER_M))
        prop.set_simulate_physics(False)
        props.append((prop, pose))
    return props


@scenario_class("ConstructionObstacle")
class ConstructionObstacle(LaneObstacle):
    """The ego changes the lane; the traffic there is slowed down to let it in."""

    near_distance_m: ClassVar[float] = 30.0

    def build(self) -> None:
        """Spawn the sign, and below the ground the props of the site."""
        site = next_waypoint(self.trigger_waypoint, self.parameters.number("distance"))
        self.set_course(site.transform.location, site, site)
        self.spawn_sign("static.prop.warningconstruction")
        self._props = spawn_hidden(self, self.layout(site.transform))
        props = [prop for prop, _ in self._props]
        self.record.first_actor, self.record.last_actor = props[0], props[-1]
        self.record.memory["obstacles"] = props

    def layout(self, site: carla.Transform) -> list[tuple[str, carla.Transform]]:
        """Return blueprint and pose of each prop; see :func:`site_poses`."""
        return site_poses(site, self.trigger_waypoint.lane_width / 2.0, left=self.is_left)

    def preparation(self) -> Sequence[Behaviour]:
        """Take the background off the lane and put the site up."""
        puts = [SetPose(self.stage, prop, pose, physics=True) for prop, pose in self._props]
        return [Post(self.stage, RemoveRoadLane(self.trigger_waypoint)), *puts]

    def restoration(self) -> Sequence[Behaviour]:
        """Give the lane back to the background."""
        return [Post(self.stage, ReAddRoadLane(0))]


@scenario_class("ConstructionObstacleTwoWays")
class ConstructionObstacleTwoWays(ConstructionObstacle):
    """The ego must use the opposite lane."""

    two_ways: ClassVar[bool] = True
