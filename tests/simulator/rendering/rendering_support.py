"""Small scenes with known answers, worlds with people in them, and readers of sensor packets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from lead.geometry.frames import rotation_matrices
from lead.maps.compiled import CompiledMap
from lead.maps.layout import LaneType
from lead.maps.towns import installed_towns
from lead.simulator.rendering.backend import Backend
from lead.simulator.rendering.environment import Environment, environment_from_weather
from lead.simulator.rendering.scene import ColorStyle, GroundTruth, Instances, Lights, View
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Look, Mesh, MeshBuilder
from lead.simulator.sensors.base import joined
from lead.simulator.server import load_town
from lead.simulator.world.actors import Actor, WorldError
from lead.simulator.world.weather import WeatherParameters
from lead.simulator.world.world import World

Array = NDArray[np.float64]

DEPTH_TOLERANCE_M = 1e-3
ORIGIN = np.zeros(3)
STEP_S = 0.05


def view_from(
    location: ArrayLike = (0.0, 0.0, 0.0),
    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
    size_px: tuple[int, int] = (32, 24),
    fov_deg: float = 90.0,
) -> View:
    """A view; rotation is pitch, yaw, roll."""
    return View(np.asarray(location, np.float64), rotation_matrices(*rotation_deg), *size_px, fov_deg)


def rays_of(view: View) -> Array:
    """(h, w, 3) world rays through the pixels' centres with forward component 1, by the definition of a pinhole."""
    row, column = np.indices((view.height_px, view.width_px))
    local = np.stack(
        [
            np.ones(row.shape),
            (column + 0.5 - view.width_px / 2.0) / view.focal_px,
            (view.height_px / 2.0 - row - 0.5) / view.focal_px,
        ],
        axis=-1,
    )
    return np.asarray(local @ view.rotation.T)


def project(view: View, points: Array) -> tuple[Array, Array]:
    """Pixel coordinates (n, 2), column then row with integers at pixel centres, and depths (n,) of world points."""
    local = (points - view.location) @ view.rotation
    depth = local[..., 0]
    column = view.focal_px * local[..., 1] / depth + view.width_px / 2.0 - 0.5
    row = view.height_px / 2.0 - view.focal_px * local[..., 2] / depth - 0.5
    return np.stack([column, row], axis=-1), depth


def plane_depth(view: View, normal: ArrayLike, offset_m: float) -> Array:
    """Depth (h, w) of the plane normal . x = offset; infinite where it is behind."""
    way = np.asarray(normal, np.float64)
    with np.errstate(divide="ignore"):
        depth = (offset_m - view.location @ way) / (rays_of(view) @ way)
    return np.where(depth > 0.0, depth, np.inf)


def patch(normal: ArrayLike, offset_m: float, half_m: float, look: Look, object_id: int = 0) -> Mesh:
    """A square of the plane normal . x = offset around its point nearest to the origin; the normal is a unit vector."""
    way = np.asarray(normal, np.float64)
    helper = np.array([0.0, 0.0, 1.0]) if abs(way[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    across = np.cross(way, helper)
    across /= np.linalg.norm(across)
    upward = np.cross(across, way)
    middle = way * offset_m
    builder = MeshBuilder()
    builder.object_id = object_id
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    builder.quad([middle + half_m * (a * across + b * upward) for a, b in signs], look, normal=way)
    return builder.build()


def wall(distance_m: float, look: Look | None = None, half_m: float = 500.0, object_id: int = 0) -> Mesh:
    """A wall across the x axis."""
    return patch((1.0, 0.0, 0.0), distance_m, half_m, look or plain(), object_id)


def floor(height_m: float, look: Look | None = None, half_m: float = 500.0) -> Mesh:
    """Level ground."""
    return patch((0.0, 0.0, 1.0), height_m, half_m, look or plain())


def box(half: ArrayLike, look: Look, center: ArrayLike = (0.0, 0.0, 0.0), object_id: int = 0) -> Mesh:
    """An upright box."""
    builder = MeshBuilder()
    builder.object_id = object_id
    builder.box(center, half, look)
    return builder.build()


def plain(
    label: Label = Label.STATIC,
    color: tuple[int, int, int] = (128, 128, 128),
    material: Material = Material.PLAIN,
    channel: int = 0,
) -> Look:
    """Appearance without a pattern."""
    return Look(color, material, label, channel)


def pose(
    location: ArrayLike, rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0), scale: ArrayLike = 1.0
) -> Array:
    """(4, 4) from a prototype's frame to the world: scaled along its own axes, turned, moved."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_matrices(*rotation_deg) * np.broadcast_to(np.asarray(scale, np.float64), (3,))
    matrix[:3, 3] = location
    return matrix


def placed(prototypes: Sequence[int], poses: Sequence[Array], **columns: ArrayLike) -> Instances:
    """Instances at rest with actor ids from 100; `columns` replace whole columns."""
    count = len(prototypes)
    transform = np.asarray(poses, np.float32).reshape(count, 4, 4)
    fields: dict[str, Any] = {
        "prototype": np.asarray(prototypes, np.int32),
        "transform": transform,
        "previous": transform,
        "tint": np.ones((count, 3), np.float32),
        "state": np.zeros(count, np.uint32),
        "actor_id": np.arange(100, 100 + count, dtype=np.uint32),
        "velocity": np.zeros((count, 3), np.float32),
    }
    for name, values in columns.items():
        fields[name] = np.asarray(values, fields[name].dtype).reshape(fields[name].shape)
    return Instances(**fields)


def air(time_s: float = 0.0, **weather: float) -> Environment:
    """Environment of a weather that differs from a clear noon in the parameters given."""
    return environment_from_weather(WeatherParameters(**weather), time_s)


def show(
    backend: Backend,
    instances: Instances | None = None,
    environment: Environment | None = None,
    lights: Lights | None = None,
) -> None:
    """Update with empty defaults at noon."""
    backend.update(instances or Instances(), environment or air(), lights or Lights())


def truth_of(backend: Backend, view: View) -> GroundTruth:
    """Ground truth of one view."""
    return backend.render([view]).ground_truth()[0]


def color_of(backend: Backend, view: View, style: ColorStyle | None = None) -> NDArray[np.int64]:
    """(h, w, 3) colours of one view as RGB in wide integers."""
    pixels = backend.render([view]).color(style or ColorStyle())[0]
    return pixels[..., 2::-1].astype(np.int64)


@cache
def town_map(name: str) -> CompiledMap:
    """A town's compiled map; skips the test where the town is not installed."""
    if name not in installed_towns():
        pytest.skip(f"{name} is not installed: lead towns install {name}")
    return load_town(name)


def try_spawn(world: World, type_id: str, location: Array, rotation_deg: Array) -> Actor | None:
    """Spawn unless the spot is taken."""
    try:
        return world.spawn(type_id, [], np.array(location), np.array(rotation_deg))
    except WorldError:
        return None


def people(world: World, around: Array, vehicles: int = 10, walkers: int = 8) -> list[Actor]:
    """Vehicles at the spawn points around a place and walkers on the sidewalks there, settled on the ground."""
    kinds = sorted(name for name in world.library.by_id if name.startswith("vehicle."))
    persons = sorted(name for name in world.library.by_id if name.startswith("walker.pedestrian."))
    points = world.town.spawn_points
    gap = np.linalg.norm(points[:, :2] - around[:2], axis=1)
    found = []
    for turn, index in enumerate(np.argsort(gap, kind="stable")[:vehicles]):
        if gap[index] > 9.0:
            found.append(try_spawn(world, kinds[7 * turn % len(kinds)], points[index, :3], points[index, 3:]))
    lanes = world.town.lanes
    walks = lanes[lanes["lane_type"] == LaneType.SIDEWALK]
    near = walks[np.hypot(walks["x"] - around[0], walks["y"] - around[1]) < 60.0]
    for turn in range(min(walkers, len(near))):
        spot = near[37 * turn % len(near)]
        place = np.array([spot["x"], spot["y"], spot["z"] + 1.0])
        facing = np.array([0.0, np.degrees(spot["yaw"]), 0.0])
        found.append(try_spawn(world, persons[5 * turn % len(persons)], place, facing))
    for _ in range(12):
        world.tick(STEP_S)
    return [actor for actor in found if actor is not None]


def mount(
    world: World,
    kind: str,
    location: ArrayLike = (0.0, 0.0, 0.0),
    rotation_deg: ArrayLike = (0.0, 0.0, 0.0),
    parent: Actor | None = None,
    **attributes: object,
) -> Actor:
    """Spawn ``sensor.<kind>``."""
    rows = [[name, 0, str(value)] for name, value in attributes.items()]
    where, way = np.array(location, np.float64), np.array(rotation_deg, np.float64)
    return world.spawn(f"sensor.{kind}", rows, where, way, parent.id if parent else 0)


def measured(world: World) -> dict[int, bytes]:
    """Packets of this tick by sensor, as if every stream had a listener."""
    return {actor.id: joined(body) for actor, body in world.measurements(lambda stream: True, lambda *fields: b"")}


def pixels_of(body: bytes) -> NDArray[np.uint8]:
    """(h, w, 4) BGRA of a camera's packet."""
    width, height = np.frombuffer(body, "<u4", 2)
    return np.frombuffer(body, np.uint8, offset=12).reshape(height, width, 4)


def depth_of(body: bytes) -> Array:
    """(h, w) metres of a depth camera's packet."""
    blue, green, red = (pixels_of(body)[..., channel].astype(np.float64) for channel in range(3))
    return np.asarray(1000.0 * (red + 256.0 * green + 65536.0 * blue) / (2**24 - 1))


def numbers_of(body: bytes) -> NDArray[np.int64]:
    """(h, w) object numbers of an instance camera's packet."""
    pixels = pixels_of(body).astype(np.int64)
    return pixels[..., 1] + 256 * pixels[..., 0]


def parked(world: World) -> Actor:
    """A car at rest at the first spawn point."""
    row = world.town.spawn_points[0]
    actor = try_spawn(world, "vehicle.lincoln.mkz_2020", row[:3], row[3:])
    assert actor is not None
    for _ in range(20):
        world.tick(STEP_S)
    return actor
