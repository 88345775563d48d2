"""Batches of recorded routes with damaged files among them, by worker processes."""

from __future__ import annotations

import lzma
import os
import pickle

import numpy as np
import pytest
import torch
from sample_support import record_samples

from lead.dataset.carla_sample import CarlaSamples, SampleOptions
from lead.dataset.collections import Group, everything
from lead.dataset.layout import BOXES, METAS, frame_path
from lead.dataset.loading.loader import BatchLoader, LoaderError
from lead.dataset.loading.sampling import EpochPlan
from lead.dataset.route_index import build_index
from lead.sensing.rigs import CARLA_3_CAMERAS

MARKER = "LEAD_TEST_MARKER"


class _Hostile:
    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return os.putenv, (MARKER, "ran")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> CarlaSamples:
    root = tmp_path_factory.mktemp("damaged")
    route = record_samples(root, frames=10)
    for folder, frame, keep in (("rgb", 1, -300), ("lidar", 2, -50), (BOXES, 3, -20)):
        path = frame_path(route, folder, frame)
        path.write_bytes(path.read_bytes()[:keep])
    frame_path(route, METAS, 4).write_bytes(lzma.compress(pickle.dumps(_Hostile())))
    frame_path(route, "hdmap", 5).unlink()
    index = build_index(root, skip_first=1, skip_last=1)
    assert index.frame.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    return CarlaSamples(index, CARLA_3_CAMERAS, SampleOptions(needs_plan=False, twin_share=0.0))


def _batches(samples: CarlaSamples, workers: int) -> tuple[list[dict[str, torch.Tensor]], str]:
    plan = EpochPlan([everything(len(samples))], 4, seed=3)
    with BatchLoader([samples], plan, workers=workers, max_bad_fraction=9.0) as loader:
        return list(loader), str(loader.report)


def test_damaged_frames_are_replaced_and_counted(samples: CarlaSamples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MARKER, raising=False)
    alone, report = _batches(samples, 0)
    with_workers, _ = _batches(samples, 2)
    timing = {"loading_time"}
    for first, second in zip(alone, with_workers, strict=True):
        assert set(first) == set(second)
        assert all(torch.equal(first[name], second[name]) for name in set(first) - timing)
    good = [samples.load(index, np.random.default_rng(0))["speed"].item() for index in (5, 6, 7)]
    assert {speed for batch in alone for speed in batch["speed"].tolist()} <= set(good)
    assert "samples loaded" in report and "unusable ones replaced" in report
    assert MARKER not in os.environ


def test_types_and_shapes_of_a_batch(samples: CarlaSamples) -> None:
    (batch, _), _ = _batches(samples, 0)
    assert batch["rgb"].shape == (4, 3, 384, 1152) and batch["rgb"].dtype == torch.uint8
    assert batch["rasterized_lidar"].shape == (4, 1, 320, 384) and batch["center_net_heatmap"].shape == (4, 8, 80, 96)
    assert batch["brake"].dtype == torch.bool and batch["source_dataset"].tolist() == [1] * 4
    others = {"rgb", "semantic", "bev_semantic", "brake", "source_dataset", "perturbate_sensor", "cache_state"}
    integers = {"center_net_yaw_class", "center_net_brake", "center_net_avg_factor"}
    assert {name for name, tensor in batch.items() if tensor.dtype != torch.float32} == others | integers


@pytest.mark.parametrize(("place", "reason"), [(0, "JPEG|image"), (1, "LAZ"), (2, "xz"), (3, "putenv"), (4, "hdmap")])
def test_each_damaged_frame_is_an_error_that_names_it(samples: CarlaSamples, place: int, reason: str) -> None:
    loader = BatchLoader([samples], EpochPlan([[Group("one", np.array([place]))]], 1))
    with pytest.raises(LoaderError, match=f"no batch can be made: .*({reason})") as caught:
        list(loader)
    assert str(samples.index.frame[place]) in str(caught.value)
    assert loader.report.total_bad == 1
