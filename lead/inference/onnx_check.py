"""Compares what an ONNX file computes with what the network computes.

Boxes need care: which cells of the map are peaks, and in which order they come, hangs on differences in the last digits
wherever scores are nearly equal. So the file's choice of cells is judged by the network's map, and its numbers are
compared with the network's at the cells that the file chose.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from lead.inference.ensemble import flat_outputs
from lead.models.transfuser.box_head import PEAK_WINDOW, decode_raster
from lead.models.transfuser.network import Transfuser
from lead.models.transfuser.outputs import BoxMaps, Head

TIE = 1e-4
"""Scores that differ by less may change places."""
BOXES = "boxes_raster"
_CLASS, _SCORE = 7, 8


@dataclass(frozen=True)
class Reference:
    """What a network predicts for a batch.

    Attributes:
        outputs: Outputs of :func:`lead.inference.ensemble.flat_outputs`.
        maps: Maps of the box head, if it was asked.
        pixels_per_cell: Pixels of the raster per cell of the maps.
    """

    outputs: Mapping[str, Tensor]
    maps: BoxMaps | None
    pixels_per_cell: float


@torch.no_grad()
def reference(model: Transfuser, inputs: Mapping[str, Tensor], heads: Collection[Head]) -> Reference:
    """Predict for a batch."""
    pixels_per_cell = model.architecture.domain.rig.bev.pixels_per_m
    out = model(inputs, heads)
    return Reference(flat_outputs(out, pixels_per_cell), out.boxes, pixels_per_cell)


def run_onnx(path: Path, inputs: Mapping[str, Tensor], outputs: Collection[str]) -> dict[str, Tensor]:
    """Run an ONNX file on the CPU.

    Args:
        path: The file.
        inputs: Tensors by name; those that the file does not use are left out.
        outputs: Names of the wanted outputs.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    feed = {item.name: inputs[item.name].numpy() for item in session.get_inputs()}
    results = session.run(list(outputs), feed)
    return {name: torch.from_numpy(result) for name, result in zip(outputs, results, strict=True)}


def compare(found: Mapping[str, Tensor], expected: Reference) -> dict[str, float]:
    """Return the largest difference of each output.

    Boxes differ in their own units (pixels, radians, m/s, score), all other outputs as a fraction of their largest
    value or of 1.
    """
    differences = {}
    for name, wanted in expected.outputs.items():
        if name == BOXES:
            assert expected.maps is not None
            differences[name] = max(
                box_difference(boxes, _sample(expected.maps, index), expected.pixels_per_cell)
                for index, boxes in enumerate(found[name])
            )
        else:
            scale = max(1.0, float(wanted.abs().max()))
            differences[name] = float((found[name] - wanted).abs().max()) / scale
    return differences


def _sample(maps: BoxMaps, index: int) -> BoxMaps:
    """Return the maps of one sample, with a batch axis of 1."""
    return BoxMaps(**{field.name: getattr(maps, field.name)[index : index + 1] for field in fields(maps)})


def box_difference(boxes: Tensor, maps: BoxMaps, pixels_per_cell: float) -> float:
    """Return how far boxes are from those of some maps.

    Args:
        boxes: (n, 9) result of :func:`~lead.models.transfuser.box_head.decode_raster` for one sample.
        maps: Maps of the same sample, with a batch axis of 1.
        pixels_per_cell: Pixels of the raster per cell of the maps.

    Returns:
        The largest difference of any number; infinite if a clear peak has no box.
    """
    heat = maps.heatmap[0]
    least = float(boxes[:, _SCORE].min())  # cells that score about as little as the last box may be others
    boxes = boxes[boxes[:, _SCORE] > least + TIE]
    if not len(boxes):
        return float("inf") if bool((heat > least + 2.0 * TIE).any()) else 0.0
    row, column = _cells(boxes, maps, pixels_per_cell)
    place = (boxes[:, _CLASS].long(), row, column)
    chosen = torch.zeros_like(heat, dtype=torch.bool)
    chosen[place] = True
    neighbours = _highest_neighbour(heat)
    is_clear_peak = (heat > neighbours + TIE) & (heat > least + 2.0 * TIE)
    if bool((is_clear_peak & ~chosen).any()):
        return float("inf")
    lacking = (neighbours - heat)[place]
    scores = (boxes[:, _SCORE] - heat[place]).abs()
    # Where all chosen cells score the same and others nothing, the decoder returns its numbers for just those.
    forced = replace(maps, heatmap_logits=torch.where(chosen, torch.inf, -torch.inf)[None])
    others = decode_raster(forced, pixels_per_cell)[0]
    numbers = (boxes[:, None, :_SCORE] - others[None, :, :_SCORE]).abs().amax(-1).amin(-1)
    return float(torch.cat((lacking, scores, numbers)).max())


def _cells(boxes: Tensor, maps: BoxMaps, pixels_per_cell: float) -> tuple[Tensor, Tensor]:
    """Return rows and columns of the cells that boxes come from."""
    rows, columns = maps.heatmap_logits.shape[2:]
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    centres = (torch.stack((column, row)) + maps.offset[0]) * pixels_per_cell
    cell = torch.cdist(boxes[:, :2], centres.flatten(1).T, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
    return row.flatten()[cell], column.flatten()[cell]


def _highest_neighbour(heat: Tensor) -> Tensor:
    """Return the highest score of the cells around each cell, without its own."""
    windows = functional.unfold(heat[:, None], PEAK_WINDOW, padding=PEAK_WINDOW // 2)
    middle = PEAK_WINDOW**2 // 2
    return torch.cat((windows[:, :middle], windows[:, middle + 1 :]), dim=1).amax(1).view_as(heat)
