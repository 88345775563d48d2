"""Simulated samples for trainings that mix them with NAVSIM's: cameras, plan, and one batch of both."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from loading_support import NumberSource
from mixture_support import record_for_mixture, stored_semantics
from recording_support import ego_pose, pose_matrix
from sample_support import TWIN_SHIFT_M, TWIN_TURN_DEG, record_samples, same_samples

from lead.dataset.cache.build import build_route, tasks_of
from lead.dataset.cache.settings import RecordSettings
from lead.dataset.cache.store import CacheState, RecordStore
from lead.dataset.carla_sample import PLAIN, CarlaSamples, SampleOptions
from lead.dataset.collections import everything
from lead.dataset.errors import DatasetError, SampleError
from lead.dataset.loading.loader import BatchLoader
from lead.dataset.loading.sampling import EpochPlan
from lead.dataset.navsim_plan import COMMAND_TABLE, FRAMES_AHEAD
from lead.dataset.rig_detection import recorded_shape, rig_of
from lead.dataset.route_index import FrameIndex, build_index
from lead.dataset.sim_to_real import SimToRealSamples
from lead.sensing.images import reduce_fov
from lead.sensing.rigs import CARLA_1_CAMERA, CARLA_3_CAMERAS, NAVSIM_4_CAMERAS

CAMERAS_ALONE = dataclasses.replace(PLAIN, has_lidar=False, has_radar=False)
PLAN = ("future_waypoints", "future_yaws", "command", "acceleration", "speed")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> FrameIndex:
    root = tmp_path_factory.mktemp("mixture")
    record_for_mixture(root)
    return build_index(root, skip_first=1, skip_last=FRAMES_AHEAD)


def samples(index: FrameIndex, *, twin: float = 0.0, has_plan: bool = True, cache: RecordStore | None = None):
    options = dataclasses.replace(CAMERAS_ALONE, twin_share=twin, needs_plan=has_plan)
    return SimToRealSamples(CarlaSamples(index, NAVSIM_4_CAMERAS, options, cache), has_plan=has_plan)


def load(source, number: int = 0):
    return source.load(number, np.random.default_rng(0))


def test_rows_that_networks_do_not_see_are_cut_off_at_the_bottom(index: FrameIndex) -> None:
    assert rig_of(index) == NAVSIM_4_CAMERAS and recorded_shape(NAVSIM_4_CAMERAS) == (280, 1920)
    assert recorded_shape(CARLA_1_CAMERA) == (512, 1024) and recorded_shape(CARLA_3_CAMERAS) == (384, 1152)
    sample = load(samples(index))
    assert sample["rgb"].shape == (3, 270, 1920) and sample["depth"].shape == (270, 1920)
    expected = stored_semantics()[:270]
    expected = np.where(expected == 7, 1, expected)  # special vehicles are merged into vehicles
    assert np.array_equal(sample["semantic"], expected)
    assert np.abs(sample["rgb"][0].astype(int) - stored_semantics()[:270] * 20)[:, ::64].max() < 12
    assert sample["bev_semantic"].shape == (256, 256) and sample["center_net_heatmap"].shape == (8, 64, 64)


def test_a_narrower_view_is_the_one_that_driving_sees(tmp_path: Path) -> None:
    record_samples(tmp_path, frames=3)
    index = build_index(tmp_path, skip_first=1, skip_last=1)
    options = dataclasses.replace(PLAIN, needs_plan=False)
    plain = load(CarlaSamples(index, CARLA_3_CAMERAS, options))
    narrow = load(CarlaSamples(index, CARLA_3_CAMERAS, dataclasses.replace(options, horizontal_fov_reduction=96)))
    assert np.array_equal(narrow["rgb"].transpose(1, 2, 0), reduce_fov(plain["rgb"].transpose(1, 2, 0).copy(), 96))
    assert narrow["semantic"].shape == plain["semantic"].shape and narrow["depth"].shape == plain["depth"].shape
    without = dataclasses.replace(options, has_depth=False)
    assert set(plain) - set(load(CarlaSamples(index, CARLA_3_CAMERAS, without))) == {"depth"}
    # The middle stays in the middle, and what was 96 columns from the edge is now at the edge; no new classes arise.
    assert np.array_equal(narrow["semantic"][:, 0], plain["semantic"][:, 96])
    assert np.array_equal(narrow["semantic"][:, -1], plain["semantic"][:, -97])
    assert narrow["depth"][5, 0] == pytest.approx(plain["depth"][5, 96], abs=0.2)
    with pytest.raises(DatasetError, match="576 columns cannot be cut off both sides"):
        CarlaSamples(index, CARLA_3_CAMERAS, SampleOptions(horizontal_fov_reduction=576))


@pytest.mark.parametrize("twin", [0.0, 1.0])
def test_the_plan_looks_four_seconds_ahead_in_the_frame_of_the_view(index: FrameIndex, twin: float) -> None:
    sample = load(samples(index, twin=twin), 1)
    step = 5 * int(index.frame[1])
    to_world = pose_matrix(*ego_pose(step))
    if twin:
        shift = pose_matrix(0.0, TWIN_SHIFT_M, np.deg2rad(TWIN_TURN_DEG))
        shift[2, 3] = 0.0
        to_world = to_world @ shift
    for place in range(8):
        later = pose_matrix(*ego_pose(step + 10 * (place + 1)))
        relative = np.linalg.inv(to_world) @ later
        assert sample["future_waypoints"][place] == pytest.approx(relative[:2, 3], abs=1e-3)
        yaw_rad = np.arctan2(relative[1, 0], relative[0, 0])
        assert sample["future_yaws"][place] == pytest.approx(yaw_rad, abs=1e-4)


def test_status_and_command_are_navsims(index: FrameIndex) -> None:
    sample = load(samples(index))
    speed_mps = 8.0 + 0.1 * 5 * int(index.frame[0])
    # 0.5 m/s faster and 0.05 rad further than a quarter of a second ago.
    assert sample["acceleration"] == pytest.approx(np.hypot(2.0, 0.2 * speed_mps), rel=1e-5)
    assert sample["speed"] == pytest.approx(speed_mps)
    assert sample["command"].tolist() == [0.0, 1.0, 0.0, 0.0]  # following the lane is straight on
    assert COMMAND_TABLE == (0, 2, 1, 1, 0, 2)
    assert {sample[name].dtype for name in PLAN} == {np.dtype(np.float32)}
    assert not {"route", "target_point", "target_speed", "brake", "next_command"} & set(sample)


def test_without_a_planner_there_is_no_plan(index: FrameIndex) -> None:
    sample = load(samples(index, has_plan=False))
    assert not {"future_waypoints", "command", "acceleration", "route"} & set(sample)
    assert "speed" in sample


def test_a_future_that_the_route_does_not_have_is_a_sample_error(index: FrameIndex) -> None:
    everything_there = build_index(index.root, skip_first=0, skip_last=8)
    source = samples(everything_there)
    with pytest.raises(SampleError, match="frame 0: it needs frame -1 of its route"):
        load(source, 0)
    with pytest.raises(SampleError, match="frame 11: its future is cut off by the end of the route"):
        load(source, 11)


def test_a_cache_gives_the_same_plan(index: FrameIndex, tmp_path: Path) -> None:
    settings = RecordSettings(NAVSIM_4_CAMERAS.name)
    for task in tasks_of(build_index(index.root), tmp_path, settings):
        build_route(task)
    cached = load(samples(index, cache=RecordStore(tmp_path, settings)), 2)
    assert cached["cache_state"] == CacheState.FRESH
    assert same_samples(cached, load(samples(index), 2))


def test_a_batch_of_both_sources_has_what_both_need(index: FrameIndex) -> None:
    real = NumberSource(4, name="navsim", source_id=2, extra={"navsim_map": 3, "acceleration": 1})
    # Same vehicle, same shapes: what only one of them has is zero in the other's rows.
    real.load = lambda number, rng: {  # type: ignore[method-assign]
        **{name: value for name, value in load(samples(index)).items() if name in (*PLAN, "rgb")},
        "navsim_map": np.ones(3, np.float32),
        "source_dataset": np.array(2, np.int64),
    }
    plan = EpochPlan([everything(len(index)), everything(4)], 4)
    batch = next(iter(BatchLoader([samples(index), real], plan)))
    assert batch["source_dataset"].tolist() == [1, 1, 2, 2]
    assert batch["semantic"][2:].sum() == 0 and batch["navsim_map"][:, 0].tolist() == [0, 0, 1, 1]
    assert batch["acceleration"].shape == (4,) and bool((batch["acceleration"] > 0).all())
