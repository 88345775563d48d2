"""Bench2Drive's merged file, efficiency, comfort and multi-ability against the public tools."""

import json

import numpy as np
import pytest

from lead.scoring.bench2drive.ability import ABILITIES, JunctionFacts, ability_table, needs_junction
from lead.scoring.bench2drive.merge import is_success, merged
from lead.scoring.bench2drive.motion import MotionLog, comfort, efficiency, mean_of_known, read_motion
from lead.scoring.expected import read_expected
from lead.scoring.schema import ResultError, record_from_json

VERSIONS = ("0.0.3", "0.0.4")


def read(record):
    return record_from_json(record, "test")


@pytest.mark.parametrize("index", range(2))
@pytest.mark.parametrize(("variant", "count"), [("Town13", 20), ("longest6", 36), ("bench2drive", 220)])
def test_merged_file_equals_public_tools(golden, index, variant, count):
    case = golden("result_merge")[index]
    public = [file["_checkpoint"]["records"][0] for file in case["inputs"]["files"].values()]
    content = merged([read(record) for record in public], count)
    outputs = case["outputs"]
    numbers = {key: value for key, value in content.items() if key != "_checkpoint"}
    assert numbers == pytest.approx(outputs[f"project_tool_{variant}"], abs=1e-9)
    written = content["_checkpoint"]["records"]
    assert [record["route_id"] for record in written] == outputs["record_order"]
    by_id = {record["route_id"]: record for record in public}
    for record in written:
        assert {**record, "index": by_id[record["route_id"]]["index"]} == by_id[record["route_id"]]
    if variant == "bench2drive":
        assert {key: numbers[key] for key in outputs["bench2drive_tool"]} == pytest.approx(outputs["bench2drive_tool"])


def test_worked_merge_example(make_record):
    slow = "Average speed is 100.0% of the surrounding traffic's one"
    outside = "Agent went outside its route lanes for about 1.0 meters (1.0% of the completed route)"
    records = [
        make_record(1, min_speed_infractions=[slow], status="Completed"),
        make_record(2, penalty=0.6, collisions_vehicle=["hit"]),
        make_record(3, completion=42.0, vehicle_blocked=["blocked"], status="Failed - Agent got blocked"),
        make_record(4, penalty=0.99, outside_route_lanes=[outside]),
    ]
    content = merged([read(record) for record in records], 220)
    assert content["driving score"] == pytest.approx(301 / 220)
    assert content["success rate"] == pytest.approx(1 / 220)
    assert content["eval num"] == 4


def test_success_asks_for_destination_and_status(make_record):
    assert not is_success(read(make_record(1, completion=0.0, status="Failed - Simulation crashed")))
    assert not is_success(read(make_record(1, scenario_timeouts=["late"])))
    assert is_success(read(make_record(1, min_speed_infractions=["Average speed is 3% of"])))


def motion(run):
    names = ("acceleration", "angular_velocity", "forward_vector", "right_vector")
    return MotionLog(*(np.array(run[name], dtype=float) for name in names))


@pytest.mark.parametrize("index", range(2))
def test_efficiency_and_comfort_equal_public_tool(golden, index):
    case = golden("bench2drive_efficiency_smoothness")[index]
    shares = [comfort(motion(run)) for run in case["inputs"]["runs"]]
    speeds = [efficiency(messages) for messages in case["inputs"]["min_speed_messages"]]
    outputs = case["outputs"]
    assert shares == pytest.approx(outputs["smoothness_per_run"], abs=1e-9)
    assert [speed for speed in speeds if speed is not None] == pytest.approx(
        outputs["efficiency_per_run_with_messages"], abs=1e-9
    )
    assert mean_of_known(shares) == pytest.approx(outputs["smoothness"], abs=1e-9)
    assert mean_of_known(speeds) == pytest.approx(outputs["efficiency"], abs=1e-9)


def straight_drive(accelerations_mps2):
    count = len(accelerations_mps2)
    column = np.zeros((count, 3))
    acceleration = column.copy()
    acceleration[:, 0] = accelerations_mps2
    forward, right = np.tile([1.0, 0.0, 0.0], (count, 1)), np.tile([0.0, 1.0, 0.0], (count, 1))
    return MotionLog(acceleration, column, forward, right)


def test_worked_comfort_and_efficiency_examples():
    assert comfort(straight_drive([1.0] * 50)) == 1.0
    assert comfort(straight_drive([1.0] * 20 + [3.0] * 20 + [0.0] * 10)) == 0.5
    messages = [f"Average speed is {percent}% of the surrounding traffic's one" for percent in (120.5, 1500.0, 79.5)]
    assert efficiency(messages) == 100.0
    assert efficiency(messages[1:2]) is None
    assert comfort(straight_drive([0.0, 0.0])) is None


def test_defective_motion_file_is_named_with_row_and_key(tmp_path):
    path = tmp_path / "metric_info.json"
    path.write_text(json.dumps({"1": {"acceleration": [0.0, 0.0]}}))
    with pytest.raises(ResultError, match="row 1: acceleration"):
        read_motion(path)


@pytest.mark.parametrize("index", range(2))
def test_abilities_equal_public_tool(golden, index):
    case = golden("bench2drive_ability")[index]
    routes, missing = case["inputs"]["routes"], case["inputs"]["missing_route"]
    scenarios = {route_id: route["scenario"] for route_id, route in routes.items()}
    scenarios[missing["id"]] = missing["scenario"]
    records = {record["route_id"].split("_")[1]: read(record) for record in case["inputs"]["records"]}
    junctions = {
        route_id: JunctionFacts(route["first_junction_index"], route["route_points"])
        for route_id, route in routes.items()
    }
    content = ability_table(scenarios, records, junctions, "0.0.4").as_json()
    assert content.pop("version") == "0.0.4"
    assert content.pop("crashed") == case["outputs"].pop("crashed")
    assert content == pytest.approx(case["outputs"], abs=1e-9)


@pytest.mark.parametrize(("version", "share"), [("0.0.3", 120 / 190), ("0.0.4", 70 / 95)])
def test_traffic_signs_are_counted_twice_in_the_old_version_only(make_record, version, share):
    scenarios = {str(index): "T_Junction" for index in range(95)}
    records = {}
    for index in range(95):
        if index < 50:
            record = make_record(index)
        elif index < 70:
            record = make_record(index, collisions_vehicle=["hit"])
        else:
            record = make_record(index, red_light=["run"])
        records[str(index)] = read(record)
    junctions = dict.fromkeys(scenarios, JunctionFacts(40, 100))
    table = ability_table(scenarios, records, junctions, version)
    assert table.share("Traffic_Signs") == pytest.approx(share)
    assert table.share("Give_Way") is None
    assert table.mean is None


@pytest.mark.parametrize(("completion", "passes"), [(49.0, False), (49.01, True)])
def test_junction_is_passed_eight_points_after_its_first_one(make_record, completion, passes):
    records = {"1": read(make_record(1, completion=completion))}
    table = ability_table({"1": "T_Junction"}, records, {"1": JunctionFacts(40, 100)}, "0.0.4")
    assert table.counts["Traffic_Signs"] == (int(passes), 1)


def test_junction_facts_are_asked_for_only_where_they_decide(make_record):
    clean, hit = read(make_record(1)), read(make_record(1, collisions_vehicle=["hit"]))
    red = read(make_record(1, red_light=["run"]))
    asked = [[needs_junction("T_Junction", record, version) for record in (clean, hit, red)] for version in VERSIONS]
    assert asked == [[True, True, False], [False, True, False]]
    assert not needs_junction("Accident", hit, "0.0.3")
    with pytest.raises(ResultError, match="route 1"):
        ability_table({"1": "T_Junction"}, {"1": hit}, {}, "0.0.4")


def test_every_public_route_has_its_abilities(public_routes):
    scenarios = [expected.scenario for expected in read_expected(public_routes / "bench2drive").values()]
    counts = {ability: sum(name in classes for name in scenarios) for ability, classes in ABILITIES.items()}
    assert counts == {"Overtaking": 45, "Merging": 80, "Emergency_Brake": 60, "Give_Way": 10, "Traffic_Signs": 95}
    assert all(any(name in classes for classes in ABILITIES.values()) for name in scenarios)
