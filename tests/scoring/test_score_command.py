"""``lead score`` on synthetic folders: what it prints, writes and exits with."""

import csv
import json

import pytest

from lead.cli import score
from lead.cli.main import COMMANDS, main
from lead.maps.towns import installed_towns

TOWN = "Town01"
ROUTE = """<routes>{routes}</routes>"""
ONE = """<route id="{id}" town="Town01"><waypoints>{points}</waypoints><scenarios>
<scenario name="{scenario}_1" type="{scenario}"><trigger_point x="1" y="2" z="0" yaw="0"/></scenario>
</scenarios></route>"""


@pytest.fixture
def run_score(monkeypatch, capsys):
    """Run the command and return (exit code, standard output, standard error)."""
    monkeypatch.setitem(COMMANDS, "score", ("lead.cli.score", "Score results."))

    def run(*words):
        with pytest.raises(SystemExit) as left:
            main(["score", *map(str, words)])
        output = capsys.readouterr()
        return left.value.code or 0, output.out, output.err

    return run


def route_file(path, scenarios, points=((92.0, 30.0), (92.0, 100.0))):
    positions = "".join(f'<position x="{x}" y="{y}" z="0"/>' for x, y in points)
    routes = [ONE.format(id=key, scenario=name, points=positions) for key, name in scenarios.items()]
    path.write_text(ROUTE.format(routes="".join(routes)))
    return path


def test_complete_evaluation_is_scored_and_written(tmp_path, run_score, make_record, write_results, provenance):
    block = provenance()
    write_results(tmp_path / "out/eval/1.json", [make_record(1)], lead=block)
    write_results(tmp_path / "out/eval/2.json", [make_record(2, penalty=0.6, collisions_vehicle=["x"])], lead=block)
    routes = route_file(tmp_path / "routes.xml", {"1": "Accident", "2": "HardBreakRoute"})
    code, out, err = run_score(tmp_path / "out", "--routes", routes, "--strict")
    assert (code, err) == (0, "")
    assert "CARLA Leaderboard 2.0" in out
    assert "80.000" in out
    values = json.loads((tmp_path / "out/results.json").read_text())
    assert values["complete"] is True
    assert values["benchmark"] == "leaderboard-2.0"
    assert values["scores"]["Driving score"]["official"]["mean"] == 80.0
    rows = list(csv.reader((tmp_path / "out/results.csv").open()))
    assert ["Accident", "1", "1", "0", "0", "100.0"] in rows
    assert "| Driving score | 80.000 |" in (tmp_path / "out/results.md").read_text()


def test_missing_and_lost_routes_are_listed_and_strict_fails(tmp_path, run_score, make_record, write_results):
    write_results(tmp_path / "1.json", [make_record(1)])
    write_results(tmp_path / "2.json", [make_record(2, completion=0.0, status="Failed - Simulation crashed")])
    (tmp_path / "3.json").write_text('{"_checkpoint": ')
    routes = route_file(tmp_path / "routes.xml", dict.fromkeys("1234", "Accident"))
    words = (tmp_path, "--benchmark", "leaderboard", "--routes", routes)
    code, out, _ = run_score(*words)
    assert code == 0
    code, out, err = run_score(*words, "--strict")
    assert code == score.EXIT_INCOMPLETE
    assert "incomplete" in err
    values = json.loads((tmp_path / "results.json").read_text())
    found = [(problem["kind"], problem["route_id"]) for problem in values["problems"]]
    assert found == [("infrastructure", "2"), ("missing", "3"), ("missing", "4")]
    driving = values["scores"]["Driving score"]
    assert (driving["official"]["mean"], driving["completed only"]["mean"]) == (25.0, 100.0)
    assert "3.json is truncated" in out.replace("\n", " ")


def test_scoring_again_gives_the_same_files(tmp_path, run_score, make_record, write_results):
    for route_id in range(3):
        write_results(tmp_path / f"{route_id}.json", [make_record(route_id, penalty=1.0 - 0.1 * route_id)])
    contents = []
    for _ in range(2):
        assert run_score(tmp_path, "--benchmark", "bench2drive")[0] == 0
        names = ("results.json", "results.csv", "results.md", "merged.json")
        contents.append([(tmp_path / name).read_bytes() for name in names])
    assert contents[0] == contents[1]
    assert json.loads((tmp_path / "merged.json").read_text())["driving score"] == pytest.approx(270 / 220)


def test_bench2drive_with_motion_and_abilities(tmp_path, run_score, make_record, write_results):
    slow = ["Average speed is 80.0% of the surrounding traffic's one"]
    labels = {"scenario_name": "Accident_1", "weather_id": "3", "save_name": "save_1", "town_name": TOWN}
    write_results(tmp_path / "1.json", [make_record(1, min_speed_infractions=slow) | labels])
    write_results(tmp_path / "2.json", [make_record(2)])
    row = {"acceleration": [0, 0, 0], "angular_velocity": [0, 0, 0], "forward_vector": [1, 0, 0]}
    row["right_vector"] = [0, 1, 0]
    for name in ("save_1", "2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metric_info.json").write_text(json.dumps({str(step): row for step in range(1, 30)}))
    routes = route_file(tmp_path / "routes.xml", {"1": "Accident", "2": "ParkingExit", "3": "InvadingTurn"})
    code, _, _ = run_score(tmp_path, "--benchmark", "bench2drive", "--routes", routes)
    assert code == 0
    values = json.loads((tmp_path / "results.json").read_text())["bench2drive"]
    assert (values["efficiency"], values["comfort"]) == (80.0, 1.0)
    ability = json.loads((tmp_path / "merged_ability.json").read_text())
    assert (ability["Overtaking"], ability["Merging"], ability["version"]) == (1.0, 1.0, "0.0.4")
    assert ability["crashed"] == [["InvadingTurn", "3"]]


@pytest.mark.skipif(TOWN not in installed_towns(), reason=f"{TOWN} is not installed")
def test_junctions_come_from_the_town_map(tmp_path, run_score, make_record, write_results):
    hit = make_record(1, completion=99.0, penalty=0.6, collisions_vehicle=["x"], status="Failed")
    write_results(tmp_path / "1.json", [hit])
    turn = ((92.0, 250.0), (120.0, 199.0))
    routes = route_file(tmp_path / "routes.xml", {"1": "T_Junction"}, turn)
    assert run_score(tmp_path, "--benchmark", "bench2drive", "--routes", routes)[0] == 0
    assert json.loads((tmp_path / "merged_ability.json").read_text())["Traffic_Signs"] == 1.0


def test_ability_table_without_maps_says_what_to_install(tmp_path, run_score, make_record, write_results, empty_cache):
    hit = make_record(1, penalty=0.6, collisions_vehicle=["x"])
    write_results(tmp_path / "1.json", [hit])
    routes = route_file(tmp_path / "routes.xml", {"1": "T_Junction"})
    code, out, _ = run_score(tmp_path, "--benchmark", "bench2drive", "--routes", routes)
    assert code == 0
    assert f"lead towns install {TOWN}" in out
    assert not (tmp_path / "merged_ability.json").exists()


def test_longest6_writes_the_public_table(tmp_path, run_score, make_record, write_results):
    write_results(tmp_path / "0.json", [make_record(0)])
    routes = route_file(tmp_path / "routes.xml", {"0": "Accident"})
    assert run_score(tmp_path, "--benchmark", "longest6", "--routes", routes)[0] == 0
    rows = list(csv.reader((tmp_path / "results.csv").open()))
    assert rows[0] == ["Avg. driving score", "100.0"]
    assert rows[17] == ["Avg. Normalized IS", "1.0"]
    assert rows[20][:3] == ["RouteScenario_0_rep0", TOWN, "100.0"]


def test_fail2drive_shows_official_and_corrected_success(tmp_path, run_score, make_record, write_results):
    crashed = make_record(1000, completion=0.0, status="Failed - Simulation crashed")
    for seed in ("1", "2"):
        write_results(tmp_path / f"out/{seed}/res/0000_res.json", [make_record(0)])
        write_results(tmp_path / f"out/{seed}/res/1000_res.json", [crashed])
        write_results(tmp_path / f"out/{seed}/res/1099_res.json", [make_record(1099)])
    folder = tmp_path / "routes"
    folder.mkdir()
    for name, key in (("Base_Wall_0000", "0"), ("Generalization_Wall_1000", "1000")):
        route_file(folder / f"{name}.xml", {key: "StaticCutIn"})
    code, out, _ = run_score(tmp_path / "out", "--benchmark", "fail2drive", "--routes", folder)
    assert code == 0
    values = json.loads((tmp_path / "out/results.json").read_text())["fail2drive"]
    assert values["official"]["Generalization"]["success_rate"] == 100.0
    assert values["corrected"]["Generalization"]["success_rate"] == 0.0
    assert values["completed only"]["Generalization"] is None
    assert "1099 (1), 1099 (2)" in out
    assert (tmp_path / "out/fail2drive.tex").read_text().startswith("out & - & 100.0 & 100.0 & 100.0 & 0.0")


def test_runs_give_an_interval(tmp_path, run_score, make_record, write_results):
    for seed, penalty in enumerate((0.5, 0.6, 0.7)):
        write_results(tmp_path / f"seed{seed}/0.json", [make_record(0, penalty=penalty)])
    folders = [tmp_path / f"seed{seed}" for seed in range(3)]
    code, _, err = run_score(*folders, "--benchmark", "leaderboard")
    assert code == 1
    assert "--output-dir" in err
    assert run_score(*folders, "--benchmark", "leaderboard", "--output-dir", tmp_path / "all")[0] == 0
    official = json.loads((tmp_path / "all/results.json").read_text())["scores"]["Driving score"]["official"]
    assert official["mean"] == pytest.approx(60.0)
    assert official["low"] < 50.0 < 70.0 < official["high"]
    assert official["method"] == "t-interval over 3 runs"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "name it with --benchmark"),
        (("--benchmark", "bench3drive"), "the nearest is 'bench2drive'"),
        (("--benchmark", "bench2drive", "--version", "9"), "known versions: 0.0.3, 0.0.4"),
        (("--benchmark", "fail2drive"), "give --routes"),
        (("--benchmark", "leaderboard", "--routes", "missing.xml"), "missing.xml does not exist"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path, run_score, make_record, write_results, words, sentence):
    write_results(tmp_path / "0.json", [make_record(0)])
    code, _, err = run_score(tmp_path, *words)
    assert code == 1
    assert sentence in err
    assert err.count("\n") == 1
    assert not (tmp_path / "results.json").exists()


def test_route_ignoring_scenarios_is_marked(tmp_path, run_score, make_record, write_results, provenance):
    write_results(tmp_path / "eval/0.json", [make_record(0)], lead=provenance(scenarios="ignored"))
    code, out, _ = run_score(tmp_path)
    assert code == 0
    assert "1 of 1 routes were driven with their scenarios left out" in out
