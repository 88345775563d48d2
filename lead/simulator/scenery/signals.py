"""Traffic lights and signs as things: where their heads hang and which way they face, and their meshes.

A light's actor stands where the map puts it. Its heads must be seen by those who obey it: every light has one on its
post, low enough for a driver at the stop line, and, where the lanes lie beside the post, one on an arm above them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap
from lead.maps.ground import GroundIndex
from lead.maps.layout import SignalKind
from lead.simulator.scenery.faces import face_uv, speed_face
from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Look, Mesh, MeshBuilder

Array = NDArray[np.float64]

HEAD_DTYPE = np.dtype(
    [
        ("signal", "i4"),  # row in the town's signals
        ("x", "f8"),  # centre of the housing
        ("y", "f8"),
        ("z", "f8"),
        ("yaw", "f8"),  # direction in which the lenses look, rad
        ("on_arm", "u1"),
    ]
)
HOUSING_HALF_M = (0.15, 0.175, 0.5)
"""Half sizes of a housing."""
POST_HEAD_M, ARM_HEAD_M = 3.1, 5.6
POST_HALF_M = 0.1
_ARM_FROM_M, _ARM_UP_TO_M = 2.2, 15.0
_PLATE_M = 2.45
_ROOT_M = 1.4
"""How far posts reach below the height of the road, because the ground beside it may be lower."""

_STEEL = Look((88, 92, 94), Material.METAL, Label.POLES)
_HOUSING = Look((26, 28, 27), Material.PLAIN, Label.TRAFFIC_LIGHT)
_LENSES = (
    (0.30, (255, 34, 26), LampChannel.SIGNAL_RED),
    (0.0, (255, 176, 28), LampChannel.SIGNAL_YELLOW),
    (-0.30, (40, 255, 120), LampChannel.SIGNAL_GREEN),
)
_BACK = Look((130, 132, 134), Material.METAL, Label.TRAFFIC_SIGNS)


def approach_yaws(town: CompiledMap) -> Array:
    """Driving direction of the lanes that obey each signal, rad; the signal's own yaw where it has no box."""
    yaw = np.radians(town.signals["yaw_deg"].astype(np.float64)) - np.pi / 2
    boxes = town.signal_boxes[town.signal_boxes["owner"] >= 0]
    total = np.zeros((len(yaw), 2))
    np.add.at(total, boxes["owner"], np.stack([np.cos(boxes["yaw"]), np.sin(boxes["yaw"])], axis=1))
    known = np.hypot(*total.T) > 1e-6
    yaw[known] = np.arctan2(total[known, 1], total[known, 0])
    return yaw


def place_heads(town: CompiledMap, ground: GroundIndex) -> NDArray[np.void]:
    """All heads of all traffic lights, HEAD_DTYPE (n,), in order of the signals, the post's first."""
    signals, boxes = town.signals, town.signal_boxes
    yaws = approach_yaws(town)
    lights = np.flatnonzero(signals["kind"] == SignalKind.TRAFFIC_LIGHT)
    foot = np.stack([signals["x"], signals["y"], signals["z"]], axis=1)
    level = ground.query(foot).z if len(foot) else np.zeros(0)
    rows: list[tuple[float, ...]] = []
    for signal in lights.tolist():
        yaw = float(yaws[signal])
        x, y, z = float(foot[signal, 0]), float(foot[signal, 1]), float(level[signal])
        toward = yaw + np.pi
        rows.append((signal, x + 0.28 * np.cos(toward), y + 0.28 * np.sin(toward), z + POST_HEAD_M, toward, 0))
        own = boxes[boxes["owner"] == signal]
        if not len(own):
            continue
        aside = np.array([-np.sin(yaw), np.cos(yaw)])
        offset = np.stack([own["x"] - x, own["y"] - y], axis=1) @ aside
        reach = float(offset.mean())
        if _ARM_FROM_M < abs(reach) < _ARM_UP_TO_M:
            spot = np.array([x, y]) + aside * reach + 0.28 * np.array([np.cos(toward), np.sin(toward)])
            rows.append((signal, *spot.tolist(), z + ARM_HEAD_M, toward, 1))
    return np.array(rows, HEAD_DTYPE)


@cache
def housing_mesh() -> Mesh:
    """A head: origin in the middle of the housing, lenses towards +x, red on top; x, y, z in metres."""
    builder = MeshBuilder()
    builder.box([0.0, 0.0, 0.0], [0.11, *HOUSING_HALF_M[1:]], _HOUSING)
    builder.box([-0.12, 0.0, 0.0], [0.01, HOUSING_HALF_M[1] + 0.1, HOUSING_HALF_M[2] + 0.1], _HOUSING)
    for height, color, channel in _LENSES:
        lens = Look(color, Material.LAMP, Label.TRAFFIC_LIGHT, int(channel))
        builder.cylinder([0.10, 0.0, height], [0.125, 0.0, height], 0.14, lens, sides=14)
        angle = np.radians(np.linspace(-15.0, 195.0, 9))
        rim = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 0.148
        near = np.column_stack([np.full(9, 0.10), rim[:, 0], rim[:, 1] + height])
        far = near + [0.16, 0.0, -0.01]
        builder.strip(near, far, _HOUSING, normals=np.column_stack([np.zeros(9), rim / 0.148]))
    return builder.build()


def add_light_post(builder: MeshBuilder, foot: Array, heads: NDArray[np.void]) -> None:
    """Post and arm that carry a light's heads.

    Args:
        builder: Takes the triangles.
        foot: (3,) foot of the post.
        heads: Its rows of HEAD_DTYPE.
    """
    arms = heads[heads["on_arm"] == 1]
    top = foot[2] + (ARM_HEAD_M + 0.35 if len(arms) else POST_HEAD_M + 0.6)
    builder.cylinder(
        [foot[0], foot[1], foot[2] - _ROOT_M], [foot[0], foot[1], top], POST_HALF_M, _STEEL, end_radius=0.075
    )
    builder.cylinder([foot[0], foot[1], foot[2] - 0.6], [foot[0], foot[1], foot[2] + 0.25], 0.2, _STEEL, sides=10)
    for head in arms:
        toward = np.array([np.cos(head["yaw"]), np.sin(head["yaw"]), 0.0])
        tip = np.array([head["x"], head["y"], top - 0.12]) - 0.28 * toward
        way = tip - np.array([foot[0], foot[1], tip[2]])
        way /= max(float(np.linalg.norm(way)), 1e-6)
        builder.cylinder([foot[0], foot[1], top - 0.12], tip + 0.3 * way, 0.07, _STEEL, end_radius=0.05, caps=True)
        builder.cylinder(tip, tip + 0.2 * toward - [0.0, 0.0, 0.1], 0.03, _STEEL, sides=6, caps=False)


def add_sign(builder: MeshBuilder, foot: Array, yaw: float, kind: SignalKind, value: float) -> None:
    """A sign on its post, facing the traffic that drives along `yaw`.

    Args:
        builder: Takes the triangles.
        foot: (3,) foot of the post.
        yaw: Driving direction of those who obey it, rad.
        kind: Stop, yield or speed limit.
        value: The limit.
    """
    toward = np.array([np.cos(yaw + np.pi), np.sin(yaw + np.pi), 0.0])
    left = np.array([-toward[1], toward[0], 0.0])  # of the sign's face, as its readers see it
    builder.cylinder([*foot[:2], foot[2] - _ROOT_M], [*foot[:2], foot[2] + _PLATE_M + 0.4], 0.035, _STEEL, sides=7)
    middle = foot + [0.0, 0.0, _PLATE_M] + 0.05 * toward
    name, outline = {
        SignalKind.STOP: ("stop", _polygon(8, 0.41, np.pi / 8)),
        SignalKind.YIELD: ("yield", np.array([[-0.45, 0.36], [0.45, 0.36], [0.0, -0.42]])),
    }.get(kind, (speed_face(value), _polygon(20, 0.36, 0.0)))
    u0, v0, u1, v1 = face_uv(name)
    count = len(outline)
    points = middle - outline[:, :1] * left + outline[:, 1:] * [0.0, 0.0, 1.0]
    share = (outline - [-0.36, 0.36]) / [0.72, -0.72] if count == 20 else (outline - [-0.45, 0.36]) / [0.9, -0.78]
    if kind == SignalKind.STOP:
        share = (outline - [-0.41, 0.41]) / [0.82, -0.82]
    texture = np.array([u0, v0]) + np.clip(share, 0.0, 1.0) * [u1 - u0, v1 - v0]
    fan = np.stack([np.zeros(count - 2, np.int64), np.arange(1, count - 1), np.arange(2, count)], axis=1)
    face = Look((255, 255, 255), Material.FACE, Label.TRAFFIC_SIGNS)
    builder.triangles(points, fan, face, normals=np.broadcast_to(toward, points.shape), uv=texture)
    back = points - 0.02 * toward
    builder.triangles(back, fan, _BACK, normals=np.broadcast_to(-toward, back.shape))


def _polygon(corners: int, radius: float, turn: float) -> Array:
    angle = 2.0 * np.pi * np.arange(corners) / corners + turn
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
