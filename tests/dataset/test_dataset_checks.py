"""`verify` finds what is wrong and nothing else; `info` counts; pictures and videos of routes can be drawn."""

from __future__ import annotations

import json
import lzma
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from recording_support import PERFECT, golden_route, make_boxes, make_frame, make_meta, record_route
from typer.testing import CliRunner

from lead.cli.dataset import app
from lead.dataset.contact_sheet import draw_contact_sheet
from lead.dataset.frame_view import cameras_of, draw_frame
from lead.dataset.info import summarise
from lead.dataset.layout import find_routes
from lead.dataset.reader import RouteReader
from lead.dataset.route_writer import RouteWriter
from lead.dataset.verify import verify_route

NAME = "Town03_Rep0_1_0_route0_01_02_03_04_05"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_route(tmp_path_factory.mktemp("recorded") / "data/Accident" / NAME, 26, scale=4)


@pytest.fixture
def route(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "data/Accident" / NAME))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def _rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    content = pickle.loads(lzma.decompress(path.read_bytes()))
    path.write_bytes(lzma.compress(pickle.dumps(change(content))))


def _png(path: Path, image: np.ndarray) -> None:
    cv2.imwrite(str(path), image)


DAMAGES: dict[str, tuple[Callable[[Path], Any], str, str, str]] = {
    "no results": (lambda r: (r / "results.json").unlink(), "incomplete", NAME, "no results.json"),
    "results": (lambda r: (r / "results.json").write_text("{"), "damaged", "results.json", "is no JSON"),
    "label": (lambda r: (r / "metas/0002.pkl").unlink(), "missing", "metas/0002.pkl", "this file is missing"),
    "image": (lambda r: (r / "rgb_perturbated/0005.jpg").unlink(), "missing", "rgb_perturbated/0005.jpg", "missing"),
    "twin": (lambda r: shutil.rmtree(r / "depth_perturbated"), "missing", "depth_perturbated", "but depth has files"),
    "jpg": (lambda r: _cut(r / "rgb/0001.jpg"), "damaged", "rgb/0001.jpg", "JPEG is cut off"),
    "png": (lambda r: _cut(r / "hdmap/0001.png"), "damaged", "hdmap/0001.png", "PNG is cut off"),
    "laz": (lambda r: _cut(r / "lidar/0003.laz"), "damaged", "lidar/0003.laz", "LAZ is damaged"),
    "npz": (lambda r: _cut(r / "radar/0004.npz"), "damaged", "radar/0004.npz", "npz is damaged"),
    "pkl": (lambda r: _cut(r / "bboxes/0000.pkl"), "damaged", "bboxes/0000.pkl", "xz stream is"),
    "empty": (lambda r: (r / "lidar/0000.laz").write_bytes(b""), "damaged", "lidar/0000.laz", "LAZ is damaged"),
    "key": (
        lambda r: _rewrite(r / "metas/0001.pkl", lambda m: {k: v for k, v in m.items() if k != "theta"}),
        "inconsistent", "metas/0001.pkl", "the metas lack theta",
    ),
    "ego": (
        lambda r: _rewrite(r / "bboxes/0001.pkl", lambda boxes: boxes[1:]),
        "inconsistent", "bboxes/0001.pkl", "first box is not the ego's",
    ),
    "class": (
        lambda r: _png(r / "semantics/0002.png", np.full((96, 288), 12, np.uint8)),
        "inconsistent", "semantics/0002.png", "pixels of class 12",
    ),
    "shape": (
        lambda r: _png(r / "semantics/0003.png", np.zeros((96, 192), np.uint8)),
        "inconsistent", "semantics/0003.png", "others of the route are (96, 288)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_found_and_named_and_nothing_else(route: Path, damage: str) -> None:
    damages, kind, place, words = DAMAGES[damage]
    damages(route)
    (finding,) = verify_route(route)
    assert finding.kind == kind
    assert str(finding.place).endswith(place)
    assert words in finding.text and "\n" not in str(finding)


def test_a_frame_that_is_missing_everywhere_is_found(route: Path) -> None:
    for path in route.rglob("0002.*"):
        path.unlink()
    assert [finding.text for finding in verify_route(route)] == ["frame 2 is missing in all folders"]


def test_the_published_format_verifies() -> None:
    assert verify_route(golden_route()) == []


def test_a_route_that_is_being_recorded_is_not_broken(tmp_path: Path) -> None:
    with RouteWriter(tmp_path / NAME) as writer:
        writer.append(0, make_boxes(0), make_meta(0))
        writer.save(0, make_frame(0, scale=8))
        assert [finding.text for finding in verify_route(tmp_path / NAME)] == ["the route is still being recorded"]


def test_counts_by_town_scenario_weather_and_outcome(recorded: Path, tmp_path: Path) -> None:
    for scenario, name in (("Accident", NAME), ("ParkingExit", NAME.replace("Town03", "Town12"))):
        shutil.copytree(recorded, tmp_path / "data" / scenario / name)
    poor = {**PERFECT, "status": "Completed", "num_infractions": 1, "infractions": {"red_light": ["ran"]}}
    poor["scores"] = {"score_composed": 70.0}
    (tmp_path / "data/ParkingExit" / NAME.replace("Town03", "Town12") / "results.json").write_text(json.dumps(poor))
    with RouteWriter(tmp_path / "data/Accident" / NAME.replace("Rep0", "Rep1")):
        pass
    info = summarise(find_routes(tmp_path), sizes=True).as_json()
    assert info["total"] == {"routes": 3, "usable": 1, "frames": 12, "usable_frames": 6}
    assert info["scenarios"]["Accident"] == {"routes": 2, "usable": 1, "frames": 6, "usable_frames": 6}
    assert {name: share["routes"] for name, share in info["weathers"].items()} == {"ClearNoon": 2, "(unknown)": 1}
    assert info["statuses"] == {"Perfect": 1, "(incomplete)": 1, "Completed": 1}
    assert sum(info["rejections"].values()) == 2
    assert info["bytes"] > 100_000


def test_boxes_are_drawn_where_the_camera_sees_them(tmp_path: Path) -> None:
    camera = {"pos": [0.0, 0.0, 2.0], "rot": [0.0, 0.0, 0.0], "width": 96, "height": 96, "fov": 90.0}
    meta = make_meta(0) | {"sensor_information": {"camera_calibration": {1: camera, 2: {**camera, "rot": [0, 0, 90]}}}}
    first, second = cameras_of(meta)
    (pixel,), _ = first.project(np.array([[10.0, 0.0, 2.0]]))
    assert pixel == pytest.approx([48, 48])
    (pixel,), _ = second.project(np.array([[0.0, 10.0, 2.0]]))
    assert pixel == pytest.approx([48, 48])
    assert cameras_of(make_meta(0)) == []


def test_frames_and_sheets_of_both_formats_can_be_drawn(recorded: Path) -> None:
    for place in (recorded, golden_route()):
        reader = RouteReader(place)
        assert draw_frame(reader, reader.frames[1]).shape == (1120, 1962, 3)
        assert draw_contact_sheet(reader, 2).std() > 10


def test_the_commands(recorded: Path, route: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    done = run(app, ["info", str(recorded.parents[2]), "--json", str(tmp_path / "info.json")])
    assert done.exit_code == 0 and "1 routes (1 usable), 6 frames" in done.output
    assert json.loads((tmp_path / "info.json").read_text())["towns"]["Town03"]["routes"] == 1
    assert run(app, ["verify", str(recorded), "--strict"]).exit_code == 0
    (route / "rgb/0001.jpg").unlink()
    done = run(app, ["verify", str(route), "--json", str(tmp_path / "findings.json")])
    assert done.exit_code == 1 and "rgb/0001.jpg: this file is missing [missing]" in done.output
    assert json.loads((tmp_path / "findings.json").read_text())[0]["kind"] == "missing"
    assert run(app, ["show", str(recorded), "--out", str(tmp_path / "sheet.png"), "--rows", "2"]).exit_code == 0
    assert cv2.imread(str(tmp_path / "sheet.png")) is not None


def test_a_video_of_a_route_has_its_frames_and_speed(recorded: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["show", str(recorded), "--video", "--out", str(tmp_path / "route.mp4")])
    assert done.exit_code == 0, done.output
    video = cv2.VideoCapture(str(tmp_path / "route.mp4"))
    assert (video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)) == (6, 4)


def test_recovering_saves_labels_of_interrupted_routes_only(recorded: Path, tmp_path: Path) -> None:
    broken = tmp_path / "data/Accident" / NAME.replace("Rep0", "Rep1")
    shutil.copytree(recorded, tmp_path / "data/Accident" / NAME)
    with RouteWriter(broken) as writer:
        for step in range(11):
            writer.append(step, make_boxes(step), make_meta(step))
            if step % 5 == 0:
                writer.save(step, make_frame(step, scale=8))
    done = CliRunner().invoke(app, ["recover", str(tmp_path)])
    assert done.output.splitlines() == [f"{broken}: labels of 3 frames saved"]
    assert RouteReader(broken).frames == [0, 1, 2]
