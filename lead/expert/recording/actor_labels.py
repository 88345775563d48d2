"""What labels call an actor, and the size that they give it.

CARLA's boxes of some parked cars and props are wrong; published labels have the sizes of the list below instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lead.evaluation.observation import ActorKind
from lead.expert.actors import Known

Array = NDArray[np.float64]

MESH_HALF_SIZES_M: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "Lincoln": (2.44619, 1.11530, 0.76062),
        "Charger": (2.50391, 1.04854, 0.76736),
        "VolkswagenT2_2021": (2.22109, 0.93888, 0.99360),
        "FordCrown": (2.68284, 0.97323, 0.78748),
        "NissanPatrol2021": (2.78291, 1.21757, 1.02257),
        "MercedesCCC": (2.33682, 1.00115, 0.72598),
        "TeslaM3": (2.39589, 1.08173, 0.74383),
        "Mini2021": (2.27635, 1.09264, 0.88358),
        "PlasticTable": (1.24110, 1.24110, 1.23990),
        "PlasticChair": (0.36524, 0.37522, 0.63568),
        "ConstructionCone": (0.17203, 0.17203, 0.29288),
    }
)
"""Half sizes by a word in the mesh's name."""
TYPE_HALF_SIZES_M: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "static.prop.trafficwarning": (1.18671, 1.43529),
        "static.prop.constructioncone": (0.17203, 0.17203),
    }
)
"""Half length and half width by type."""
CAR, WALKER, STATIC = "car", "walker", "static"
LABELS: Mapping[ActorKind, str] = MappingProxyType(
    {ActorKind.VEHICLE: CAR, ActorKind.WALKER: WALKER, ActorKind.PROP: STATIC}
)
"""Class in ``bboxes``."""


def labelled_half_m(known: Known) -> Array:
    """Return the half sizes that labels give an actor, (3,) float64."""
    half = np.array(known.half, dtype=np.float64)
    if known.kind is not ActorKind.PROP:
        return half
    mesh = (known.mesh_path or "").rsplit("/", 1)[-1]
    for word, size in MESH_HALF_SIZES_M.items():
        if word in mesh:
            return np.array(size, dtype=np.float64)
    if known.type_id in TYPE_HALF_SIZES_M:
        half[:2] = TYPE_HALF_SIZES_M[known.type_id]
    return half
