"""Bodies of cars, vans, trucks and buses: one generator, a silhouette per style, sized to the blueprint's box.

A style gives the outline seen from the side in shares of length and height; the generator adds greenhouse, glass,
wheels, lamps, plates and what marks the service. The frame is the vehicle's: x forward, y right, z up from the ground.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from lead.simulator.scenery.bodies.vehicle_parts import add_front, add_open_doors, add_rear, add_sides, add_wheels
from lead.simulator.scenery.bodies.vehicle_plan import STYLES, VehiclePlan
from lead.simulator.scenery.bodies.vehicle_services import EXTRAS
from lead.simulator.scenery.bodies.vehicle_shell import Shell
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Color, Mesh, MeshBuilder, transformed


@lru_cache(maxsize=256)
def vehicle_body(plan: VehiclePlan) -> Mesh:
    """The body of a four-wheeled vehicle."""
    builder = MeshBuilder()
    shell = Shell(builder, plan)
    shell.add_lower_body()
    shell.add_cabin()
    add_wheels(shell)
    add_front(shell)
    add_rear(shell)
    add_sides(shell)
    for name in STYLES[plan.style].extras:
        EXTRAS[name](shell)
    closed = builder.build().vertices
    add_open_doors(shell)
    return _fitted(builder.build(), closed, plan)


def _fitted(mesh: Mesh, closed: NDArray[np.float32], plan: VehiclePlan) -> Mesh:
    """Stretch the last millimetres, so that the body fills its box exactly, apart from doors that stand open."""
    low, high = closed.min(axis=0), closed.max(axis=0)
    wanted_low = np.array([-plan.length / 2, -plan.width / 2, 0.0])
    wanted_high = np.array([plan.length / 2, plan.width / 2, plan.height])
    vertices = wanted_low + (mesh.vertices - low) * ((wanted_high - wanted_low) / (high - low))
    vertices += [plan.center_x, 0.0, plan.foot_z]
    return replace(mesh, vertices=vertices.astype(np.float32))


_PARKED_COLORS: tuple[Color, ...] = (
    (228, 228, 226),
    (196, 198, 200),
    (120, 122, 126),
    (44, 46, 50),
    (66, 84, 120),
    (138, 40, 38),
    (84, 96, 78),
    (176, 160, 132),
)


_PARKED_STYLES = ("sedan", "hatch", "suv", "coupe", "hatch")
_PARKED_HALF_M = (2.3, 0.94)


def parked_car(seed: int, half_x: float, half_y: float) -> Mesh:
    """A parked car of the level: an ordinary car in an ordinary colour, which needs no instance to be tinted.

    Args:
        seed: Decides about style and colour.
        half_x: Half its length, metres.
        half_y: Half its width, metres.
    """
    style = _PARKED_STYLES[seed % len(_PARKED_STYLES)]
    mesh = _parked_body(style, (seed // len(_PARKED_STYLES)) % len(_PARKED_COLORS))
    return transformed(mesh, np.diag([half_x / _PARKED_HALF_M[0], half_y / _PARKED_HALF_M[1], 1.0, 1.0]))


@cache
def _parked_body(style: str, color: int) -> Mesh:
    length, width = 2.0 * np.array(_PARKED_HALF_M)
    height = 1.72 if style == "suv" else 1.48
    mesh = vehicle_body(VehiclePlan(style, length, width, height, 0.0, 0.0, 0.61 * length, 0.33, Label.CAR))
    colors = mesh.color.copy()
    painted = mesh.material == Material.PAINT
    colors[painted] = np.rint(colors[painted] * (np.array(_PARKED_COLORS[color]) / 255.0)).astype(np.uint8)
    return replace(mesh, color=colors)
