"""The ``results.csv`` of long routes (Longest6, Town13): averages, then a breakdown by route and by town.

Long routes collect so many infractions that the product of penalties says little; this table adds the normalised
score, in which penalties count per kilometre driven.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lead.scoring.endpoint import INFRACTION_LABELS
from lead.scoring.messages import outside_metres, percentage
from lead.scoring.penalties import LEADERBOARD_2_0, EventType, RouteEvent
from lead.scoring.records import (
    ALL_INFRACTION_KEYS,
    INFRACTION_KEYS,
    MIN_SPEED_KEY,
    OUTSIDE_LANES_KEY,
    RouteRecord,
    driven_km,
)
from lead.scoring.schema import ResultError, split_route_id

NORMALISED_FACTOR = 0.2
"""Coefficients of the leaderboard are multiplied by this in the normalised penalty."""
SPEED_LABEL = "Avg. speed km/h"
NORMALISED_SCORE_LABEL = "Avg. Normalized DS"
NORMALISED_PENALTY_LABEL = "Avg. Normalized IS"
_MEASURES = ("DS", "RC", "NDS", "duration", "length")


@dataclass(frozen=True)
class ResultTable:
    """The three blocks of the table.

    Attributes:
        averages: (label, value) of block 1.
        columns: Names of the value columns of blocks 2 and 3: mean and deviation of every measure.
        routes: (route id as in the record, town, values) of block 2.
        towns: (town, values) of block 3.
    """

    averages: Sequence[tuple[str, float]]
    columns: Sequence[str]
    routes: Sequence[tuple[str, str, Sequence[float]]]
    towns: Sequence[tuple[str, Sequence[float]]]

    def csv_rows(self) -> list[list[str]]:
        """Return the rows of the file; blocks end with an empty row."""
        rows = [[label, str(float(value))] for label, value in self.averages]
        rows += [[""], ["route", "town", *self.columns]]
        rows += [[route, town, *(str(float(value)) for value in values)] for route, town, values in self.routes]
        rows += [[""], ["town", *self.columns]]
        rows += [[town, *(str(float(value)) for value in values)] for town, values in self.towns]
        return [*rows, [""]]


def result_table(records: Sequence[RouteRecord], towns: Mapping[str, str]) -> ResultTable:
    """Make the table.

    Args:
        records: Records of all runs, at least one; those of the same route are averaged in block 2.
        towns: Town by id of the route (``5`` for ``RouteScenario_5_rep0``).

    Raises:
        ResultError: If there is no record, one lacks its length or duration, or the town of a route is unknown.
    """
    if not records:
        raise ResultError("there is no record to make a table of")
    for record in records:
        if not record.meta:
            raise ResultError(f"{record.route_id} has no meta block, and the table needs its length and duration")
    by_route: dict[str, list[RouteRecord]] = defaultdict(list)
    by_town: dict[str, list[RouteRecord]] = defaultdict(list)
    town_of: dict[str, str] = {}
    for record in records:
        route_id, _ = split_route_id(record.route_id, record.route_id)
        if route_id not in towns:
            raise ResultError(f"the town of route {route_id} is unknown; give its route files with --routes")
        town_of[record.route_id] = towns[route_id]
        by_route[record.route_id].append(record)
        by_town[towns[route_id]].append(record)
    names = (*_MEASURES, *ALL_INFRACTION_KEYS)
    return ResultTable(
        averages=_averages(records),
        columns=[f"{name} {part}" for name in names for part in ("mean", "std")],
        routes=[(name, town_of[name], _statistics(by_route[name])) for name in sorted(by_route)],
        towns=[(name, _statistics(by_town[name])) for name in sorted(by_town)],
    )


def normalised_penalty(record: RouteRecord) -> float:
    """Return the infraction penalty per kilometre driven, 1 for a clean drive.

    Infractions of a kind that happen n times on d kilometres cost (0.2 * coefficient) ** (n / d); minimum speed and
    lanes cost as in the leaderboard. Without a metre driven the first part costs nothing.
    """
    kilometres = driven_km([record])
    penalty = 1.0
    for kind, cost in LEADERBOARD_2_0.costs.items():
        count = len(record.infractions[INFRACTION_KEYS[kind]])
        if count and kilometres > 0.0:
            penalty *= (NORMALISED_FACTOR * cost) ** (count / kilometres)
    return penalty * LEADERBOARD_2_0.score_penalty(_share_events(record))


def _share_events(record: RouteRecord) -> list[RouteEvent]:
    """Turn the sentences on minimum speed and lanes back into events."""
    return [
        RouteEvent(kind, message, {"percentage": percentage(message)})
        for kind in (EventType.MIN_SPEED_INFRACTION, EventType.OUTSIDE_ROUTE_LANES_INFRACTION)
        for message in record.infractions[INFRACTION_KEYS[kind]]
    ]


def _averages(records: Sequence[RouteRecord]) -> list[tuple[str, float]]:
    kilometres = driven_km(records)
    hours = sum(record.meta["duration_game"] for record in records) / 3600.0
    averages = [
        ("Avg. driving score", _mean([record.scores["score_composed"] for record in records])),
        ("Avg. route completion", _mean([record.scores["score_route"] for record in records])),
        ("Avg. infraction penalty", _mean([record.scores["score_penalty"] for record in records])),
    ]
    for label, key in INFRACTION_LABELS:
        total = sum(_amount(record, key) for record in records)
        if key == MIN_SPEED_KEY:
            averages.append((label, 100.0 * total / len(records)))
        else:
            per_km = total / kilometres if kilometres > 0.0 else 0.0
            averages.append((label, 100.0 * per_km if key == OUTSIDE_LANES_KEY else per_km))
    penalties = [normalised_penalty(record) for record in records]
    scores = [record.scores["score_route"] * value for record, value in zip(records, penalties, strict=True)]
    averages.append((SPEED_LABEL, kilometres / hours if hours > 0.0 else 0.0))
    averages.append((NORMALISED_SCORE_LABEL, _mean(scores)))
    averages.append((NORMALISED_PENALTY_LABEL, _mean(penalties)))
    return averages


def _amount(record: RouteRecord, key: str) -> float:
    """Return the number of infractions; kilometres for lanes, mean lack of speed (0 to 1) for minimum speed."""
    messages = record.infractions[key]
    if key == OUTSIDE_LANES_KEY:
        return sum(map(outside_metres, messages)) / 1000.0
    if key == MIN_SPEED_KEY:
        return 1.0 - _mean([min(percentage(message) / 100.0, 1.0) for message in messages]) if messages else 0.0
    return float(len(messages))


def _statistics(records: Sequence[RouteRecord]) -> list[float]:
    rows = np.array(
        [[*_measures(record), *(_amount(record, key) for key in ALL_INFRACTION_KEYS)] for record in records]
    )
    return [float(value) for pair in zip(rows.mean(axis=0), rows.std(axis=0), strict=True) for value in pair]


def _measures(record: RouteRecord) -> list[float]:
    normalised = record.scores["score_route"] * normalised_penalty(record)
    meta, scores = record.meta, record.scores
    return [scores["score_composed"], scores["score_route"], normalised, meta["duration_game"], meta["route_length"]]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
