"""Which body an actor shows: from blueprints and their state to meshes.

Bodies are named by small hashable keys, so that a renderer makes each mesh once however many actors show it.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np

from lead.maps.parked_cars import ParkedCar, parked_car_of
from lead.simulator.scenery.bodies.animals import animal_poses
from lead.simulator.scenery.bodies.plates import PAINTERS, plate_body
from lead.simulator.scenery.bodies.props import prop_body
from lead.simulator.scenery.bodies.two_wheelers import CyclePlan, two_wheeler_body
from lead.simulator.scenery.bodies.vehicle_plan import VehiclePlan
from lead.simulator.scenery.bodies.vehicles import vehicle_body
from lead.simulator.scenery.bodies.walkers import outfit_of, walker_poses
from lead.simulator.scenery.materials import Label
from lead.simulator.scenery.mesh import Mesh
from lead.simulator.world.actors import Actor
from lead.simulator.world.blueprints import animal_kind

GAIT_PHASES = 12
"""Shapes of a walking person per stride; one more is standing."""

Key = tuple[str, int]
"""Blueprint id (with mesh and scale if a client chose them) and state: bits of opened doors, or phase of the gait from
0 to `GAIT_PHASES` (standing)."""

_STYLES = {
    "audi.a2": "mpv",
    "audi.etron": "suv",
    "audi.tt": "fastback",
    "bmw.grandtourer": "mpv",
    "carlamotors.carlacola": "boxtruck",
    "carlamotors.european_hgv": "truck",
    "carlamotors.firetruck": "firetruck",
    "chevrolet.impala": "sedan",
    "citroen.c3": "hatch",
    "dodge.charger_2020": "sedan",
    "dodge.charger_police": "police",
    "dodge.charger_police_2020": "police",
    "ford.ambulance": "ambulance",
    "ford.crown": "taxi",
    "ford.mustang": "coupe",
    "jeep.wrangler_rubicon": "jeep",
    "lincoln.mkz_2017": "sedan",
    "lincoln.mkz_2020": "sedan",
    "mercedes.coupe": "sedan",
    "mercedes.coupe_2020": "coupe",
    "mercedes.sprinter": "van",
    "micro.microlino": "micro",
    "mini.cooper_s": "mini",
    "mini.cooper_s_2021": "mini",
    "mitsubishi.fusorosa": "bus",
    "nissan.micra": "hatch",
    "nissan.patrol": "suv",
    "nissan.patrol_2021": "suv",
    "seat.leon": "hatch",
    "tesla.cybertruck": "wedge",
    "tesla.model3": "electric",
    "toyota.prius": "fastback",
    "volkswagen.t2": "camper",
    "volkswagen.t2_2021": "camper",
}
_CYCLES = {
    "bh.crossbike": "bicycle",
    "diamondback.century": "roadbike",
    "gazelle.omafiets": "bicycle",
    "harley-davidson.low_rider": "cruiser",
    "kawasaki.ninja": "motorcycle",
    "vespa.zx125": "scooter",
    "yamaha.yzf": "motorcycle",
}
_STYLE_OF_TYPE = {"truck": "truck", "bus": "bus", "van": "van", "bicycle": "bicycle", "motorcycle": "motorcycle"}
_OWN_COLORS = {
    "firetruck": (186, 26, 26),
    "ambulance": (238, 238, 236),
    "police": (28, 30, 36),
    "taxi": (240, 190, 40),
    "wedge": (150, 154, 158),
}
_PARKED_LOOKS = {
    "Charger": ("sedan", (44, 46, 50)),
    "FordCrown": ("sedan", (196, 198, 200)),
    "Lincoln": ("sedan", (66, 84, 120)),
    "MercedesCCC": ("coupe", (120, 122, 126)),
    "Mini2021": ("mini", (138, 40, 38)),
    "NissanPatrol2021": ("suv", (228, 228, 226)),
    "TeslaM3": ("electric", (84, 96, 78)),
    "VolkswagenT2_2021": ("camper", (176, 160, 132)),
}
"""Style and colour of the parked cars that clients spawn as meshes."""
_COLA_RED = (184, 24, 28)
_DEFAULT_COLORS = ((224, 224, 222), (60, 64, 70), (150, 154, 158), (52, 74, 120), (140, 36, 36))


def vehicle_key(actor: Actor) -> Key:
    """Body of a vehicle as it is now."""
    return actor.type_id, actor.open_doors & 0xF


def vehicle_mesh(actor: Actor) -> Mesh:
    """The mesh that goes with :func:`vehicle_key`; frame of the actor, metres."""
    parameters = actor.vehicle
    assert parameters is not None
    name = actor.type_id.removeprefix("vehicle.")
    half_x, half_y, half_z = actor.extent
    length, width, height = 2 * half_x, 2 * half_y, 2 * half_z
    foot_z = actor.box_center[2] - half_z
    label = Label(actor.semantic_tag)
    if parameters.number_of_wheels == 2:
        style = _CYCLES.get(name, _STYLE_OF_TYPE.get(parameters.base_type, "motorcycle"))
        return two_wheeler_body(
            CyclePlan(
                style=style,
                length=length,
                width=width,
                height=height,
                center_x=actor.box_center[0],
                foot_z=foot_z,
                wheelbase=parameters.wheelbase_m,
                wheel_radius=parameters.wheel_radius_m,
                label=label,
                with_rider=True,
            )
        )
    return vehicle_body(
        VehiclePlan(
            style=_style(name, parameters.base_type),
            length=length,
            width=width,
            height=height,
            center_x=actor.box_center[0],
            foot_z=foot_z,
            wheelbase=parameters.wheelbase_m,
            wheel_radius=parameters.wheel_radius_m,
            label=label,
            doors=actor.open_doors & 0xF,
        )
    )


def _style(name: str, base_type: str) -> str:
    return _STYLES.get(name, _STYLE_OF_TYPE.get(base_type, "sedan"))


def walker_mesh(actor: Actor, phase: int) -> Mesh:
    """A person or an animal in one phase of the gait; frame of the actor (origin in the middle of the body), metres."""
    if (kind := animal_kind(actor.type_id)) is not None:
        return animal_poses(kind, actor.extent, GAIT_PHASES)[phase]
    return walker_poses(outfit_of(actor.type_id), actor.extent, GAIT_PHASES)[phase]


def prop_key(actor: Actor) -> Key:
    """Body of a prop."""
    car = _parked(actor)
    return (actor.type_id, 0) if car is None else (f"{actor.type_id} {car.name} {actor.attributes['scale']}", 0)


def prop_mesh(actor: Actor) -> Mesh:
    """The mesh that goes with :func:`prop_key`; frame of the actor, metres."""
    half_x, half_y, half_z = actor.extent
    label = Label(actor.semantic_tag)
    if (car := _parked(actor)) is not None:
        style = _PARKED_LOOKS[car.name][0]
        wheelbase, wheel_radius = 1.22 * half_x, 0.33 * half_x / car.half_extent[0]
        return vehicle_body(
            VehiclePlan(style, 2 * half_x, 2 * half_y, 2 * half_z, 0.0, 0.0, wheelbase, wheel_radius, label)
        )
    name = actor.type_id.rsplit(".", 1)[-1]
    if name in PAINTERS:
        return plate_body(name, actor.extent, label)
    return prop_body(name, (2 * half_x, 2 * half_y, 2 * half_z), label)


def _parked(actor: Actor) -> ParkedCar | None:
    """The parked car that an actor shows, None for all others."""
    return parked_car_of(actor.attributes.get("mesh_path", ""))


def tint_of(type_id: str, attributes: Mapping[str, str]) -> tuple[float, float, float]:
    """Linear colour of an actor's paint or clothes: its `color` attribute, or one that suits the blueprint."""
    text = attributes.get("color", "")
    if text:
        red, green, blue = (int(part) for part in text.split(","))
    elif type_id.startswith("walker."):
        red, green, blue = 255, 255, 255
    elif (car := parked_car_of(attributes.get("mesh_path", ""))) is not None:
        red, green, blue = _PARKED_LOOKS[car.name][1]
    else:
        name = type_id.removeprefix("vehicle.")
        style = _style(name, attributes.get("base_type", "car"))
        own = _COLA_RED if name == "carlamotors.carlacola" else _OWN_COLORS.get(style)
        pick = _DEFAULT_COLORS[zlib.crc32(type_id.encode()) % len(_DEFAULT_COLORS)]
        red, green, blue = own or pick
    linear = (np.array([red, green, blue]) / 255.0) ** 2.2
    return float(linear[0]), float(linear[1]), float(linear[2])
