"""The convolutional encoders, taken from timm, and the way to import timm beside any build of torch."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

_MISSING_OPERATORS = ("nms", "qnms")
_library: torch.library.Library | None = None


@functools.cache
def _timm() -> Any:
    """Import timm.

    timm imports torchvision, whose Python part describes two of its compiled operators. Where torch is a CPU build and
    torchvision the CUDA build of the package index, the compiled part cannot be loaded and the import fails, although
    nothing here needs it: then the two operators are declared first.
    """
    global _library
    spec = importlib.util.find_spec("torchvision")
    if spec is not None and spec.origin is not None:
        binary = Path(spec.origin).with_name("_C.so")
        try:
            torch.ops.load_library(str(binary))  # type: ignore[no-untyped-call]
        except OSError:
            _library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
            for name in _MISSING_OPERATORS:
                _library.define(f"{name}(Tensor a, Tensor b, float c) -> Tensor")  # type: ignore[no-untyped-call]
    import timm

    return timm


def make_encoder(name: str, channels: int, *, pretrained: bool = False) -> nn.ModuleDict:
    """Make an encoder without its classification head.

    Args:
        name: timm's name of the network.
        channels: Channels of its input.
        pretrained: Start from ImageNet weights, which timm downloads.

    Returns:
        timm's ``FeatureListNet``, an ordered dictionary of layers with ``feature_info``.
    """
    encoder: nn.ModuleDict = _timm().create_model(name, pretrained=pretrained, in_chans=channels, features_only=True)
    return encoder


def stage_channels(encoder: nn.ModuleDict) -> tuple[int, ...]:
    """Return the channels after each of the four stages (strides 4, 8, 16, 32)."""
    return tuple(encoder.feature_info.channels()[1:])  # type: ignore[union-attr, operator]


def stages(encoder: nn.ModuleDict) -> Iterator[list[nn.Module]]:
    """Yield the layers of each of the four stages; the stem belongs to the first."""
    ends = set(list(encoder.return_layers)[1:])  # type: ignore[arg-type]
    layers: list[nn.Module] = []
    for name, layer in encoder.items():
        layers.append(layer)
        if name in ends:
            yield layers
            layers = []
