"""Checks of a route against the map of its town: is every point on the road, every leg drivable, every trigger met?"""

from __future__ import annotations

import difflib

import carla

from lead.maps import towns
from lead.routes.findings import FileCheck, LooseRoute
from lead.routes.model import RouteError
from lead.routes.planner import DenseRoute, RoutePlanner
from lead.routes.scenarios import TRIGGER_ANGLE_DEG, TRIGGER_DISTANCE_M, trigger_offset

DETOUR_FACTOR = 2.0
DETOUR_MARGIN_M = 50.0
"""A traced route longer than twice its straight legs plus this much contains a loop that nobody meant."""


class MapChecker:
    """Checks routes town by town; keeps the planner of one town, since the large maps take a gigabyte each."""

    def __init__(self) -> None:
        """Start without any map."""
        self._town = ""
        self._planner: RoutePlanner | None = None

    def check(self, check: FileCheck, route: LooseRoute) -> float | None:
        """Check one route.

        Args:
            check: Receives the findings.
            route: Route as far as it could be read.

        Returns:
            Length of the traced route in metres; None if it cannot be traced or its map is not at hand.
        """
        planner = self._planner_of(check, route)
        if planner is None or route.keypoints is None:
            return None
        try:
            dense = planner.trace(route.keypoints)
        except RouteError as error:
            for problem in planner.problems(route.keypoints) or [str(error)]:
                check.error("untraceable", problem.removeprefix("route: "), route.line, route.id)
            return None
        _check_length(check, route, dense)
        _check_triggers(check, route, dense)
        return dense.length_m

    def _planner_of(self, check: FileCheck, route: LooseRoute) -> RoutePlanner | None:
        if route.town is None:
            return None
        town = towns.canonical_name(route.town)
        if town not in towns.TOWNS:
            close = difflib.get_close_matches(town, towns.TOWNS, n=1, cutoff=0.0)[0]
            check.error(
                "unknown-town", f"there is no town {route.town!r}; the nearest is {close}", route.line, route.id
            )
            return None
        if town not in towns.installed_towns():
            message = f"{town} is not installed, so the map was not checked; run `lead towns install {town}`"
            check.warn("no-map", message, route.line, route.id)
            return None
        if town != self._town:
            self._planner = None  # frees the old map before the new one is loaded
            self._planner = RoutePlanner(carla.Map(town, towns.read_opendrive(town)))
            self._town = town
        return self._planner


def _check_length(check: FileCheck, route: LooseRoute, dense: DenseRoute) -> None:
    straight_m = route.straight_length_m
    if straight_m is not None and dense.length_m > DETOUR_FACTOR * straight_m + DETOUR_MARGIN_M:
        message = (
            f"the route is {dense.length_m:.0f} m long though its way points are {straight_m:.0f} m apart; "
            "a way point may lie on the wrong lane"
        )
        check.warn("detour", message, route.line, route.id)


def _check_triggers(check: FileCheck, route: LooseRoute, dense: DenseRoute) -> None:
    for trigger in route.triggers:
        offset = trigger_offset(trigger.point, dense)
        if not offset.matches:
            message = (
                f"scenario {trigger.scenario} will be dropped: its trigger is {offset.distance_m:.1f} m and "
                f"{offset.angle_deg:.0f} degrees from the route (less than {TRIGGER_DISTANCE_M:g} m and "
                f"{TRIGGER_ANGLE_DEG:g} degrees are needed)"
            )
            check.warn("dropped-trigger", message, trigger.line, route.id)
