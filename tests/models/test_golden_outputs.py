"""Outputs, boxes, losses and gradients equal the published implementation's for published-format weights."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from golden_networks import arrays, description, inputs, labels, needs_golden, weights

from lead.models.transfuser.architecture import VARIANTS
from lead.models.transfuser.box_head import decode_raster, to_ego
from lead.models.transfuser.network import Transfuser
from lead.training.losses.total import compute_losses, loss_weights, total_loss

pytestmark = needs_golden
NAMES = [
    "noradar_resnet34",
    pytest.param("resnet34", marks=pytest.mark.slow),
    pytest.param("resnet34_pretrain", marks=pytest.mark.slow),
    pytest.param("navsim_ltfv6", marks=pytest.mark.slow),
]
OUTPUTS = {
    "pred_future_waypoints": "waypoints_ego",
    "pred_headings": "headings_rad",
    "pred_route": "path_ego",
    "pred_target_speed_distribution": "target_speed_logits",
    "pred_target_speed_scalar": "target_speed_mps",
    "pred_semantic": "semantic_logits",
    "pred_depth": "depth_m",
    "pred_bev_semantic": "bev_semantic_logits",
    "pred_bev_semantic_navsim": "bev_semantic_logits",
    "pred_radar_features": "radar_features",
    "pred_radar_predictions": "radar_detections",
}
MAPS = {
    "center_heatmap_logit_pred": "heatmap_logits",
    "center_heatmap_pred": "heatmap",
    "wh_pred": "size_m",
    "offset_pred": "offset",
    "yaw_class_pred": "yaw_class_logits",
    "yaw_res_pred": "yaw_residual_rad",
    "velocity_pred": "velocity_mps",
}


@pytest.fixture(scope="module", params=NAMES)
def golden(request):
    name = request.param
    model = Transfuser(VARIANTS[name]).eval()
    model.load_state_dict(weights(name, description(name)["weight_salt"]))
    batch = inputs(name)
    before = {key: value.clone() for key, value in batch.items()}
    out = model(batch)
    return SimpleNamespace(name=name, model=model, batch=batch, before=before, out=out)


def output(out, name):
    if "." in name:
        return getattr(out.boxes, MAPS[name.partition(".")[2]])
    return getattr(out, OUTPUTS[name])


def test_outputs_are_the_published_ones(golden):
    expected, found = description(golden.name)["outputs"], arrays(golden.name)
    assert len(expected) >= 9
    for name, entry in expected.items():
        full = output(golden.out, name).detach().numpy()
        assert list(full.shape) == entry["shape"], name
        strided = full[tuple(slice(None, None, step) for step in entry["stride"])]
        np.testing.assert_allclose(strided, found[f"out.{name}"], rtol=0, atol=entry["recommended_atol"], err_msg=name)
        statistics = [full.mean(dtype=np.float64), full.std(dtype=np.float64), full.min(), full.max()]
        np.testing.assert_allclose(
            statistics, entry["mean_std_min_max"], rtol=1e-5, atol=entry["recommended_atol"], err_msg=name
        )


def test_a_batch_is_not_changed(golden):
    assert all(torch.equal(value, golden.before[key]) for key, value in golden.batch.items())


def rows_by_class_and_place(rows):
    return rows[np.lexsort((rows[:, 1], rows[:, 0], rows[:, 7]))]


def test_boxes_are_the_published_ones(golden):
    window = golden.model.architecture.domain.rig.bev
    expected = arrays(golden.name)
    raster = decode_raster(golden.out.boxes, window.pixels_per_m)[0]
    ego = to_ego(raster, window).detach().numpy()
    raster = raster[raster[:, 8] > 0].detach().numpy()
    for boxes, key, place_atol in ((raster, "boxes.raster_frame", 0.005), (ego, "boxes.vehicle_frame", 0.002)):
        wanted = rows_by_class_and_place(expected[key])
        own = rows_by_class_and_place(boxes)
        assert own.shape == wanted.shape
        np.testing.assert_array_equal(own[:, 7], wanted[:, 7])
        np.testing.assert_allclose(own[:, :4], wanted[:, :4], rtol=0, atol=place_atol)
        np.testing.assert_allclose(own[:, 4:7], wanted[:, 4:7], rtol=0, atol=0.001)
        np.testing.assert_allclose(own[:, 8], wanted[:, 8], rtol=0, atol=1e-4)


def test_losses_and_their_weights_are_the_published_ones(golden):
    expected = description(golden.name)
    losses = compute_losses(golden.out, labels(golden.name), golden.model.architecture)
    assert {name: float(loss.detach()) for name, loss in losses.items()} == pytest.approx(
        expected["losses"], rel=expected["loss_recommended_rtol"]
    )
    own = loss_weights(golden.model.architecture)
    assert own == pytest.approx(expected["loss_weights_normalised"], rel=1e-6)
    assert float(total_loss(losses, own).detach()) == pytest.approx(expected["loss_total"], rel=2e-4)


@pytest.mark.slow
def test_gradients_are_the_published_ones(golden):
    losses = compute_losses(golden.out, labels(golden.name), golden.model.architecture)
    golden.model.zero_grad()
    total_loss(losses, loss_weights(golden.model.architecture)).backward(retain_graph=True)
    norms = [-1.0 if p.grad is None else float(p.grad.norm()) for p in golden.model.parameters()]
    tolerance = description(golden.name)["grad_norms"]
    np.testing.assert_allclose(
        norms,
        arrays(golden.name)["grad_norms"],
        rtol=tolerance["recommended_rtol"],
        atol=tolerance["recommended_atol"],
    )
