"""Metrics of predictions that are known to be good or bad by a known amount."""

import math

import numpy as np
import pytest
import torch
from tiny_training import TINY

from lead.models.transfuser.outputs import BoxMaps, TransfuserOutput
from lead.training.labels import label_specs
from lead.training.losses.dense import visible_classes
from lead.training.metrics import MetricSums, quotients
from lead.training.pictures import draw_sample

CELLS = TINY.domain.rig.bev.cell_shape


def labels(boxes=(), batch=1):
    """Labels with boxes (sample, class, row, column) in the middle of their cells."""
    made = {}
    for name, spec in label_specs(TINY).items():
        made[name] = torch.zeros((batch, *spec.shape), dtype=spec.dtype)
    for sample, kind, row, column in boxes:
        made["center_net_heatmap"][sample, kind, row, column] = 1.0
        made["center_net_offset"][sample, :, row, column] = 0.5
    return made


def predicted(boxes=(), batch=1):
    """Box maps that say exactly these boxes (sample, class, row, column)."""
    heat = torch.full((batch, 8, *CELLS), -20.0)
    for sample, kind, row, column in boxes:
        heat[sample, kind, row, column] = 5.0

    def maps(channels, value=0.0):
        return torch.full((batch, channels, *CELLS), value)

    return BoxMaps(heat, maps(2, 1.0), maps(2, 0.5), maps(12), maps(1), maps(1))


def measure(out, batch):
    sums = MetricSums()
    sums.add(quotients(out, batch, TINY))
    return sums.values()


def test_distances_are_in_metres():
    batch = labels(batch=2)
    out = TransfuserOutput(waypoints_ego=torch.zeros(2, 8, 2), path_ego=torch.zeros(2, 10, 2))
    out.waypoints_ego[..., 0] = 3.0
    out.waypoints_ego[:, -1, 1] = 4.0
    out.path_ego[..., 1] = -2.0
    values = measure(out, batch)
    assert values["waypoint_fde_m"] == pytest.approx(5.0)
    assert values["waypoint_ade_m"] == pytest.approx((7 * 3.0 + 5.0) / 8)
    assert values["path_ade_m"] == values["path_fde_m"] == pytest.approx(2.0)


def test_a_braking_sample_wants_to_stand_and_speeds_end_at_the_last_bin():
    batch = labels(batch=3)
    batch["target_speed"] = torch.tensor([10.0, 30.0, 8.0])
    batch["brake"] = torch.tensor([True, False, False])
    values = measure(TransfuserOutput(target_speed_mps=torch.tensor([1.0, 18.0, 8.0])), batch)
    assert values["speed_mae_mps"] == pytest.approx((1.0 + 2.0 + 0.0) / 3)


def test_boxes_are_matched_once_within_their_class_and_sample():
    truth = [(0, 0, 5, 5), (0, 0, 5, 15), (0, 1, 10, 10), (1, 0, 3, 3)]
    exact = measure(TransfuserOutput(boxes=predicted(truth, 2)), labels(truth, 2))
    assert exact["box_f1"] == exact["box_precision"] == exact["box_recall"] == pytest.approx(1.0)
    found = [(0, 0, 5, 6), (0, 0, 5, 4), (0, 2, 10, 10), (1, 0, 3, 9), (0, 0, 5, 15)]
    values = measure(TransfuserOutput(boxes=predicted(found, 2)), labels(truth, 2))
    # Two predictions share one label, one has the wrong class, one is too far away: two hits.
    assert values["box_precision"] == pytest.approx(2 / 5)
    assert values["box_recall"] == pytest.approx(2 / 4)
    none = measure(TransfuserOutput(boxes=predicted((), 1)), labels((), 1))
    assert "box_f1" not in none and "box_recall" not in none


def test_overlap_is_the_mean_over_the_classes_that_occur():
    batch = labels()
    rows, columns = batch["bev_semantic"].shape[1:]
    batch["bev_semantic"][:, : rows // 2] = 4
    logits = torch.zeros(1, 13, rows, columns)
    logits[:, 4, : rows // 4] = 1.0
    logits[:, 1, rows // 2 :] = 1.0
    values = measure(TransfuserOutput(bev_semantic_logits=logits), batch)
    assert values["bev_semantic_iou"] == pytest.approx((0.5 + 0.0) / 2)


def test_sums_of_batches_are_those_of_one_batch():
    sums, out = MetricSums(), TransfuserOutput(depth_m=torch.ones(1, *TINY.image_shape))
    for depth in (0.0, 3.0):
        batch = labels()
        batch["depth"] += depth
        sums.add(quotients(out, batch, TINY))
    assert sums.values()["depth_mae_m"] == pytest.approx(1.5)


def test_headings_are_compared_around_the_circle():
    batch = labels() | {"future_yaws": torch.full((1, 8), -math.pi + 0.1)}
    values = measure(TransfuserOutput(headings_rad=torch.full((1, 8), math.pi - 0.1)), batch)
    assert values["heading_mae_rad"] == pytest.approx(0.2, abs=1e-5)


def test_few_cameras_see_a_fan():
    window = TINY.domain.rig.bev
    classes = torch.ones((1, *window.shape), dtype=torch.uint8)
    assert (visible_classes(classes, window, 3) == 1).all()
    seen = visible_classes(classes, window, 1)[0]
    row, column = (np.array([0.0, 10.0]) - (window.min_y_m, window.min_x_m)) * window.pixels_per_m
    assert seen[int(row), int(column)] == 1
    assert seen[0, int((1.0 - window.min_x_m) * window.pixels_per_m)] == -1
    assert (seen[:, : int(-window.min_x_m * window.pixels_per_m)] == -1).all()


def test_the_picture_shows_labels_above_predictions():
    batch = labels([(0, 0, 5, 5)])
    batch["rgb"] = torch.zeros((1, 3, *TINY.image_shape), dtype=torch.uint8)
    batch["bev_semantic"] += 4
    batch["target_point"] = torch.tensor([[5.0, 0.0]])
    batch["center_net_bounding_boxes"] = torch.tensor([[[40.0, 30.0, 8.0, 4.0, 0.1, 0.0, 0.0, 0.0, 0.0]] + [[0.0] * 9]])
    out = TransfuserOutput(
        bev_semantic_logits=torch.nn.functional.one_hot(torch.full((1, *TINY.domain.rig.bev.shape), 1), 13)
        .permute(0, 3, 1, 2)
        .float(),
        waypoints_ego=torch.zeros(1, 8, 2),
        path_ego=torch.zeros(1, 10, 2),
        boxes=predicted([(0, 0, 5, 5)]),
    )
    picture = draw_sample(out, batch, TINY)
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    upper, lower = picture[: len(picture) // 2], picture[len(picture) // 2 :]
    assert (upper == (31, 120, 230)).all(-1).mean() > 0.15  # vehicles everywhere
    assert (lower == (210, 214, 222)).all(-1).mean() > 0.15  # road everywhere
    assert (upper == (0, 255, 0)).all(-1).any() and (lower == (0, 255, 0)).all(-1).any()
