"""Files that hold the weights of one network: PyTorch's own, or safetensors, whole or cut into shards.

    model_0030_0.pth
    model_0030_0.safetensors
    model_0030_0-00001-of-00002.safetensors  model_0030_0-00002-of-00002.safetensors

Neither kind runs code when it is read, and names and shapes come without the data: a ``.pth`` is mapped into memory,
the others have a header.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lead.inference.errors import CheckpointError

SAFETENSORS = ".safetensors"
_NAME = re.compile(r"(model_(\d{1,6})(?:_(\d{1,6}))?)(?:\.pth|(?:-(\d{5})-of-(\d{5}))?\.safetensors)")
_DTYPES = frozenset(("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"))


@dataclass(frozen=True)
class WeightName:
    """What the name of a file of weights says.

    Attributes:
        stem: Name without shard and ending, such as ``model_0030_0``.
        epoch: Epoch.
        seed: Member of the ensemble; 0 where the name has none.
        shard: Number of the shard from 1; 0 for a whole file.
        shards: How many there are; 0 for a whole file.
    """

    stem: str
    epoch: int
    seed: int
    shard: int
    shards: int

    @classmethod
    def parse(cls, name: str) -> WeightName | None:
        """Read a file name; None if it is none of a file of weights."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        return cls(match[1], int(match[2]), int(match[3] or 0), int(match[4] or 0), int(match[5] or 0))


def shard_name(stem: str, shard: int, shards: int) -> str:
    """Return the name of a shard, counted from 1; of a whole file where there is only one."""
    return f"{stem}{SAFETENSORS}" if shards == 1 else f"{stem}-{shard:05d}-of-{shards:05d}{SAFETENSORS}"


@dataclass(frozen=True)
class Weights:
    """The file or the shards of one network.

    Attributes:
        paths: All of its files, shards in order.
    """

    paths: tuple[Path, ...]

    @classmethod
    def gather(cls, paths: Iterable[Path]) -> Weights:
        """Put the files of one member together.

        Raises:
            CheckpointError: If a shard is missing, or there is more than one set of weights.
        """
        found = sorted(paths)
        names = [WeightName.parse(path.name) for path in found]
        wanted = {found[0].name}
        if (first := names[0]) is not None and first.shards:
            wanted = {shard_name(first.stem, shard, first.shards) for shard in range(1, first.shards + 1)}
        if surplus := [path.name for path in found if path.name not in wanted]:
            raise CheckpointError(
                f"{found[0].parent} holds one member twice, as {found[0].name} and as {surplus[0]}; keep one of them"
            )
        if missing := sorted(wanted - {path.name for path in found}):
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise CheckpointError(f"{found[0].parent} lacks {missing[0]}{more}, of which other shards are there")
        return cls(tuple(found))

    @classmethod
    def of(cls, path: Path) -> Weights:
        """Return the weights that a file belongs to: those of all shards beside it if it is one.

        Raises:
            CheckpointError: If a shard is missing.
        """
        name = WeightName.parse(path.name)
        if name is None or not name.shards:
            return cls((path,))
        beside = (path.parent / shard_name(name.stem, shard, name.shards) for shard in range(1, name.shards + 1))
        return cls.gather(file for file in beside if file.is_file() or file == path)

    def __str__(self) -> str:
        """Return what to call them in errors."""
        return str(self.paths[0]) if len(self.paths) == 1 else f"{self.paths[0]} and its other shards"

    @property
    def stem(self) -> str:
        """Name without shard and ending; that of the file where it says neither epoch nor seed."""
        name = WeightName.parse(self.paths[0].name)
        return self.paths[0].stem if name is None else name.stem

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of the tensors; the data are not read.

        Raises:
            CheckpointError: If a file cannot be used.
        """
        if self.paths[0].suffix != SAFETENSORS:
            return {name: tuple(tensor.shape) for name, tensor in _read_pth(self.paths[0]).items()}
        found: dict[str, tuple[int, ...]] = {}
        for path in self.paths:
            with _opened(path, "np") as file:
                found |= _without_repeats({name: _shape(path, file, name) for name in file.keys()}, found, path)  # noqa: SIM118
        return found

    def read(self) -> dict[str, Tensor]:
        """Read the tensors in the precision in which they are stored, without running code.

        Raises:
            CheckpointError: If a file is damaged, holds anything but tensors by name, or more than weights.
        """
        if self.paths[0].suffix != SAFETENSORS:
            return _read_pth(self.paths[0])
        self.shapes()  # refuses repeated names and foreign types before anything large is read
        found: dict[str, Tensor] = {}
        for path in self.paths:
            with _opened(path, "pt") as file:
                found.update((name, file.get_tensor(name)) for name in file.keys())  # noqa: SIM118
        return found

    def float32_bytes(self) -> int:
        """Return the room that the tensors take in memory in float32."""
        return 4 * sum(math.prod(shape) for shape in self.shapes().values())


def _opened(path: Path, framework: str) -> Any:
    """Open a safetensors file and check its header: the library refuses gaps, overlaps and missing data.

    Args:
        path: The file.
        framework: ``pt`` to read tensors; with ``np`` nothing is set aside for them.

    Raises:
        CheckpointError: If it cannot be used.
    """
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(path, framework=framework)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist") from error
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0].removeprefix("Error while deserializing header: ")
        raise CheckpointError(f"{path} is damaged or no safetensors file: {reason}") from error


def _shape(path: Path, file: Any, name: str) -> tuple[int, ...]:
    entry = file.get_slice(name)
    if entry.get_dtype() not in _DTYPES:
        raise CheckpointError(f"{path} stores {name} as {entry.get_dtype()}, which no network here is made of")
    return tuple(entry.get_shape())


def _without_repeats(
    shapes: dict[str, tuple[int, ...]], before: dict[str, tuple[int, ...]], path: Path
) -> dict[str, tuple[int, ...]]:
    if repeated := sorted(set(shapes) & set(before)):
        raise CheckpointError(f"{path} repeats {repeated[0]}, which another shard holds already")
    return shapes


def _read_pth(path: Path) -> dict[str, Tensor]:
    """Map a file of PyTorch's into memory.

    Raises:
        CheckpointError: If it is damaged, holds anything but tensors by name, or more than weights.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist") from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than weights, possibly code, and is not read; only load weights from people you trust"
        ) from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged or no PyTorch file: {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise CheckpointError(f"{path} must hold tensors by name (a bare state dict), not a {type(state).__name__}")
    return dict(state)
