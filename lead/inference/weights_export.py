"""Writes checkpoints for handing round: half the size, in shards that repositories accept, the same bytes every time.

Only weights and ``config.json`` go along; what a training keeps beside them does not. Matrices and kernels are rounded
to 16 bits. Everything else keeps its precision, since it is small and matters much: constants such as the classes of
the target speed, biases, scales, and the running statistics of batch normalisations.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from lead.config.published import FILE_NAME
from lead.files import written_whole
from lead.inference.checkpoint import Checkpoint
from lead.inference.errors import CheckpointError
from lead.inference.weights import shard_name
from lead.models.transfuser.network import Transfuser

DTYPES: Mapping[str, torch.dtype] = {
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float32": torch.float32,
}
MIB = 1 << 20
_HEADER_BYTES_PER_TENSOR = 192
"""Room that is left for a tensor's entry in the header, whose length depends on names and numbers."""


@dataclass(frozen=True)
class ExportedFolder:
    """A folder that was written.

    Attributes:
        directory: The folder.
        files: Bytes of each of its files, by name.
    """

    directory: Path
    files: Mapping[str, int]

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(self.files.values())


def export_weights(
    checkpoint: Checkpoint, directory: Path, *, dtype: torch.dtype, shard_bytes: int, replace: bool = False
) -> ExportedFolder:
    """Write a checkpoint as safetensors; the folder appears whole or not at all.

    Args:
        checkpoint: The members to write; they keep their epoch and their numbers.
        directory: The new folder.
        dtype: Precision of matrices and kernels.
        shard_bytes: Largest size of a file.
        replace: Replace a folder that is there.

    Raises:
        CheckpointError: If a member cannot be read, a number is too large for the precision, a tensor for a shard, or
            the folder is there or cannot be written.
    """
    directory = Path(os.path.abspath(directory))
    if directory.exists() and not replace:
        raise CheckpointError(f"{directory} is there already; choose another folder, or replace it with --force")
    if checkpoint.directory.resolve().is_relative_to(directory.resolve()):
        raise CheckpointError(f"{directory} holds the checkpoint that is to be exported; choose another folder")
    try:
        with written_whole(directory, sync=True) as temporary:
            temporary.mkdir()
            (temporary / FILE_NAME).write_text(shareable_config(checkpoint.directory / FILE_NAME), encoding="utf-8")
            for seed, weights in checkpoint.files.items():
                tensors = rounded(checkpoint.load_member(seed), dtype, str(weights))
                _write_shards(temporary, weights.stem, tensors, shard_bytes)
            sizes = {path.name: path.stat().st_size for path in sorted(temporary.iterdir())}
    except OSError as error:
        raise CheckpointError(f"cannot write {directory} ({error.strerror or error})") from error
    return ExportedFolder(directory, sizes)


def rounded(model: Transfuser, dtype: torch.dtype, name: str) -> dict[str, Tensor]:
    """Return the state dict of a network with its matrices and kernels in another precision.

    Args:
        model: The network.
        dtype: Precision of parameters of two and more axes.
        name: What to call the network in errors.

    Raises:
        CheckpointError: If a number is too large for the precision.
    """
    large = {key for key, parameter in model.named_parameters() if parameter.dim() > 1}
    state = {}
    for key, tensor in model.state_dict().items():
        state[key] = tensor.to(dtype) if key in large else tensor.clone()
        if not bool(state[key].isfinite().all()):
            raise CheckpointError(f"{name} holds numbers in {key} that are too large for {str(dtype).split('.')[-1]}")
    return state


def split(tensors: Mapping[str, Tensor], shard_bytes: int) -> list[dict[str, Tensor]]:
    """Share tensors out over as few shards as will do, of about the same size.

    Each tensor, the largest first, goes to the shard with the least in it.

    Raises:
        CheckpointError: If a tensor is larger than a shard.
    """
    sizes = {name: tensor.nbytes + _HEADER_BYTES_PER_TENSOR for name, tensor in tensors.items()}
    largest = max(sizes, key=lambda name: sizes[name])
    if sizes[largest] > shard_bytes:
        raise CheckpointError(
            f"{largest} takes {sizes[largest] / MIB:.1f} MiB, more than a shard of {shard_bytes / MIB:.1f} MiB"
        )
    order = sorted(sizes, key=lambda name: (-sizes[name], name))
    count = -(-sum(sizes.values()) // shard_bytes)
    while True:
        shards: list[list[str]] = [[] for _ in range(count)]
        filled = [0] * count
        for name in order:
            index = filled.index(min(filled))
            shards[index].append(name)
            filled[index] += sizes[name]
        if max(filled) <= shard_bytes:
            return [{name: tensors[name] for name in shard} for shard in shards]
        count += 1


def _write_shards(folder: Path, stem: str, tensors: Mapping[str, Tensor], shard_bytes: int) -> None:
    from safetensors.torch import save

    shards = split(tensors, shard_bytes)
    for number, shard in enumerate(shards, start=1):
        # One entry of metadata, the one that other readers expect: several would come in any order.
        data = save({name: tensor.contiguous() for name, tensor in shard.items()}, metadata={"format": "pt"})
        (folder / shard_name(stem, number, len(shards))).write_bytes(data)


def shareable_config(path: Path) -> str:
    """Return the text of a ``config.json`` in which absolute paths are cut to their last folder.

    Where the training's machine kept its files concerns nobody else; the name of the data folder tells the rig.
    """
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for key, value in values.items():
        if isinstance(value, str) and PurePosixPath(value).is_absolute():
            values[key] = PurePosixPath(value).name
    return json.dumps(values, indent=4) + "\n"
