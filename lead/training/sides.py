"""Networks that learn from simulated and real data at once, as data: NAVSIM's network, and heads of the simulator's.

All but the dense heads is shared: encoders, fusion, the coarse bird's-eye view, and the planner, whose inputs and
outputs are NAVSIM's. Each source has dense heads of its own, since their classes differ, and its labels say nothing of
the other's. A *side* is what belongs to one source, described like a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lead.dataset.loading.source import SourceId
from lead.models.transfuser.architecture import (
    CARLA,
    NAVSIM,
    Architecture,
    ArchitectureError,
    Domain,
    LidarInput,
    Planner,
)
from lead.models.transfuser.outputs import TransfuserOutput


@dataclass(frozen=True)
class SimulatedDomain(Domain):
    """The simulator seen by the cameras of a real domain: its own classes, everything else that domain's."""

    @classmethod
    def beside(cls, real: Domain) -> SimulatedDomain:
        """Return the simulator's domain beside a real one."""
        own = {name: getattr(CARLA, name) for name in ("name", "box_classes", "bev_classes", "semantic_classes")}
        return cls(**(vars(real) | own | {"head_suffix": CARLA.head_suffix}))


SOURCE_IDS: Mapping[str, int] = {CARLA.name: int(SourceId.CARLA), NAVSIM.name: int(SourceId.NAVSIM)}
"""Values of ``source_dataset`` by the domain's name."""


@dataclass(frozen=True)
class MixedArchitecture(Architecture):
    """A network of NAVSIM's domain with dense heads for simulated data beside its own."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        super().__post_init__()
        if self.domain.name != NAVSIM.name or self.lidar_input is not LidarInput.RAMP:
            raise ArchitectureError("a network on simulated and real data is one of NAVSIM's cameras alone")

    @property
    def real(self) -> Architecture:
        """The network without the heads of the simulator."""
        return Architecture(**vars(self))

    @property
    def simulated(self) -> Architecture:
        """The simulator's side: its heads; the planner is the other side's."""
        return replace(self.real, domain=SimulatedDomain.beside(self.domain), planner=Planner.NONE)


@dataclass
class MixedOutput(TransfuserOutput):
    """Predictions with those of the simulator's heads beside.

    Attributes:
        simulated: Semantics, bird's-eye view and boxes in the simulator's classes, for all samples.
    """

    simulated: TransfuserOutput | None = None


def sides(architecture: Architecture) -> tuple[Architecture, ...]:
    """Return the sides of a network: itself, and for a mixture the simulator's first."""
    if isinstance(architecture, MixedArchitecture):
        return architecture.simulated, architecture.real
    return (architecture,)


def output_of(out: TransfuserOutput, side: Architecture) -> TransfuserOutput:
    """Return the predictions of a side; the planner's are the real one's."""
    if isinstance(out, MixedOutput) and isinstance(side.domain, SimulatedDomain):
        assert out.simulated is not None
        return out.simulated
    return out


def has_depth(side: Architecture) -> bool:
    """Whether there is a depth head: with the simulator's own cameras only, as published."""
    return side.domain.semantic_classes > 0 and not isinstance(side.domain, SimulatedDomain)


def is_of(side: Architecture, labels: Mapping[str, Tensor]) -> Tensor:
    """Return which samples (B,) bool of a mixed batch come from a side's source."""
    return labels["source_dataset"] == SOURCE_IDS[side.domain.name]


def rows_of(side: Architecture, labels: Mapping[str, Tensor]) -> Tensor:
    """Return the places (n,) of a side's samples in a mixed batch; a GPU has to be waited for."""
    return torch.nonzero(is_of(side, labels)).flatten()
