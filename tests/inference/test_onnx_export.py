"""ONNX files compute what the networks compute."""

import dataclasses
import importlib.util

import pytest
import torch
from small_networks import SMALL, random_batch, small_network

from lead.cli.main import main
from lead.inference import onnx_export
from lead.inference.errors import InferenceError
from lead.inference.onnx_check import box_difference, compare, reference, run_onnx
from lead.inference.onnx_export import OPSET, TOLERANCE, example_inputs, export_onnx
from lead.models.transfuser.architecture import VARIANTS, LidarInput, Planner
from lead.models.transfuser.box_head import decode_raster
from lead.models.transfuser.outputs import ALL_HEADS, Head

MODEST = {Head.PLAN, Head.RADAR}
SMALL_TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return export_onnx(small_network(), tmp_path_factory.mktemp("onnx") / "new/small.onnx", MODEST)


def assert_agrees(file, heads):
    """Compare with eager on inputs that the export has not seen."""
    assert max(file.differences.values()) < SMALL_TOLERANCE
    for seed in (1, 2, 3):
        batch = random_batch(size=1, seed=seed)
        expected = reference(small_network(), batch, heads)
        assert set(file.outputs) == set(expected.outputs)
        for name, difference in compare(run_onnx(file.path, batch, tuple(file.outputs)), expected).items():
            assert difference < SMALL_TOLERANCE, name


def test_plan_and_radar_agree_with_eager(exported):
    assert_agrees(exported, MODEST)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_heads_agree_with_eager(tmp_path):
    file = export_onnx(small_network(), tmp_path / "all.onnx", ALL_HEADS)
    assert "boxes_raster" in file.outputs and len(file.outputs) == 8
    assert_agrees(file, ALL_HEADS)


def test_the_file_names_its_inputs_and_outputs_and_is_alone(exported):
    import onnx

    model = onnx.load(exported.path)
    onnx.checker.check_model(model)
    assert [(item.domain, item.version) for item in model.opset_import if not item.domain] == [("", OPSET)]

    def shapes(values):
        return {value.name: tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim) for value in values}

    assert shapes(model.graph.input) == exported.inputs
    assert shapes(model.graph.output) == exported.outputs
    assert exported.inputs["rgb"] == (1, 3, 64, 192) and exported.outputs["waypoints_ego"] == (1, 8, 2)
    assert any(node.op_type == "GridSample" for node in model.graph.node)
    assert [path.name for path in exported.path.parent.iterdir()] == ["small.onnx"]


def test_radar_places_matter(exported):
    """The radar tokens look their features up in the map: moved points change the detections as they do in eager."""
    batch = random_batch(size=1, seed=4)
    moved = {**batch, "radar": batch["radar"] * torch.tensor((0.5, -0.7, 1.0, 1.0, 1.0))}
    outputs = ("radar_detections",)
    first, second = (run_onnx(exported.path, each, outputs)["radar_detections"] for each in (batch, moved))
    assert (first - second).abs().max() > 1e-3
    with torch.no_grad():
        expected = small_network()(moved, {Head.RADAR}).radar_detections
    torch.testing.assert_close(second, expected, rtol=0, atol=SMALL_TOLERANCE)


def test_boxes_are_compared_by_cell_not_by_order():
    expected = reference(small_network(), random_batch(size=1, seed=1), {Head.BOXES})
    boxes, step = expected.outputs["boxes_raster"][0], expected.pixels_per_cell
    torch.testing.assert_close(boxes[None], decode_raster(expected.maps, step))
    assert box_difference(boxes, expected.maps, step) == 0.0
    order = torch.arange(len(boxes))
    order[3], order[4] = 4, 3
    assert box_difference(boxes[order], expected.maps, step) == 0.0
    for column, change in ((0, 0.01), (3, 0.01), (4, 0.01), (5, 0.01), (8, 0.005)):
        wrong = boxes.clone()
        wrong[5, column] += change
        assert box_difference(wrong, expected.maps, step) == pytest.approx(change, rel=1e-2), column
    assert box_difference(torch.cat((boxes[1:], boxes[-1:])), expected.maps, step) == float("inf")
    elsewhere = boxes.clone()
    elsewhere[0, :2] = 4.0 * torch.tensor((12.0, 8.0))  # a cell that is no peak
    assert box_difference(elsewhere, expected.maps, step) > 0.01


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_file_that_differs_is_not_kept(tmp_path, monkeypatch):
    def other_inputs(path, inputs, outputs):
        return run_onnx(path, example_inputs(SMALL, seed=9), outputs)

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
    with pytest.raises(InferenceError, match=r"not installed \(onnxscript\); install them with: pip install"):
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
