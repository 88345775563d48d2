"""Which scenarios of a route take place: those whose trigger point lies on the dense route.

The official tools drop a scenario silently when no route point is near its trigger. Runner, linter and reports share
this rule, so that a scenario counted as "kept" is one that can start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lead.geometry.frames import wrap_rad
from lead.routes.model import Route, ScenarioConfig, TriggerPoint
from lead.routes.planner import DenseRoute

TRIGGER_DISTANCE_M = 2.0
TRIGGER_ANGLE_DEG = 10.0


@dataclass(frozen=True)
class TriggerOffset:
    """How far a trigger point is from the route.

    Attributes:
        index: Route point meant: the nearest with a fitting heading, else the nearest of all.
        distance_m: Straight distance to it.
        angle_deg: Difference of the headings there, 0 to 180.
    """

    index: int
    distance_m: float
    angle_deg: float

    @property
    def matches(self) -> bool:
        """True if the scenario is kept: less than 2 m and less than 10 degrees."""
        return self.distance_m < TRIGGER_DISTANCE_M and self.angle_deg < TRIGGER_ANGLE_DEG


def trigger_offset(trigger: TriggerPoint, route: DenseRoute) -> TriggerOffset:
    """Find the route point that a trigger belongs to.

    Args:
        trigger: Pose in the world frame.
        route: Dense route.

    Returns:
        The nearest route point that heads the same way within 10 degrees if one is within 2 m, else the nearest.
    """
    place = np.array([trigger.x, trigger.y, trigger.z], dtype=np.float64)
    distance_m = np.linalg.norm(route.xyz - place, axis=1)
    turn_rad = wrap_rad(route.yaw_rad - math.radians(trigger.yaw_deg))
    angle_deg = np.abs(np.degrees(turn_rad))
    fits = (angle_deg < TRIGGER_ANGLE_DEG) & (distance_m < TRIGGER_DISTANCE_M)
    index = int(np.argmin(np.where(fits, distance_m, np.inf) if fits.any() else distance_m))
    return TriggerOffset(index, float(distance_m[index]), float(angle_deg[index]))


def matched_scenarios(route: Route, dense: DenseRoute) -> tuple[list[ScenarioConfig], list[ScenarioConfig]]:
    """Split the scenarios of a route into those that can start and those that cannot.

    Args:
        route: Route as read.
        dense: The same route, traced.

    Returns:
        (kept, dropped), both in file order.
    """
    kept: list[ScenarioConfig] = []
    dropped: list[ScenarioConfig] = []
    for scenario in route.scenarios:
        (kept if trigger_offset(scenario.trigger, dense).matches else dropped).append(scenario)
    return kept, dropped
