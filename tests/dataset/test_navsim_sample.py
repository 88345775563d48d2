"""NAVSIM pairs as its own code writes them come out in our frame; damaged and hostile ones are one sentence."""

from __future__ import annotations

import gzip
import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from lead.config.legacy import PUBLISHED
from lead.dataset.collections import everything
from lead.dataset.errors import DatasetError, SampleError
from lead.dataset.loading.loader import BatchLoader
from lead.dataset.loading.sampling import EpochPlan
from lead.dataset.navsim_sample import NavsimSamples
from lead.dataset.tensor_pickles import load_tensors, read_tensors

ROWS, COLUMNS = 270, 1920


def _image() -> np.ndarray[Any, Any]:
    """Red on the left, blue on the right."""
    image = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    image[:, :960, 0] = 200
    image[:, 960:, 2] = 200
    return image


def _feature() -> dict[str, Any]:
    # NAVSIM hands its RGB image to OpenCV, which takes it for BGR.
    _, code = cv2.imencode(".jpg", _image(), [cv2.IMWRITE_JPEG_QUALITY, 30])
    return {
        "camera_feature": torch.from_numpy(code.ravel()),
        "lidar_feature": torch.zeros(1, 4, 4),
        "status_feature": torch.tensor([0.0, 1.0, 0.0, 0.0, 3.0, -4.0, -0.6, 0.8]),
    }


def _target() -> dict[str, Any]:
    semantic = torch.zeros(256, 256, dtype=torch.int64)
    semantic[200, 10] = 5  # far ahead, far to the left
    states = torch.zeros(30, 5)
    states[0] = torch.tensor([10.25, 5.5, 0.5, 4.6, 2.0])
    states[1] = torch.tensor([-40.0, 0.0, 0.0, 4.0, 2.0])  # outside
    states[2] = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0])  # not valid
    return {
        "trajectory": torch.stack([torch.arange(1.0, 9.0), torch.arange(8) * 0.5, torch.arange(8) * 0.1], dim=1),
        "agent_states": states,
        "agent_labels": torch.tensor([True, True] + [False] * 28),
        "bev_semantic_map": semantic,
    }


def _write(folder: Path, feature: dict[str, Any], target: dict[str, Any]) -> Path:
    folder.mkdir(parents=True)
    for name, content in (("feature", feature), ("target", target)):
        with gzip.open(folder / f"transfuser_{name}.gz", "wb", compresslevel=1) as file:
            pickle.dump(content, file)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for scene in ("log_a/token1", "log_a/token2", "log_b/token3"):
        _write(tmp_path / scene, _feature(), _target())
    return tmp_path


def test_a_sample_is_in_our_frame(root: Path) -> None:
    samples = NavsimSamples(root)
    assert len(samples) == 3 and samples.tags(2) == "log_b/token3"
    sample = samples.load(0, np.random.default_rng(0))
    assert sample["rgb"].shape == (3, ROWS, COLUMNS) and sample["rgb"].dtype == np.uint8
    assert np.abs(sample["rgb"].transpose(1, 2, 0)[:, ::100].astype(int) - _image()[:, ::100]).max() < 12
    assert sample["speed"] == 5.0 and sample["acceleration"] == np.float32(1.0)
    assert sample["command"].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert sample["future_waypoints"][:3].tolist() == [[1.0, 0.0], [2.0, -0.5], [3.0, -1.0]]
    assert sample["future_yaws"][2] == np.float32(-0.2)
    assert int(sample["source_dataset"]) == 2
    # What is ahead and to the left lies in a right column and an upper row.
    assert np.argwhere(sample["navsim_bev_semantic"] == 5).tolist() == [[245, 200]]
    heatmap = sample["navsim_center_net_heatmap"]
    assert heatmap.shape == (1, 64, 64) and np.argwhere(heatmap[0] == 1.0).tolist() == [[26, 42]]
    assert np.allclose(sample["navsim_center_net_wh"][:, 26, 42], [2.3, 1.0])
    assert np.allclose(sample["navsim_center_net_offset"][:, 26, 42], [0.25, 0.5])
    yaw = sample["navsim_center_net_yaw_class"][26, 42], sample["navsim_center_net_yaw_res"][0, 26, 42]
    assert yaw[0] == 11 and np.isclose(yaw[1], -0.5 + np.pi / 6)
    assert sample["navsim_center_net_avg_factor"] == 1
    phantom = NavsimSamples(root, PUBLISHED).load(0, np.random.default_rng(0))
    assert phantom["navsim_center_net_avg_factor"] == 2 and phantom["navsim_center_net_heatmap"][0, 0, 0] == 1.0


def test_coordinates_are_float32_and_batches_can_be_made(root: Path) -> None:
    batch = next(iter(BatchLoader([NavsimSamples(root)], EpochPlan([everything(3)], 3))))
    assert batch["navsim_bev_semantic"].dtype == torch.uint8 and batch["rgb"].shape == (3, 3, ROWS, COLUMNS)
    floats = {"speed", "acceleration", "command", "future_waypoints", "future_yaws", "navsim_center_net_heatmap"}
    assert {batch[name].dtype for name in floats} == {torch.float32}


@pytest.mark.slow
def test_the_published_network_can_be_trained_with_a_batch(root: Path) -> None:
    from lead.models.transfuser.architecture import VARIANTS
    from lead.models.transfuser.network import Transfuser
    from lead.training.losses.total import compute_losses, loss_weights, total_loss

    architecture = VARIANTS["navsim_ltfv6"]
    batch = next(iter(BatchLoader([NavsimSamples(root)], EpochPlan([everything(3)], 2))))
    losses = compute_losses(Transfuser(architecture)(batch), batch, architecture)
    assert set(losses) >= {
        "navsim_loss_bev_semantic",
        "navsim_loss_center_net_yaw_res",
        "loss_spatio_temporal_waypoints",
    }
    assert bool(torch.isfinite(total_loss(losses, loss_weights(architecture))))


def test_logs_are_held_out_as_a_whole(root: Path) -> None:
    for number in range(20):
        for token in ("t1", "t2"):
            _write(root / f"log_{number:02d}" / token, {}, {})
    train, held_out = NavsimSamples(root).split(0.4)
    assert len(train) + len(held_out) == 43 and len(train) > 10 and len(held_out) > 5
    logs = [{scene.partition("/")[0] for scene in part.scenes} for part in (train, held_out)]
    assert not logs[0] & logs[1]


def test_pairs_are_found_by_folder_and_half_ones_counted(root: Path) -> None:
    (root / "log_a/token2/transfuser_target.gz").unlink()
    samples = NavsimSamples(root)
    assert samples.scenes == ("log_a/token1", "log_b/token3") and samples.incomplete == 1
    with pytest.raises(DatasetError, match="no pair"):
        NavsimSamples(root / "log_a/token2")


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda f, t: f.update(status_feature=torch.full((8,), float("nan"))), "bad labels", "no number"),
        (lambda f, t: t.pop("trajectory"), "missing part", "no trajectory"),
        (lambda f, t: t.update(bev_semantic_map=torch.full((256, 256), 9)), "bad labels", "no class"),
        (lambda f, t: t.update(agent_labels=torch.ones(3)), "bad labels", "shape"),
        (lambda f, t: f.update(camera_feature=f["camera_feature"][:-100]), "unreadable file", "cut off"),
        (lambda f, t: f.update(camera_feature=torch.zeros(3)), "bad labels", "no JPEG"),
    ],
)
def test_odd_content_is_a_sample_error(tmp_path: Path, change: Any, kind: str, message: str) -> None:
    feature, target = _feature(), _target()
    change(feature, target)
    _write(tmp_path / "log/token", feature, target)
    with pytest.raises(SampleError, match=message) as caught:
        NavsimSamples(tmp_path).load(0, np.random.default_rng(0))
    assert caught.value.kind == kind and "log/token" in str(caught.value)


def test_a_file_that_is_cut_off_is_a_sample_error(root: Path) -> None:
    path = root / "log_a/token1/transfuser_feature.gz"
    whole = path.read_bytes()
    for content in (whole[:-300], b"nothing", gzip.compress(b"nothing"), gzip.compress(gzip.decompress(whole)[:-40])):
        path.write_bytes(content)
        with pytest.raises(SampleError, match=r"transfuser_feature\.gz"):
            NavsimSamples(root).load(0, np.random.default_rng(0))


class _Call:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


def _storage_stream(content: Any) -> bytes:
    """A storage's stream with something else in it."""
    file = io.BytesIO()
    for part in (0x1950A86A20F9469CFC6C, 1001, {}, content, []):
        pickle.dump(part, file, protocol=2)
    return file.getvalue()


def test_hostile_files_run_nothing(tmp_path: Path) -> None:
    storage = torch.zeros(4).untyped_storage()
    typed = torch.storage.TypedStorage(wrap_storage=storage, dtype=torch.float32, _internal=True)
    rebuild = torch._utils._rebuild_tensor_v2
    inner = torch.storage._load_from_bytes
    marker = tmp_path / "ran"
    attacks: list[Any] = [
        _Call(os.system, f"touch {marker}"),
        _Call(torch.load, f"{marker}"),
        _Call(torch.hub.load, "somewhere"),
        [rebuild],
        _Call(inner, _storage_stream(_Call(os.system, f"touch {marker}"))),
        _Call(rebuild, _Call(inner, _storage_stream(_Call(os.system, f"touch {marker}"))), 0, (1,), (1,)),
        _Call(rebuild, typed, 0, (1 << 40,), (0,), False, OrderedDict()),
        _Call(rebuild, typed, 2, (4,), (1,), False, OrderedDict()),
        _Call(rebuild, typed, 3, (2,), (-1,), False, OrderedDict()),
        _Call(rebuild, typed, -1, (2,), (1,), False, OrderedDict()),
        _Call(rebuild, typed, 0, (2, 2), (1,), False, OrderedDict()),
    ]
    for number, attack in enumerate(attacks):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(gzip.compress(_pickled({"x": attack})))
        with pytest.raises(DatasetError, match=rf"{number}\.gz"):
            read_tensors(path)
    assert not marker.exists()


def _pickled(content: Any) -> bytes:
    """Pickle functions of torch by their names, as an attacker would."""
    return pickle.dumps(content, protocol=2)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "bool"])
def test_tensors_of_all_plain_types_come_back(dtype: str) -> None:
    tensor = (torch.arange(24) % 2).reshape(2, 3, 4).to(getattr(torch, dtype))
    content = {"whole": tensor, "view": tensor[:, 1:, ::2].transpose(0, 2), "none": tensor[:0], "one": tensor[0, 0, 1]}
    back = load_tensors(pickle.dumps([content, 3]))
    assert back[1] == 3
    for name, value in content.items():
        assert back[0][name].dtype == np.dtype(dtype) and np.array_equal(back[0][name], value.numpy())
