"""Pickles that every NumPy can read, and a reader that cannot be made to run what a file says.

Ordinary pickles of arrays name private functions of the NumPy that wrote them, which another major version does not
have. Ours name the public types only. The reader accepts both kinds and nothing beyond arrays and plain values: a file
that names anything else is refused before it is called.
"""

from __future__ import annotations

import io
import lzma
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import DatasetError

PROTOCOL = 5
XZ_MAGIC = b"\xfd7zXZ\x00"
XZ_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": 1 << 18}]
"""The records have some ten kilobytes: a large dictionary only costs time to set up."""
MAX_BYTES = 256 << 20
"""A record has some ten kilobytes; far more than that is a decompression bomb."""
_SCALARS = frozenset(
    f"{kind}{bits}" for kind, sizes in (("int", (8, 16, 32, 64)), ("uint", (8, 16, 32, 64))) for bits in sizes
) | {"float16", "float32", "float64", "bool", "bool_", "str_"}
_PLAIN = {kind.__name__: kind for kind in (bool, int, float, str, bytes, bytearray, list, tuple, dict, set, frozenset)}
_DTYPE_CODE = re.compile(r"[<>=|]?(b1|\?|[iu][1248]|f[248]|[SU][0-9]{1,4})")
_BYTE_ORDERS: dict[Any, Literal["<", ">", "=", "|"]] = {"<": "<", ">": ">", "=": "=", "|": "|"}
_NUMPY_HOMES = ("numpy", "numpy.core.multiarray", "numpy.core.numeric", "numpy._core.multiarray", "numpy._core.numeric")


def dump(content: Any) -> bytes:
    """Pickle arrays and plain values with protocol 5.

    Raises:
        DatasetError: If something cannot be pickled, such as an array of objects.
    """
    stream = io.BytesIO()
    try:
        _Pickler(stream, PROTOCOL).dump(content)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise DatasetError(f"a record cannot be stored: {error}") from error
    return stream.getvalue()


class Foreign:
    """Stands in for an object of a program that is not ours: keeps what the pickle says of it, and does nothing.

    Attributes:
        origin: Module and name of the class.
        args: What it was made with.
        state: Its attributes, or whatever else it stored.
    """

    origin = ""
    args: tuple[Any, ...] = ()
    state: Any = None

    def __new__(cls, *args: Any) -> Foreign:
        """Keep the arguments."""
        made = super().__new__(cls)
        made.args = args
        return made

    def __init__(self, *args: Any) -> None:
        """Take any arguments."""

    def __setstate__(self, state: Any) -> None:
        """Keep the state."""
        # Classes with slots store a pair, of which only the second has something.
        self.state = state[1] if isinstance(state, tuple) and len(state) == 2 and state[0] is None else state


def load(data: bytes, foreign_package: str | None = None) -> Any:
    """Unpickle arrays and plain values.

    Args:
        data: The pickle.
        foreign_package: Objects of this package's classes become :class:`Foreign`; None to refuse all objects.

    Raises:
        DatasetError: If the data are damaged or name anything else.
    """
    try:
        unpickler = _Unpickler(io.BytesIO(data))
        unpickler.foreign_package = foreign_package
        content = unpickler.load()
        return _without_stand_ins(content, set()) if unpickler.has_stand_ins else content
    except DatasetError:
        raise
    except Exception as error:  # a damaged stream can raise nearly anything
        raise DatasetError(f"the pickle is damaged ({type(error).__name__}: {error})") from error


def dump_xz(content: Any) -> bytes:
    """Pickle and compress, as ``.pkl`` files of the format are.

    Raises:
        DatasetError: As :func:`dump`.
    """
    return lzma.compress(dump(content), format=lzma.FORMAT_XZ, filters=XZ_FILTERS)


def load_xz(data: bytes, foreign_package: str | None = None, max_bytes: int = MAX_BYTES) -> Any:
    """Read what :func:`dump_xz` or the published recorder wrote.

    Args:
        data: The file.
        foreign_package: As that of :func:`load`.
        max_bytes: What is larger is not unpacked.

    Raises:
        DatasetError: If the data are cut off, damaged, implausibly large, or name anything but arrays and plain
            values.
    """
    if not data.startswith(XZ_MAGIC):
        raise DatasetError("the file is no xz stream")
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_BYTES)
    try:
        plain = decompressor.decompress(data, max_bytes)
    except lzma.LZMAError as error:
        raise DatasetError(f"the xz stream is damaged ({error})") from error
    if not decompressor.eof:
        raise DatasetError(
            "the xz stream is cut off" if decompressor.needs_input else "the record is implausibly large"
        )
    return load(plain, foreign_package)


class _Pickler(pickle.Pickler):
    """Writes arrays and their scalars by public names."""

    def reducer_override(self, obj: Any) -> Any:
        """Tell how an array or a scalar is made again."""
        if isinstance(obj, np.ndarray):
            if obj.dtype.hasobject:
                raise pickle.PicklingError("an array of objects has no place in the format")
            return np.ndarray, (obj.shape, obj.dtype, bytearray(np.ascontiguousarray(obj).tobytes()))
        if isinstance(obj, np.bool_):
            return bool, (bool(obj),)
        if isinstance(obj, np.generic):
            return type(obj), (obj.item(),)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Knows the names that arrays and plain values need; everything else ends the reading.

    NumPy believes the states that pickles give to its types and array, and a wrong one crashes the process. So neither
    is made by the pickle: stand-ins take the states, check them, and make the real thing.

    Attributes:
        has_stand_ins: Whether arrays are to be put in the places of stand-ins.
        foreign_package: Package whose classes are replaced by :class:`Foreign`.
    """

    has_stand_ins = False
    foreign_package: str | None = None

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for.

        Raises:
            DatasetError: If the format has no use for it.
        """
        if module in ("builtins", "__builtin__") and name in _PLAIN:
            return _PLAIN[name]
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("_codecs", "encode"):
            return _encode_latin1
        if self.foreign_package is not None:
            if module.partition(".")[0] == self.foreign_package:
                return type("Foreign", (Foreign,), {"origin": f"{module}.{name}"})
            if (module, name) in _RECONSTRUCTORS:
                return _RECONSTRUCTORS[module, name]
        if module in _NUMPY_HOMES:
            self.has_stand_ins |= name == "_reconstruct"
            if name in _NUMPY_MAKERS:
                return _NUMPY_MAKERS[name]
            if module == "numpy" and name in _SCALARS:
                return getattr(np, name)
        raise DatasetError(f"the pickle asks for {module}.{name}, which recorded data never need; it was not read")


class _Dtype:
    """Stands in for the type of an array: a number, a flag or text."""

    def __init__(self, code: Any, _align: Any = False, _copy: Any = False) -> None:
        if not isinstance(code, str) or not _DTYPE_CODE.fullmatch(code):
            raise DatasetError(f"the pickle holds an array of type {code!r}, which recorded data never need; not read")
        self.dtype: np.dtype[Any] = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        """Take the order of the bytes; nothing else of a state matters to plain types."""
        self.dtype = self.dtype.newbyteorder(_BYTE_ORDERS[state[1]])


class _PendingArray:
    """Stands in for an array whose content follows, as old protocols have it."""

    array: NDArray[Any] = np.empty(0)

    def __setstate__(self, state: Any) -> None:
        """Take shape, type, order and bytes."""
        _version, shape, kind, is_fortran, data = state
        if not isinstance(data, bytes):
            raise DatasetError("the pickle holds an array of objects, which recorded data never need; it was not read")
        self.array = _from_buffer(data, kind, shape, "F" if is_fortran else "C")


def _without_stand_ins(content: Any, seen: set[int]) -> Any:
    """Put arrays in the places of stand-ins, in place where that can be done."""
    if isinstance(content, _PendingArray):
        return content.array
    if isinstance(content, Foreign) and id(content) not in seen:
        seen.add(id(content))
        content.state = _without_stand_ins(content.state, seen)
        content.args = _without_stand_ins(content.args, seen)
        return content
    if isinstance(content, dict | list) and id(content) not in seen:
        seen.add(id(content))
        places = list(content.items() if isinstance(content, dict) else enumerate(content))
        for place, value in places:
            if isinstance(value, _PendingArray | Foreign | dict | list | tuple):
                content[place] = _without_stand_ins(value, seen)
    elif isinstance(content, tuple):
        return tuple(_without_stand_ins(value, seen) for value in content)
    return content


def _make_array(shape: Any, kind: Any = None, data: Any = None, *rest: Any) -> NDArray[Any]:
    if rest or not isinstance(kind, _Dtype) or not isinstance(data, bytes | bytearray):
        raise DatasetError("the pickle makes an array in a way that recorded data never do; it was not read")
    return _from_buffer(data, kind, shape, "C")


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    array: NDArray[Any] = np.frombuffer(data, kind.dtype).reshape(shape, order=order)
    return array if array.flags.writeable else array.copy(order)


def _make_scalar(kind: Any, data: bytes) -> Any:
    return np.frombuffer(data, kind.dtype, count=1)[0]


def _encode_latin1(text: str, encoding: str) -> bytes:
    """Turn text into bytes, as old protocols store them."""
    if encoding != "latin1":
        raise DatasetError(f"the pickle stores bytes as {encoding}, which recorded data never do")
    return text.encode("latin1")


_NUMPY_MAKERS: dict[str, Callable[..., Any]] = {
    "ndarray": _make_array,
    "dtype": _Dtype,
    "_reconstruct": lambda _kind, _shape, _code: _PendingArray(),
    "_frombuffer": _from_buffer,
    "scalar": _make_scalar,
}


def _reconstruct_foreign(kind: Any, *_: Any) -> Any:
    """Make an object as protocols before the second do."""
    if not (isinstance(kind, type) and issubclass(kind, Foreign)):
        raise DatasetError("the pickle makes an object in a way that recorded data never do; it was not read")
    return kind()


_RECONSTRUCTORS: dict[tuple[str, str], Any] = {
    ("copyreg", "_reconstructor"): _reconstruct_foreign,
    ("copy_reg", "_reconstructor"): _reconstruct_foreign,
    ("builtins", "object"): Foreign,
    ("__builtin__", "object"): Foreign,
}
