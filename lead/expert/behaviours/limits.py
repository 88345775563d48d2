"""How fast a free road may be driven: the limit, the traffic, what can be seen, junctions ahead and bends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lead.dataset.weather_choice import Visibility
from lead.expert.curves import curve_speeds
from lead.expert.proposal import Proposal
from lead.expert.route import ExpertRoute
from lead.expert.scene import Scene
from lead.expert.view import View, stream_actors
from lead.scenarios.active import ActiveScenario

KMH = 1.0 / 3.6
TRAFFIC_MPS, TRAFFIC_RATIO = 30.0 * KMH, 0.9
URBAN_MPS, JUNCTION_LIMIT_MPS, JUNCTION_MPS = 60.0 * KMH, 40.0 * KMH, 25.0 * KMH
LEAST_FLOW_MPS = 40.0 * KMH
VISIBILITY_MPS, CLUTTER_MPS = 4.0, 2.0
CLUTTER_X_M, CLUTTER_Y_M, CLUTTER_COUNT = (-8.0, 32.0), 10.0, 2
LOWEST_MPS, HIGHEST_MPS = 6.75, 20.0
JUNCTION_POINTS = 300
KEEPS_UP = frozenset(
    (
        "EnterActorFlow",
        "EnterActorFlowV2",
        "MergerIntoSlowTraffic",
        "MergerIntoSlowTrafficV2",
        "HighwayExit",
        "SignalizedJunctionLeftTurn",
        "NonSignalizedJunctionLeftTurn",
        "SignalizedJunctionLeftTurnEnterFlow",
        "NonSignalizedJunctionLeftTurnEnterFlow",
        "SignalizedJunctionRightTurn",
        "NonSignalizedJunctionRightTurn",
        "InterurbanActorFlow",
        "InterurbanAdvancedActorFlow",
    )
)
"""Scenarios with a flow that the ego must keep up with: there 40 km/h is the least on a free road, or its speed."""


def second_highest(values: NDArray[np.float64]) -> float:
    """Return the second highest value; the only one if there is one, 0 if there is none."""
    if len(values) == 0:
        return 0.0
    return float(np.sort(values)[-2 if len(values) > 1 else -1])


def stream_speed(scene: Scene, scenario: ActiveScenario) -> float:
    """Return the speed of the fastest car of a scenario's streams, 0 if there are none."""
    rows = scene.rows_of(stream_actors(scenario))
    return float(scene.speed_mps[rows].max()) if len(rows) else 0.0


def parked_cars_near(scene: Scene) -> int:
    """Count the parked cars close ahead or beside."""
    x, y = scene.relative[:, 0], scene.relative[:, 1]
    close = (x > CLUTTER_X_M[0]) & (x < CLUTTER_X_M[1]) & (np.abs(y) < CLUTTER_Y_M)
    return sum(scene.known[row].is_parked_car for row in np.flatnonzero(close & ~scene.is_vehicle))


class FreeSpeed:
    """Works out the speed on a free road, and notes why it is low."""

    def of(
        self, scene: Scene, route: ExpertRoute, scenario: ActiveScenario | None, visibility: int
    ) -> tuple[float, dict[str, object]]:
        """Return the speed and keys for the record.

        Args:
            scene: The scene.
            route: The path.
            scenario: Scenario that the ego is in; None if in none.
            visibility: Class of the weather.
        """
        vehicles = scene.moving_vehicles
        limit = scene.ego_limit_mps
        fast, fast_limit = second_highest(scene.speed_mps[vehicles]), second_highest(scene.limit_mps[vehicles])
        parked = parked_cars_near(scene)
        target = max(limit, fast_limit)
        if fast > TRAFFIC_MPS:
            target = min(target, fast / TRAFFIC_RATIO)
        notes: dict[str, object] = {
            "speed_limit": limit,
            "second_highest_speed": fast,
            "second_highest_speed_limit": fast_limit,
            "num_parking_vehicles_in_proximity": parked,
            "slower_bad_visibility": False,
            "slower_clutterness": False,
            "slower_occluded_junction": False,
        }
        keeps_up = scenario is not None and scenario.name in KEEPS_UP
        if not keeps_up and min(target, limit) < URBAN_MPS:
            if not route.is_junction[route.index]:
                if visibility >= Visibility.VERY_LIMITED:
                    target -= VISIBILITY_MPS
                    notes["slower_bad_visibility"] = True
                if parked >= CLUTTER_COUNT:
                    target -= CLUTTER_MPS
                    notes["slower_clutterness"] = True
            ahead = route.is_junction[route.index : route.index + JUNCTION_POINTS]
            if limit < JUNCTION_LIMIT_MPS and ahead.any():
                target = min(target, JUNCTION_MPS)
        elif scenario is not None and keeps_up:
            target = max(target, LEAST_FLOW_MPS, stream_speed(scene, scenario))
        target = min(max(target, LOWEST_MPS), HIGHEST_MPS)
        notes["target_speed_limit"] = target
        return target, notes


class Curves:
    """Slows down before bends, which the public expert does not: its longest look ahead is too short at 70 km/h."""

    def propose(self, view: View) -> Sequence[Proposal]:
        """Return the speed from which all bends ahead can still be taken."""
        speed = float(curve_speeds(view.route, hurried=view.notes.hurries)[0])
        if speed >= view.free_mps:
            return ()
        return (Proposal(speed, "curves: bend ahead"),)
