"""Runs the members of an ensemble on one batch: fast by default, or plainly, layer by layer, for comparison.

The fast way rewrites the networks (:mod:`lead.inference.optimise`). On a GPU it records the whole computation of all
members, which run beside each other, as one CUDA graph: at batch size 1 the time goes into starting some 600 kernels
per member, not into computing. The plain way is the published one: eager layers, automatic mixed precision, one member
after the other.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from lead.inference.ensemble import combine, flat_outputs
from lead.inference.optimise import optimise
from lead.models.transfuser.architecture import Architecture
from lead.models.transfuser.network import Transfuser, check_batch, input_shapes
from lead.models.transfuser.outputs import Head

LOG = logging.getLogger(__name__)

WARM_UPS = 3
Members = list[dict[str, Tensor]]


class Engine(Protocol):
    """Something that predicts with all members."""

    architecture: Architecture

    def run(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Predict for a batch of CPU tensors; returns combined outputs on the CPU."""


class PlainEngine:
    """Members as they were trained, one after the other."""

    def __init__(
        self, models: Sequence[Transfuser], heads: Collection[Head], device: torch.device, *, autocast: bool
    ) -> None:
        """Move the members to a device.

        Args:
            models: Networks in evaluation mode.
            heads: What to predict.
            device: Where to run.
            autocast: Compute in bfloat16 where PyTorch's automatic mixed precision does.
        """
        self.architecture = models[0].architecture
        self._models = [model.to(device) for model in models]
        self._heads, self._device, self._autocast = frozenset(heads), device, autocast

    @torch.inference_mode()
    def run(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Predict for a batch of CPU tensors; returns combined outputs on the CPU."""
        inputs = _select(self.architecture, batch)
        inputs = {key: value.to(self._device) for key, value in inputs.items()}
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._autocast):
            members = [_forward(model, inputs, self._heads) for model in self._models]
        return {name: tensor.cpu() for name, tensor in combine(members).items()}


class FastCpuEngine:
    """Rewritten members on the CPU, in float32: bfloat16 is emulated on most processors."""

    def __init__(self, models: Sequence[Transfuser], heads: Collection[Head]) -> None:
        """Rewrite the members, in place."""
        self.architecture = models[0].architecture
        self._models = [optimise(model, torch.float32) for model in models]
        self._heads = frozenset(heads)

    @torch.inference_mode()
    def run(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Predict for a batch of CPU tensors; returns combined outputs on the CPU."""
        inputs = _channels_last(_select(self.architecture, batch))
        return combine([_forward(model, inputs, self._heads) for model in self._models])


class CudaGraphEngine:
    """Rewritten members on one or several GPUs, replayed as CUDA graphs."""

    def __init__(
        self,
        models: Sequence[Transfuser],
        heads: Collection[Head],
        devices: Sequence[torch.device],
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        """Rewrite the members, in place, and share them out.

        Args:
            models: Networks in evaluation mode.
            heads: What to predict.
            devices: GPUs; the members are shared out evenly.
            dtype: Computing precision.
        """
        self.architecture = models[0].architecture
        self._devices = list(devices)[: len(models)]
        shares: list[list[Transfuser]] = [[] for _ in self._devices]
        for index, model in enumerate(models):
            device = self._devices[index % len(self._devices)]
            shares[index % len(self._devices)].append(optimise(model, dtype, ungroup=True).to(device))
        self._shares, self._heads = shares, frozenset(heads)
        self._graphs: dict[int, list[_Graph]] = {}

    @torch.inference_mode()
    def run(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Predict for a batch of CPU tensors; returns combined outputs on the CPU."""
        inputs = _select(self.architecture, batch)
        size = len(inputs["rgb"])
        if size not in self._graphs:
            self._graphs[size] = [
                _Graph(models, inputs, self._heads, device)
                for models, device in zip(self._shares, self._devices, strict=True)
            ]
        graphs = self._graphs[size]
        for graph in graphs:
            graph.start(inputs)
        members: Members = []
        # The published order of the seeds decides which member is the first.
        for index in range(sum(len(models) for models in self._shares)):
            graph = graphs[index % len(graphs)]
            torch.cuda.current_stream(self._devices[0]).wait_stream(graph.stream)
            member = graph.members[index // len(graphs)]
            members.append({name: tensor.to(self._devices[0]) for name, tensor in member.items()})
        with torch.cuda.device(self._devices[0]):
            return _to_host(combine(members))


class _Graph:
    """All members of one GPU, recorded for one batch size."""

    def __init__(
        self,
        models: Sequence[Transfuser],
        example: Mapping[str, Tensor],
        heads: frozenset[Head],
        device: torch.device,
    ) -> None:
        self._device = device
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._staging = {key: torch.empty_like(value).pin_memory() for key, value in example.items()}
        self._inputs = {key: torch.empty_like(value, device=device) for key, value in example.items()}
        self._inputs = _channels_last(self._inputs)
        for key, value in example.items():
            self._inputs[key].copy_(value)
        side_streams = [torch.cuda.Stream(device) for _ in models[1:]]  # type: ignore[no-untyped-call]
        with torch.cuda.device(device), _benchmarked_convolutions():
            self.stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(self.stream):
                for _ in range(WARM_UPS):
                    for model in models:
                        _forward(model, self._inputs, heads)
            torch.cuda.synchronize(device)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=self.stream):
                self.members = self._beside_each_other(models, heads, side_streams)
        torch.cuda.synchronize(device)

    def _beside_each_other(
        self, models: Sequence[Transfuser], heads: frozenset[Head], streams: Sequence[torch.cuda.Stream]
    ) -> Members:
        for stream in streams:
            stream.wait_stream(self.stream)
        members = []
        for model, stream in zip(models, (self.stream, *streams), strict=True):
            with torch.cuda.stream(stream):
                members.append(_forward(model, self._inputs, heads))
        for stream in streams:
            self.stream.wait_stream(stream)
        return members

    def start(self, inputs: Mapping[str, Tensor]) -> None:
        """Copy the inputs and start the computation, without waiting for it."""
        with torch.cuda.device(self._device), torch.cuda.stream(self.stream):
            for key, value in inputs.items():
                self._staging[key].copy_(value)
                self._inputs[key].copy_(self._staging[key], non_blocking=True)
            self._graph.replay()


def _select(architecture: Architecture, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    check_batch(architecture, batch)
    return {key: batch[key] for key in input_shapes(architecture)}


def _channels_last(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        key: value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 else value
        for key, value in inputs.items()
    }


def _forward(model: Transfuser, inputs: Mapping[str, Tensor], heads: frozenset[Head]) -> dict[str, Tensor]:
    out = model(inputs, heads)
    return flat_outputs(out, model.architecture.domain.rig.bev.pixels_per_m)


def _to_host(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy to the host with a single wait."""
    copies = {
        name: torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor, non_blocking=True)
        for name, tensor in tensors.items()
    }
    torch.cuda.current_stream().synchronize()
    return copies


@contextlib.contextmanager
def _benchmarked_convolutions() -> Iterator[None]:
    """Let cuDNN try its algorithms while a graph is recorded; the setting of others is left as it was."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
