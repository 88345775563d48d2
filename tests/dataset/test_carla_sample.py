"""Samples against golden ones, with every rig and view, and what damaged data lead to."""

from __future__ import annotations

import json
import lzma
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recording_support import SHARED
from sample_support import ROUTE, TWIN_SHIFT_M, record_samples, same_samples

from lead.config.legacy import CORRECTED
from lead.dataset.carla_sample import PLAIN, CarlaSamples, SampleOptions
from lead.dataset.errors import DatasetError, SampleError
from lead.dataset.pickles import dump_xz, load_xz
from lead.dataset.rig_detection import rig_of
from lead.dataset.route_index import FrameIndex, build_index
from lead.sensing.rigs import CARLA_3_CAMERAS, CARLA_6_CAMERAS, SensorRig

LOOSE = {"bev_semantic": None, "rgb": 3.0, "depth": 1e-3, "radar": 1e-3}
"""Tolerances that the golden folder names; others are 1e-4."""
SHAPES = {
    "rgb": (3, 384, 1152), "rasterized_lidar": (1, 320, 384), "radar": (300, 5), "semantic": (384, 1152),
    "depth": (384, 1152), "bev_semantic": (320, 384), "radar_detections": (20, 4), "future_waypoints": (8, 2),
    "future_yaws": (8,), "route": (10, 2), "target_point": (2,), "command": (6,), "speed": (), "brake": (),
    "center_net_heatmap": (8, 80, 96), "center_net_avg_factor": (), "source_dataset": (), "loading_time": (),
}  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("samples")
    record_samples(root)
    return root


def samples(index: FrameIndex, rig: SensorRig = CARLA_3_CAMERAS, **options: Any) -> CarlaSamples:
    return CarlaSamples(index, rig, SampleOptions(**options))


def load(source: CarlaSamples, index: int = 0, seed: int = 0) -> dict[str, Any]:
    return source.load(index, np.random.default_rng(seed))


@pytest.mark.parametrize(("view", "share"), [("normal", 0.0), ("perturbed", 1.0)])
def test_samples_are_golden(view: str, share: float) -> None:
    root = SHARED / "golden/synthetic_route/carla_leaderboard2"
    if not root.is_dir():
        pytest.skip("the shared reference folder is not beside this project")
    index = build_index(root, skip_first=8, skip_last=8)
    legacy = replace(CORRECTED, phantom_target=True)
    sample = load(samples(index, twin_share=share, augmentation=0.0, legacy=legacy), index.frame.tolist().index(9))
    described = json.loads((SHARED / f"golden/loader/town12_0009_{view}.json").read_text())
    with np.load(SHARED / f"golden/loader/town12_0009_{view}.npz") as golden:
        for name in set(golden.files) - {"previous_command"}:
            strides = described["strides"].get(name, [1] * sample[name].ndim)
            part = sample[name][tuple(slice(None, None, stride) for stride in strides)]
            assert list(sample[name].shape) == described["stats"][name]["shape"], name
            if name == "bev_semantic":
                assert np.mean(part != golden[name]) < 0.002
            else:
                np.testing.assert_allclose(part, golden[name], atol=LOOSE.get(name, 1e-4), rtol=0, err_msg=name)
    for name in ("speed", "target_speed", "brake", "center_net_avg_factor", "source_dataset", "perturbate_sensor"):
        assert sample[name] == pytest.approx(described["scalars"][name], abs=1e-5)


def test_names_shapes_and_types_are_always_the_same(dataset: Path) -> None:
    source = samples(build_index(dataset, skip_last=8))
    first, second = load(source, 0, 1), load(source, 1, 2)
    assert {name: first[name].shape for name in SHAPES} == SHAPES
    assert {name: (array.shape, array.dtype) for name, array in first.items()} == {
        name: (array.shape, array.dtype) for name, array in second.items()
    }
    kinds = {str(array.dtype) for array in first.values()}
    assert kinds == {"uint8", "float32", "int32", "int64", "bool"}
    assert all(array.flags.writeable and array.flags.c_contiguous for array in first.values())


def test_a_sample_depends_on_its_generator_alone(dataset: Path) -> None:
    source = samples(build_index(dataset, skip_last=8), augmentation=0.5)
    assert same_samples(load(source, 1, 7), load(source, 1, 7))
    assert not same_samples(load(source, 1, 7), load(source, 1, 9))
    views = {bool(load(source, 0, seed)["perturbate_sensor"]) for seed in range(12)}
    assert views == {False, True}


def test_the_twin_sees_everything_from_its_place(dataset: Path) -> None:
    index = build_index(dataset, skip_last=8)
    own, twin = (load(samples(index, twin_share=share, augmentation=0.0)) for share in (0.0, 1.0))
    angle = np.radians(-7.0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for name in ("future_waypoints", "target_point", "target_point_next"):
        expected = (own[name] - [0.0, TWIN_SHIFT_M]) @ turn.T
        np.testing.assert_allclose(twin[name], expected, atol=1e-4, err_msg=name)
    np.testing.assert_allclose(twin["future_yaws"], own["future_yaws"] - angle, atol=1e-5)
    for name in ("rgb", "semantic", "depth", "bev_semantic", "radar", "rasterized_lidar", "center_net_heatmap"):
        assert not np.array_equal(own[name], twin[name]), name
    assert own["speed"] == twin["speed"]


def test_routes_without_a_twin_are_seen_by_the_ego(dataset: Path, tmp_path: Path) -> None:
    route = tmp_path / ROUTE
    shutil.copytree(dataset / ROUTE, route, ignore=shutil.ignore_patterns("*_perturbated"))
    sample = load(samples(build_index(tmp_path, skip_last=8), twin_share=1.0))
    assert not sample["perturbate_sensor"]


def test_six_cameras_and_subsets_of_them(tmp_path: Path) -> None:
    record_samples(tmp_path, frames=10, cameras=6)
    index = build_index(tmp_path, skip_last=8)
    assert rig_of(index) is CARLA_6_CAMERAS
    whole = load(samples(index, CARLA_6_CAMERAS, twin_share=0.0, augmentation=0.0))
    used = (True, True, True, False, True, False)
    part = load(samples(index, CARLA_6_CAMERAS, twin_share=0.0, augmentation=0.0, used_cameras=used))
    columns = np.repeat(np.array(used), 384)
    assert whole["rgb"].shape == (3, 384, 2304)
    for name in ("rgb", "semantic", "depth"):
        assert np.array_equal(part[name], whole[name][..., columns]), name
    with pytest.raises(SampleError, match="carla_3_cameras") as caught:
        load(samples(index, CARLA_3_CAMERAS))
    assert caught.value.kind == "bad labels"


def test_what_is_not_wanted_is_not_missed(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(
        dataset / ROUTE, tmp_path / ROUTE, ignore=shutil.ignore_patterns("radar*", "lidar", "semantics*", "depth*")
    )
    index = build_index(tmp_path, skip_last=8)
    sample = load(samples(index, has_lidar=False, has_radar=False, has_perspective=False))
    assert not {"radar", "rasterized_lidar", "semantic", "depth", "radar_detections"} & set(sample)
    for wanted in ("has_lidar", "has_radar", "has_perspective"):
        choices = {"has_lidar": False, "has_radar": False, "has_perspective": False, wanted: True}
        with pytest.raises(SampleError, match="the route has no") as caught:
            load(samples(index, **choices))
        assert caught.value.kind == "missing modality"


def test_target_points_are_seen_from_a_place_that_is_measured(dataset: Path) -> None:
    """Driving measures it by GNSS; all three points move together, and nothing else changes."""
    index = build_index(dataset, skip_first=1, skip_last=1)
    exact, noisy = samples(index), samples(index, target_point_noise_m=0.5)
    keys = ("target_point_previous", "target_point", "target_point_next")
    errors = []
    for seed in range(40):
        first, second = load(exact, seed=seed), load(noisy, seed=seed)
        moved = np.array([second[key] - first[key] for key in keys])
        np.testing.assert_allclose(moved, moved[:1].repeat(3, axis=0), atol=1e-5)
        errors.append(moved[0])
        assert all(second[key].dtype == np.float32 for key in keys)
        assert same_samples(
            {**first, **dict.fromkeys(keys, np.zeros(2))}, {**second, **dict.fromkeys(keys, np.zeros(2))}
        )
    assert len(np.unique(errors, axis=0)) == 40
    np.testing.assert_allclose(np.std(errors, axis=0), 0.5, rtol=0.3)


def test_a_share_of_the_samples_does_not_say_how_fast_the_ego_is(dataset: Path) -> None:
    index = build_index(dataset, skip_first=1, skip_last=1)
    exact, unsure = samples(index), samples(index, random_speed_share=0.5)
    drawn_mps = []
    for seed in range(120):
        first, second = load(exact, seed=seed), load(unsure, seed=seed)
        assert second["speed"].dtype == first["speed"].dtype and second["speed"].shape == first["speed"].shape
        assert same_samples({**first, "speed": np.zeros(1)}, {**second, "speed": np.zeros(1)})
        if second["speed"] != first["speed"]:
            drawn_mps.append(float(second["speed"]))
    assert 40 < len(drawn_mps) < 80, "about half"
    assert 0.08 < np.mean(np.array(drawn_mps) == 0.0) < 0.35, "some stand"
    assert max(drawn_mps) > 10.0 and len(set(drawn_mps)) > 20


def test_a_future_that_is_cut_off_is_an_error_only_where_it_is_learnt(dataset: Path) -> None:
    index = build_index(dataset, skip_first=8, skip_last=0)
    with pytest.raises(SampleError, match="cut off by the end of the route"):
        load(samples(index))
    waypoints = load(samples(index, needs_plan=False), len(index) - 2)["future_waypoints"]
    assert np.array_equal(waypoints[1:], np.repeat(waypoints[:1], 7, axis=0)) and waypoints.any()
    assert np.isfinite(load(samples(index, needs_plan=False), len(index) - 1)["future_waypoints"]).all()


def test_samples_are_named_by_route_and_frame(dataset: Path) -> None:
    source = CarlaSamples(build_index(dataset), CARLA_3_CAMERAS, PLAIN)
    assert source.tags(2) == f"{ROUTE} frame 3"
    assert len(pickle.loads(pickle.dumps(source))) == len(source)


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("/tmp/a_pickle_was_run"),)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


def hostile(path: Path) -> None:
    path.write_bytes(lzma.compress(pickle.dumps(Hostile())))


def with_huge_chunk_table(path: Path) -> None:
    data = bytearray(path.read_bytes())
    start = int.from_bytes(data[96:100], "little")
    table = int.from_bytes(data[start : start + 8], "little")
    data[table + 4 : table + 8] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(data))


def with_change(**changes: Any) -> Any:
    def change(path: Path) -> None:
        path.write_bytes(dump_xz(load_xz(path.read_bytes()) | changes))

    return change


def with_bad_box(path: Path) -> None:
    boxes = load_xz(path.read_bytes())
    boxes[1]["yaw"] = float("nan")
    path.write_bytes(dump_xz(boxes))


@pytest.mark.parametrize(
    ("folder", "damage", "kind"),
    [
        *((folder, cut, "unreadable file") for folder in ("rgb", "semantics", "depth", "hdmap", "lidar", "radar")),
        *((folder, cut, "unreadable file") for folder in ("metas", "bboxes")),
        *((folder, empty, "unreadable file") for folder in ("rgb", "hdmap", "lidar", "radar", "metas")),
        *((folder, remove, "missing modality") for folder in ("rgb", "semantics", "lidar", "radar")),
        *((folder, remove, "unreadable file") for folder in ("metas", "bboxes")),
        *((folder, hostile, "unreadable file") for folder in ("metas", "bboxes")),
        ("lidar", with_huge_chunk_table, "unreadable file"),
        ("metas", with_change(speed=float("nan")), "bad labels"),
        ("metas", with_change(route=np.full((50, 2), np.nan, np.float32)), "bad labels"),
        ("metas", with_change(target_speed=-2.0), "bad labels"),
        ("metas", with_change(future_positions=None), "bad labels"),
        ("metas", with_change(scenario_obstacles_ids=[[1]]), "bad labels"),
        ("bboxes", with_bad_box, "bad labels"),
    ],
)
def test_damage_is_one_sentence_that_names_the_frame(
    dataset: Path, tmp_path: Path, folder: str, damage: Any, kind: str
) -> None:
    shutil.copytree(dataset / ROUTE, tmp_path / ROUTE)
    index = build_index(tmp_path, skip_last=8)
    damage(next((tmp_path / ROUTE / folder).glob("0001.*")))
    source = samples(index, twin_share=0.0)
    with pytest.raises(SampleError) as caught:
        load(source)
    assert caught.value.kind == kind
    assert "\n" not in str(caught.value) and ("0001" in str(caught.value) or "frame 1" in str(caught.value))
    assert load(source, 1)["rgb"].any()
    assert not Path("/tmp/a_pickle_was_run").exists()


def test_the_twin_needs_its_pose(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset / ROUTE, tmp_path / ROUTE)
    with_change(perturbation_rotation=float("nan"))(tmp_path / ROUTE / "metas/0001.pkl")
    with pytest.raises(SampleError, match="pose of the twin"):
        load(samples(build_index(tmp_path, skip_last=8), twin_share=1.0))


def test_the_rig_is_told_by_the_images(dataset: Path, tmp_path: Path) -> None:
    assert rig_of(build_index(dataset)) is CARLA_3_CAMERAS
    shutil.copytree(dataset / ROUTE, tmp_path / ROUTE)
    index = build_index(tmp_path)
    empty(tmp_path / ROUTE / "rgb/0001.jpg")
    with pytest.raises(DatasetError, match="rig cannot be told"):
        rig_of(index)
