"""From a place to a route: where it starts and ends, and whether the planner leads it the way that was meant."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import carla
import numpy as np
from numpy.typing import NDArray

from lead.routes.lint_maps import DETOUR_FACTOR, DETOUR_MARGIN_M
from lead.routes.model import RouteError, ScenarioConfig, TriggerPoint
from lead.routes.planner import DenseRoute, RoadOption
from lead.routes.road_options import LANE_CHANGES
from lead.routes.sampler.draws import Range
from lead.routes.sampler.errors import UnfitError
from lead.routes.sampler.finders import NO_SCENARIO
from lead.routes.sampler.place import Place
from lead.routes.sampler.survey import TownSurvey, Turn
from lead.routes.sampler.walks import STEP_M, distance_m, run_out, run_up, xyz
from lead.routes.scenarios import trigger_offset

RUN_UP_M: Range = (15.0, 45.0)
"""Way from the start of the route to the trigger."""
PINNED_M = 10.0
"""A key point so far behind every junction keeps the route on its way."""
ON_WAY_M = 1.6
"""The route passes a way point if one of its points, a metre apart, is so near."""
MIN_GAP_M = 4.0
_TURNS = {RoadOption.LEFT: Turn.LEFT, RoadOption.RIGHT: Turn.RIGHT, RoadOption.STRAIGHT: Turn.STRAIGHT}
_ELSEWHERE = "the planner leads the route elsewhere"


@dataclass(frozen=True)
class Draft:
    """A route without weather and name.

    Attributes:
        keypoints: (n, 3) float64, rounded to 0.1 m, world frame.
        scenarios: None or one.
        length_m: Length of the traced route.
    """

    keypoints: NDArray[np.float64]
    scenarios: tuple[ScenarioConfig, ...]
    length_m: float


def assemble(survey: TownSurvey, kind: str, place: Place, lengths_m: Range, rng: np.random.Generator) -> Draft:
    """Lay a route through a place.

    Args:
        survey: The town.
        kind: Scenario class, or "noScenario".
        place: The place.
        lengths_m: Shortest and longest route wanted.
        rng: Draws length, start and goal.

    Raises:
        UnfitError: If there is no such route.
    """
    wanted_m = float(rng.uniform(*lengths_m))
    before_m = 0.0 if place.begins_route else float(rng.uniform(*RUN_UP_M))
    before = [] if place.begins_route else _on_road(run_up(place.trigger, before_m, rng))[1:][-1:]
    points = [*before, place.trigger, *place.anchors]
    so_far_m = sum(distance_m(*pair) for pair in itertools.pairwise(points))
    out = _on_road(run_out(points[-1], wanted_m - so_far_m, rng))
    points += _pins(out)
    keypoints = _rounded(_spaced(points, len(before) + 1 + len(place.anchors)))
    try:
        dense = survey.planner.trace(keypoints)
    except RouteError as error:
        raise UnfitError("the planner finds no way through the place") from error
    _check_length(keypoints, dense, lengths_m)
    if kind == NO_SCENARIO:
        return Draft(keypoints, (), dense.length_m)
    scenario = ScenarioConfig(f"{kind}_1", kind, _trigger(place.trigger), place.parameters)
    _check_way(scenario.trigger, place, dense)
    return Draft(keypoints, (scenario,), dense.length_m)


def _on_road(line: list[carla.Waypoint]) -> list[carla.Waypoint]:
    """Cut the end of a walk that lies in a junction: routes neither start nor end there."""
    last = max((index for index, place in enumerate(line) if not place.is_junction), default=0)
    return line[: last + 1]


def _pins(line: list[carla.Waypoint]) -> list[carla.Waypoint]:
    """Return key points for a walk: one behind each junction, and the end."""
    pins, outside_m, was_inside = [], 0.0, False
    for place in line:
        if place.is_junction:
            was_inside, outside_m = True, 0.0
            continue
        outside_m += STEP_M
        if was_inside and outside_m >= PINNED_M:
            pins.append(place)
            was_inside = False
    return [*pins, line[-1]]


def _spaced(points: list[carla.Waypoint], fixed: int) -> list[carla.Waypoint]:
    """Leave out key points that are almost at the one before; the first ones stay."""
    kept = points[:fixed]
    for point in points[fixed:]:
        if distance_m(kept[-1], point) >= MIN_GAP_M:
            kept.append(point)
    return kept


def _rounded(points: list[carla.Waypoint]) -> NDArray[np.float64]:
    if len(points) < 2:
        raise UnfitError("the road is too short")
    return np.array([[round(number, 1) + 0.0 for number in xyz(point)] for point in points], dtype=np.float64)


def _trigger(waypoint: carla.Waypoint) -> TriggerPoint:
    x, y, z = (round(value, 1) + 0.0 for value in xyz(waypoint))
    yaw_deg = round((float(waypoint.transform.rotation.yaw) + 180.0) % 360.0 - 180.0, 1) + 0.0
    return TriggerPoint(x, y, z, yaw_deg)


def _check_length(keypoints: NDArray[np.float64], dense: DenseRoute, lengths_m: Range) -> None:
    if dense.length_m < lengths_m[0]:
        raise UnfitError("the roads are too short for the shortest route asked for")
    if dense.length_m > lengths_m[1]:
        raise UnfitError("the place needs a longer route than the longest asked for")
    straight_m = float(np.linalg.norm(np.diff(keypoints, axis=0), axis=1).sum())
    if dense.length_m > DETOUR_FACTOR * straight_m + DETOUR_MARGIN_M:
        raise UnfitError(_ELSEWHERE)


def _check_way(trigger: TriggerPoint, place: Place, dense: DenseRoute) -> None:
    """Check that the scenario is kept, and that the route behind it leads where the place needs it to.

    Raises:
        UnfitError: If it does not.
    """
    offset = trigger_offset(trigger, dense)
    if not offset.matches:
        raise UnfitError(_ELSEWHERE)
    behind, options = dense.xyz[offset.index :], dense.option[offset.index :]
    if place.way:
        way = np.array([xyz(point) for point in place.way], dtype=np.float64)
        gaps_m = np.linalg.norm(way[:, None, :2] - behind[None, : 4 * len(way) + 50, :2], axis=2).min(axis=1)
        if gaps_m.max() > ON_WAY_M:
            raise UnfitError(_ELSEWHERE)
    if place.turn is not None:
        turns = [_TURNS[RoadOption(option)] for option in options if RoadOption(option) in _TURNS]
        if not turns or turns[0] is not place.turn:
            raise UnfitError("the planner calls the turn otherwise")
    pairs = itertools.pairwise([RoadOption.VOID, *map(RoadOption, options)])
    changes = sum(after in LANE_CHANGES and before is not after for before, after in pairs)
    if changes < place.lane_changes:
        raise UnfitError(_ELSEWHERE)
