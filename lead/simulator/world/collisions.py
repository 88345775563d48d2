"""Contacts between bodies on the ground plane: who touches whom, how hard, and how they part.

Bodies are upright oriented boxes. A sweep along x finds candidate pairs, the separating-axis test the overlaps; each
contact exchanges a normal and a friction impulse at the contact point, and positions are pushed apart until nothing
overlaps visibly. Level boxes take part as bodies of infinite mass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.geometry.boxes import box_overlap
from lead.simulator.world.box_grid import BoxGrid

Array = NDArray[np.float64]

_RESTITUTION = 0.1
_FRICTION = 0.4
_SLOP_M = 0.01
_ROUNDS = 6
_MIN_CLOSING_MPS = 0.02


@dataclass(slots=True)
class Bodies:
    """All solid bodies of one tick, as parallel arrays.

    ``center`` (n, 2) and ``z`` (n,) are box centres in world metres; ``half`` (n, 2) and ``half_z`` half sizes;
    ``velocity`` (n, 2) m/s; ``spin`` rad/s; ``inverse_mass`` 1/kg and ``inverse_inertia`` 1/(kg m²), 0 for immovable.
    ``center``, ``velocity`` and ``spin`` are changed in place by :func:`resolve`.
    """

    center: Array
    z: Array
    yaw: Array
    half: Array
    half_z: Array
    velocity: Array
    spin: Array
    inverse_mass: Array
    inverse_inertia: Array


@dataclass(frozen=True, slots=True)
class Contact:
    """One touching pair: body ``a`` received ``impulse`` (2,) in N s, ``b`` its opposite.

    ``b`` is a body index, or -1 - k for level box k.
    """

    a: int
    b: int
    impulse: tuple[float, float]


class LevelBoxes:
    """The immovable boxes of a town, indexed for queries by moving bodies.

    ``solid`` (m,) tells which of them stop bodies; it may be changed at any time.
    """

    def __init__(
        self, center: Array, z: Array, yaw: Array, half: Array, half_z: Array, solid: NDArray[np.bool_] | None = None
    ) -> None:
        self.center, self.z, self.yaw, self.half, self.half_z = center, z, yaw, half, half_z
        self.solid = np.ones(len(center), bool) if solid is None else solid
        self._grid = BoxGrid(center, np.hypot(half[:, 0], half[:, 1]), reach_m=7.0)

    def candidates(
        self, center: Array, z: Array, half_z: Array, radius: Array
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs (body, level box) whose bounding circles and heights overlap."""
        body, box = self._grid.query(center)
        if not len(body):
            return body, box
        gap = center[body] - self.center[box]
        near = np.hypot(gap[:, 0], gap[:, 1]) < radius[body] + np.hypot(self.half[box, 0], self.half[box, 1])
        near &= np.abs(z[body] - self.z[box]) < half_z[body] + self.half_z[box]
        near &= self.solid[box]
        return body[near], box[near]


def body_pairs(bodies: Bodies, margin_m: float = 0.0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of bodies (i < j in x order) whose bounding circles and heights overlap and of which one can move.

    Sort and sweep along x: linear in the number of bodies while they do not all share one x.
    """
    radius = np.hypot(bodies.half[:, 0], bodies.half[:, 1]) + margin_m
    x = bodies.center[:, 0]
    order = np.argsort(x - radius, kind="stable")
    low = (x - radius)[order]
    counts = np.searchsorted(low, (x + radius)[order], side="right") - np.arange(len(order)) - 1
    first = np.repeat(np.arange(len(order)), counts)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    i, j = order[first], order[second]
    keep = np.abs(bodies.center[i, 1] - bodies.center[j, 1]) < radius[i] + radius[j]
    i, j = i[keep], j[keep]
    gap = bodies.center[i] - bodies.center[j]
    reach = radius[i] + radius[j]
    keep = gap[:, 0] ** 2 + gap[:, 1] ** 2 < reach * reach
    keep &= np.abs(bodies.z[i] - bodies.z[j]) < bodies.half_z[i] + bodies.half_z[j]
    keep &= (bodies.inverse_mass[i] > 0.0) | (bodies.inverse_mass[j] > 0.0)
    i, j = i[keep], j[keep]
    swap = i > j
    i, j = np.where(swap, j, i), np.where(swap, i, j)
    order = np.lexsort((j, i))
    return i[order], j[order]


def resolve(bodies: Bodies, level: LevelBoxes) -> list[Contact]:
    """Part overlapping bodies and exchange impulses; changes ``bodies`` in place.

    Returns:
        Contacts in a fixed order: body pairs by index, then level contacts by body and box.
    """
    i, j = body_pairs(bodies)
    movable = np.flatnonzero(bodies.inverse_mass > 0.0)
    radius = np.hypot(bodies.half[:, 0], bodies.half[:, 1])
    k, box = level.candidates(bodies.center[movable], bodies.z[movable], bodies.half_z[movable], radius[movable])
    k = movable[k]
    if not len(i) and not len(k):
        return []
    scene = _with_level(bodies, level, box)
    a = np.concatenate([i, k])
    b = np.concatenate([j, len(bodies.center) + np.arange(len(box))])
    contacts: list[Contact] = []
    touched: set[int] = set()
    for round_index in range(_ROUNDS):
        overlap = box_overlap(
            scene.center[a], scene.yaw[a], scene.half[a], scene.center[b], scene.yaw[b], scene.half[b]
        )
        depth, normal, point = overlap.depth, overlap.normal, overlap.point
        hits = np.flatnonzero(depth > (0.0 if round_index == 0 else _SLOP_M))
        if not len(hits):
            break
        for hit in hits.tolist():
            pair = int(a[hit]), int(b[hit])
            if hit not in touched:
                touched.add(hit)
                impulse = _exchange(scene, *pair, normal[hit], point[hit])
                if impulse is not None:
                    other = pair[1] if pair[1] < len(bodies.center) else -1 - int(box[pair[1] - len(bodies.center)])
                    contacts.append(Contact(pair[0], other, impulse))
            _separate(scene, *pair, normal[hit], float(depth[hit]))
    count = len(bodies.center)
    bodies.center[:] = scene.center[:count]
    bodies.velocity[:] = scene.velocity[:count]
    bodies.spin[:] = scene.spin[:count]
    return contacts


def _with_level(bodies: Bodies, level: LevelBoxes, box: NDArray[np.int64]) -> Bodies:
    """Bodies followed by the level boxes in question, the latter with infinite mass."""
    zeros = np.zeros(len(box))
    return Bodies(
        np.concatenate([bodies.center, level.center[box]]),
        np.concatenate([bodies.z, level.z[box]]),
        np.concatenate([bodies.yaw, level.yaw[box]]),
        np.concatenate([bodies.half, level.half[box]]),
        np.concatenate([bodies.half_z, level.half_z[box]]),
        np.concatenate([bodies.velocity, np.zeros((len(box), 2))]),
        np.concatenate([bodies.spin, zeros]),
        np.concatenate([bodies.inverse_mass, zeros]),
        np.concatenate([bodies.inverse_inertia, zeros]),
    )


def _exchange(scene: Bodies, a: int, b: int, normal: Array, point: Array) -> tuple[float, float] | None:
    """Impulse on ``a`` from a contact, or None when the bodies are not closing in."""
    nx, ny = float(normal[0]), float(normal[1])
    ax, ay = (point - scene.center[a]).tolist()
    bx, by = (point - scene.center[b]).tolist()
    inv_mass = float(scene.inverse_mass[a] + scene.inverse_mass[b])
    inertia_a, inertia_b = float(scene.inverse_inertia[a]), float(scene.inverse_inertia[b])
    spin_a, spin_b = float(scene.spin[a]), float(scene.spin[b])
    vx = float(scene.velocity[a, 0] - scene.velocity[b, 0]) - spin_a * ay + spin_b * by
    vy = float(scene.velocity[a, 1] - scene.velocity[b, 1]) + spin_a * ax - spin_b * bx
    closing = vx * nx + vy * ny
    if closing > -_MIN_CLOSING_MPS:
        return None
    arm_a, arm_b = ax * ny - ay * nx, bx * ny - by * nx
    push = -(1.0 + _RESTITUTION) * closing / (inv_mass + arm_a * arm_a * inertia_a + arm_b * arm_b * inertia_b)
    tx, ty = -ny, nx
    sliding = vx * tx + vy * ty
    lever_a, lever_b = ax * ty - ay * tx, bx * ty - by * tx
    grip = -sliding / (inv_mass + lever_a * lever_a * inertia_a + lever_b * lever_b * inertia_b)
    grip = min(max(grip, -_FRICTION * push), _FRICTION * push)
    jx, jy = push * nx + grip * tx, push * ny + grip * ty
    for body, sign, rx, ry in ((a, 1.0, ax, ay), (b, -1.0, bx, by)):
        scene.velocity[body, 0] += sign * jx * scene.inverse_mass[body]
        scene.velocity[body, 1] += sign * jy * scene.inverse_mass[body]
        scene.spin[body] += sign * (rx * jy - ry * jx) * scene.inverse_inertia[body]
    return jx, jy


def _separate(scene: Bodies, a: int, b: int, normal: Array, depth: float) -> None:
    """Push the pair apart along the normal in proportion to how easily each moves."""
    total = float(scene.inverse_mass[a] + scene.inverse_mass[b])
    correction = max(depth - 0.5 * _SLOP_M, 0.0) / total
    scene.center[a] += normal * (correction * scene.inverse_mass[a])
    scene.center[b] -= normal * (correction * scene.inverse_mass[b])
