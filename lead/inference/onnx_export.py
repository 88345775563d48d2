"""Writes one network as an ONNX file, for runtimes without PyTorch, and compares the file with the network.

The file holds the rewritten float32 network (:mod:`lead.inference.optimise`) for batches of any size. Inputs have
their published names; outputs are those of :func:`lead.inference.ensemble.flat_outputs`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lead.files import written_whole
from lead.inference.ensemble import flat_outputs
from lead.inference.errors import InferenceError
from lead.inference.onnx_check import compare, reference, run_onnx
from lead.inference.optimise import optimise
from lead.models.transfuser.architecture import Architecture, Planner
from lead.models.transfuser.network import Transfuser, input_shapes
from lead.models.transfuser.outputs import DRIVING_HEADS, Head

OPSET = 18
"""The version that PyTorch's exporter writes by itself; GridSample, which the radar head needs, came with 16."""
TOLERANCE = 1e-3
"""Largest difference from PyTorch that is accepted, as :func:`lead.inference.onnx_check.compare` counts."""
INSTALL = "run pip install -e '.[models,onnx]' in the project"
BATCH = "batch"
"""Name of the first axis of all inputs and outputs."""
CHECKED_SIZES = (1, 3)
_EXPORTER, _RUNTIME = ("onnx", "onnxscript"), "onnxruntime"
_NOISY_LOGGERS = ("onnxscript", "onnx_ir", "torch.onnx")


@dataclass(frozen=True)
class OnnxFile:
    """A file that was written.

    Attributes:
        path: The file.
        inputs: Names and shapes; the first axis is that of the batch.
        outputs: Names and shapes.
        differences: Largest difference of each output from PyTorch's float32 result on random batches of 1 and 3, as
            :func:`lead.inference.onnx_check.compare` counts; None where onnxruntime is not installed.
    """

    path: Path
    inputs: Mapping[str, tuple[str | int, ...]]
    outputs: Mapping[str, tuple[str | int, ...]]
    differences: Mapping[str, float] | None


def export_onnx(model: Transfuser, path: Path, heads: Collection[Head] = DRIVING_HEADS) -> OnnxFile:
    """Write a network as an ONNX file, which appears at its place only if its outputs agree with PyTorch's.

    Args:
        model: Network on the CPU, in float32 and evaluation mode; it is rewritten in place.
        path: Where the file goes; an older one is replaced.
        heads: What the file predicts.

    Raises:
        InferenceError: If a package is missing, the network does not have a head, the file cannot be written, or its
            outputs differ from PyTorch's.
    """
    _require_exporter()
    architecture = model.architecture
    if missing := set(heads) - available_heads(architecture):
        names = ", ".join(head.value for head in Head if head in missing)
        raise InferenceError(f"this network does not predict {names}")
    if not heads:
        raise InferenceError("an ONNX file needs at least one head")
    batches = [example_inputs(architecture, seed, size) for seed, size in enumerate(CHECKED_SIZES)]
    expected = [reference(model, batch, heads) for batch in batches]
    inputs, outputs = batches[-1], expected[-1].outputs
    flat = _Flat(optimise(model, torch.float32), tuple(inputs), heads).eval()
    differences = None
    try:
        with written_whole(path, contested=True) as temporary:
            write_onnx(flat, inputs, outputs, temporary)
            if importlib.util.find_spec(_RUNTIME) is not None:
                found = [run_onnx(temporary, batch, outputs) for batch in batches]
                each = [compare(own, wanted) for own, wanted in zip(found, expected, strict=True)]
                for differences in each:
                    _refuse_differences(differences)
                differences = {name: max(one[name] for one in each) for name in outputs}
    except OSError as error:
        raise InferenceError(f"cannot write {path} ({error.strerror or error})") from error
    return OnnxFile(path, _shapes(inputs), _shapes(outputs), differences)


def available_heads(architecture: Architecture) -> frozenset[Head]:
    """Return what a network can predict."""
    heads = {Head.BOXES, Head.BEV_SEMANTIC}
    if architecture.planner is not Planner.NONE:
        heads.add(Head.PLAN)
    if architecture.domain.semantic_classes:
        heads |= {Head.SEMANTIC, Head.DEPTH}
    if architecture.detects_radar:
        heads.add(Head.RADAR)
    return frozenset(heads)


def example_inputs(architecture: Architecture, seed: int = 0, size: int = 1) -> dict[str, Tensor]:
    """Return random samples of a network's inputs, in the ranges and types of an agent's.

    Returns:
        Tensors with a batch axis of ``size`` by name; the image strip is uint8, all others are float32.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = {key: torch.rand(size, *shape, generator=generator) for key, shape in input_shapes(architecture).items()}
    inputs["rgb"] = torch.randint(0, 256, inputs["rgb"].shape, dtype=torch.uint8, generator=generator)
    for key, tensor in inputs.items():
        if key == "radar":
            window = architecture.domain.rig.bev
            low = torch.tensor((window.min_x_m, window.min_y_m, 0.0, -10.0))
            high = torch.tensor((window.max_x_m, window.max_y_m, 4.0, 10.0))
            tensor[..., :4] = low + tensor[..., :4] * (high - low)
            sensors = len(architecture.domain.rig.radars)
            tensor[..., 4] = torch.arange(tensor.shape[1]) * sensors // tensor.shape[1]
        elif key == "command":
            tensor.zero_()
            tensor[:, -1] = 1.0
        elif key not in ("rgb", "rasterized_lidar"):
            tensor.mul_(10.0)
    return inputs


class _Flat(nn.Module):
    """A network that takes and returns tensors by position, as exporters want."""

    def __init__(self, model: Transfuser, names: tuple[str, ...], heads: Collection[Head]) -> None:
        super().__init__()
        self.model, self.names, self.heads = model, names, frozenset(heads)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Predict; outputs in the order of :func:`~lead.inference.ensemble.flat_outputs`."""
        out = self.model(dict(zip(self.names, tensors, strict=True)), self.heads)
        return tuple(flat_outputs(out, self.model.architecture.domain.rig.bev.pixels_per_m).values())


def write_onnx(module: nn.Module, inputs: Mapping[str, Tensor], outputs: Collection[str], path: Path) -> None:
    """Write a module as one file, weights included; nothing is compared.

    Args:
        module: Takes and returns tensors by position, all with a batch axis.
        inputs: Examples by name, of at least two samples: an axis of 1 could not be told from a fixed one.
        outputs: Names.
        path: The file.
    """
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=_batch_axes(module, len(inputs)),
            verbose=False,
        )
    assert program is not None
    program.save(path, external_data=False)


def _batch_axes(module: nn.Module, count: int) -> tuple[object, ...]:
    """Declare the first axis of all inputs as the batch's, in the form that the module's signature asks for."""
    axes = tuple({0: torch.export.Dim(BATCH)} for _ in range(count))
    return (axes,) if isinstance(module, _Flat) else axes


def _require_exporter() -> None:
    missing = [name for name in _EXPORTER if importlib.util.find_spec(name) is None]
    if missing:
        raise InferenceError(f"ONNX files need packages that are not installed ({', '.join(missing)}); {INSTALL}")


def _refuse_differences(differences: Mapping[str, float]) -> None:
    # Written so that a difference that is no number is refused, too.
    if wrong := {name: value for name, value in differences.items() if not value <= TOLERANCE}:
        listed = ", ".join(f"{name} by {value:.2g}" for name, value in wrong.items())
        raise InferenceError(f"the ONNX file differs from PyTorch and was not kept: {listed} (allowed: {TOLERANCE})")


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[str | int, ...]]:
    return {name: (BATCH, *tensor.shape[1:]) for name, tensor in tensors.items()}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes about its own inner workings away from users."""
    levels = {name: logging.getLogger(name).level for name in _NOISY_LOGGERS}
    try:
        for name in levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
