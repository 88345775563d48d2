"""What the sensor tests share: sensors from blueprint defaults, contexts by hand, real meshes in a real back end."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import msgpack
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.geometry.frames import rotation_matrices
from lead.simulator.rendering.backend import Backend, Frame
from lead.simulator.rendering.environment import environment_from_weather
from lead.simulator.rendering.scene import (
    ColorStyle,
    GroundTruth,
    ImageKind,
    Instances,
    Lights,
    RayBundle,
    RayHits,
    View,
)
from lead.simulator.rendering.select import choose_backend
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Look, Mesh, MeshBuilder
from lead.simulator.sensors import Sensor, SensorContext, make_sensor
from lead.simulator.sensors.base import joined
from lead.simulator.sensors.cameras import IMAGE_HEADER, Camera
from lead.simulator.world.blueprints import BlueprintLibrary
from lead.simulator.world.solids import Solids
from lead.simulator.world.weather import WeatherParameters

LIBRARY = BlueprintLibrary("0.9.16")
STEP_S = 0.05
FIRST_ACTOR = 100
GROUND_OBJECT = 5

Triple = tuple[float, float, float]
Pose = tuple[Triple, Triple]
"""Location in metres; pitch, yaw and roll in degrees."""
_TILE = "sensor tests"


def build(blueprint_id: str, *, seed: int = 1, actor_id: int = 7, **attributes: object) -> Sensor:
    """A sensor with the blueprint's defaults except for some attributes."""
    values = LIBRARY.validate(blueprint_id, {name: str(value) for name, value in attributes.items()})
    sensor = make_sensor(blueprint_id, values, seed=seed, actor_id=actor_id)
    assert sensor is not None
    return sensor


def camera(kind: str, **attributes: object) -> Camera:
    """A camera by the last part of its blueprint id."""
    made = build(f"sensor.camera.{kind}", **attributes)
    assert isinstance(made, Camera)
    return made


@cache
def backend() -> Backend:
    """The fastest back end of this machine, made once: it compiles or loads its kernels."""
    made = choose_backend("auto")
    atexit.register(made.close)
    return made


@cache
def _box_prototype() -> int:
    """Box of half size 1 that takes the tint of its instance."""
    builder = MeshBuilder()
    builder.box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), Look((255, 255, 255), Material.CLOTH, Label.CAR))
    return backend().add_prototype(builder.build())


class Mover(NamedTuple):
    """A box that is an actor and counts as a car.

    Attributes:
        center: Where it is, metres.
        half: Half sizes along its own axes.
        yaw_deg: Heading.
        velocity: m/s; a tick ago it was where this says.
        tint: Its colour, linear.
        actor_id: Its id; 0 numbers the movers of a stage from `FIRST_ACTOR`.
    """

    center: Triple
    half: Triple
    yaw_deg: float = 0.0
    velocity: Triple = (0.0, 0.0, 0.0)
    tint: Triple = (0.5, 0.5, 0.5)
    actor_id: int = 0


@dataclass(frozen=True, eq=False)
class Stage:
    """A scene that the shared back end shows when somebody looks.

    Attributes:
        level: What stands still.
        movers: What moves.
        weather: Light and air.
    """

    level: Mesh = field(default_factory=lambda: MeshBuilder().build())
    movers: Sequence[Mover] = ()
    weather: WeatherParameters = field(default_factory=WeatherParameters)

    def show(self) -> Backend:
        """The back end with this scene in it."""
        global _shown
        if _shown is not self:
            backend().set_tile(_TILE, self.level, np.zeros(3))
            backend().update(self.instances(), environment_from_weather(self.weather, 0.0), Lights())
            _shown = self
        return backend()

    def instances(self) -> Instances:
        """The movers as the back end takes them."""
        count = len(self.movers)
        poses = np.tile(np.eye(4), (count, 1, 1))
        for pose, mover in zip(poses, self.movers, strict=True):
            pose[:3, :3] = rotation_matrices(0.0, mover.yaw_deg, 0.0) * np.array(mover.half)
            pose[:3, 3] = mover.center
        velocity = np.array([mover.velocity for mover in self.movers]).reshape(-1, 3)
        previous = poses.copy()
        previous[:, :3, 3] -= velocity * STEP_S
        return Instances(
            prototype=np.full(count, _box_prototype(), np.int32),
            transform=poses.astype(np.float32),
            previous=previous.astype(np.float32),
            tint=np.array([mover.tint for mover in self.movers], np.float32).reshape(-1, 3),
            state=np.zeros(count, np.uint32),
            actor_id=np.array([m.actor_id or FIRST_ACTOR + row for row, m in enumerate(self.movers)], np.uint32),
            velocity=velocity.astype(np.float32),
        )

    def velocity_of(self, instance: NDArray[np.int32]) -> NDArray[np.float64]:
        """What the world tells sensors of the instances that they hit."""
        velocity = np.zeros((len(instance), 3))
        velocity[instance >= 0] = self.instances().velocity[instance[instance >= 0]]
        return velocity


_shown: Stage | None = None


class _OneView:
    """A frame of one view as the picture of one camera."""

    def __init__(self, frame: Frame, before: View) -> None:
        self._frame, self._before = frame, before

    def ground_truth(self) -> GroundTruth:
        return self._frame.ground_truth()[0]

    def encoded(self, kind: ImageKind) -> NDArray[np.uint8]:
        return self._frame.encoded(kind)[0]

    def normals(self) -> NDArray[np.float32]:
        return self._frame.normals()[0]

    def flow(self) -> NDArray[np.float32]:
        return self._frame.flow([self._before])[0]

    def color(self, style: ColorStyle) -> NDArray[np.uint8]:
        return self._frame.color(style)[0]


def at(
    frame: int = 1,
    location: Triple = (0.0, 0.0, 2.5),
    rotation_deg: Triple = (0.0, 0.0, 0.0),
    stage: Stage | None = None,
    solids: Solids | None = None,
    **more: object,
) -> SensorContext:
    """Context of a sensor at a place, which looks at a stage (rays) or at solids (sweeps) if one is given."""
    place = np.array(location)
    if stage is not None:

        def cast(bundle: RayBundle) -> RayHits:
            return stage.show().cast([bundle])[0]

        more.update(cast=cast, velocity_of=stage.velocity_of)
    if solids is not None:
        more["solids"] = lambda radius_m: solids
    return SensorContext(
        frame=frame,
        time_s=frame * STEP_S,
        dt_s=STEP_S,
        location=place,
        rotation_deg=np.array(rotation_deg),
        rotation=rotation_matrices(*rotation_deg),
        **more,  # type: ignore[arg-type]
    )


def view_of(sensor: Camera, pose: Pose) -> View:
    """What a camera sees from a pose."""
    optics = sensor.optics
    place, rotation = np.array(pose[0]), rotation_matrices(*pose[1])
    return View(place, rotation, optics.width_px, optics.height_px, optics.fov_deg)


STRAIGHT: Pose = ((0.0, 0.0, 2.5), (0.0, 0.0, 0.0))


def take(sensor: Camera, stage: Stage, pose: Pose = STRAIGHT, before: Pose | None = None, frame: int = 1) -> bytes:
    """Pixels of a camera's packet, whose header is right.

    Args:
        sensor: The camera.
        stage: What it looks at.
        pose: From where.
        before: Where it was a tick ago; None means the same place.
        frame: Number of the tick.
    """
    view = view_of(sensor, pose)
    traced = stage.show().render([view])
    picture = _OneView(traced, view if before is None else view_of(sensor, before))
    body = sensor.measure(at(frame, *pose, picture=picture))
    assert isinstance(body, tuple)
    body = joined(body)
    header = np.frombuffer(body, IMAGE_HEADER, 1)[0]
    assert tuple(header) == (view.width_px, view.height_px, np.float32(view.fov_deg))
    return body[IMAGE_HEADER.itemsize :]


def image(sensor: Camera, stage: Stage, pose: Pose = STRAIGHT) -> NDArray[np.int64]:
    """Red, green and blue (h, w, 3) of what a camera sends; its alpha is full."""
    pixels = np.frombuffer(take(sensor, stage, pose), np.uint8)
    pixels = pixels.reshape(sensor.optics.height_px, sensor.optics.width_px, 4)
    assert (pixels[..., 3] == 255).all()
    return pixels[..., 2::-1].astype(np.int64)


def pixel_rays(view: View) -> NDArray[np.float64]:
    """World directions (h, w, 3) of pixel centres, of length 1 along the optical axis: the pinhole of the facts."""
    row, column = np.indices((view.height_px, view.width_px)) + 0.5
    right = (column - view.width_px / 2.0) / view.focal_px
    up = (view.height_px / 2.0 - row) / view.focal_px
    return np.asarray(np.stack([np.ones_like(right), right, up], axis=-1) @ view.rotation.T)


def plane_depth(view: View, point: ArrayLike, normal: ArrayLike) -> NDArray[np.float64]:
    """Depth (h, w) along the optical axis of a plane; negative behind the camera."""
    way = np.asarray(normal, np.float64)
    return np.asarray((np.asarray(point) - view.location) @ way / (pixel_rays(view) @ way))


def wall(x: float, label: Label = Label.WALLS, *, color: tuple[int, int, int] = (128, 128, 128)) -> Mesh:
    """A large wall across the x axis, without a thickness."""
    builder = MeshBuilder()
    corners = [[x, -200.0, -200.0], [x, 200.0, -200.0], [x, 200.0, 200.0], [x, -200.0, 200.0]]
    builder.quad(corners, Look(color, Material.PLAIN, label))
    return builder.build()


def ground(z: float = 0.0, grade_x: float = 0.0, grade_y: float = 0.0) -> Mesh:
    """A large plane, an object of the level, that has height `z` at the origin."""
    builder = MeshBuilder()
    builder.object_id = GROUND_OBJECT
    corners = [(-200.0, -200.0), (200.0, -200.0), (200.0, 200.0), (-200.0, 200.0)]
    builder.quad([[x, y, z + grade_x * x + grade_y * y] for x, y in corners], Look(label=Label.ROADS))
    return builder.build()


def solid_boxes(*rows: tuple[Triple, Triple], **more: object) -> Solids:
    """Boxes (centre, half sizes) that are cars with ids from `FIRST_ACTOR`, on level ground."""
    count = len(rows)
    values = {
        "center": np.array([row[0] for row in rows], np.float64),
        "yaw": np.zeros(count),
        "half": np.array([row[1] for row in rows], np.float64),
        "actor_id": np.arange(FIRST_ACTOR, FIRST_ACTOR + count),
        "label": np.full(count, Label.CAR, np.uint8),
    }
    return Solids(**{**values, **more})  # type: ignore[arg-type]


def pack(other_id: int, label: int, payload: object) -> bytes:
    """Stands in for the world's description of the two parties of an event."""
    return bytes(msgpack.packb([other_id, label, payload]))
