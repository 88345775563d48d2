"""Fail2Drive's tables against the public tool and the worked example."""

import json
import math

import pytest

from lead.scoring import fail2drive
from lead.scoring.fail2drive import CLASSES, GROUP_OF, SPLITS, collect_rows, compare, route_from_name
from lead.scoring.results import RouteResult, read_results
from lead.scoring.schema import ResultError, plain_id, record_from_json, split_route_id


@pytest.fixture
def public_case(golden, tmp_path):
    case = golden("fail2drive_results")[0]
    for name, content in case["inputs"]["result_files"].items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    routes = [route_from_name(name) for name in case["inputs"]["route_files"]]
    return case, collect_rows(routes, read_results([tmp_path]).routes)


def test_rows_equal_public_tool(public_case):
    case, found = public_case
    rows = [
        {
            "Method": "M",
            "Seed": row.seed,
            "Split": row.route.split,
            "Scenario": row.route.scenario,
            "Id": row.route.id,
            "DS": row.driving_score,
            "RC": row.route_completion,
            "Success": row.success,
        }
        for row in found.rows
    ]
    assert rows == case["outputs"]["rows"]
    assert [(seed, route.id) for seed, route in found.missing] == [("seed2", "1003")]
    assert found.unknown == [("seed1", "9999")]
    assert len(found.missing) + len(found.unknown) == case["outputs"]["warnings"]


def test_tables_equal_public_tool(public_case):
    case, found = public_case
    outputs = case["outputs"]
    total = compare(found.rows, digits=1)
    for public, half in zip(outputs["main_table"], (total.base, total.generalization), strict=True):
        assert (half.driving_score, half.success_rate) == (public["DS"], public["Success"])
    summary = outputs["summary"][0]
    assert f"{total.base.harmonic:.1f}" == summary["Base HM"]
    names = {"Gen DS": "driving_score", "Gen Success": "success_rate", "Gen HM": "harmonic"}
    for column, name in names.items():
        text = f"{getattr(total.generalization, name):.1f} ({total.change_percent(name):.1f}%)"
        assert text == summary[column]
    assert fail2drive.latex_row("M", case["inputs"]["bench2drive_score"], total) == outputs["latex"]
    for key, parts, public_rows in (
        ("Scenario", fail2drive.compare_classes(found.rows), outputs["per_scenario"]),
        ("Class", fail2drive.compare_groups(found.rows), outputs["per_class"]),
    ):
        assert list(parts) == [row[key] for row in public_rows]
        for row, part in zip(public_rows, parts.values(), strict=True):
            assert row["Class"] == GROUP_OF.get(row.get("Scenario", ""), row["Class"])
            assert part.base.harmonic == pytest.approx(row["Base HM"], abs=1e-6)
            assert part.generalization.harmonic == pytest.approx(row["Gen HM"], abs=1e-6)
            change = part.change_percent("harmonic")
            assert change is None if math.isnan(float(row["Drop %"])) else change == pytest.approx(row["Drop %"])


def test_corrected_success_looks_at_the_status(public_case):
    _, found = public_case
    crashed = [row for row in found.rows if row.route.id == "1027" and row.seed == "seed1"]
    assert [(row.success, row.success_corrected) for row in crashed] == [(True, False)]
    official, corrected = compare(found.rows), compare(found.rows, fail2drive.corrected_success)
    assert corrected.generalization.success_rate < official.generalization.success_rate
    assert corrected.generalization.driving_score == official.generalization.driving_score


def test_worked_example(public_routes, make_record):
    routes = [route_from_name(path.name) for path in sorted((public_routes / "fail2drive").glob("*.xml"))]
    results = []
    for route in routes:
        number = int(route.id)
        record = make_record(number)
        if route.split == "Base" and number % 10 == 0:
            record = make_record(number, completion=50.0, vehicle_blocked=["x"], status="Failed - Agent got blocked")
        if route.split == "Generalization" and number % 2 == 0:
            record = make_record(number, penalty=0.6, collisions_vehicle=["hit"])
        results.append(RouteResult(str(number), "1", record_from_json(record, "test"), None))
    rows = collect_rows(routes, results).rows
    total = compare(rows, digits=1)
    base, general = total.base, total.generalization
    assert (base.driving_score, base.success_rate, round(base.harmonic, 1)) == (95.0, 90.0, 92.4)
    assert (general.driving_score, general.success_rate, round(general.harmonic, 1)) == (80.0, 50.0, 61.5)
    changes = [total.change_percent(name) for name in ("driving_score", "success_rate", "harmonic")]
    assert [round(change, 1) for change in changes] == [-15.8, -44.4, -33.4]
    groups = fail2drive.compare_groups(rows)
    assert {
        name: (round(part.base.harmonic, 1), round(part.generalization.harmonic, 1)) for name, part in groups.items()
    } == {
        "Visual-lon": (95.0, 64.4),
        "Visual-lat": (94.0, 63.3),
        "Behavior": (92.4, 61.5),
        "Robustness": (87.8, 56.2),
    }


def test_agents_that_could_not_be_set_up_are_dropped_and_zero_has_no_mean(make_record):
    record = record_from_json(make_record(0, completion=0.0, status="Failed - Agent couldn't be set up"), "test")
    route = route_from_name("Base_Wall_0000.xml")
    found = collect_rows([route], [RouteResult("0", "1", record, None)])
    assert (found.rows, found.dropped) == ([], [("1", "0")])
    assert compare(found.rows).base is None
    assert fail2drive.harmonic_mean(80.0, 0.0) == 0.0


def test_odd_numbers_match_and_are_refused_by_a_sentence(make_record, tmp_path):
    long = "9" * 5000
    ids = {"0087": "87", "0000": "0", "": "", "²": "²", "٣": "٣", "07a": "07a", long: long, f"00{long}": long}
    assert {name: plain_id(name) for name in ids} == ids
    for number, name in enumerate(("²", "0087", "٣")):
        path = tmp_path / "1" / "res" / f"{name}_res.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"_checkpoint": {"records": [make_record(number)]}}))
    assert sorted(result.id for result in read_results([tmp_path]).routes) == ["87", "²", "٣"]
    assert route_from_name(f"Base_Wall_{long}.xml").id == long
    assert split_route_id("RouteScenario_7_rep12", "here") == ("7", 12)
    with pytest.raises(ResultError, match="names a repetition with 5000 digits"):
        split_route_id(f"RouteScenario_7_rep{long}", "here")


@pytest.mark.parametrize(
    "name", ["Wall_0001.xml", "Base_Nothing_0001.xml", "Base_Wall.xml", "Base_Wall_².xml", "Base_Wall_٣.xml"]
)
def test_other_file_names_are_refused(name):
    with pytest.raises(ResultError, match="Fail2Drive"):
        route_from_name(name)


def test_public_routes_are_complete_pairs(public_routes):
    routes = [route_from_name(path.name) for path in (public_routes / "fail2drive").glob("*.xml")]
    pairs = {}
    for route in routes:
        pairs.setdefault(int(route.id) % 1000, {})[route.split] = route.scenario
    assert len(pairs) == 100
    assert all(set(pair) == set(SPLITS) and len(set(pair.values())) == 1 for pair in pairs.values())
    assert {route.scenario for route in routes} == set(CLASSES)
