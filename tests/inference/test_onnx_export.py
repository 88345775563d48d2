"""ONNX files compute what the networks compute."""

import copy
import dataclasses
import importlib.util

import pytest
import torch
from small_networks import SMALL, random_batch, small_network

from lead.cli.main import main
from lead.inference import onnx_export
from lead.inference.errors import InferenceError
from lead.inference.onnx_check import box_difference, compare, reference, run_onnx
from lead.inference.onnx_export import OPSET, TOLERANCE, example_inputs, export_onnx, write_onnx
from lead.models.transfuser.architecture import VARIANTS, LidarInput, Planner
from lead.models.transfuser.box_head import decode_raster
from lead.models.transfuser.outputs import ALL_HEADS, BoxMaps, Head
from lead.models.transfuser.radar_head import RadarDetector

SMALL_TOLERANCE = 1e-4
COARSE_CHANNELS = 32


@pytest.fixture(scope="module")
def radar_file(tmp_path_factory):
    """The radar head with one of its layers: exporters take a minute for a whole network, however small its inputs."""
    torch.manual_seed(0)
    detector = RadarDetector(SMALL, COARSE_CHANNELS).eval()
    detector.tf.layers, detector.tf.num_layers = detector.tf.layers[:1], 1
    path = tmp_path_factory.mktemp("onnx") / "radar.onnx"
    write_onnx(detector, radar_inputs(2), ("features", "detections"), path)
    return path, detector


def radar_inputs(size):
    batch = random_batch(size=size)
    coarse = torch.randn(size, COARSE_CHANNELS, 2, 3, generator=torch.Generator().manual_seed(size))
    return {"coarse_bev": coarse, "radar": batch["radar"], "speed": batch["speed"]}


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 3])
def test_radar_points_look_into_the_map_as_in_eager_for_any_batch_size(radar_file, size):
    path, detector = radar_file
    inputs = radar_inputs(size)
    results = []
    for factors in ((1.0, 1.0, 1.0, 1.0, 1.0), (0.5, -0.7, 1.0, 1.0, 1.0)):
        moved = {**inputs, "radar": inputs["radar"] * torch.tensor(factors)}
        found = run_onnx(path, moved, ("features", "detections"))
        with torch.no_grad():
            expected = detector(*moved.values())
        torch.testing.assert_close(tuple(found.values()), expected, rtol=0, atol=SMALL_TOLERANCE)
        results.append(found["detections"])
    assert (results[0] - results[1]).abs().max() > 1e-3


@pytest.mark.slow
def test_the_file_names_its_inputs_and_outputs_and_is_alone(radar_file):
    import onnx

    path, _ = radar_file
    model = onnx.load(path)
    onnx.checker.check_model(model)
    assert [(item.domain, item.version) for item in model.opset_import if not item.domain] == [("", OPSET)]

    def shapes(values):
        return {
            value.name: tuple(axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim)
            for value in values
        }

    inputs = {"coarse_bev": ("batch", COARSE_CHANNELS, 2, 3), "radar": ("batch", 300, 5), "speed": ("batch",)}
    assert shapes(model.graph.input) == inputs
    assert shapes(model.graph.output) == {"features": ("batch", 20, 256), "detections": ("batch", 20, 4)}
    assert any(node.op_type == "GridSample" for node in model.graph.node)
    assert [each.name for each in path.parent.iterdir()] == ["radar.onnx"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_heads_of_a_small_network_agree_with_eager(tmp_path):
    file = export_onnx(small_network(), tmp_path / "new/all.onnx", ALL_HEADS)
    assert len(file.outputs) == 8 and max(file.differences.values()) < SMALL_TOLERANCE
    assert file.inputs["rgb"] == ("batch", 3, 64, 192) and file.outputs["waypoints_ego"] == ("batch", 8, 2)
    assert [path.name for path in file.path.parent.iterdir()] == ["all.onnx"]
    for seed, size in ((1, 1), (2, 2), (3, 5)):  # inputs that the export has not seen
        batch = random_batch(size=size, seed=seed)
        expected = reference(small_network(), batch, ALL_HEADS)
        for name, difference in compare(run_onnx(file.path, batch, tuple(file.outputs)), expected).items():
            assert difference < SMALL_TOLERANCE, name


def random_maps():
    """Maps of scores from 0 to 1 without ties."""
    generator = torch.Generator().manual_seed(3)
    channels = {"heatmap_logits": 8, "size_m": 2, "offset": 2, "yaw_class_logits": 12, "yaw_residual_rad": 1}
    maps = {name: torch.rand(1, count, 16, 24, generator=generator) for name, count in channels.items()}
    maps["heatmap_logits"] = maps["heatmap_logits"] * 8.0 - 4.0
    return BoxMaps(**maps, velocity_mps=torch.rand(1, 1, 16, 24, generator=generator))


def test_boxes_are_compared_by_cell_not_by_order():
    maps, step = random_maps(), 4.0
    boxes = decode_raster(maps, step)[0]
    assert box_difference(boxes, maps, step) == 0.0
    order = torch.arange(len(boxes))
    order[3], order[4] = 4, 3
    assert box_difference(boxes[order], maps, step) == 0.0
    for column, change in ((0, 0.01), (3, 0.01), (4, 0.01), (5, 0.01), (8, 0.005)):
        wrong = boxes.clone()
        wrong[5, column] += change
        assert box_difference(wrong, maps, step) == pytest.approx(change, rel=1e-2), column
    assert box_difference(torch.cat((boxes[1:], boxes[-1:])), maps, step) == float("inf")
    elsewhere = torch.cat((boxes[:1], boxes[:-1]))
    elsewhere[0, :2] += 8.0  # a cell that is no peak
    assert box_difference(elsewhere, maps, step) > 0.01


def test_of_nearly_equal_neighbours_either_may_be_the_peak():
    maps, step = random_maps(), 4.0
    maps.heatmap_logits[0, 2, 8, 10:13] = torch.tensor((6.0, 6.00001, 5.0))
    mirrored = dataclasses.replace(maps, heatmap_logits=maps.heatmap_logits.clone())
    mirrored.heatmap_logits[0, 2, 8, 10:12] = torch.tensor((6.00001, 6.0))
    assert box_difference(decode_raster(mirrored, step)[0], maps, step) < 1e-4
    mirrored.heatmap_logits[0, 2, 8, 10:12] = 6.0  # two peaks
    assert box_difference(decode_raster(mirrored, step)[0], maps, step) < 1e-4
    mirrored.heatmap_logits[0, 2, 8, 10:13] = torch.tensor((5.0, 5.0, 6.0))
    assert box_difference(decode_raster(mirrored, step)[0], maps, step) > 1e-3


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_file_that_differs_is_not_kept(tmp_path, monkeypatch):
    def other_inputs(path, inputs, outputs):
        return run_onnx(path, example_inputs(SMALL, seed=9, size=len(inputs["rgb"])), outputs)

    monkeypatch.setattr(onnx_export, "run_onnx", other_inputs)
    (tmp_path / "model.onnx").write_text("old")
    with pytest.raises(
        InferenceError, match=r"differs from PyTorch and was not kept: waypoints_ego by .*allowed: 0.001"
    ):
        export_onnx(small_network(architecture=vision_only()), tmp_path / "model.onnx")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("model.onnx", "old")]


def vision_only():
    return dataclasses.replace(SMALL, lidar_input=LidarInput.RAMP, detects_radar=False, plans_with_radar=False)


def test_what_cannot_be_exported_is_said_at_once(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    with pytest.raises(InferenceError, match="does not predict radar"):
        export_onnx(small_network(architecture=vision_only()), path, {Head.PLAN, Head.RADAR})
    pretrained = dataclasses.replace(SMALL, planner=Planner.NONE, plans_with_radar=False)
    with pytest.raises(InferenceError, match="does not predict plan"):
        export_onnx(small_network(architecture=pretrained), path)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else find(name))
    with pytest.raises(InferenceError, match=r"not installed \(onnxscript\); run pip install"):
        export_onnx(small_network(), path)
    assert not path.exists()


def call(*words):
    with pytest.raises(SystemExit) as left:
        main(["export-onnx", *map(str, words)])
    return left.value.code


def test_wrong_words_are_one_sentence(checkpoint_folder, tmp_path, capsys):
    out = tmp_path / "model.onnx"
    assert call("--checkpoint", checkpoint_folder, "--out", out, "--heads", "plan,boxen") == 1
    assert "there is no head 'boxen'; there are plan, boxes" in capsys.readouterr().err
    assert call("--checkpoint", checkpoint_folder, "--out", out, "--seed", "1") == 1
    assert "has the seeds 0, 2; asked for: 1" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_full_resnet34_is_exported_from_a_folder(checkpoint_folder, tmp_path, capsys):
    out = tmp_path / "model.onnx"
    assert call("--checkpoint", checkpoint_folder, "--out", out, "--seed", "2", "--heads", "all") in (0, None)
    assert "seed 2, opset 18, 2" in capsys.readouterr().out
    batch = example_inputs(VARIANTS["resnet34"], seed=5)
    expected = reference(small_network(2, VARIANTS["resnet34"]), batch, ALL_HEADS)
    for name, difference in compare(run_onnx(out, batch, tuple(expected.outputs)), expected).items():
        assert difference < TOLERANCE, name


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_full_regnety_is_exported_for_any_batch_size(tmp_path):
    model = small_network(4, VARIANTS["regnety032"])
    original = copy.deepcopy(model)
    file = export_onnx(model, tmp_path / "model.onnx", {Head.PLAN, Head.BOXES})
    for seed, size in ((11, 1), (12, 3)):
        batch = example_inputs(VARIANTS["regnety032"], seed, size)
        expected = reference(original, batch, {Head.PLAN, Head.BOXES})
        differences = compare(run_onnx(file.path, batch, tuple(file.outputs)), expected)
        assert len(differences) == 5 and max(differences.values()) < TOLERANCE, differences
