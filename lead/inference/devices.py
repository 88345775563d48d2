"""Chooses where and how precisely to compute, and says beforehand how many models fit."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lead.inference.errors import InferenceError

WORKSPACE_BYTES = 384 << 20
"""Memory of a GPU beyond weights, for inputs, intermediate results of the first model and libraries."""
ACTIVATION_BYTES = 128 << 20
"""Intermediate results of each further model."""


def choose_devices(name: str | None) -> list[torch.device]:
    """Return the devices of a name, or the best there is.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:1``, ``cuda:0,cuda:1``; None for the first GPU, or the CPU without one.

    Raises:
        InferenceError: If a device does not exist.
    """
    if name is None:
        return [torch.device("cuda:0" if torch.cuda.is_available() else "cpu")]
    devices = []
    for part in name.split(","):
        try:
            device = torch.device(part.strip())
        except RuntimeError as error:
            raise InferenceError(f"{part.strip()!r} is no device; say cpu, cuda or cuda:0,cuda:1") from error
        if device.type not in ("cpu", "cuda"):
            raise InferenceError(f"models run on cpu or cuda, not on {device.type}")
        if device.type == "cuda":
            index = device.index or 0
            if index >= torch.cuda.device_count():
                raise InferenceError(f"there is no {device}: PyTorch sees {torch.cuda.device_count()} GPUs")
            device = torch.device("cuda", index)
        devices.append(device)
    if len({device.type for device in devices}) > 1 or len(set(devices)) < len(devices):
        raise InferenceError(f"{name!r} mixes devices or names one twice")
    return devices


def precision(device: torch.device) -> torch.dtype:
    """Return the computing precision: bfloat16 on GPUs that have it, float32 elsewhere."""
    if device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8:
        return torch.bfloat16
    return torch.float32


def members_that_fit(sizes: Sequence[int], devices: Sequence[torch.device]) -> int:
    """Estimate how many models fit into the free memory of some GPUs.

    Args:
        sizes: Bytes of each model in float32.
        devices: GPUs.
    """
    free = [torch.cuda.mem_get_info(device)[0] for device in devices]
    half = [precision(device) is torch.bfloat16 for device in devices]
    return fitting(sizes, free, half)


def fitting(sizes: Sequence[int], free: Sequence[int], half: Sequence[bool]) -> int:
    """Count the models that fit, shared out over GPUs in turn.

    Args:
        sizes: Bytes of each model in float32.
        free: Free bytes of each GPU.
        half: Whether the GPU computes in half precision.
    """
    left = [available - WORKSPACE_BYTES for available in free]
    for count, size in enumerate(sizes):
        device = count % len(left)
        left[device] -= (size // 2 if half[device] else size) + ACTIVATION_BYTES
        if left[device] < 0:
            return count
    return len(sizes)
