"""``/api/compare``: which routes are the same, what changed, and the means over them."""

import pytest
from analysis_support import PEDESTRIAN, VEHICLE, record, write_evaluation, write_public, write_routes

from lead.files import write_json
from lead.webapp.app import create_app
from lead.webapp.comparison import route_key


@pytest.fixture
def compare(tmp_path):
    """Compare two folders of a dashboard that shows tmp_path/root."""
    (tmp_path / "root").mkdir()
    client = create_app(tmp_path / "root").test_client()

    def ask(first, second, status=200):
        answer = client.get("/api/compare", query_string={"dir": first, "other": second})
        assert answer.status_code == status, answer.text
        return answer.get_json()

    return ask


def measures(answer):
    return {each["name"]: (each["a"], each["b"], each["delta"]) for each in answer["measures"]}


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("24211", ("24211", 0)),
        ("24211_rep2", ("24211", 2)),
        ("RouteScenario_24211_rep0", ("24211", 0)),
        ("RouteScenario_24211_rep1_Town12_ParkingCutIn_1_15_06_12_13_10_00", ("24211", 1)),
        ("0087", ("87", 0)),
        ("000", ("0", 0)),
        ("Generalization_Animals_1075", ("1075", 0)),
        ("Base_Animals_0075_rep1", ("75", 1)),
        ("my_route", ("my_route", 0)),
        ("", ("", 0)),
    ],
)
def test_routes_are_known_by_id_and_repetition(title, key):
    assert route_key(title) == key


def test_two_evaluations_of_different_layout(tmp_path, compare):
    ours = [record(1), record(2, VEHICLE), record(3, VEHICLE, PEDESTRIAN), record(3, VEHICLE, repetition=1)]
    write_evaluation(tmp_path / "root/ours", ours)
    theirs = [record(1, VEHICLE), record(2), record(3, VEHICLE, PEDESTRIAN), record(4, percent=50.0)]
    write_public(tmp_path / "root/theirs", theirs)
    answer = compare("ours", "theirs")
    assert [(row["name_a"], row["name_b"], row["delta"]) for row in answer["rows"]] == [
        ("1", "1", -40.0),
        ("3", "3", 0.0),
        ("2", "2", 40.0),
        ("3_rep1", None, None),
        (None, "4", None),
    ]
    assert answer["rows"][3]["b"] is None
    assert answer["rows"][0]["b"] == {
        "status": "Completed",
        "driving": 60.0,
        "completion": 100.0,
        "penalty": 0.6,
        "success": False,
        "infraction_count": 1,
        "kinds": {"collision_vehicle": 1},
    }
    found = measures(answer)
    assert found["Driving score (common routes)"] == pytest.approx((190 / 3, 190 / 3, 0.0))
    assert found["Driving score (all routes)"] == pytest.approx((62.5, 60.0, -2.5))
    assert found["Success rate (all routes)"] == pytest.approx((25.0, 25.0, 0.0))
    assert found["Success rate (common routes)"] == pytest.approx((100 / 3, 100 / 3, 0.0))
    assert found["Collision with vehicle (count)"] == (2, 2, 0)
    assert "Driving score (official)" not in found
    assert answer["common"] == 3
    assert (answer["a"]["dir"], answer["a"]["routes"], answer["a"]["scores"]["Driving score"]) == ("ours", 4, 62.5)


def test_official_means_count_missing_routes(tmp_path, compare):
    for name, kinds in (("a/longest6_0", ()), ("b/longest6_0", (VEHICLE,))):
        write_public(tmp_path / f"root/{name}", [record(key, *kinds) for key in range(18)])
    found = measures(compare("a/longest6_0", "b/longest6_0"))
    assert found["Driving score (official)"] == (50.0, 30.0, -20.0)
    assert found["Success rate (official)"] == (50.0, 0.0, -50.0)
    assert found["Driving score (all routes)"] == (100.0, 60.0, -40.0)


def test_same_route_under_several_seeds_stays_apart(tmp_path, compare):
    for name, kinds in (("a", ()), ("b", (VEHICLE,))):
        for seed in ("1", "2"):
            content = {"_checkpoint": {"records": [record(7, *kinds).as_json()]}}
            write_json(tmp_path / f"root/{name}/{seed}/res/0007_res.json", content)
    answer = compare("a", "b")
    assert [row["delta"] for row in answer["rows"]] == [-40.0, -40.0]
    assert len({row["name_a"] for row in answer["rows"]}) == 2


def test_evaluation_with_itself_and_without_results(tmp_path, compare):
    routes = write_routes(tmp_path / "routes.xml", {"1": "Accident"})
    write_evaluation(tmp_path / "root/run", [record(1, VEHICLE)], routes_file=routes)
    (tmp_path / "root/empty").mkdir()
    answer = compare("run", "run")
    assert [row["delta"] for row in answer["rows"]] == [0.0]
    assert all(delta == 0.0 for _, _, delta in measures(answer).values())
    answer = compare("run", "empty")
    assert answer["b"]["routes"] == 0 and answer["rows"][0]["b"] is None
    assert measures(answer)["Driving score (all routes)"] == (60.0, None, None)


def test_requests_that_make_no_sense(tmp_path, compare):
    (tmp_path / "root/run").mkdir()
    assert "no folder" in compare("run", "missing", 404)["error"]
    assert compare("run", "../x", 403)["error"]
    assert "other=FOLDER" in compare("run", None, 400)["error"]
