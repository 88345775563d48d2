"""Reads pickles of torch tensors as NumPy arrays, without torch and without running anything.

NAVSIM stores features as pickled tensors, and torch stores a tensor within a pickle as a call of its own reader with a
stream of further pickles. Both layers are read here by name: types, shapes and bytes, nothing else.
"""

from __future__ import annotations

import gzip
import io
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.dataset.decode import read_bytes
from lead.dataset.errors import DatasetError
from lead.dataset.pickles import MAX_BYTES, Foreign, load

PACKAGE = "torch"
_TENSOR, _STORAGE = "torch._utils._rebuild_tensor_v2", "torch.storage._load_from_bytes"
_MAGIC = 0x1950A86A20F9469CFC6C
"""What the stream of a storage begins with."""
_VERSION = 1001
_TYPES = {
    "ByteStorage": "u1",
    "CharStorage": "i1",
    "ShortStorage": "<i2",
    "IntStorage": "<i4",
    "LongStorage": "<i8",
    "HalfStorage": "<f2",
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "BoolStorage": "?",
}
_MAX_DIMENSIONS = 8


def read_tensors(path: Path) -> dict[str, Any]:
    """Read a gzip-compressed pickle of a dict with tensors.

    Returns:
        The dict with arrays in the places of tensors.

    Raises:
        DatasetError: If the file is missing, cut off, damaged, or asks for anything but tensors, arrays and plain
            values; names the file.
    """
    try:
        content = load_tensors(_unpack(read_bytes(path)))
        if not isinstance(content, dict):
            raise DatasetError("it holds no dict of tensors")
        return content
    except DatasetError as error:
        raise DatasetError(str(error) if str(path) in str(error) else f"{path}: {error}") from error


def load_tensors(data: bytes) -> Any:
    """Unpickle plain values and tensors, the latter as arrays.

    Raises:
        DatasetError: If the data are damaged or hold anything else.
    """
    return _to_arrays(load(data, PACKAGE))


def _unpack(data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            plain = file.read(MAX_BYTES + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise DatasetError(f"the gzip file is cut off or damaged ({error})") from error
    if len(plain) > MAX_BYTES:
        raise DatasetError("the file is implausibly large when unpacked")
    return plain


def _to_arrays(content: Any) -> Any:
    """Replace stand-ins of tensors within lists, tuples and dicts."""
    if isinstance(content, Foreign):
        return _tensor(content)
    if isinstance(content, dict):
        return {key: _to_arrays(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(_to_arrays(value) for value in content)
    if isinstance(content, type):
        raise DatasetError("the pickle names a function or type without use; it was not read")
    return content


def _tensor(stand_in: Foreign) -> NDArray[Any]:
    """Make the array that a call of torch's function describes."""
    if stand_in.origin != _TENSOR or len(stand_in.args) < 4:
        raise DatasetError(f"the pickle asks for {stand_in.origin}, which stored features never need; it was not read")
    storage, offset, shape, strides = stand_in.args[:4]
    if not isinstance(storage, Foreign) or storage.origin != _STORAGE or len(storage.args) != 1:
        raise DatasetError("the pickle holds a tensor without plain values; it was not read")
    values = _storage(storage.args[0])
    if not _is_inside(offset, shape, strides, len(values)):
        raise DatasetError("the pickle holds a tensor that reaches beyond its values")
    steps = [step * values.itemsize for step in strides]
    return np.array(np.lib.stride_tricks.as_strided(values[offset:], shape, steps))


def _is_inside(offset: Any, shape: Any, strides: Any, length: int) -> bool:
    """Tell whether all places of a tensor lie among its values, which as_strided does not check."""
    if not (isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= _MAX_DIMENSIONS):
        return False
    if not all(type(number) is int and 0 <= number <= MAX_BYTES for number in (offset, *shape, *strides)):
        return False
    if np.prod([float(size) for size in shape]) > MAX_BYTES:
        return False
    last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    return bool(offset <= length if 0 in shape else last < length)


class _StorageReader(pickle.Unpickler):
    """Reads the parts of a storage's stream; knows names of storage types and plain values only."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the NumPy type of a torch storage.

        Raises:
            DatasetError: If something else is asked for.
        """
        if module in ("torch", "torch.storage") and name in _TYPES:
            return np.dtype(_TYPES[name])
        raise DatasetError(f"the pickle asks for {module}.{name}, which stored features never need; it was not read")

    def persistent_load(self, identity: Any) -> Any:
        """Return type and length of a storage."""
        kind, dtype, key, _location, length = identity[:5]
        if kind != "storage" or not isinstance(dtype, np.dtype) or type(length) is not int:
            raise DatasetError("the pickle holds a tensor without plain values; it was not read")
        return dtype, key, length


def _storage(stream: Any) -> NDArray[Any]:
    """Read a storage as torch's older file format has it: header, description, key, length and bytes."""
    if not isinstance(stream, bytes):
        raise DatasetError("the pickle holds a tensor without plain values; it was not read")
    file = io.BytesIO(stream)
    try:
        magic, version, _system, described, keys = (_StorageReader(file).load() for _ in range(5))
        dtype, key, length = described
        if (magic, version, keys) != (_MAGIC, _VERSION, [key]):
            raise DatasetError("a tensor is stored in a format that is not known")
        if int.from_bytes(file.read(8), "little") != length or not 0 <= length <= MAX_BYTES:
            raise DatasetError("a tensor has another length than its description says")
        return np.frombuffer(file.read(length * dtype.itemsize), dtype, length)
    except DatasetError:
        raise
    except Exception as error:  # a damaged stream can raise nearly anything
        raise DatasetError(f"a tensor is damaged ({type(error).__name__}: {error})") from error
