"""Every public benchmark route loads and plans on its real town, without a simulator.

The fast suite takes one short route per town and one large town; ``-m slow`` takes all 476. Failures are collected in
one table.
"""

from pathlib import Path

import carla
import numpy as np
import pytest

from lead.maps.towns import installed_towns, read_opendrive
from lead.routes.bench2drive import weather_id
from lead.routes.catalogue import benchmark_of, benchmark_route_files, benchmarks
from lead.routes.global_plan import gps_plan, sparse_indices
from lead.routes.model import WEATHER_FIELDS, RouteError
from lead.routes.planner import RoadOption, RoutePlanner
from lead.routes.reader import read_routes
from lead.routes.scenarios import matched_scenarios
from lead.scoring.profiles import profile

SHARED = Path(__file__).resolve().parents[2] / "../shared"
pytestmark = pytest.mark.skipif(
    not (SHARED / "data/benchmark_routes").exists(), reason="public route files (../shared) are not on this machine"
)

LARGE_TOWNS = ("Town13", "Town12", "Town11")
"""Their maps take seconds to load; the fast suite takes the first of them only."""


def public_routes():
    """(benchmark, file stem, route), sorted by town and then by straight length."""
    items = [
        (name, path.stem, read_routes(path)[0]) for name in benchmarks() for path in benchmark_route_files(name, SHARED)
    ]
    return sorted(items, key=lambda item: (item[2].town, np.abs(np.diff(item[2].keypoints, axis=0)).sum()))


def defect(planner, opendrive, name, route):
    """Say what is wrong with one route, or nothing."""
    try:
        dense = planner.trace(route.keypoints, f"route {route.id}")
    except RouteError as error:
        return str(error)
    _, dropped = matched_scenarios(route, dense)
    steps_m = np.linalg.norm(np.diff(dense.xyz, axis=0), axis=1)
    indices = sparse_indices(dense, profile(name).plan_spacing_m)
    plan = gps_plan(dense, indices, opendrive)
    checks = {
        f"step of {steps_m.max():.1f} m": steps_m.max() < 8.0,
        f"only {dense.length_m:.0f} m long": dense.length_m > 30.0,
        "does not start at its first way point": np.linalg.norm(dense.xyz[0] - route.keypoints[0]) < 6.0,
        "does not end at its last way point": np.linalg.norm(dense.xyz[-1] - route.keypoints[-1]) < 6.0,
        "unknown road option": set(dense.option.tolist()) <= {int(option) for option in RoadOption if option > 0},
        "plan misses an end": indices[0] == 0 and indices[-1] == len(dense) - 1,
        "plan is not finite": np.isfinite([[point["lat"], point["lon"], point["z"]] for point, _ in plan]).all(),
        "incomplete weather": set(route.weather_at(50.0)) == set(WEATHER_FIELDS),
        "not recognised": benchmark_of(route) == name,
        "no Bench2Drive weather": name != "bench2drive" or weather_id(route) is not None,
        f"{len(dropped)} of {len(route.scenarios)} scenarios dropped": not dropped,
    }
    return ", ".join(words for words, fine in checks.items() if not fine)


def check(items):
    town, planner, opendrive = "", None, ""
    rows = []
    for name, stem, route in items:
        if route.town != town:
            if route.town not in installed_towns():
                pytest.skip(f"{route.town} is not installed (lead towns install {route.town})")
            planner = None
            town, opendrive = route.town, read_opendrive(route.town)
            planner = RoutePlanner(carla.Map(town, opendrive))
        if words := defect(planner, opendrive, name, route):
            rows.append(f"{name:<12} {stem:<40} {route.town:<9} {words}")
    assert not rows, f"{len(rows)} of {len(items)} routes fail:\n" + "\n".join(rows)


@pytest.mark.slow
def test_one_short_route_per_town_plans():
    shortest = {}
    for name, stem, route in public_routes():
        shortest.setdefault(route.town, (name, stem, route))
    assert len(shortest) == 12
    check([item for town, item in shortest.items() if town not in LARGE_TOWNS[1:]])


@pytest.mark.slow
def test_all_476_routes_plan():
    items = public_routes()
    assert len(items) == 476
    assert sum(len(route.scenarios) for _, _, route in items) == 220 + 429 + 1786 + 179
    check(items)
