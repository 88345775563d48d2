"""Contact sheets of every body: vehicles, walkers, props and lamps in a bare studio.

They show the meshes as sensors see them, one at a time and close, where a wheel in the air or a mirrored word stands
out at a glance. No town is loaded: the back end gets a floor, a sun and one body.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from gallery_support import Image, save, sheet, titled
from numpy.typing import NDArray

from lead.geometry.frames import rotation_matrices
from lead.simulator.rendering.environment import environment_from_weather
from lead.simulator.rendering.scene import ColorStyle, Instances, Lights, View
from lead.simulator.rendering.select import choose_backend
from lead.simulator.scenery.bodies.catalogue import GAIT_PHASES, prop_mesh, tint_of, vehicle_mesh, walker_mesh
from lead.simulator.scenery.faces import build_atlas
from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Look, Mesh, MeshBuilder
from lead.simulator.scenery.signals import housing_mesh
from lead.simulator.world.actors import Actor, ActorKind
from lead.simulator.world.blueprints import VERSIONS, Blueprint, BlueprintLibrary
from lead.simulator.world.weather import WeatherParameters

VEHICLE_PX, WALKER_PX, PROP_PX, LAMP_PX = (256, 176), (150, 264), (220, 172), (320, 202)
CAPTION_PX = 18
PROPS_PER_SHEET, PROP_COLUMNS = 40, 8
FOV_DEG = 22.0
MARGIN = 1.12
EYE_PITCH_DEG, EYE_YAW_DEG = -16.0, 180.0
FRONT_YAW_DEG, BACK_YAW_DEG = 38.0, 205.0
"""Headings of bodies before the eye, which looks along -x: their noses to its left, or their tails."""
NOON = WeatherParameters(cloudiness=15.0, sun_azimuth_angle=60.0, sun_altitude_angle=48.0)
DUSK = WeatherParameters(cloudiness=30.0, sun_azimuth_angle=60.0, sun_altitude_angle=4.0)
FLOOR = Look((176, 176, 172), Material.PLAIN, Label.GROUND)
FLOOR_M = 400.0


@dataclass(frozen=True)
class Pose:
    """How a body is shown.

    Attributes:
        yaw_deg: Its heading before the eye.
        pitch_deg: Of the eye.
        state: Bits of the lamps that are lit.
        tint: Linear colour of its paint.
    """

    yaw_deg: float = FRONT_YAW_DEG
    pitch_deg: float = EYE_PITCH_DEG
    state: int = 0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass
class Studio:
    """A floor under the sky on which one body at a time is pictured."""

    weather: WeatherParameters = field(default_factory=lambda: NOON)

    def __post_init__(self) -> None:
        self._backend = choose_backend()
        self._backend.set_atlas(build_atlas())
        self._environment = environment_from_weather(self.weather, 0.0)
        builder = MeshBuilder()
        corners = [[x * FLOOR_M, y * FLOOR_M, 0.0] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        builder.quad(corners, FLOOR, normal=[0.0, 0.0, 1.0])
        self._backend.set_tile("floor", builder.build(), np.zeros(3))

    def picture(self, mesh: Mesh, size_px: tuple[int, int], pose: Pose) -> Image:
        """BGR image of a body that stands on the floor and fills the picture."""
        used = mesh.vertices[np.unique(mesh.triangles)].astype(np.float64)
        turn = rotation_matrices(0.0, pose.yaw_deg, 0.0)
        placed = used @ turn.T
        low, high = placed.min(axis=0), placed.max(axis=0)
        shift = np.array([-0.5 * (low[0] + high[0]), -0.5 * (low[1] + high[1]), -low[2]])
        matrix = np.eye(4, dtype=np.float32)[None].copy()
        matrix[0, :3, :3], matrix[0, :3, 3] = turn, shift
        instances = Instances(
            prototype=np.array([self._backend.add_prototype(mesh)], np.int32),
            transform=matrix,
            previous=matrix,
            tint=np.array([pose.tint], np.float32),
            state=np.array([pose.state], np.uint32),
            actor_id=np.array([1], np.uint32),
            velocity=np.zeros((1, 3), np.float32),
        )
        self._backend.update(instances, self._environment, Lights())
        frame = self._backend.render([framed(placed + shift, size_px, pose.pitch_deg)], antialias=True)
        return np.ascontiguousarray(frame.color(ColorStyle())[0][..., :3])

    def close(self) -> None:
        """Release the back end."""
        self._backend.close()


def framed(points: NDArray[np.float64], size_px: tuple[int, int], pitch_deg: float) -> View:
    """The view that points (n, 3) just fill, from the studio's usual side."""
    rotation = rotation_matrices(pitch_deg, EYE_YAW_DEG, 0.0)
    width, height = size_px
    fov_deg = FOV_DEG * min(1.0, width / height)
    slope = np.tan(np.radians(fov_deg) / 2.0) / MARGIN * np.array([1.0, height / width])
    middle, distance = 0.5 * (points.min(axis=0) + points.max(axis=0)), 1.0
    for _ in range(4):
        local = (points - middle) @ rotation
        distance = float((np.abs(local[:, 1:]) / slope - local[:, :1]).max())
        seen = local[:, 1:] / (local[:, :1] + distance)
        offset = 0.5 * (seen.min(axis=0) + seen.max(axis=0)) * distance
        middle = middle + rotation[:, 1:] @ offset
    return View(middle - distance * rotation[:, 0], rotation, width, height, fov_deg)


def actor_of(blueprint: Blueprint, number: int = 0, open_doors: int = 0) -> Actor:
    """An actor as the world would spawn it; `number` chooses among the recommended colours."""
    attributes = {attribute.id: attribute.default for attribute in blueprint.attributes}
    for attribute in blueprint.attributes:
        if attribute.id == "color":
            attributes["color"] = attribute.recommended[number % len(attribute.recommended)]
    kind = {"vehicle": ActorKind.VEHICLE, "walker": ActorKind.WALKER}.get(blueprint.category, ActorKind.PROP)
    return Actor(
        1,
        kind,
        blueprint.id,
        attributes=attributes,
        box_center=blueprint.box_center,
        extent=blueprint.extent,
        semantic_tag=blueprint.semantic_tag,
        vehicle=blueprint.physics,
        open_doors=open_doors,
    )


def of_category(library: BlueprintLibrary, category: str) -> list[Blueprint]:
    """Blueprints of a category that have a body; four wheels before two."""
    found = [b for b in library.by_id.values() if b.category == category and b.extent[2] > 0.0]
    return sorted(found, key=lambda b: -b.physics.number_of_wheels if b.physics else 0)


def short(blueprint: Blueprint) -> str:
    """The id without what all of its category have in common."""
    parts = blueprint.id.split(".", 1 if blueprint.category == "vehicle" else 2)
    return parts[-1]


def captioned(image: Image, text: str) -> Image:
    """The image below a caption that hides nothing of it."""
    bar = np.broadcast_to(image[0, 0], (CAPTION_PX, image.shape[1], 3)).astype(np.uint8)
    return titled(np.concatenate([bar, image]), text)


def vehicle_pictures(studio: Studio, library: BlueprintLibrary, yaw_deg: float) -> list[Image]:
    """Every vehicle from one side."""
    images = []
    for number, blueprint in enumerate(of_category(library, "vehicle")):
        actor = actor_of(blueprint, number)
        pose = Pose(yaw_deg, tint=tint_of(actor.type_id, actor.attributes))
        images.append(captioned(studio.picture(vehicle_mesh(actor), VEHICLE_PX, pose), short(blueprint)))
    return images


def walker_pictures(studio: Studio, library: BlueprintLibrary) -> list[Image]:
    """Every walker in some phase of the gait, every fifth standing; all at the same scale."""
    people = of_category(library, "walker")
    tallest = max(blueprint.extent[2] for blueprint in people)
    images = []
    for number, blueprint in enumerate(people):
        actor = actor_of(blueprint)
        phase = GAIT_PHASES if number % 5 == 4 else 2 + 6 * (number % 2)
        mesh = walker_mesh(actor, phase)
        width, height = WALKER_PX
        scale = blueprint.extent[2] / tallest
        small = studio.picture(mesh, (round(width * scale), round(height * scale)), Pose(FRONT_YAW_DEG))
        image = np.full((height, width, 3), small[-1, 0], np.uint8)
        left = (width - small.shape[1]) // 2
        image[height - small.shape[0] :, left : left + small.shape[1]] = small
        images.append(titled(image, f"{short(blueprint)} {dict(_traits(blueprint))['age']}"))
    return images


def _traits(blueprint: Blueprint) -> Iterator[tuple[str, str]]:
    return ((attribute.id, attribute.default) for attribute in blueprint.attributes)


def prop_pictures(studio: Studio, library: BlueprintLibrary) -> list[Image]:
    """Every prop, its broader side, which is usually its front, towards the eye's left."""
    images = []
    for blueprint in of_category(library, "prop"):
        broad = blueprint.extent[0] > 1.15 * blueprint.extent[1]
        pose = Pose(FRONT_YAW_DEG - 90.0 if broad else FRONT_YAW_DEG)
        images.append(captioned(studio.picture(prop_mesh(actor_of(blueprint)), PROP_PX, pose), short(blueprint)))
    return images


def lamp_pictures(studio: Studio, library: BlueprintLibrary) -> list[Image]:
    """What can be switched and opened: lamps of a car, beacons, doors, lenses of traffic lights."""
    on = {channel: 1 << channel for channel in LampChannel}
    heads = on[LampChannel.POSITION] | on[LampChannel.LOW_BEAM]
    high = heads | on[LampChannel.HIGH_BEAM] | on[LampChannel.FOG]
    left, right = on[LampChannel.LEFT_BLINKER], on[LampChannel.RIGHT_BLINKER]
    beacons = on[LampChannel.SPECIAL_1] | on[LampChannel.SPECIAL_2]
    rear = heads | on[LampChannel.BRAKE]
    rows = (
        ("lincoln.mkz_2020", "low beam", FRONT_YAW_DEG, heads, 0),
        ("lincoln.mkz_2020", "high beam, fog, blinkers", FRONT_YAW_DEG, high | left | right, 0),
        ("lincoln.mkz_2020", "lamps off", BACK_YAW_DEG, 0, 0),
        ("lincoln.mkz_2020", "brake, right blinker", BACK_YAW_DEG, rear | right, 0),
        ("lincoln.mkz_2020", "brake, left blinker, reverse", BACK_YAW_DEG, rear | left | on[LampChannel.REVERSE], 0),
        ("kawasaki.ninja", "low beam, blinkers", FRONT_YAW_DEG, heads | left | right, 0),
        ("harley-davidson.low_rider", "brake, blinkers", BACK_YAW_DEG, rear | left | right, 0),
        ("dodge.charger_police_2020", "beacons", FRONT_YAW_DEG, heads | beacons, 0),
        ("ford.ambulance", "beacons", FRONT_YAW_DEG, heads | beacons, 0),
        ("carlamotors.firetruck", "beacons", FRONT_YAW_DEG, heads | beacons, 0),
        ("mitsubishi.fusorosa", "brake", BACK_YAW_DEG, rear, 0),
        ("lincoln.mkz_2020", "all doors", FRONT_YAW_DEG, 0, 15),
        ("lincoln.mkz_2020", "all doors", BACK_YAW_DEG, 0, 15),
        ("mercedes.coupe_2020", "front left door", FRONT_YAW_DEG, 0, 1),
        ("nissan.patrol_2021", "right doors", -FRONT_YAW_DEG, 0, 10),
        ("mercedes.sprinter", "front doors", FRONT_YAW_DEG, 0, 3),
    )
    images = []
    for name, text, yaw_deg, state, doors in rows:
        actor = actor_of(library.by_id[f"vehicle.{name}"], 2, doors)
        pose = Pose(yaw_deg, state=state, tint=tint_of(actor.type_id, actor.attributes))
        images.append(captioned(studio.picture(vehicle_mesh(actor), LAMP_PX, pose), f"{name}: {text}"))
    for name, channel in (
        ("red", LampChannel.SIGNAL_RED),
        ("yellow", LampChannel.SIGNAL_YELLOW),
        ("green", LampChannel.SIGNAL_GREEN),
    ):
        pose = Pose(18.0, pitch_deg=4.0, state=on[channel])
        images.append(captioned(studio.picture(housing_mesh(), LAMP_PX, pose), f"traffic light: {name}"))
    for name in ("trafficwarning",):
        actor = actor_of(library.by_id[f"static.prop.{name}"])
        pose = Pose(FRONT_YAW_DEG, state=on[LampChannel.SPECIAL_1])
        images.append(captioned(studio.picture(prop_mesh(actor), LAMP_PX, pose), f"{name}: blinking"))
    return images


def blueprint_sheets(out: Path) -> None:
    """Make all sheets of bodies."""
    library = BlueprintLibrary(VERSIONS[-1])
    studio = Studio()
    save("vehicles_front", sheet(vehicle_pictures(studio, library, FRONT_YAW_DEG), 7), out)
    save("vehicles_back", sheet(vehicle_pictures(studio, library, BACK_YAW_DEG), 7), out)
    save("walkers", sheet(walker_pictures(studio, library), 13), out)
    props = prop_pictures(studio, library)
    for number, first in enumerate(range(0, len(props), PROPS_PER_SHEET), start=1):
        save(f"props_{number}", sheet(props[first : first + PROPS_PER_SHEET], PROP_COLUMNS), out)
    studio.close()
    dim = Studio(DUSK)
    save("lamps", sheet(lamp_pictures(dim, library), 4), out)
    dim.close()
