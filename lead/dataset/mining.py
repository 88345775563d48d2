"""Scenario mining: which frames of simulated data are worth how much when they are mixed with real data.

Real logs have plenty of plain driving and hardly any of what the leaderboard's scenarios are about. So each frame goes
to the first rule that fits it, and each rule has a rate at which its frames are drawn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lead.dataset.collections import Group
from lead.dataset.mining_features import STANDING_MPS, read_features
from lead.dataset.route_index import FrameIndex

logger = logging.getLogger(__name__)

Mask = NDArray[np.bool_]
Condition = Callable[[NDArray[np.void]], Mask]
UNUSABLE = "labels cannot be read"
TOWN_FIELD = "town"
_KMH = 1.0 / 3.6


@dataclass(frozen=True)
class Rule:
    """Frames that are drawn equally often.

    Attributes:
        name: For reports.
        rate: How often an epoch has each of them.
        fits: From a table with the columns of :data:`lead.dataset.mining_features.FEATURES` and ``town`` to a mask.
    """

    name: str
    rate: float
    fits: Condition


def _always(table: NDArray[np.void]) -> Mask:
    return np.ones(len(table), bool)


def _near(column: str, distance_m: float) -> Condition:
    return lambda table: np.asarray(table[column] < distance_m)


def _in(scenario: str, rate: float, also: Condition = _always) -> Rule:
    """Frames in which a scenario is going on, and something else holds."""
    word = scenario.encode()
    return Rule(scenario, rate, lambda table: (table["scenario"] == word) & also(table))


def _is_braking_hard(table: NDArray[np.void]) -> Mask:
    is_slowing = (table["acceleration_mps2"] < -3.0) | (table["speed_mps"] < STANDING_MPS)
    return np.asarray(table["brakes"] & ~table["has_vehicle_hazard"] & is_slowing)


def _is_entering_junction(table: NDArray[np.void]) -> Mask:
    near = (table["junction_m"] > 0.0) & (table["junction_m"] < 3.5)
    return np.asarray(near & (table["speed_mps"] > 2.0) & (table["acceleration_mps2"] > 2.0))


def _is_waiting_at_red(table: NDArray[np.void]) -> Mask:
    return np.asarray(table["has_light_hazard"] & (table["speed_mps"] < STANDING_MPS) & (table["red_light_m"] < 5.0))


def _accelerates(more_than_mps2: float) -> Condition:
    return lambda table: np.abs(table["acceleration_mps2"]) > more_than_mps2


def _curves(more_than_per_m: float) -> Condition:
    def fits(table: NDArray[np.void]) -> Mask:
        is_moving = table["speed_mps"] >= STANDING_MPS
        return np.asarray(is_moving & (np.abs(table["curvature_per_m"]) > more_than_per_m))

    return fits


BAD_WEATHER = Rule("bad weather", 0.0, lambda table: table["visibility"] > 0)
SCENARIO_RULES = (
    _in("Accident", 1.0, _near("obstacle_ahead_m", 42.0)),
    _in("AccidentTwoWays", 0.2),
    _in("BlockedIntersection", 1.0, _near("standing_obstacle_m", 15.0)),
    _in("ConstructionObstacle", 1.5, _near("cone_m", 42.0)),
    _in("ConstructionObstacleTwoWays", 0.1),
    _in("CrossingBicycleFlow", 0.0, _near("participant_m", 10.0)),
    _in("CrossJunctionDefectTrafficLight", 3.0, _near("junction_m", 10.0)),
    _in("DynamicObjectCrossing", 1.0, _near("participant_m", 20.0)),
    _in("HardBreakRoute", 1.0, _is_braking_hard),
    _in("HazardAtSideLane", 0.0, _near("participant_m", 20.0)),
    _in("HazardAtSideLaneTwoWays", 0.0),
    _in("HighwayCutIn", 0.0, _near("participant_m", 32.0)),
    _in("InterurbanActorFlow", 0.0, _near("junction_m", 5.0)),
    _in("InterurbanAdvancedActorFlow", 1.0),
    _in("InvadingTurn", 3.0, _near("cone_ahead_x_m", 16.0)),
    _in("NonSignalizedJunctionLeftTurn", 3.0),
    _in("NonSignalizedJunctionLeftTurnEnterFlow", 1.0),
    _in("NonSignalizedJunctionRightTurn", 3.0),
    _in("OppositeVehicleRunningRedLight", 5.0, lambda table: table["has_moving_participant"]),
    _in("OppositeVehicleTakingPriority", 5.0),
    _in("ParkedObstacle", 3.0, _near("obstacle_ahead_m", 35.0)),
    _in("ParkedObstacleTwoWays", 1.0),
    _in("ParkingCrossingPedestrian", 1.0, _near("participant_m", 20.0)),
    _in("ParkingCutIn", 5.0, _near("participant_m", 20.0)),
    _in("ParkingExit", 0.0),
    _in("PedestrianCrossing", 5.0),
    _in("PriorityAtJunction", 5.0, _near("junction_m", 5.0)),
    _in("RedLightWithoutLeadVehicle", 2.0),
    _in("SignalizedJunctionLeftTurn", 3.0),
    _in("SignalizedJunctionLeftTurnEnterFlow", 3.0),
    _in("SignalizedJunctionRightTurn", 5.0),
    _in("StaticCutIn", 5.0),
    _in("VehicleOpensDoorTwoWays", 5.0, _near("participant_m", 24.0)),
    _in("VehicleTurningRoute", 0.0, _near("participant_m", 15.0)),
    _in("VehicleTurningRoutePedestrian", 2.5),
)
"""Those of a scenario, in its interesting moments."""
GENERAL_RULES = (
    Rule("red overhead light", 0.5, lambda table: table["has_red_overhead_light"]),
    Rule("red European light", 1.0, lambda table: table["has_red_european_light"]),
    Rule("occluded junction", 3.0, lambda table: table["has_occluded_junction"] & (table["junction_m"] < 5.0)),
    Rule("acceleration above 17.5 m/s2", 1.0, _accelerates(17.5)),
    Rule("path turns away", 1.0, lambda table: table["path_aside_m"] > 6.5),
    Rule("stop sign", 3.0, lambda table: table["has_stop_hazard"] & (table["stop_sign_m"] < 10.0)),
    Rule("entering a junction", 4.0, _is_entering_junction),
    Rule(
        "slow junction",
        1.0,
        lambda table: (table["junction_m"] < 1.0) & (table["speed_limit_mps"] < np.float32(50.0 * _KMH)),
    ),
    Rule("target point behind", 5.0, lambda table: table["target_x_m"] < 0.0),
    Rule("vehicle ahead", 0.2, lambda table: table["has_vehicle_hazard"]),
    Rule("waiting at a red light", 1.0, _is_waiting_at_red),
    Rule("Town15", 0.6, lambda table: table[TOWN_FIELD] == b"Town15"),
    Rule("far target point", 0.0, lambda table: table["target_m"] > 175.0),
    Rule("acceleration above 15 m/s2", 1.0, _accelerates(15.0)),
    Rule("acceleration above 12.5 m/s2", 1.0, _accelerates(12.5)),
    Rule("curve of 6.7 m", 1.0, _curves(0.15)),
    Rule("curve of 13 m", 1.0, _curves(0.075)),
    Rule("others", 0.1, _always),
)
"""Those for what the rules of scenarios leave."""
NAVSIM_RULES = (BAD_WEATHER, *SCENARIO_RULES, *GENERAL_RULES)
WAYMO_RULES = (*SCENARIO_RULES, *GENERAL_RULES)
"""Waymo's logs have bad weather."""
BALANCED_RULES = (
    Rule("standing", 0.25, lambda table: table["brakes"] & (table["speed_mps"] < STANDING_MPS)),
    Rule("braking", 4.0, lambda table: table["brakes"] & (table["speed_mps"] > 1.0)),
    Rule("driving off", 2.0, lambda table: ~table["brakes"] & (table["speed_mps"] < 1.0)),
    Rule("off the path", 4.0, lambda table: ~table["brakes"] & (table["path_start_aside_m"] > 0.4)),
    Rule("turning", 2.0, lambda table: ~table["brakes"] & (table["path_aside_m"] > 3.0)),
    Rule("others", 1.0, _always),
)
"""For trainings on simulated data alone, where a third of all frames waits at a light and looks like the one before.

Frames of driving off are few, and a policy that has not learnt them stands for good. So are those of braking, and one
that has not learnt them goes on at its speed before whatever is ahead. In turns it leaves its route.
Where a path begins to the side of the car (or with a turn of less than 8 m) its own errors have brought it.
"""


def mine(index: FrameIndex, rules: tuple[Rule, ...], folder: Path, workers: int = 1) -> list[Group]:
    """Sort the samples of a data set into groups.

    Args:
        index: The samples.
        rules: :data:`NAVSIM_RULES`, :data:`WAYMO_RULES` or :data:`BALANCED_RULES`; each sample goes to the first that
            fits.
        folder: Where what was read of the labels is kept.
        workers: Processes that read labels, which takes some ten milliseconds per sample the first time.

    Returns:
        One group per rule, also where it is empty or never drawn, and one with rate 0 for unreadable labels.

    Raises:
        DatasetError: If what was read cannot be kept.
    """
    features = read_features(index, folder, workers)
    unusable = int((~features["is_usable"]).sum())
    if unusable:
        logger.warning("labels of %d of %d samples cannot be read: they are not drawn", unusable, len(index))
    towns = np.array([entry.town.encode() for entry in index.routes])[index.route]
    return sort_into_groups(with_towns(features, towns), rules)


def with_towns(features: NDArray[np.void], towns: NDArray[np.bytes_]) -> NDArray[np.void]:
    """Add a column with the towns to a table of features."""
    dtype = features.dtype.descr + [(TOWN_FIELD, towns.dtype.str)]
    table = np.empty(len(features), dtype)
    for name in features.dtype.names or ():
        table[name] = features[name]
    table[TOWN_FIELD] = towns
    return table


def sort_into_groups(table: NDArray[np.void], rules: tuple[Rule, ...]) -> list[Group]:
    """Sort rows of a table with features and towns; as :func:`mine`."""
    is_left = table["is_usable"].copy()
    groups = [Group(UNUSABLE, np.flatnonzero(~is_left).astype(np.int64), 0.0)]
    for rule in rules:
        found = is_left & rule.fits(table)
        groups.append(Group(rule.name, np.flatnonzero(found).astype(np.int64), rule.rate))
        is_left &= ~found
    return groups
