"""``/api/map``: the driven way, the planned route and the ground, also from odd files and unknown towns."""

import json
import os

import numpy as np
import pytest
from analysis_support import record, write_drive_log, write_evaluation, write_manifest, write_metrics, write_routes
from shapely import LineString, Point, Polygon, union_all

from lead.maps.compiled import compile_map
from lead.maps.layout import LaneType
from lead.maps.towns import installed_towns, read_opendrive
from lead.webapp import town_map
from lead.webapp.app import create_app
from lead.webapp.ground_layers import LAYERS, MOST_POINTS, TownGround
from lead.webapp.state_cache import StateCache

needs_town01 = pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed")
needs_town05 = pytest.mark.skipif("Town05" not in installed_towns(), reason="Town05 is not installed")
WAY = [(92.0, 30.0 + 0.5 * index) for index in range(200)]
MOST_TEXT = 1_600_000


@pytest.fixture
def get_map(tmp_path):
    """Ask a dashboard that shows tmp_path/root for the map of a route."""
    (tmp_path / "root").mkdir(exist_ok=True)
    client = create_app(tmp_path / "root").test_client()

    def ask(folder, route=".", status=200):
        answer = client.get("/api/map", query_string={"dir": folder, "route": route})
        assert answer.status_code == status, answer.text
        assert "NaN" not in answer.text and "Infinity" not in answer.text
        assert len(answer.data) < MOST_TEXT
        return answer.get_json()

    return ask


def roads(answer):
    return union_all([Polygon(outline).buffer(0.0) for outline in answer["layers"]["road"]])


@needs_town01
def test_map_of_a_drive_log(tmp_path, get_map):
    route = [(92.0, 30.0 + 2.0 * index) for index in range(60)]
    write_drive_log(tmp_path / "root/run/1/drive_log.jsonl", WAY, route)
    answer = get_map("run", "1")
    assert (answer["town"], answer["note"]) == ("Town01", "")
    assert answer["trajectory"]["step"][:3] == [1, 3, 5]
    assert answer["trajectory"]["y"][-1] == 129.5 and answer["trajectory"]["speed"][0] == 5.0
    assert answer["route"][-1] == [92.0, 148.0]
    assert answer["bounds"] == [92.0, 30.0, 92.0, 148.0]
    assert set(answer["layers"]) == set(LAYERS)
    assert roads(answer).contains(LineString(WAY))
    corners = [corner for outlines in answer["layers"].values() for outline in outlines for corner in outline]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    assert (low > [92 - 180, 30 - 180]).all() and (high < [92 + 180, 148 + 180]).all()
    assert all(round(value, 1) == value for corner in corners for value in corner)


@needs_town01
def test_map_of_a_motion_file_takes_the_town_from_the_result(tmp_path, get_map):
    labels = ("Accident_1", 3, "RouteScenario_1_rep0_Town01_Accident", "Town01")
    write_evaluation(tmp_path / "root/b2d", [record(1, key="bench2drive-0.0.4", labels=labels)], "bench2drive-0.0.4")
    write_metrics(tmp_path / "root/b2d/1/metric_info.json", WAY)
    answer = get_map("b2d", "1")
    assert answer["town"] == "Town01" and answer["layers"]["road"]
    assert answer["trajectory"]["step"] == list(range(1, 201))
    assert answer["trajectory"]["speed"] == [10.0] * 200
    assert answer["route"] == []


def test_town_comes_from_the_route_file_or_the_folders_name(tmp_path, get_map, empty_cache):
    routes = write_routes(tmp_path / "routes.xml", {"1": "Accident"}, town="Town02")
    write_metrics(tmp_path / "root/run/1/metric_info.json", WAY)
    write_manifest(tmp_path / "root/run", routes, ["1"])
    assert get_map("run", "1")["town"] == "Town02"
    write_metrics(tmp_path / "root/b/RouteScenario_9_rep0_Town10HD_x/metric_info.json", WAY)
    answer = get_map("b", "RouteScenario_9_rep0_Town10HD_x")
    assert answer["town"] == "Town10HD"
    assert "lead towns install Town10HD" in answer["note"]
    write_metrics(tmp_path / "root/c/9/metric_info.json", WAY)
    answer = get_map("c", "9")
    assert answer["town"] == "" and "no file tells the town" in answer["note"] and answer["trajectory"]["x"]


@pytest.mark.parametrize("town", ["../../etc", "/etc/passwd", "Town99", "Town01\0", "x.xodr", "x" * 5000, "Tówn"])
def test_unknown_towns_are_a_note(tmp_path, get_map, town):
    write_drive_log(tmp_path / "root/run/1/drive_log.jsonl", WAY, town=town)
    answer = get_map("run", "1")
    assert not any(answer["layers"].values())
    assert "unknown town" in answer["note"] and answer["trajectory"]["x"]


def test_town_appears_once_it_is_installed(tmp_path, get_map, empty_cache):
    write_drive_log(tmp_path / "root/run/1/drive_log.jsonl", WAY)
    assert "lead towns install Town01" in get_map("run", "1")["note"]
    installed = os.path.expanduser("~/.cache/lead/towns/Town01.xodr.gz")
    if not os.path.exists(installed):
        pytest.skip("Town01 is not installed")
    (empty_cache / "towns").mkdir(parents=True, exist_ok=True)
    (empty_cache / "towns/Town01.xodr.gz").symlink_to(installed)
    answer = get_map("run", "1")
    assert answer["note"] == "" and answer["layers"]["road"]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("", "truncated or not JSON"),
        ('{"1": {"location": [1, 2', "truncated or not JSON"),
        ("[1, 2]", "not an object"),
        ("[" * 100_000, "cannot be read"),
        ('{"1": 3, "2": {"location": "x"}, "3": {"location": []}}', "where the ego drove"),
        ('{"1": {"location": [NaN, 2, 3]}, "2": {"location": [1e999, 2, 3]}}', "where the ego drove"),
        ('{"1": {"location": [1e9, 2, 3]}, "2": {"location": [%s, 2, 3]}}' % (10**400), "where the ego drove"),
        ('{"a": {"location": [1, 2, 3]}, "\\u00b2": {"location": [1, 2, 3]}}', "where the ego drove"),
        ('{"99999999999999": {"location": [1, 2, 3]}, "2": {"location": [true, null, 3]}}', "where the ego drove"),
    ],
)
def test_odd_motion_files(tmp_path, get_map, content, note):
    (tmp_path / "root/run/1").mkdir(parents=True)
    (tmp_path / "root/run/1/metric_info.json").write_text(content)
    answer = get_map("run", "1")
    assert answer["trajectory"] == {"step": [], "x": [], "y": [], "speed": []} and answer["bounds"] is None
    assert note in answer["note"]


def test_good_rows_between_odd_ones_and_out_of_order(tmp_path, get_map):
    rows = {"10": [2.0, 0, 0], "2": [1.0, 0, 0], "3": ["x", 0, 0], "4": [1.0], "12": [2.0, 0, 0]}
    text = json.dumps({key: {"location": place} for key, place in rows.items()})
    (tmp_path / "root/run/1").mkdir(parents=True)
    (tmp_path / "root/run/1/metric_info.json").write_text(text)
    track = get_map("run", "1")["trajectory"]
    assert (track["step"], track["x"]) == ([2, 10, 12], [1.0, 2.0, 2.0])
    assert track["speed"] == [2.5, 2.5, 0.0]


def test_odd_drive_logs(tmp_path, get_map):
    path = write_drive_log(tmp_path / "root/run/1/drive_log.jsonl", WAY[:3], town="Town99")
    lines = ['{"step": 9, "ego": [NaN, 1, 2, 3]}', "[]", "", '{"step": 11, "ego": [%s, 1, 2, 3]}' % (10**400)]
    lines += ['{"step": %s, "ego": [1, 1, 2, 3]}' % (10**400), '{"step": 13, "ego": [5, 6, 0, 7]}', '{"step": 15, "eg']
    path.write_text(path.read_text() + "\n".join(lines))
    track = get_map("run", "1")["trajectory"]
    assert track["step"] == [1, 3, 5, 13] and track["x"][-1] == 5.0


def test_long_motion_file_is_thinned(tmp_path, get_map):
    angle = np.linspace(0.0, 20.0, 100_000)
    write_metrics(
        tmp_path / "root/run/1/metric_info.json", np.stack([50 * np.cos(angle), 50 * np.sin(angle)], 1).tolist()
    )
    track = get_map("run", "1")["trajectory"]
    assert len(track["x"]) == 5_000 and track["step"][1] == 21
    assert max(track["speed"]) == pytest.approx(0.2, abs=0.01)


def test_links_that_leave_the_root_are_not_read(tmp_path, get_map):
    write_metrics(tmp_path / "secret.json", WAY)
    write_drive_log(tmp_path / "secret.jsonl", WAY)
    (tmp_path / "root/run/1").mkdir(parents=True)
    (tmp_path / "root/run/1/metric_info.json").symlink_to(tmp_path / "secret.json")
    (tmp_path / "root/run/1/drive_log.jsonl").symlink_to(tmp_path / "secret.jsonl")
    assert get_map("run", "1")["trajectory"]["x"] == []
    assert get_map("run", "2", 404)["error"]
    assert get_map("run", "../../x", 403)["error"]


@needs_town01
def test_map_is_made_once_until_the_drive_goes_on(tmp_path, get_map, monkeypatch):
    route = [(92.0, 30.0 + 2.0 * index) for index in range(60)]
    path = write_drive_log(tmp_path / "root/run/1/drive_log.jsonl", WAY[:100], route)
    cuts, texts = [], []
    cut, make = TownGround.layers, town_map._make
    monkeypatch.setattr(town_map, "_LAYERS", StateCache(2))
    monkeypatch.setattr(TownGround, "layers", lambda self, cells: cuts.append(1) or cut(self, cells))
    monkeypatch.setattr(town_map, "_make", lambda *words: texts.append(1) or make(*words))
    assert get_map("run", "1") == get_map("run", "1")
    assert (len(cuts), len(texts)) == (1, 1)
    write_drive_log(path, WAY, route)
    assert len(get_map("run", "1")["trajectory"]["x"]) == 200
    assert (len(cuts), len(texts)) == (1, 2)


@pytest.fixture(scope="module")
def town05():
    return compile_map("Town05", read_opendrive("Town05"))


@needs_town05
def test_ground_has_no_gaps_on_lanes_and_in_junctions(town05):
    ground = TownGround(town05)
    lanes = town05.lanes
    driving = lanes[lanes["lane_type"] == LaneType.DRIVING]
    center = np.stack([driving["x"], driving["y"]], axis=1)
    place = center[driving["junction_id"] >= 0].mean(axis=0)[None]
    layers = ground.layers(ground.touched(place, np.zeros((0, 2))))
    road = union_all([Polygon(outline).buffer(0.0) for outline in layers["road"]])
    near = driving[(np.abs(center - place) < 60.0).all(axis=1)]
    assert len(near) > 500
    for share in (-0.95, 0.0, 0.95):
        across = share * near["half_width"]
        x, y = near["x"] - across * np.sin(near["yaw"]), near["y"] + across * np.cos(near["yaw"])
        assert all(road.covers(Point(x, y)) for x, y in zip(x.tolist(), y.tolist(), strict=True))
    box = Polygon([place[0] + [dx, dy] for dx, dy in ((-60, -60), (60, -60), (60, 60), (-60, 60))])
    parts = getattr(road.intersection(box), "geoms", [road.intersection(box)])
    small = [ring for part in parts for ring in part.interiors if 0.01 < Polygon(ring).area < 20.0]
    assert small == []
    assert layers["crosswalk"] and layers["sidewalk"] and layers["shoulder"]


@needs_town05
def test_a_track_all_over_town_stays_small(town05):
    ground = TownGround(town05)
    generator = np.random.default_rng(0)
    wild = generator.uniform(-1e6, 1e6, (5_000, 2))
    inside = generator.uniform(-300, 300, (5_000, 2))
    layers = ground.layers(ground.touched(np.zeros((0, 2)), np.concatenate([wild, inside])))
    assert 1_000 < sum(len(outline) for outlines in layers.values() for outline in outlines) <= MOST_POINTS
    assert not any(ground.layers(ground.touched(wild[:0], wild[:0])).values())


@pytest.mark.slow
@pytest.mark.skipif("Town13" not in installed_towns(), reason="Town13 is not installed")
def test_largest_town_is_not_drawn_as_a_whole(tmp_path, get_map):
    lanes = compile_map("Town13", read_opendrive("Town13")).lanes
    every = np.stack([lanes["x"], lanes["y"]], axis=1)
    write_drive_log(tmp_path / "root/run/1/drive_log.jsonl", every[::400].tolist(), town="Town13")
    write_drive_log(tmp_path / "root/run/2/drive_log.jsonl", every[:20_000].tolist(), town="Town13")
    assert "too much to draw" in get_map("run", "1")["note"]
    answer = get_map("run", "2")
    assert answer["note"] == "" and answer["layers"]["road"]
