"""Benchmarks as data: everything in which one benchmark's evaluation differs from another's.

Public forks of the leaderboard differ in a few constants, and a route driven under the wrong ones silently gets
another score. Here the constants are one value per benchmark and version; it is written into every result.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lead.errors import LeadError
from lead.scoring.penalties import BENCH2DRIVE, LEADERBOARD_2_0, LEADERBOARD_2_1, PenaltyTable


class ProfileError(LeadError):
    """A benchmark or version is unknown."""


@dataclass(frozen=True)
class BenchmarkProfile:
    """Rules of one benchmark in one version.

    Attributes:
        name: Short name, as on the command line.
        version: Version of the rules.
        title: Name for people.
        penalties: Cost of infractions.
        route_count: Number of routes of the full benchmark, the divisor of its official means; None if open.
        blocked_s: Standstill that ends a route.
        max_ticks: Ticks after which a route ends as "TickRuntime"; None if there is no such limit.
        min_speed_checkpoints: Number of equal sections in which the speed is compared with the traffic.
        min_speed_always_reported: Report every section, not only those slower than the traffic.
        plan_spacing_m: Largest distance between points of the agent's plan.
        stop_step_m: Distance between the points that are tested against a stop sign's box.
        stop_box_min_half_m: Least half size of a stop sign's box; 0 takes the box as it is.
        sensor_reach_m: Farthest place of a sensor from the ego's origin.
        sensor_timeout_s: Longest wait for the data of a tick.
        speed_limits: "vehicle" asks the ego vehicle, "map" reads the landmarks of the map (Fail2Drive).
        dense_sensors: Permit semantic and depth cameras in the agent's rig (Fail2Drive).
        bench2drive_records: Add scenario name, weather id, save name and town to records.
        setup_failure_ends_run: An agent that cannot be set up ends the evaluation.
        scenario_seed: Seed of the random choices of scenarios and background traffic; None takes the route's.
    """

    name: str
    version: str
    title: str
    penalties: PenaltyTable
    route_count: int | None = None
    blocked_s: float = 180.0
    max_ticks: int | None = None
    min_speed_checkpoints: int = 4
    min_speed_always_reported: bool = False
    plan_spacing_m: float = 200.0
    stop_step_m: float = 0.5
    stop_box_min_half_m: float = 0.0
    sensor_reach_m: float = 3.0
    sensor_timeout_s: float = 10.0
    speed_limits: str = "vehicle"
    dense_sensors: bool = False
    bench2drive_records: bool = False
    setup_failure_ends_run: bool = False
    scenario_seed: int | None = 2000

    @property
    def key(self) -> str:
        """Name and version in one word, such as ``bench2drive-0.0.4``."""
        return f"{self.name}-{self.version}"

    def as_json(self) -> dict[str, Any]:
        """Return all rules as plain JSON data, for manifests."""
        data = {name: value for name, value in self.__dict__.items() if name != "penalties"}
        costs = {kind.value: cost for kind, cost in self.penalties.costs.items()}
        table = self.penalties
        rules = {"name": table.name, "costs": costs, "min_speed_weight": table.min_speed_weight}
        return {**data, "penalties": {**rules, "additive": table.additive}}


def _bench2drive(version: str) -> BenchmarkProfile:
    return BenchmarkProfile(
        name="bench2drive",
        version=version,
        title="Bench2Drive",
        penalties=BENCH2DRIVE,
        route_count=220,
        blocked_s=60.0,
        max_ticks=4000,
        min_speed_checkpoints=20,
        min_speed_always_reported=True,
        plan_spacing_m=50.0,
        sensor_reach_m=100.0,
        sensor_timeout_s=300.0,
        bench2drive_records=True,
        setup_failure_ends_run=True,
    )


# LEAD's own leaderboard code, with which Longest6 v2 and Town13 are evaluated, tests stop signs more densely.
_LEAD_STOP: Mapping[str, Any] = MappingProxyType({"stop_step_m": 0.01, "stop_box_min_half_m": 0.5})

PROFILES: Mapping[str, BenchmarkProfile] = MappingProxyType(
    {
        profile.key: profile
        for profile in (
            BenchmarkProfile("leaderboard", "2.0", "CARLA Leaderboard 2.0", LEADERBOARD_2_0),
            BenchmarkProfile("leaderboard", "2.1", "CARLA Leaderboard 2.1", LEADERBOARD_2_1),
            _bench2drive("0.0.3"),
            _bench2drive("0.0.4"),
            BenchmarkProfile("longest6", "2", "Longest6 v2", LEADERBOARD_2_0, route_count=36, **_LEAD_STOP),
            BenchmarkProfile("town13", "1", "Town13 validation", LEADERBOARD_2_0, route_count=20, **_LEAD_STOP),
            BenchmarkProfile(
                "fail2drive",
                "1",
                "Fail2Drive",
                LEADERBOARD_2_0,
                route_count=200,
                stop_box_min_half_m=0.5,
                sensor_reach_m=70.0,
                sensor_timeout_s=300.0,
                speed_limits="map",
                dense_sensors=True,
                scenario_seed=None,
            ),
        )
    }
)
"""All profiles by key."""

DEFAULT_VERSIONS: Mapping[str, str] = MappingProxyType(
    {"leaderboard": "2.0", "bench2drive": "0.0.4", "longest6": "2", "town13": "1", "fail2drive": "1"}
)


def profile(name: str, version: str | None = None) -> BenchmarkProfile:
    """Look up a profile.

    Args:
        name: Benchmark ("bench2drive") or key ("bench2drive-0.0.3").
        version: Version; None takes the one of the key, or the benchmark's default.

    Raises:
        ProfileError: If there is no such benchmark or version; names the nearest.
    """
    wanted = name.lower()
    if wanted in PROFILES and version is None:
        return PROFILES[wanted]
    if wanted not in DEFAULT_VERSIONS:
        known = [*DEFAULT_VERSIONS, *PROFILES]
        nearest = difflib.get_close_matches(wanted, known, n=1, cutoff=0.0)[0]
        raise ProfileError(f"there is no benchmark {name!r}; the nearest is {nearest!r} (known: {', '.join(known)})")
    key = f"{wanted}-{version or DEFAULT_VERSIONS[wanted]}"
    if key not in PROFILES:
        versions = ", ".join(each.version for each in PROFILES.values() if each.name == wanted)
        raise ProfileError(f"{wanted} has no version {version!r}; known versions: {versions}")
    return PROFILES[key]
