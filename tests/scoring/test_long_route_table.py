"""The results.csv of Longest6 and Town13 against the public result parser."""

import math

import pytest

from lead.scoring.result_table import normalised_penalty, result_table
from lead.scoring.schema import ResultError, record_from_json


@pytest.mark.parametrize("index", range(2))
def test_table_equals_public_parser(golden, index):
    case = golden("longest_route_result_table")[index]
    files = case["inputs"]["files"].values()
    records = [record_from_json(record, "test") for file in files for record in file["_checkpoint"]["records"]]
    rows = result_table(records, case["inputs"]["towns"]).csv_rows()
    expected = case["outputs"]["csv_rows"]
    assert [len(row) for row in rows] == [len(row) for row in expected]
    for row, public in zip(rows, expected, strict=True):
        for cell, other in zip(row, public, strict=True):
            assert cell == other or math.isclose(float(cell), float(other), rel_tol=1e-9)


def worked_records(make_record):
    first = make_record("A", penalty=0.6, length_m=10_000.0, collisions_vehicle=["hit"])
    second = make_record("B", completion=42.0, penalty=0.7, length_m=5_000.0, red_light=["run"], vehicle_blocked=["x"])
    first["meta"]["duration_game"], second["meta"]["duration_game"] = 1200.0, 500.0
    return [record_from_json(record, "test") for record in (first, second)]


def test_worked_example(make_record):
    records = worked_records(make_record)
    averages = dict(result_table(records, {"A": "Town01", "B": "Town02"}).averages)
    assert averages["Avg. driving score"] == pytest.approx(44.7)
    assert averages["Avg. route completion"] == pytest.approx(71.0)
    assert averages["Avg. infraction penalty"] == pytest.approx(0.65)
    assert averages["Collisions with vehicles"] == pytest.approx(0.082645, abs=1e-6)
    assert averages["Avg. speed km/h"] == pytest.approx(25.6235, abs=1e-4)
    assert averages["Avg. Normalized DS"] == pytest.approx(48.68122, abs=1e-5)
    assert averages["Avg. Normalized IS"] == pytest.approx(0.600521, abs=1e-6)


def test_normalised_penalty_counts_per_kilometre(make_record):
    def penalty(length_m):
        record = make_record(1, length_m=length_m, collisions_vehicle=["hit"])
        return normalised_penalty(record_from_json(record, "test"))

    assert penalty(1_000.0) == pytest.approx(0.12)
    assert penalty(2_000.0) == pytest.approx(0.12**0.5)
    assert penalty(0.0) == 1.0


def test_repetitions_of_a_route_are_averaged_in_one_row(make_record):
    records = [record_from_json(make_record(1, penalty=factor), "test") for factor in (1.0, 0.5)]
    table = result_table(records, {"1": "Town01"})
    assert [values[:2] for _, _, values in table.routes] == [[75.0, 25.0]]


def test_what_is_missing_is_named(make_record):
    record = make_record(7)
    with pytest.raises(ResultError, match="town of route 7"):
        result_table([record_from_json(record, "test")], {})
    del record["meta"]
    with pytest.raises(ResultError, match="RouteScenario_7_rep0 has no meta"):
        result_table([record_from_json(record, "test")], {"7": "Town01"})
