"""How good predictions are, in units that mean something: metres, metres per second, shares. For logs and validation.

Everything stays on the device as sums; what is asked for at the end is their quotients, over all batches and ranks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from lead.models.transfuser.architecture import Architecture
from lead.models.transfuser.box_head import MIN_SCORE, decode_raster
from lead.models.transfuser.outputs import BoxMaps, TransfuserOutput
from lead.training.distributed import Ranks
from lead.training.losses.total import label_prefix
from lead.training.sides import output_of, rows_of, sides

MATCH_DISTANCE_M = 2.0
"""A predicted box counts as found if it is the nearest of its class to a labelled one, within this distance."""
_PRECISION, _RECALL = "box_precision", "box_recall"

Quotients = dict[str, tuple[Tensor, Tensor]]
"""Sum and count by name."""


@torch.no_grad()
def quotients(out: TransfuserOutput, batch: Mapping[str, Tensor], architecture: Architecture) -> Quotients:
    """Compare the predictions for a batch with its labels.

    Args:
        out: Predictions.
        batch: Labels by their published names, on the same device.
        architecture: The network.

    Returns:
        By name the sum of something and what to divide it by; names of classes' shares end in ``/<class>``. In a
        mixture all is by source, whose name comes first.
    """
    both = sides(architecture)
    if len(both) == 1:
        return _quotients(out, batch, architecture)
    found: Quotients = {}
    for side in both:
        rows = rows_of(side, batch)
        own = {name: tensor[rows] for name, tensor in batch.items()}
        predicted = _rows(_with_plan(output_of(out, side), out), rows)
        found |= {f"{side.domain.name}_{name}": pair for name, pair in _quotients(predicted, own, side).items()}
    return found


def _with_plan(side: TransfuserOutput, out: TransfuserOutput) -> TransfuserOutput:
    """Put the planner's predictions, which sides share, beside those of a side's heads."""
    return replace(side, waypoints_ego=out.waypoints_ego, headings_rad=out.headings_rad)


def _rows(out: TransfuserOutput, rows: Tensor) -> TransfuserOutput:
    """Keep some samples."""

    def kept(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value[rows]
        if isinstance(value, BoxMaps):
            return BoxMaps(*(kept(getattr(value, entry.name)) for entry in fields(value)))
        return None

    return TransfuserOutput(**{entry.name: kept(getattr(out, entry.name)) for entry in fields(TransfuserOutput)})


def _quotients(out: TransfuserOutput, batch: Mapping[str, Tensor], architecture: Architecture) -> Quotients:
    prefix = label_prefix(architecture)
    found: Quotients = {}
    for name, points, label in (
        ("waypoint", out.waypoints_ego, "future_waypoints"),
        ("path", out.path_ego, "route"),
    ):
        if points is not None:
            error = (points.float() - batch[label]).norm(dim=-1)
            found[f"{name}_ade_m"] = _mean(error)
            found[f"{name}_fde_m"] = _mean(error[:, -1])
    if out.headings_rad is not None:
        error = out.headings_rad.float() - batch["future_yaws"]
        found["heading_mae_rad"] = _mean(torch.atan2(error.sin(), error.cos()).abs())
    if out.target_speed_mps is not None:
        wanted = torch.where(batch["brake"], 0.0, batch["target_speed"]).clamp(
            max=architecture.domain.speed_bins_mps[-1]
        )
        found["speed_mae_mps"] = _mean((out.target_speed_mps.float() - wanted).abs())
    if out.depth_m is not None:
        found["depth_mae_m"] = _mean((out.depth_m.float() - batch["depth"]).abs())
    if out.semantic_logits is not None:
        found |= _overlaps("semantic_iou", out.semantic_logits, batch["semantic"])
    if out.bev_semantic_logits is not None:
        found |= _overlaps("bev_semantic_iou", out.bev_semantic_logits, batch[f"{prefix}bev_semantic"])
    if out.boxes is not None:
        found |= _box_hits(out.boxes, batch, prefix)
    if out.radar_detections is not None:
        found |= _radar(out.radar_detections, batch["radar_detections"])
    return found


class MetricSums:
    """Quotients of many batches."""

    def __init__(self) -> None:
        """Start with none."""
        self._sums: dict[str, Tensor] = {}

    def add(self, parts: Quotients) -> None:
        """Add those of a batch."""
        for name, (total, count) in parts.items():
            pair = torch.stack((total.double(), count.double()))
            self._sums[name] = self._sums[name] + pair if name in self._sums else pair

    def values(self, ranks: Ranks | None = None) -> dict[str, float]:
        """Return the metrics; all ranks must ask.

        Args:
            ranks: Sum over these processes.

        Returns:
            Numbers by name; what never occurred is left out. Shares of classes become their mean over classes, hits of
            boxes precision, recall and their harmonic mean.
        """
        names = sorted(self._sums)
        flat = [number for name in names for number in self._sums[name].tolist()]
        flat = ranks.sums(flat) if ranks is not None else flat
        pairs = dict(zip(names, zip(flat[::2], flat[1::2], strict=True), strict=True))
        values: dict[str, float] = {}
        classes: dict[str, list[float]] = {}
        for name, (total, count) in pairs.items():
            if count <= 0.0:
                continue
            family, slash, _ = name.partition("/")
            if slash:
                classes.setdefault(family, []).append(total / count)
            else:
                values[name] = total / count
        values |= {name: sum(shares) / len(shares) for name, shares in classes.items()}
        for name in [name for name in values if name.endswith(_PRECISION)]:
            precision, recall = values[name], values.get(name.removesuffix(_PRECISION) + _RECALL)
            if recall is not None:
                f1 = 2.0 * precision * recall / max(precision + recall, 1e-9)
                values[name.removesuffix(_PRECISION) + "box_f1"] = f1
        return values


def _mean(values: Tensor) -> tuple[Tensor, Tensor]:
    return values.sum(), values.new_tensor(values.numel())


def _overlaps(name: str, logits: Tensor, labels: Tensor) -> Quotients:
    """Intersection and union of each class; class 0, the rest, is left out."""
    classes = logits.shape[1]
    predicted, labelled = logits.argmax(1).flatten(), labels.flatten().long()
    pairs = torch.bincount(labelled * classes + predicted, minlength=classes * classes).view(classes, classes)
    hits = pairs.diagonal()
    unions = pairs.sum(0) + pairs.sum(1) - hits
    return {f"{name}/{number}": (hits[number], unions[number]) for number in range(1, classes)}


def _box_hits(maps: BoxMaps, batch: Mapping[str, Tensor], prefix: str) -> Quotients:
    """Count labelled and predicted boxes that are each other's nearest of their class."""
    heatmap = batch[f"{prefix}center_net_heatmap"]
    offset = batch[f"{prefix}center_net_offset"]
    predicted = decode_raster(maps, 1.0)
    is_shown = predicted[..., 8] > MIN_SCORE
    sample, kind, row, column = (heatmap == 1.0).nonzero(as_tuple=True)
    centres = torch.stack((column, row), dim=-1) + offset[sample, :, row, column]
    # Labels (n) against the 100 predictions of their sample.
    distance = (predicted[sample, :, :2] - centres[:, None]).norm(dim=-1)
    fits = is_shown[sample] & (predicted[sample, :, 7] == kind[:, None]) & (distance <= MATCH_DISTANCE_M)
    distance = torch.where(fits, distance, math.inf)
    hits = _mutual(distance, sample, predicted.shape[:2])
    labels = distance.new_tensor(len(sample))
    return {_PRECISION: (hits, is_shown.sum()), _RECALL: (hits, labels)}


def _mutual(distance: Tensor, sample: Tensor, shape: torch.Size) -> Tensor:
    """Count rows whose nearest column has that row as its nearest, among the rows of the same sample.

    Args:
        distance: (n, m), infinite where row and column do not fit.
        sample: (n,) sample of each row.
        shape: Samples and columns per sample.
    """
    if not len(sample):
        return distance.new_zeros(())
    nearest = distance.new_full(tuple(shape), math.inf)
    nearest.scatter_reduce_(0, sample[:, None].expand_as(distance), distance, "amin")
    best, column = distance.min(1)
    return (best.isfinite() & (best == nearest[sample, column])).sum()


def _radar(detections: Tensor, labels: Tensor) -> Quotients:
    """Distance from each labelled detection to the nearest valid prediction, up to 20 m, and its error of velocity."""
    valid = labels[..., 3] > 0.5
    is_shown = detections[..., 3] > 0.0
    distance = torch.cdist(labels[..., :2].float(), detections[..., :2].float())
    nearest, column = torch.where(is_shown[:, None], distance, math.inf).min(-1)
    speed = detections[..., 2].gather(1, column)
    close = valid & (nearest < 20.0)
    zero = distance.new_zeros(())
    return {
        "radar_distance_m": (torch.where(close, nearest, zero).sum(), close.sum()),
        "radar_speed_mae_mps": (torch.where(close, (speed - labels[..., 2]).abs(), zero).sum(), close.sum()),
    }
