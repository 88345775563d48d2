"""Copies batches to a GPU one step ahead, beside the computation, so that no step waits for its own batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

Batch = Mapping[str, Tensor]


class DeviceBatches:
    """Iterates over batches on a device."""

    def __init__(self, batches: Iterable[Batch], device: torch.device, names: frozenset[str]) -> None:
        """Wrap batches on the CPU, for a GPU in pinned memory.

        Args:
            batches: The batches.
            device: Where to.
            names: What of each batch is copied; the rest stays behind.
        """
        self._batches, self._device, self._names = batches, device, names
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yield each batch when its copy is on its way and the next one's follows."""
        if self._stream is None:
            for batch in self._batches:
                yield {name: tensor for name, tensor in batch.items() if name in self._names}
            return
        ahead: dict[str, Tensor] | None = None
        for batch in self._batches:
            ready, ahead = ahead, self._copy(batch)
            if ready is not None:
                yield ready
            self._wait(ahead)
        if ahead is not None:
            yield ahead

    def _copy(self, batch: Batch) -> dict[str, Tensor]:
        with torch.cuda.stream(self._stream):
            return {
                name: tensor.to(self._device, non_blocking=True)
                for name, tensor in batch.items()
                if name in self._names
            }

    def _wait(self, batch: Batch) -> None:
        """Let what is queued from now on wait for the copy, and keep its memory until that is done."""
        assert self._stream is not None
        current = torch.cuda.current_stream(self._device)
        current.wait_stream(self._stream)
        for tensor in batch.values():
            tensor.record_stream(current)
