"""A network whose forward and backward pass are recorded once and replayed: small networks wait for the host otherwise.

A step of the compact network starts some ten thousand kernels, for which the host needs longer than the GPU. A CUDA
graph starts all of them at once. Shapes of the inputs must stay, and nothing in the network may depend on values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lead.models.transfuser.outputs import TransfuserOutput


class GraphedNetwork:
    """Replays the passes of a network in training."""

    def __init__(self, model: nn.Module, inputs: Mapping[str, Tensor], *, half: bool) -> None:
        """Record.

        Args:
            model: The network on a GPU, in training mode. Its running statistics are as before afterwards.
            inputs: A batch of the shapes and types that all later ones have.
            half: Compute in bfloat16.
        """
        self._names = tuple(inputs)
        kept = {name: buffer.clone() for name, buffer in model.named_buffers()}
        samples = tuple(tensor.clone() for tensor in inputs.values())
        # Casts of weights belong into the graph: a cache would hold those of the time of recording.
        with torch.autocast("cuda", torch.bfloat16, enabled=half, cache_enabled=False):
            with torch.no_grad():
                predictions: TransfuserOutput = model(dict(inputs))
            # Only what has which place is kept: dense maps of a batch are a gigabyte.
            self._form = unflatten(predictions, (torch.empty(0) for _ in flatten(predictions)))
            del predictions
            # Gradients are summed up on another stream than the one that recorded, on purpose.
            if tell := getattr(torch.autograd.graph, "set_warn_on_accumulate_grad_stream_mismatch", None):
                tell(False)
            flat = _Flat(model, self._names)
            self._run = torch.cuda.make_graphed_callables(flat, samples, allow_unused_input=True)
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(kept[name])

    def __call__(self, inputs: Mapping[str, Tensor]) -> TransfuserOutput:
        """Predict, ready for a backward pass.

        Predictions are valid until the next call, and gradients until the next backward pass.
        """
        tensors: Any = self._run(*(inputs[name] for name in self._names))
        out: TransfuserOutput = unflatten(self._form, iter(tensors))
        return out


class _Flat(nn.Module):
    """A network from tensors to tensors, as a graph wants it."""

    def __init__(self, model: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(flatten(self.model(dict(zip(self.names, inputs, strict=True)))))


def flatten(out: Any) -> list[Tensor]:
    """Return the tensors in predictions, those of nested ones at their place."""
    if out is None:
        return []
    if isinstance(out, Tensor):
        return [out]
    return [tensor for entry in dataclasses.fields(out) for tensor in flatten(getattr(out, entry.name))]


def unflatten(form: Any, tensors: Iterator[Tensor]) -> Any:
    """Return predictions of a form with the tensors that :func:`flatten` gave."""
    if form is None:
        return None
    if isinstance(form, Tensor):
        return next(tensors)
    return type(form)(
        **{entry.name: unflatten(getattr(form, entry.name), tensors) for entry in dataclasses.fields(form)}
    )
