"""Caches and index files as the published loader pickles them, made here with classes of the same kind."""

from __future__ import annotations

import io
import lzma
import os
import pickle
import shutil
import sys
import types
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sample_support import ROUTE, record_samples, same_samples

from lead.dataset.cache.published import PublishedStore, published_file, read_buckets, read_published_sample
from lead.dataset.cache.record import ViewRecord
from lead.dataset.cache.settings import RecordSettings
from lead.dataset.cache.sources import build_record
from lead.dataset.cache.store import CacheState
from lead.dataset.carla_sample import CarlaSamples, SampleOptions
from lead.dataset.errors import DatasetError
from lead.dataset.route_index import build_index
from lead.sensing.rigs import CARLA_3_CAMERAS

SETTINGS = RecordSettings()


def foreign_class(monkeypatch: pytest.MonkeyPatch, name: str, fields: list[str]) -> Any:
    """A class of a module of the published package; it is gone when the file is read."""
    module = types.ModuleType("lead.data_loader.foreign")
    kind = make_dataclass(name, fields)
    kind.__module__ = module.__name__
    setattr(module, name, kind)
    monkeypatch.setitem(sys.modules, "lead.data_loader", types.ModuleType("lead.data_loader"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return kind


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def npz(points: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, points)
    return stream.getvalue()


def published_fields(record: ViewRecord) -> dict[str, Any]:
    """Fields of a sample; the bird's-eye view goes wholly into the occupancy where a box is, else into the map."""
    bev = record.bev_semantic
    assert bev is not None and record.lidar_counts is not None and record.radar_points is not None
    occupancy, on_map = np.zeros((1024, 1024), np.uint8), np.zeros((256, 256), np.uint8)
    occupancy[352:672, 384:768] = np.where(bev > 3, bev - 3, 0)
    on_map[48:208, 64:256] = np.where(bev > 3, 0, bev)[::2, ::2]
    boxes = np.zeros((90, 9), np.float32)
    boxes[: len(record.boxes)] = record.boxes
    sensors = record.radar_sensor
    return {
        "image": record.jpeg,
        "lidar_bev": png((record.lidar_counts.astype(np.float32) / 5 * 65535).astype(np.uint16)),
        "semantic": png(record.semantic),
        "bev_semantic": png(on_map),
        "bev_occupancy": png(occupancy),
        "depth": png(record.depth_code),
        "bboxes": boxes,
        "bboxes_waypoints": np.zeros((90, 8, 2)),
        "bboxes_num_waypoints": np.zeros(90),
        "radars": [npz(record.radar_points[sensors == sensor]) for sensor in range(4)],
        "radar_detections": np.zeros((20, 4), np.float32),
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    record_samples(tmp_path, frames=10)
    return tmp_path


@pytest.mark.parametrize("protocol", [1, 2, 5])
def test_samples_of_a_published_cache_are_those_of_the_sources(
    root: Path, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    path = published_file(root, ROUTE, CARLA_3_CAMERAS, 10, 1, "normal")
    relative = path.relative_to(root / "cache/Accident").as_posix()
    assert relative.endswith("05/1152/384/-32/64/-40/40/True/True/True/True/False/10/normal/0001.pkl")
    fields = published_fields(build_record(root / ROUTE, 1, SETTINGS, is_twin=False))
    kind = foreign_class(monkeypatch, "CacheRecord", list(fields))
    path.parent.mkdir(parents=True)
    path.write_bytes(lzma.compress(pickle.dumps(kind(**fields), protocol)))
    monkeypatch.undo()

    index = build_index(root, skip_last=8)
    options = SampleOptions(twin_share=0.0)
    published = CarlaSamples(index, CARLA_3_CAMERAS, options, PublishedStore(SETTINGS)).load(
        0, np.random.default_rng(0)
    )
    own = CarlaSamples(index, CARLA_3_CAMERAS, options).load(0, np.random.default_rng(0))
    assert published["cache_state"] == CacheState.FRESH
    # The map of the published cache has half the resolution, and these labels are noise.
    published["bev_semantic"] = own["bev_semantic"] = np.where(own["bev_semantic"] > 3, published["bev_semantic"], 0)
    assert same_samples(published, own)


def test_missing_and_damaged_files_of_a_published_cache_are_built_from_the_sources(root: Path) -> None:
    source = CarlaSamples(
        build_index(root, skip_last=8), CARLA_3_CAMERAS, SampleOptions(twin_share=0.0), PublishedStore(SETTINGS)
    )
    assert source.load(0, np.random.default_rng(0))["cache_state"] == CacheState.MISSING
    path = published_file(root, ROUTE, CARLA_3_CAMERAS, 10, 1, "normal")
    path.parent.mkdir(parents=True)
    path.write_bytes(lzma.compress(pickle.dumps({"image": b""}))[:-5])
    assert source.load(0, np.random.default_rng(0))["cache_state"] == CacheState.CORRUPT


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("/tmp/a_published_pickle_was_run",)


def test_a_hostile_file_is_refused(tmp_path: Path) -> None:
    for name in ("a.pkl", "b.gz"):
        (tmp_path / name).write_bytes(lzma.compress(pickle.dumps({"buckets": [Hostile()]})))
    with pytest.raises(DatasetError, match="never need"):
        read_published_sample(tmp_path / "a.pkl")
    with pytest.raises(DatasetError, match="never need"):
        read_buckets(tmp_path / "b.gz")
    assert not Path("/tmp/a_published_pickle_was_run").exists()


@dataclass
class Buckets:
    path: Path
    names: list[str]


@pytest.fixture
def buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Buckets:
    """An index file of two buckets with frames of two routes, moved from another root."""
    second = ROUTE.replace("Rep0", "Rep1")
    bucket = foreign_class(monkeypatch, "Bucket", ["config", "metas", "images", "route_indices", "global_indices"])
    config = foreign_class(monkeypatch, "BucketConfig", ["name", "rate"])
    sys.modules["lead.data_loader.foreign"].Bucket = bucket  # type: ignore[attr-defined]
    paths = [f"/elsewhere/carla/{route}/metas/{frame:04d}.pkl" for route in (second, ROUTE) for frame in (3, 1, 2)]
    array = np.array([path.encode() for path in paths])
    content = {
        "buckets": [
            bucket(config("all", 1.0), array, array, np.arange(6), np.arange(6)),
            bucket(config("few", 0.5), array[:2], array[:2], np.arange(2), np.arange(2)),
        ],
        "total_routes": 7,
        "trainable_routes": 2,
        "all_frames": 20,
        "trainable_frames": 6,
    }
    path = tmp_path / "full_pretrain_buckets.gz"
    path.write_bytes(lzma.compress(pickle.dumps(content)))
    monkeypatch.undo()
    return Buckets(path, [second, ROUTE])


def test_index_files_become_indices(buckets: Buckets, tmp_path: Path) -> None:
    read = read_buckets(buckets.path)
    assert read.totals == {"total_routes": 7, "trainable_routes": 2, "all_frames": 20, "trainable_frames": 6}
    assert [bucket["config"] for bucket in read.buckets] == [{"name": "all", "rate": 1.0}, {"name": "few", "rate": 0.5}]
    index = read.index(0, tmp_path)
    assert [entry.relative_dir for entry in index.routes] == buckets.names
    assert index.frame.tolist() == [3, 1, 2, 3, 1, 2] and index.route.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(read.index(1, tmp_path)) == 2


def test_samples_can_be_made_of_an_index_file(buckets: Buckets, tmp_path: Path) -> None:
    record_samples(tmp_path, frames=10)
    shutil.copytree(tmp_path / ROUTE, tmp_path / buckets.names[0])
    source = CarlaSamples(
        read_buckets(buckets.path).index(0, tmp_path), CARLA_3_CAMERAS, SampleOptions(needs_plan=False)
    )
    assert source.load(5, np.random.default_rng(0))["rgb"].any()
