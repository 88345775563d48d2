"""Waymo pairs come out in our frame; damaged ones are one sentence."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lead.dataset.errors import DatasetError, SampleError
from lead.dataset.waymo_sample import WaymoSamples

SHAPE = (12, 36)


def _labels() -> dict[str, Any]:
    return {
        "past": {name: [k + value for k in range(16)] for name, value in zip(("x", "y"), (-15.0, 0.0), strict=True)}
        | {"vx": [3.0] * 16, "vy": [4.0] * 16},
        "prediction": {"x": [float(k) for k in range(20)], "y": [k * 0.5 for k in range(20)]},
        "command": 2,
    }


def _write(root: Path, name: str, labels: Any, shape: tuple[int, int] = SHAPE) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((*shape, 3), np.uint8)
    image[..., 2] = 200  # red, as OpenCV takes it
    cv2.imwrite(str(root / f"{name}.jpg"), image)
    (root / f"{name}.json.gz").write_bytes(gzip.compress(json.dumps(labels).encode()))


def _load(root: Path) -> Any:
    return WaymoSamples(root, 1, SHAPE).load(0, np.random.default_rng(0))


def test_a_sample_is_in_our_frame(tmp_path: Path) -> None:
    _write(tmp_path, "segment/0001", _labels())
    sample = _load(tmp_path)
    assert sample["rgb"].shape == (3, *SHAPE) and sample["rgb"][0].mean() > 190 > 10 > sample["rgb"][2].mean()
    assert sample["future_waypoints"].tolist() == [[2.0 * k, -float(k)] for k in range(10)]
    assert sample["past_positions"].tolist() == [[-5.0 + k, -10.0 - k] for k in range(6)]
    assert sample["speed"] == 5.0 and sample["speed"].shape == () and sample["past_speeds"].tolist() == [5.0] * 6
    assert sample["command"].tolist() == [0.0, 0.0, 1.0, 0.0] and int(sample["source_dataset"]) == 3


def test_every_fifth_pair_is_taken(tmp_path: Path) -> None:
    for number in range(12):
        _write(tmp_path, f"s/{number:03d}", _labels())
    (tmp_path / "s/000.json.gz").unlink()
    samples = WaymoSamples(tmp_path)
    assert [samples.tags(index) for index in range(len(samples))] == ["s/001", "s/006", "s/011"]
    with pytest.raises(DatasetError, match="no pair"):
        WaymoSamples(tmp_path / "other")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1], "no record"),
        (_labels() | {"command": 4}, "command 4"),
        (_labels() | {"prediction": {"x": [1.0] * 20}}, r"prediction\.y is missing"),
        (_labels() | {"prediction": {"x": [1.0] * 18, "y": [1.0] * 20}}, "at least 19"),
        (_labels() | {"past": _labels()["past"] | {"vx": [float("nan")] * 16}}, "finite"),
    ],
)
def test_odd_labels_are_a_sample_error(tmp_path: Path, labels: Any, message: str) -> None:
    _write(tmp_path, "s/0001", labels)
    with pytest.raises(SampleError, match=rf"0001\.json\.gz: .*{message}"):
        _load(tmp_path)


def test_damaged_files_are_a_sample_error(tmp_path: Path) -> None:
    for name in ("0001.jpg", "0001.json.gz"):
        _write(tmp_path, "0001", _labels())
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(SampleError, match="cut off"):
            _load(tmp_path)
    _write(tmp_path, "0001", _labels(), (10, 36))
    with pytest.raises(SampleError, match="10 x 36"):
        _load(tmp_path)
