"""Whatever is in a result file, scoring ends with a report or one sentence, never with a traceback."""

import copy
import json
import random

import pytest

from lead.errors import LeadError
from lead.scoring.profiles import profile
from lead.scoring.report import build_report
from lead.scoring.results import read_results
from lead.scoring.summary import evaluation

ROUNDS = 40
VALUES = (None, True, -1, 0, 1e308, 10**400, "", "x", "100%", [], [1], {}, {"a": 1}, float("nan"), float("inf"))


def places(node, path=()):
    """Yield the paths of all values inside JSON data."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def damage(content, generator):
    """Replace or delete one value."""
    damaged = copy.deepcopy(content)
    path = generator.choice(list(places(damaged)))
    parent = damaged
    for key in path[:-1]:
        parent = parent[key]
    if generator.random() < 0.2:
        del parent[path[-1]]
    else:
        parent[path[-1]] = generator.choice(VALUES)
    return damaged


@pytest.mark.parametrize("name", ["leaderboard", pytest.param("bench2drive", marks=pytest.mark.slow), "longest6"])
def test_one_damaged_value_never_ends_in_a_traceback(tmp_path, make_record, provenance, name):
    generator = random.Random(name)
    record = make_record(
        1,
        penalty=0.5,
        outside_route_lanes=["Agent went outside its route lanes for about 3.5 meters (2.1% of the completed route)"],
        min_speed_infractions=["Average speed is 45.5% of the surrounding traffic's one"],
        red_light=["run"],
    )
    labels = {"scenario_name": "Accident_1", "weather_id": "3", "save_name": "s", "town_name": "Town01"}
    intact = {
        "_checkpoint": {"records": [record | labels], "progress": [1, 1]},
        "lead": provenance(profile(name).key),
    }
    path = tmp_path / "1.json"
    reports = 0
    for _ in range(ROUNDS):
        path.write_text(json.dumps(damage(intact, generator)))
        try:
            report = build_report(evaluation(read_results([path]), profile(name), {}))
            json.dumps(report.values)
            assert report.markdown().startswith(f"# {profile(name).title}")
            reports += 1
        except LeadError as error:
            assert "\n" not in str(error)
    assert reports > ROUNDS // 6
