"""Arrays between numpy and the device, without the fraction of a millisecond that Warp spends on a structure's layout.

Warp works out and compares the numpy layout of a structure whenever an array of them is made from numpy or turned
into numpy. Here the layouts are known, so the memory is handed over as it is.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray


def upload(rows: NDArray[Any], kind: Any, device: str) -> wp.array:
    """A copy on the device of rows that have the layout of the Warp type `kind`."""
    rows = np.ascontiguousarray(rows)
    source = wp.array(ptr=rows.ctypes.data, dtype=kind, shape=len(rows), device="cpu")
    target = wp.empty(len(rows), dtype=kind, device=device)
    wp.copy(target, source)
    if target.device.is_cuda:
        wp.synchronize_device(target.device)  # the numpy array must outlive the copy
    return target


class Reader:
    """Gets arrays from a device.

    Args:
        device: Warp device.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._staging: wp.array | None = None

    def read(self, values: wp.array, layout: Any = None) -> NDArray[Any]:
        """An array as numpy; on the CPU the same memory, which lives as long as `values`.

        Args:
            values: One-dimensional and contiguous.
            layout: numpy's name for its entries if they are structures.
        """
        if not values.device.is_cuda:
            return _view(values, values.size, layout) if layout is not None else np.asarray(values.numpy())
        size = values.size * wp.types.type_size_in_bytes(values.dtype)
        if self._staging is None or self._staging.size < size:
            # Copies from a GPU into ordinary memory are several times slower.
            self._staging = wp.empty(2 * size, dtype=wp.uint8, device="cpu", pinned=True)
        target = wp.array(ptr=self._staging.ptr, dtype=values.dtype, shape=values.shape, device="cpu")
        wp.copy(target, values)
        wp.synchronize_device(self._device)
        return np.array(_view(target, values.size, layout) if layout is not None else target.numpy())


def _view(values: wp.array, count: int, layout: Any) -> NDArray[Any]:
    """The memory of an array on the CPU."""
    memory = (ctypes.c_uint8 * (count * np.dtype(layout).itemsize)).from_address(values.ptr)
    return np.frombuffer(memory, layout)
