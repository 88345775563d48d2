"""Samples to a batch of tensors, also where samples of several origins have different names.

A batch lies in one piece of memory. Workers make it where the trainer can see it: it reaches the trainer without being
copied, as a single open file, and is copied to a GPU's staging memory in one go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lead.dataset.errors import SampleError
from lead.dataset.loading.source import Sample

Batch = dict[str, Tensor]
_STORED = {np.dtype(np.float64): np.dtype(np.float32), np.dtype(np.float16): np.dtype(np.float32)}
_TYPES = {
    np.dtype(name): getattr(torch, name)
    for name in ("bool", "uint8", "int8", "int16", "int32", "int64", "float32", "uint16")
}
_ALIGNMENT = 64


class CollationError(SampleError):
    """Samples of one batch do not fit together: a fault of the settings, not of a file."""


@dataclass
class Part:
    """Place of one tensor in the memory of a batch.

    Attributes:
        name: Name of the tensor.
        dtype: Its type.
        shape: Its shape, the batch first.
        start: Its first byte.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int

    @property
    def stop(self) -> int:
        """The byte after its last one."""
        return self.start + int(np.prod(self.shape)) * self.dtype.itemsize


@dataclass
class PackedBatch:
    """All tensors of a batch in one.

    Attributes:
        memory: uint8 (n,).
        parts: What lies in it where.
    """

    memory: Tensor
    parts: list[Part]

    def tensors(self) -> Batch:
        """Return the tensors by name, without copying."""
        return {
            part.name: self.memory[part.start : part.stop].view(_TYPES[part.dtype]).view(part.shape)
            for part in self.parts
        }


def collate(samples: Sequence[Sample], *, is_shared: bool = False) -> PackedBatch:
    """Stack samples.

    A name that only samples of another origin have is filled up with zeros: losses look at ``source_dataset`` first.

    Args:
        samples: At least one.
        is_shared: Use memory that other processes can look into.

    Returns:
        Tensors (n, ...) by name; floats become float32, everything else keeps its type.

    Raises:
        CollationError: If arrays of one name differ in shape or type.
    """
    parts = _layout(samples)
    size = parts[-1].stop
    if is_shared:
        # What torch's own collation does, for all tensors at once.
        memory = torch.empty(0, dtype=torch.uint8).set_(torch.UntypedStorage._new_shared(size))  # type: ignore[no-untyped-call]
    else:
        memory = torch.empty(size, dtype=torch.uint8)
    buffer: NDArray[np.uint8] = memory.numpy()
    for part in parts:
        rows = buffer[part.start : part.stop].view(part.dtype).reshape(part.shape)
        for row, sample in enumerate(samples):
            value = sample.get(part.name)
            rows[row] = 0 if value is None else value
    return PackedBatch(memory, parts)


def check_finite(sample: Mapping[str, NDArray[np.generic]]) -> None:
    """Refuse numbers that would spoil the gradient of a whole batch.

    Raises:
        SampleError: If a value is infinite or no number.
    """
    for name, value in sample.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise SampleError(f"{name} holds a value that is infinite or no number", "not a number")


def _layout(samples: Sequence[Sample]) -> list[Part]:
    """Places of all tensors.

    Raises:
        CollationError: If arrays of one name differ in shape or type, or have a type that tensors do not have.
    """
    examples: dict[str, NDArray[np.generic]] = {}
    for sample in samples:
        for name, value in sample.items():
            example = examples.setdefault(name, value)
            if value.shape != example.shape or value.dtype != example.dtype:
                raise CollationError(
                    f"{name} is {value.dtype}{list(value.shape)} in one sample and {example.dtype}"
                    f"{list(example.shape)} in another one of the same batch: the sources do not describe the same"
                    " vehicle"
                )
    parts: list[Part] = []
    start = 0
    for name, value in examples.items():
        dtype = _STORED.get(value.dtype, value.dtype)
        if dtype not in _TYPES:
            raise CollationError(f"{name} is of type {dtype}, which tensors cannot be of")
        part = Part(name, dtype, (len(samples), *value.shape), start)
        parts.append(part)
        start = -(-part.stop // _ALIGNMENT) * _ALIGNMENT
    return parts
