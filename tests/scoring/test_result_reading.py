"""Reading results: every layout, and one sentence for every defect."""

import json

import pytest

from lead.scoring.profiles import profile
from lead.scoring.results import read_results
from lead.scoring.schema import ResultError, record_from_json
from lead.scoring.summary import evaluation, problems


def ids(results):
    return sorted((result.run, result.id) for result in results.routes)


def test_single_file_states_its_total(tmp_path, make_record, write_results):
    path = write_results(tmp_path / "checkpoint_endpoint.json", [make_record(1), make_record(2)], total=5)
    results = read_results([path])
    assert ids(results) == [("rep0", "1"), ("rep0", "2")]
    assert results.total_routes == 5


def test_merged_file_has_no_index(tmp_path, make_record, write_results):
    records = [make_record(1), make_record(2)]
    for record in records:
        del record["index"]
    path = write_results(tmp_path / "merged.json", records)
    for given in (path, tmp_path):
        assert ids(read_results([given])) == [("rep0", "1"), ("rep0", "2")]


def test_folder_of_route_files_skips_what_tools_wrote_there(tmp_path, make_record, write_results):
    for route_id in (1, 2):
        write_results(tmp_path / f"{route_id}.json", [make_record(route_id)])
    write_results(tmp_path / "merged.json", [make_record(1)])
    (tmp_path / "merged_ability.json").write_text("{}")
    (tmp_path / "results.json").write_text("{}")
    results = read_results([tmp_path])
    assert ids(results) == [("rep0", "1"), ("rep0", "2")]
    assert results.unreadable == []
    assert results.total_routes is None


def test_own_output_folder_with_repetitions(tmp_path, make_record, write_results, provenance):
    write_results(tmp_path / "eval/1.json", [make_record(1)], lead=provenance())
    write_results(tmp_path / "eval/1_rep1.json", [make_record(1, repetition=1)], lead=provenance(attempts=3))
    blocks = {f"RouteScenario_{name}": provenance() for name in ("1_rep0", "1_rep1", "2_rep0")}
    records = [make_record(1), make_record(1, repetition=1), make_record(2)]
    lead = {"profile": "leaderboard-2.0", "routes": blocks}
    write_results(tmp_path / "checkpoint_endpoint.json", records, total=4, lead=lead)
    results = read_results([tmp_path])
    assert ids(results) == [("rep0", "1"), ("rep0", "2"), ("rep1", "1")]
    assert results.profiles == {"leaderboard-2.0"}
    assert [r.provenance.attempts for r in results.routes] == [1, 3, 1]
    assert evaluation(results, profile("leaderboard"), {}).routes_per_run == 2


def test_folders_of_single_routes(tmp_path, make_record, write_results):
    for route_id in (1, 2):
        write_results(tmp_path / str(route_id) / "checkpoint_endpoint.json", [make_record(route_id)])
    assert ids(read_results([tmp_path])) == [("rep0", "1"), ("rep0", "2")]


def test_fail2drive_tree_takes_ids_from_file_names(tmp_path, make_record, write_results):
    write_results(tmp_path / "1/res/0087_res.json", [make_record(555), make_record(556)])
    write_results(tmp_path / "2/results/1087_res.json", [make_record(555)])
    assert ids(read_results([tmp_path])) == [("1", "87"), ("2", "1087")]
    assert ids(read_results([tmp_path / "1"])) == [("1", "87")]


def test_several_folders_are_several_runs(tmp_path, make_record, write_results):
    for name in ("a/out", "b/out"):
        write_results(tmp_path / name / "1.json", [make_record(1)])
    assert read_results([tmp_path / "a/out", tmp_path / "b/out"]).runs == ["out#0", "out#1"]


def test_total_of_a_run_does_not_shrink_with_further_runs(tmp_path, make_record, write_results):
    for name in ("a", "b"):
        write_results(tmp_path / name / "checkpoint_endpoint.json", [make_record(1)], total=5)
    assert read_results([tmp_path / "a", tmp_path / "b"]).total_routes == 5


def test_route_twice_in_one_run_is_refused(tmp_path, make_record, write_results):
    for name in ("a", "b"):
        write_results(tmp_path / f"{name}.json", [make_record(1)])
    with pytest.raises(ResultError, match=r"route 1 occurs twice.*a\.json and in .*b\.json"):
        read_results([tmp_path])


DEFECTS = [
    (lambda text: text[: len(text) // 2], "truncated or not JSON"),
    (lambda _: "", "truncated or not JSON"),
    (lambda _: "[]", "_checkpoint is missing"),
    (lambda _: "[" * 200_000, "cannot be read"),
    (lambda _: '{"_checkpoint": {"records": 3}}', "_checkpoint.records is missing or not a list"),
    (lambda text: text.replace('"score_route"', '"other"'), "records[0].scores.score_route is missing"),
    (lambda text: text.replace('"score_penalty": 1.0', '"score_penalty": NaN'), "score_penalty is not a usable number"),
    (lambda text: text.replace('"status": "Perfect"', '"status": 3'), "records[0].status is not a text"),
    (lambda text: text.replace('"red_light": []', '"red_light": "x"'), "infractions.red_light is not a list of texts"),
    (
        lambda text: text.replace('"min_speed_infractions": []', '"min_speed_infractions": ["slow"]'),
        "the sentence 'slow'",
    ),
    (lambda text: text.replace("RouteScenario_1", "Route_1"), "route_id is 'Route_1_rep0'"),
    (lambda text: text.replace('"route_length": 1000.0', '"route_length": null'), "meta.route_length is not a usable"),
]


@pytest.mark.parametrize(("damage", "sentence"), DEFECTS)
def test_damaged_file_is_listed_and_the_others_are_scored(tmp_path, make_record, write_results, damage, sentence):
    bad = write_results(tmp_path / "1.json", [make_record(1)])
    bad.write_text(damage(bad.read_text()))
    write_results(tmp_path / "2.json", [make_record(2)])
    results = read_results([tmp_path])
    assert ids(results) == [("rep0", "2")]
    assert [entry.path for entry in results.unreadable] == [bad]
    assert str(bad) in results.unreadable[0].reason
    assert sentence in results.unreadable[0].reason
    with pytest.raises(ResultError) as error:
        read_results([bad])
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"attempts": "3"}, "lead.attempts is '3', not of type int"),
        ({"attempts": True}, "lead.attempts is True"),
        ({"scenarios": "some"}, "lead.scenarios is 'some'"),
    ],
)
def test_damaged_own_block_is_named(tmp_path, make_record, write_results, provenance, change, sentence):
    path = write_results(tmp_path / "1.json", [make_record(1)], lead=provenance(**change))
    with pytest.raises(ResultError, match=r"1\.json") as error:
        read_results([path])
    assert sentence in str(error.value)


def test_binary_and_missing_files_are_one_sentence(tmp_path):
    (tmp_path / "1.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ResultError, match="is not a text file"):
        read_results([tmp_path / "1.json"])
    with pytest.raises(ResultError, match="does not exist"):
        read_results([tmp_path / "2.json"])
    with pytest.raises(ResultError, match="is not a text file"):
        read_results([tmp_path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultError, match="holds no readable result file"):
        read_results([tmp_path / "empty"])


def test_records_survive_reading(make_record):
    public = make_record(1, red_light=["a"], penalty=0.7)
    assert record_from_json(public, "test").as_json() == public
    labels = {"scenario_name": "Accident_1", "weather_id": None, "save_name": "s", "town_name": "Town12"}
    assert record_from_json(public | labels, "test").as_json() == public | labels


def test_failures_of_infrastructure_and_agent_are_told_apart(tmp_path, make_record, write_results, provenance):
    write_results(tmp_path / "1.json", [make_record(1, status="Failed - Simulation crashed", completion=0.0)])
    write_results(tmp_path / "2.json", [make_record(2, status="Failed - Agent crashed", completion=3.0)])
    write_results(tmp_path / "3.json", [make_record(3, status="Failed - Agent couldn't be set up", completion=0.0)])
    lost = provenance(infrastructure_failure=True)
    write_results(tmp_path / "4.json", [make_record(4, status="Failed", completion=1.0)], lead=lost)
    write_results(tmp_path / "5.json", [make_record(5, status="Failed - Agent got blocked", completion=1.0)])
    data = evaluation(read_results([tmp_path]), profile("leaderboard"), {})
    kinds = {problem.route_id: problem.kind for problem in problems(data)}
    assert kinds == {"1": "infrastructure", "2": "agent crash", "3": "agent crash", "4": "infrastructure"}


def test_results_of_other_rules_are_refused(tmp_path, make_record, write_results, provenance):
    write_results(tmp_path / "1.json", [make_record(1)], lead=provenance("bench2drive-0.0.4"))
    results = read_results([tmp_path])
    for name in ("leaderboard", "longest6", "fail2drive"):
        with pytest.raises(ResultError, match=r"driven under bench2drive-0\.0\.4"):
            evaluation(results, profile(name), {})
    assert evaluation(results, profile("bench2drive-0.0.3"), {}).routes_per_run == 220


def test_more_routes_than_the_benchmark_has_are_refused(tmp_path, make_record, write_results):
    for route_id in range(21):
        write_results(tmp_path / f"{route_id}.json", [make_record(route_id)])
    with pytest.raises(ResultError, match="Town13 validation has 20"):
        evaluation(read_results([tmp_path]), profile("town13"), {})


def test_json_of_other_tools_stays_out_of_the_own_folder(tmp_path, make_record, write_results):
    write_results(tmp_path / "eval/1.json", [make_record(1)])
    (tmp_path / "manifest.json").write_text(json.dumps({"anything": 1}))
    assert read_results([tmp_path]).unreadable == []
