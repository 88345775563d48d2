"""The blueprint library: what can be spawned, with the ids, attributes and box sizes of the stock catalogue.

The catalogue itself is data (``data/*.json``); this module turns its rows into blueprints of one version
and checks the attributes that clients send back.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from lead.maps.parked_cars import MESH_BLUEPRINT, parked_car_of
from lead.simulator.world.attributes import Attribute, AttributeKind, check_value, parse_float

logger = logging.getLogger(__name__)

VERSIONS = ("0.9.15", "0.9.16")

_STATIC_TAG, _DYNAMIC_TAG, _VEGETATION_TAG, _PEDESTRIAN_TAG = 20, 21, 9, 12
_VEHICLE_TAGS = {"car": 14, "van": 14, "truck": 15, "bus": 16, "motorcycle": 18, "bicycle": 19}
_VEHICLE_ROLES = ("autopilot", "scenario", "ego_vehicle")
_DRIVER_IDS = ("1", "2", "3")
_PROP_SIZES = ((0.01, "tiny"), (0.2, "small"), (2.0, "medium"), (20.0, "big"))  # by volume in m3
_ANIMAL_PREFIX = "walker.animal."
_NO_EXTENT = (0.0, 0.0, 0.0)

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class VehicleParameters:
    """What the dynamics need to know about a vehicle model; lengths in metres."""

    mass_kg: float
    wheelbase_m: float
    max_steer_deg: float
    wheel_radius_m: float
    drag: float
    base_type: str
    special_type: str
    generation: int
    number_of_wheels: int
    has_lights: bool
    has_dynamic_doors: bool


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One kind of actor.

    Attributes:
        uid: Number from 1 in the library's fixed order.
        id: Type id, e.g. ``vehicle.lincoln.mkz_2020``.
        tags: The parts of the id.
        attributes: In the order in which clients receive them.
        category: ``vehicle``, ``walker``, ``prop``, ``sensor``, ``controller``, ``trigger`` or ``empty``.
        extent: Half sizes of the bounding box, metres; zero without a body.
        box_center: Centre of the box in the actor's frame, metres.
        semantic_tag: CityObjectLabel of the body, 0 without a body.
        physics: Parameters of vehicles, None otherwise.
    """

    uid: int
    id: str
    tags: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    category: str
    extent: Vector = _NO_EXTENT
    box_center: Vector = _NO_EXTENT
    semantic_tag: int = 0
    physics: VehicleParameters | None = None


class BlueprintLibrary:
    """All blueprints of one CARLA version.

    Args:
        version: ``0.9.15`` or ``0.9.16``.
        fail2drive_assets: Whether Fail2Drive's animals and plates follow the stock blueprints; their ids would change
            what clients get that draw from ``walker.*`` or count blueprints.

    Attributes:
        version: ``0.9.15`` or ``0.9.16``.
        by_id: Blueprints by type id, in uid order.
    """

    def __init__(self, version: str, *, fail2drive_assets: bool = False) -> None:
        if version not in VERSIONS:
            raise ValueError(f"CARLA version {version!r} is not supported, only {' and '.join(VERSIONS)}")
        self.version = version
        self.by_id: dict[str, Blueprint] = {}
        rows = itertools.chain(_catalogue(version), _fail2drive_assets() if fail2drive_assets else ())
        for uid, fields in enumerate(rows, start=1):
            blueprint = Blueprint(uid=uid, tags=tuple(fields["id"].split(".")), **fields)
            self.by_id[blueprint.id] = blueprint

    def definitions(self) -> list[list[Any]]:
        """The library as the reply to ``get_actor_definitions``: a list of wire ActorDefinitions."""
        return [
            [
                blueprint.uid,
                blueprint.id,
                ",".join(blueprint.tags),
                [
                    [
                        attribute.id,
                        attribute.kind.wire_type(self.version),
                        attribute.default,
                        list(attribute.recommended),
                        attribute.modifiable,
                        attribute.restricted,
                    ]
                    for attribute in blueprint.attributes
                ],
            ]
            for blueprint in self.by_id.values()
        ]

    def validate(self, blueprint_id: str, values: Mapping[str, str]) -> dict[str, str]:
        """Attributes of an actor about to be spawned.

        Args:
            blueprint_id: Type id.
            values: Attribute values that the client sent; it echoes the constants as well.

        Returns:
            Value of every attribute of the blueprint in its order: the client's where it may set it, the
            default otherwise. A colour that is none becomes the default with a log line, as in the original.

        Raises:
            ValueError: Blueprint or attribute unknown, or a value that the attribute cannot have.
        """
        blueprint = self.by_id.get(blueprint_id)
        if blueprint is None:
            raise ValueError(f"there is no blueprint {blueprint_id!r}")
        unknown = values.keys() - {attribute.id for attribute in blueprint.attributes}
        if unknown:
            raise ValueError(f"{blueprint_id} has no attribute {min(unknown)!r}")
        return {attribute.id: _chosen(attribute, values) for attribute in blueprint.attributes}

    def attribute_rows(self, blueprint_id: str, values: Mapping[str, str]) -> list[list[object]]:
        """Wire ActorAttributeValues ``[id, type, value]`` of an actor with these (validated) values."""
        return [
            [attribute.id, attribute.kind.wire_type(self.version), values[attribute.id]]
            for attribute in self.by_id[blueprint_id].attributes
        ]


def body_of(blueprint: Blueprint, values: Mapping[str, str]) -> tuple[Vector, Vector, int]:
    """Body of an actor: its blueprint's, or that of the mesh which the client chose.

    Args:
        blueprint: Kind of the actor.
        values: Validated attribute values.

    Returns:
        Half sizes of the box, its centre in the actor's frame (metres), and the CityObjectLabel. The parked cars that
        CARLA ships are known; any other mesh has no body.
    """
    car = parked_car_of(values["mesh_path"]) if blueprint.id == MESH_BLUEPRINT else None
    scale = parse_float("scale", values["scale"]) if car is not None else 0.0
    if car is None or scale <= 0.0:
        return blueprint.extent, blueprint.box_center, blueprint.semantic_tag
    half_x, half_y, half_z = (scale * size for size in car.half_extent)
    return (half_x, half_y, half_z), (0.0, 0.0, half_z), _VEHICLE_TAGS["car"]


def _chosen(attribute: Attribute, values: Mapping[str, str]) -> str:
    value = values.get(attribute.id)
    if value is None or not attribute.modifiable:
        return attribute.default
    try:
        check_value(attribute, value)
    except ValueError as error:
        if attribute.kind is not AttributeKind.RGB:
            raise
        logger.error("%s; using %s", error, attribute.default)
        return attribute.default
    return value


@cache
def _data(name: str) -> dict[str, Any]:
    path = resources.files("lead.simulator.world") / "data" / f"{name}.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _added_later(document: dict[str, Any], version: str) -> set[Any]:
    """Names that versions after this one brought."""
    return {name for since, names in document["added"].items() if since > version for name in names}


def _constant(name: str, kind: AttributeKind, value: object) -> Attribute:
    return Attribute(name, kind, str(value).lower() if isinstance(value, bool) else str(value))


def _variation(name: str, kind: AttributeKind, values: Sequence[str], restricted: bool = False) -> Attribute:
    return Attribute(name, kind, values[0], tuple(values), modifiable=True, restricted=restricted)


def _role(*values: str) -> Attribute:
    return _variation("role_name", AttributeKind.STRING, values)


def _half(length_width_height: Sequence[float]) -> Vector:
    length, width, height = length_width_height
    return length / 2.0, width / 2.0, height / 2.0


def _catalogue(version: str) -> Iterator[dict[str, Any]]:
    """Fields of every blueprint of a version in uid order."""
    document = _data("vehicles")
    for row in document["rows"]:
        yield _vehicle(dict(zip(document["columns"], row, strict=True)), document["palettes"])
    yield from _walkers(version)
    yield from _props(version)
    yield from _sensors()
    yield _plain("controller.ai.walker", "controller", _role("default"))
    yield _plain(
        "static.trigger.friction",
        "trigger",
        _role("default"),
        _variation("friction", AttributeKind.FLOAT, ("3.5f",)),
        *(_variation(f"extent_{axis}", AttributeKind.FLOAT, ("1.0f",)) for axis in "xyz"),
    )
    yield _plain(
        MESH_BLUEPRINT,
        "prop",
        _role("prop"),
        _variation("mesh_path", AttributeKind.STRING, ("",)),
        _variation("mass", AttributeKind.FLOAT, ("0.0",)),
        _variation("scale", AttributeKind.FLOAT, ("1.0",)),
        semantic_tag=_STATIC_TAG,
    )
    yield _plain("util.actor.empty", "empty", _role("default"))


def animal_kind(blueprint_id: str) -> str | None:
    """Name what an animal of Fail2Drive looks like; None for all other blueprints."""
    number = blueprint_id.removeprefix(_ANIMAL_PREFIX)
    row = _data("fail2drive")["animals"].get(number) if number != blueprint_id else None
    return None if row is None else str(row[0])


def _fail2drive_assets() -> Iterator[dict[str, Any]]:
    """Fields of Fail2Drive's own blueprints; plates lie in their x-y plane with the origin in the middle."""
    document = _data("fail2drive")
    for number, (_, *sizes) in document["animals"].items():
        yield {
            "id": f"{_ANIMAL_PREFIX}{number}",
            "category": "walker",
            "attributes": (
                _role("pedestrian"),
                _constant("gender", AttributeKind.STRING, "other"),
                _constant("generation", AttributeKind.INT, 2),
                _constant("age", AttributeKind.STRING, "adult"),
                _constant("can_use_wheelchair", AttributeKind.BOOL, False),
                _variation("speed", AttributeKind.FLOAT, document["speeds_mps"]),
                _variation("is_invincible", AttributeKind.BOOL, ("true",)),
                _variation("use_wheelchair", AttributeKind.BOOL, ("false",), restricted=True),
            ),
            "extent": _half(sizes),
            "semantic_tag": _PEDESTRIAN_TAG,
        }
    for name, half in document["plates"].items():
        volume = 8.0 * half[0] * half[1] * half[2]
        yield {
            "id": f"static.prop.{name}",
            "category": "prop",
            "attributes": (_role("prop"), _constant("size", AttributeKind.STRING, _size_word(volume))),
            "extent": tuple(half),
            "semantic_tag": _STATIC_TAG,
        }


def _size_word(volume_m3: float) -> str:
    return next((word for limit, word in _PROP_SIZES if volume_m3 < limit), "huge")


def _plain(blueprint_id: str, category: str, *attributes: Attribute, semantic_tag: int = 0) -> dict[str, Any]:
    return {
        "id": blueprint_id,
        "category": category,
        "attributes": attributes,
        "semantic_tag": semantic_tag,
    }


def _vehicle(row: dict[str, Any], palettes: dict[str, list[str]]) -> dict[str, Any]:
    attributes = [_role(*_VEHICLE_ROLES)]
    if row["palette"]:
        attributes.append(_variation("color", AttributeKind.RGB, palettes[row["palette"]]))
    if row["wheels"] == 2:
        attributes.append(_variation("driver_id", AttributeKind.INT, _DRIVER_IDS, restricted=True))
    attributes += [
        _variation("sticky_control", AttributeKind.BOOL, ("true",)),
        _variation("terramechanics", AttributeKind.BOOL, ("false",)),
        _constant("object_type", AttributeKind.STRING, ""),
        _constant("base_type", AttributeKind.STRING, row["base_type"]),
        _constant("special_type", AttributeKind.STRING, row["special_type"]),
        _constant("number_of_wheels", AttributeKind.INT, row["wheels"]),
        _constant("generation", AttributeKind.INT, row["generation"]),
        _constant("has_dynamic_doors", AttributeKind.BOOL, row["doors"]),
        _constant("has_lights", AttributeKind.BOOL, row["lights"]),
    ]
    extent = _half(row["length_width_height_m"])
    return {
        "id": f"vehicle.{row['name']}",
        "category": "vehicle",
        "attributes": tuple(attributes),
        "extent": extent,
        "box_center": (0.0, 0.0, extent[2]),
        "semantic_tag": _VEHICLE_TAGS[row["base_type"]],
        "physics": VehicleParameters(
            mass_kg=float(row["mass_kg"]),
            wheelbase_m=float(row["wheelbase_m"]),
            max_steer_deg=float(row["max_steer_deg"]),
            wheel_radius_m=float(row["wheel_radius_m"]),
            drag=float(row["drag"]),
            base_type=row["base_type"],
            special_type=row["special_type"],
            generation=row["generation"],
            number_of_wheels=row["wheels"],
            has_lights=row["lights"],
            has_dynamic_doors=row["doors"],
        ),
    }


def _walkers(version: str) -> Iterator[dict[str, Any]]:
    document = _data("walkers")
    rows = [dict(zip(document["columns"], row, strict=True)) for row in document["rows"]]
    by_number = {number: row for row in rows for number in row["numbers"]}
    for number in sorted(set(by_number) - _added_later(document, version)):
        row = by_number[number]
        wheelchair = row["wheelchair"]
        yield {
            "id": f"walker.pedestrian.{number:04d}",
            "category": "walker",
            "attributes": (
                _role("pedestrian"),
                _constant("gender", AttributeKind.STRING, row["gender"]),
                _constant("generation", AttributeKind.INT, row["generation"]),
                _constant("age", AttributeKind.STRING, row["age"]),
                _constant("can_use_wheelchair", AttributeKind.BOOL, wheelchair),
                _variation("speed", AttributeKind.FLOAT, document["speeds_mps"][row["age"]]),
                _variation("is_invincible", AttributeKind.BOOL, ("true",)),
                _variation(
                    "use_wheelchair",
                    AttributeKind.BOOL,
                    ("false", "true") if wheelchair else ("false",),
                    restricted=True,
                ),
            ),
            "extent": _half(document["length_width_height_m"][row["size"]]),
            "semantic_tag": _PEDESTRIAN_TAG,
        }


def _props(version: str) -> Iterator[dict[str, Any]]:
    document = _data("props")
    later = _added_later(document, version)
    for name, sizes in document["length_width_height_m"].items():
        if name in later:
            continue
        length, width, height = sizes
        size = _size_word(length * width * height)
        tag = _STATIC_TAG if name in document["fixed"] else _DYNAMIC_TAG
        yield {
            "id": f"static.prop.{name}",
            "category": "prop",
            "attributes": (_role("prop"), _constant("size", AttributeKind.STRING, size)),
            "extent": _half(sizes),
            "box_center": (0.0, 0.0, height / 2.0),
            "semantic_tag": _VEGETATION_TAG if name in document["vegetation"] else tag,
        }


def _sensors() -> Iterator[dict[str, Any]]:
    document = _data("sensors")
    for blueprint_id, set_names in document["sensors"].items():
        attributes = []
        for set_name in set_names:
            for name, kind, values, *restricted in document["sets"][set_name]:
                attributes.append(_variation(name, AttributeKind[kind.upper()], values, bool(restricted)))
        yield _plain(blueprint_id, "sensor", *attributes)
