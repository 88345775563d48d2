"""Scores, records and result files against cases computed with the public leaderboard's statistics code."""

import json
from pathlib import Path

import pytest

from lead.scoring.endpoint import endpoint, write_json_atomically
from lead.scoring.penalties import LEADERBOARD_2_0, EventType, RouteEvent
from lead.scoring.records import RouteRun, route_record

GOLDEN = Path(__file__).resolve().parents[2] / "../shared/golden/functions/leaderboard_scores.json"
CRITERIA_COUNT = 3
CRASHES = ("COLLISION_STATIC", "SCENARIO_TIMEOUT", "YIELD_TO_EMERGENCY_VEHICLE", "VEHICLE_BLOCKED")


def golden_cases():
    if not GOLDEN.exists():
        return []
    return json.loads(GOLDEN.read_text())["cases"]


def run_of(case_route):
    events = [
        RouteEvent(EventType(event["type"]), event["message"], event["values"] or {}) for event in case_route["events"]
    ]
    ordered = [event for first in range(CRITERIA_COUNT) for event in events[first::CRITERIA_COUNT]]
    return RouteRun(
        route_id=case_route["route_id"],
        events=ordered,
        length_m=case_route["length"],
        duration_game_s=case_route["duration_game"],
        duration_system_s=case_route["duration_system"],
        timed_out=case_route["timeout"],
        failure=case_route["failure"],
    )


@pytest.mark.skipif(not GOLDEN.exists(), reason="golden cases (../shared) are not on this machine")
@pytest.mark.parametrize("case", golden_cases(), ids=lambda case: case["name"])
def test_result_file_equals_public_leaderboard(case):
    runs = [run_of(route) for route in case["inputs"]["routes"]]
    records = [route_record(run, index, LEADERBOARD_2_0) for index, run in enumerate(runs)]
    result = endpoint(records, case["inputs"]["total_routes"], ["sensor.camera.rgb"])
    expected = case["outputs"]["leaderboard"]
    assert result["values"] == expected["values"]
    assert result["labels"] == expected["labels"]
    assert list(result) == list(expected)
    assert result == expected


def completion(percent):
    return RouteEvent(EventType.ROUTE_COMPLETION, "", {"route_completed": percent})


def event(kind, **values):
    return RouteEvent(EventType(kind), "event", values)


@pytest.mark.parametrize(
    ("events", "penalty", "composed", "status"),
    [
        ([completion(100.0)], 1.0, 100.0, "Perfect"),
        (
            [event("COLLISION_VEHICLE"), event("TRAFFIC_LIGHT_INFRACTION"), completion(100.0)],
            0.42,
            42.0,
            "Completed",
        ),
        (
            [event("COLLISION_PEDESTRIAN")] * 2
            + [
                event("STOP_INFRACTION"),
                event("OUTSIDE_ROUTE_LANES_INFRACTION", percentage=4.0),
                completion(80.5),
            ],
            0.192,
            15.456,
            "Failed",
        ),
        (
            [*map(event, CRASHES), completion(62.0)],
            0.3185,
            19.747,
            "Failed - Agent got blocked",
        ),
    ],
)
def test_worked_examples(events, penalty, composed, status):
    record = route_record(RouteRun("RouteScenario_1_rep0", events, 100.0, 1.0, 1.0), 0, LEADERBOARD_2_0)
    assert record.scores["score_penalty"] == pytest.approx(penalty, abs=1e-9)
    assert record.scores["score_composed"] == pytest.approx(composed, abs=1e-9)
    assert record.status == status


def test_time_out_is_listed_and_names_the_reason():
    run = RouteRun("RouteScenario_1_rep0", [completion(40.0)], 100.0, 1.0, 1.0, timed_out=True)
    record = route_record(run, 0, LEADERBOARD_2_0)
    assert record.status == "Failed - Agent timed out"
    assert len(record.infractions["route_timeout"]) == 1


def test_crashed_simulation_makes_the_entry_crashed():
    run = RouteRun("RouteScenario_1_rep0", [], 100.0, 1.0, 1.0, failure="Simulation crashed")
    result = endpoint([route_record(run, 0, LEADERBOARD_2_0)], 1)
    assert result["entry_status"] == "Crashed"
    assert result["eligible"] is False


def test_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "deep" / "checkpoint_endpoint.json"
    write_json_atomically(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json_atomically(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
