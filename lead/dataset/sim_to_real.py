"""Simulated samples as they are mixed with real ones: classes that also real labels can tell apart, NAVSIM's plan."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lead.dataset.carla_sample import CarlaSamples
from lead.dataset.class_map import SemanticClass
from lead.dataset.errors import SampleError
from lead.dataset.labels.classes import BevClass, BoxClass
from lead.dataset.loading.source import Sample
from lead.dataset.navsim_plan import FRAMES_TO_JOIN, navsim_plan

SEMANTIC_MERGES: Mapping[int, int] = {SemanticClass.SPECIAL_VEHICLE: SemanticClass.VEHICLE}
BEV_MERGES: Mapping[int, int] = {
    BevClass.STOP_SIGN: BevClass.UNLABELED,
    BevClass.PARKING: BevClass.VEHICLE,
    BevClass.SPECIAL: BevClass.VEHICLE,
    BevClass.RED_FAR: BevClass.RED,
    # Obstacles are not painted; what they stand on is road.
    BevClass.OBSTACLE: BevClass.ROAD,
}
BOX_MERGES: Mapping[int, int] = {BoxClass.SPECIAL: BoxClass.VEHICLE, BoxClass.PARKING: BoxClass.VEHICLE}
_CLASS_COLUMN = 7
_SIMULATED_PLAN = frozenset(
    """
    future_waypoints future_yaws route target_point_previous target_point target_point_next command next_command
    target_speed brake
    """.split()  # noqa: SIM905  # a table of words
)
"""What a planner of the simulator's own learns from."""


def _table(merges: Mapping[int, int]) -> NDArray[np.uint8]:
    table = np.arange(256, dtype=np.uint8)
    table[list(merges)] = list(merges.values())
    table.setflags(write=False)
    return table


_SEMANTIC, _BEV, _BOX = (_table(merges) for merges in (SEMANTIC_MERGES, BEV_MERGES, BOX_MERGES))


class SimToRealSamples:
    """The samples of a simulated source for a mixture; see :class:`lead.dataset.loading.source.SampleSource`."""

    def __init__(self, source: CarlaSamples, *, has_plan: bool) -> None:
        """Keep the source.

        Args:
            source: Samples with the simulator's classes.
            has_plan: Inputs and labels of the planner are wanted, in NAVSIM's form; without, there are none.
        """
        self.name = source.name
        self._source, self._has_plan = source, has_plan

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._source)

    def tags(self, index: int) -> str:
        """Name route and frame of a sample."""
        return self._source.tags(index)

    def load(self, index: int, rng: np.random.Generator) -> Sample:
        """Make a sample; as the source does, with other classes and, if wanted, another plan.

        Raises:
            SampleError: If the sample cannot be learnt from.
        """
        start_s = time.perf_counter()
        sample = merge_classes(self._source.load(index, rng))
        plan: Sample = {}
        if self._has_plan:
            later, before = (self._source.motion(index, ahead) for ahead in (FRAMES_TO_JOIN, -1))
            try:
                plan = navsim_plan(sample, later, before)
            except SampleError as error:
                raise SampleError(f"{self.tags(index)}: {error}", error.kind) from error
        sample = {name: value for name, value in sample.items() if name not in _SIMULATED_PLAN} | plan
        sample["loading_time"] = np.array(time.perf_counter() - start_s, np.float32)
        return sample


def merge_classes(sample: Sample) -> Sample:
    """Merge the classes of a sample's labels; the arrays keep their shapes, the merged classes are empty.

    Args:
        sample: Labels by published name; those that are missing are left out.

    Returns:
        A new dict that shares the arrays that do not change.
    """
    import cv2

    merged = dict(sample)
    for name, table in (("semantic", _SEMANTIC), ("bev_semantic", _BEV)):
        if name in sample:
            # Many times as fast as indexing the table.
            merged[name] = np.asarray(cv2.LUT(np.asarray(sample[name], np.uint8), table))
    if "center_net_heatmap" in sample:
        heatmap = np.array(sample["center_net_heatmap"], np.float32)
        for source, target in BOX_MERGES.items():
            np.maximum(heatmap[target], heatmap[source], out=heatmap[target])
            heatmap[source] = 0.0
        merged["center_net_heatmap"] = heatmap
        # Boxes of two classes in one cell have become one.
        merged["center_net_avg_factor"] = np.array(max(1, int((heatmap == 1.0).sum())), np.int64)
        boxes = np.array(sample["center_net_bounding_boxes"], np.float32)
        boxes[:, _CLASS_COLUMN] = _BOX[boxes[:, _CLASS_COLUMN].astype(np.int64)]
        merged["center_net_bounding_boxes"] = boxes
    return merged
