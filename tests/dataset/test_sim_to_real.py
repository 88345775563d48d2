"""Merged classes of simulated samples."""

from __future__ import annotations

import pickle

import numpy as np
from loading_support import NumberSource

from lead.dataset.labels.center_net import center_net_targets
from lead.dataset.labels.classes import BoxClass
from lead.dataset.sim_to_real import SimToRealSamples, merge_classes
from lead.sensing.rigs import CARLA_3_CAMERAS

WINDOW = CARLA_3_CAMERAS.bev


def _boxes(classes: list[int]) -> np.ndarray:
    """The first two in one cell."""
    boxes = np.zeros((len(classes), 9), np.float32)
    boxes[:, 0] = 100.0 + np.maximum(np.arange(len(classes)) - 1, 0) * 6.0
    boxes[:, 1] = 50.0
    boxes[:, 2:4] = 8.0
    boxes[:, 7] = classes
    return boxes


def test_box_targets_are_those_of_merged_boxes() -> None:
    classes = [BoxClass.VEHICLE, BoxClass.SPECIAL, BoxClass.PARKING, BoxClass.WALKER, BoxClass.OBSTACLE, BoxClass.BIKER]
    merged_classes = [0, 0, 0, BoxClass.WALKER, BoxClass.OBSTACLE, BoxClass.BIKER]
    merged = merge_classes(dict(center_net_targets(_boxes(classes), WINDOW, 8)))
    expected = center_net_targets(_boxes(merged_classes), WINDOW, 8)
    assert expected["center_net_avg_factor"] == 5
    for name, value in expected.items():
        assert np.array_equal(merged[name], value) and merged[name].dtype == value.dtype, name


def test_maps_keep_only_what_real_labels_know() -> None:
    sample = {
        "semantic": np.arange(10, dtype=np.uint8).reshape(2, 5),
        "bev_semantic": np.arange(13, dtype=np.uint8)[None],
        "rgb": np.zeros((3, 2, 5), np.uint8),
    }
    merged = merge_classes(sample)
    assert merged["semantic"].tolist() == [[0, 1, 2, 3, 4], [5, 6, 1, 8, 9]]
    assert merged["bev_semantic"].tolist() == [[0, 1, 2, 0, 4, 5, 1, 4, 4, 9, 10, 11, 11]]
    assert merged["rgb"] is sample["rgb"] and sample["semantic"][1, 2] == 7
    assert merged["semantic"].dtype == np.uint8


def test_the_source_keeps_its_name_length_and_tags() -> None:
    source = pickle.loads(pickle.dumps(SimToRealSamples(NumberSource(12), has_plan=False)))
    assert (source.name, len(source), source.tags(3)) == ("carla", 12, "route 3, frame 3")
    assert int(source.load(3, np.random.default_rng(0))["index"]) == 3
