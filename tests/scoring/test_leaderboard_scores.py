"""Scores, records and result files against cases computed with the public leaderboard's statistics code."""

import itertools
from dataclasses import replace

import pytest

from lead.scoring.endpoint import endpoint, entry_status, route_endpoint, route_stem
from lead.scoring.messages import min_speed_event, outside_lanes_event, outside_metres, percentage
from lead.scoring.penalties import BENCH2DRIVE, LEADERBOARD_2_0, LEADERBOARD_2_1, EventType, RouteEvent
from lead.scoring.provenance import Provenance, checkpoint_block
from lead.scoring.records import TICK_RUNTIME, RouteLabels, RouteRun, global_record, route_record

CRITERIA_COUNT = 3
DATA_COLLECTION = replace(LEADERBOARD_2_0, name="data_collection", min_speed_weight=1.0)
TABLES = {"leaderboard": LEADERBOARD_2_0, "data_collection": DATA_COLLECTION, "bench2drive": BENCH2DRIVE}


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


def golden_labels(expected):
    if "save_name" not in expected:
        return None
    return RouteLabels(*(expected[key] for key in ("scenario_name", "weather_id", "save_name", "town_name")))


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("variant", TABLES)
def test_result_file_equals_public_leaderboard(golden, index, variant):
    case = golden("leaderboard_scores")[index]
    expected = case["outputs"][variant]
    assert ("save_name" in expected["_checkpoint"]["records"][0]) == (variant == "bench2drive")
    records = []
    for route, public in zip(case["inputs"]["routes"], expected["_checkpoint"]["records"], strict=True):
        run = replace(run_of(route), labels=golden_labels(public))
        records.append(route_record(run, len(records), TABLES[variant]))
        assert list(records[-1].as_json()) == list(public)
    result = endpoint(records, case["inputs"]["total_routes"], ["sensor.camera.rgb"])
    assert list(result) == list(expected)
    assert result == expected


def completion(percent):
    return RouteEvent(EventType.ROUTE_COMPLETION, "", {"route_completed": percent})


def event(kind, **values):
    return RouteEvent(EventType(kind), "event", values)


def share(kind, percent):
    return event(kind, percentage=percent)


CLEAN = completion(100.0)
WORKED = [
    ([CLEAN], "Perfect", (1.0, 1.0, 1.0), (100.0, 100.0, 100.0)),
    ([event("COLLISION_VEHICLE"), CLEAN], "Completed", (0.6, 0.588235, 0.6), (60.0, 58.823529, 60.0)),
    (
        [event("COLLISION_VEHICLE"), event("TRAFFIC_LIGHT_INFRACTION"), CLEAN],
        "Completed",
        (0.42, 0.47619, 0.42),
        (42.0, 47.619048, 42.0),
    ),
    (
        [
            *[event("COLLISION_PEDESTRIAN")] * 2,
            event("STOP_INFRACTION"),
            share("OUTSIDE_ROUTE_LANES_INFRACTION", 4.0),
            completion(80.5),
        ],
        "Failed",
        (0.192, 0.295385, 0.192),
        (15.456, 23.778462, 15.456),
    ),
    (
        [share("MIN_SPEED_INFRACTION", 50.0), share("MIN_SPEED_INFRACTION", 80.0), CLEAN],
        "Completed",
        (0.799, 0.78125, 1.0),
        (79.9, 78.125, 100.0),
    ),
    (
        [
            event("COLLISION_STATIC"),
            event("SCENARIO_TIMEOUT"),
            event("YIELD_TO_EMERGENCY_VEHICLE"),
            event("VEHICLE_BLOCKED"),
            completion(62.0),
        ],
        "Failed - Agent got blocked",
        (0.3185, 0.416667, 0.3185),
        (19.747, 25.833333, 19.747),
    ),
    ([share("MIN_SPEED_INFRACTION", 150.0), CLEAN], "Completed", (1.15, 1.25, 1.0), (115.0, 125.0, 100.0)),
]


def score(events, table, **changes):
    return route_record(RouteRun("RouteScenario_1_rep0", events, 100.0, 1.0, 1.0, **changes), 0, table)


@pytest.mark.parametrize(("events", "status", "penalties", "composed"), WORKED)
def test_worked_examples(events, status, penalties, composed):
    for table, penalty, total in zip((LEADERBOARD_2_0, LEADERBOARD_2_1, BENCH2DRIVE), penalties, composed, strict=True):
        record = score(events, table)
        assert record.scores["score_penalty"] == pytest.approx(penalty, abs=1e-6)
        assert record.scores["score_composed"] == pytest.approx(total, abs=1e-6)
        assert record.status == status


def test_minimum_speed_weighs_fully_in_data_collection():
    events = [share("MIN_SPEED_INFRACTION", 50.0), share("MIN_SPEED_INFRACTION", 80.0), CLEAN]
    assert score(events, DATA_COLLECTION).scores["score_composed"] == pytest.approx(40.0)


def test_worked_global_example():
    lanes = outside_lanes_event(12.5, 2.5)
    drives = [
        (1000.0, [CLEAN]),
        (2000.0, [event("COLLISION_VEHICLE"), event("VEHICLE_BLOCKED"), completion(50.0)]),
        (500.0, [lanes, CLEAN]),
    ]
    records = [
        route_record(RouteRun(f"RouteScenario_{index}_rep0", events, length_m, 1.0, 1.0), index, LEADERBOARD_2_0)
        for index, (length_m, events) in enumerate(drives)
    ]
    summary = global_record(records, 3)
    means, deviations, rates = summary["scores_mean"], summary["scores_std_dev"], summary["infractions"]
    order = ("score_composed", "score_route", "score_penalty")
    assert [means[key] for key in order] == pytest.approx([75.833333, 83.333333, 0.858333], abs=1e-6)
    assert [deviations[key] for key in order] == pytest.approx([39.713, 28.868, 0.224], abs=1e-9)
    assert (rates["collisions_vehicle"], rates["vehicle_blocked"]) == (0.4, 0.4)
    assert rates["outside_route_lanes"] == pytest.approx(0.013, abs=6e-4)
    assert summary["status"] == "Failed"
    assert endpoint(records, 3)["entry_status"] == "Finished"


@pytest.mark.parametrize("table", [LEADERBOARD_2_0, LEADERBOARD_2_1, BENCH2DRIVE, DATA_COLLECTION])
def test_order_of_events_does_not_change_the_score(table):
    events = [
        event("COLLISION_VEHICLE"),
        event("STOP_INFRACTION"),
        share("MIN_SPEED_INFRACTION", 33.3),
        share("OUTSIDE_ROUTE_LANES_INFRACTION", 7.7),
        completion(91.3),
    ]
    first = score(events, table)
    for order in itertools.permutations(events):
        other = score(order, table)
        assert other.scores == pytest.approx(first.scores, abs=2e-6)
        assert (other.status, other.num_infractions) == (first.status, first.num_infractions)


@pytest.mark.parametrize("table", [LEADERBOARD_2_0, LEADERBOARD_2_1, BENCH2DRIVE])
@pytest.mark.parametrize("kind", [kind for kind in EventType if kind is not EventType.ROUTE_COMPLETION])
def test_no_event_raises_a_score(table, kind):
    before = [event("COLLISION_VEHICLE"), CLEAN]
    after = [*before, event(kind.value, percentage=60.0, distance=3.0)]
    assert score(after, table).scores["score_composed"] <= score(before, table).scores["score_composed"]


def test_missing_routes_count_zero():
    record = score([CLEAN], LEADERBOARD_2_0)
    assert global_record([record], 4)["scores_mean"]["score_composed"] == 25.0
    assert endpoint([record], 4)["entry_status"] == "Invalid"


@pytest.mark.parametrize("percent", [40.0, 100.0, 170.0])
def test_faster_than_the_traffic_is_no_bonus_but_stays_readable(percent):
    fast = min_speed_event(percent)
    assert percentage(fast.message) == percent
    for table in (LEADERBOARD_2_0, LEADERBOARD_2_1):
        assert score([fast, CLEAN], table).scores["score_composed"] <= 100.0


def test_sentence_about_lanes_can_be_read_by_public_tools():
    lanes = outside_lanes_event(248.6040089, 39.0018517)
    assert lanes.message == (
        "Agent went outside its route lanes for about 248.604 meters (39.0% of the completed route)"
    )
    assert (outside_metres(lanes.message), percentage(lanes.message)) == (248.604, 39.0)


def test_tick_limit_is_a_status_of_its_own():
    assert score([completion(12.0)], BENCH2DRIVE, failure=TICK_RUNTIME).status == "Failed - TickRuntime"


def test_running_evaluation_is_started_unless_spoilt():
    fine, spoilt = score([CLEAN], LEADERBOARD_2_0), score([], LEADERBOARD_2_0, failure="Simulation crashed")
    assert endpoint([fine], 2, finished=False)["entry_status"] == "Started"
    assert entry_status([fine, spoilt], 3, finished=False) == "Crashed"
    rejected = score([], LEADERBOARD_2_0, failure="Agent's sensors were invalid")
    assert entry_status([rejected], 1) == "Rejected"


def test_own_block_stands_next_to_the_public_content():
    record = score([CLEAN], LEADERBOARD_2_0)
    block = Provenance("leaderboard-2.0", False, 2, "driven", 7, "embedded 0.9.16")
    own = route_endpoint(record, block)
    assert own.pop("lead") == block.as_json()
    assert own == endpoint([record], 1)
    whole = endpoint([record], 1, lead=checkpoint_block("leaderboard-2.0", {record.route_id: block}))
    assert whole["lead"]["routes"][record.route_id]["attempts"] == 2


def test_stem_of_a_route_names_later_repetitions():
    assert (route_stem("1711"), route_stem("1711", 2)) == ("1711", "1711_rep2")


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
