"""The blueprint library holds the stock catalogue and refuses what CARLA would refuse."""

import json
from pathlib import Path

import msgpack
import pytest

from lead.simulator.world.attributes import AttributeKind, parse_bool, parse_float, parse_int
from lead.simulator.world.blueprints import VERSIONS, BlueprintLibrary

TABLES = Path(__file__).resolve().parents[2] / "../shared/specs/tables"
needs_tables = pytest.mark.skipif(not TABLES.exists(), reason="the shared tables are not beside the project")


@pytest.fixture(scope="module", params=VERSIONS)
def library(request: pytest.FixtureRequest) -> BlueprintLibrary:
    return BlueprintLibrary(request.param)


def constant(library: BlueprintLibrary, blueprint_id: str, name: str) -> str:
    return {a.id: a.default for a in library.by_id[blueprint_id].attributes}[name]


@needs_tables
def test_ids_and_boxes_are_the_measured_ones(library: BlueprintLibrary) -> None:
    measured = json.loads((TABLES / "blueprints.json").read_text())[library.version]
    bodies = {name for name, b in library.by_id.items() if any(b.extent)}
    assert bodies == set(measured)
    for name, row in measured.items():
        blueprint = library.by_id[name]
        assert [2 * half for half in blueprint.extent] == pytest.approx(row["lwh"])
        expected_height = 0.0 if blueprint.category == "walker" else blueprint.extent[2]
        assert blueprint.box_center == pytest.approx((0.0, 0.0, expected_height))


@needs_tables
def test_vehicle_constants_are_the_catalogue(library: BlueprintLibrary) -> None:
    catalogue = json.loads((TABLES / "vehicle_attributes.json").read_text())["vehicles"]
    for name, row in catalogue.items():
        for attribute in ("generation", "base_type", "special_type", "number_of_wheels"):
            assert constant(library, name, attribute) == str(row[attribute])
        for attribute in ("has_lights", "has_dynamic_doors"):
            assert constant(library, name, attribute) == str(row[attribute]).lower()


@needs_tables
def test_sensor_attributes_are_the_documented_ones(library: BlueprintLibrary) -> None:
    documented = json.loads((TABLES / "sensor_blueprints.json").read_text())["sensors"]
    assert {name for name, b in library.by_id.items() if b.category == "sensor"} == set(documented)
    for name, row in documented.items():
        mine = [(a.id, a.kind.name.lower(), list(a.recommended), a.restricted) for a in library.by_id[name].attributes]
        theirs = [(a["id"], a["type"], a["recommended"], a["restrict"]) for a in row["attributes"]]
        assert mine == theirs
        assert all(a.modifiable and a.default == a.recommended[0] for a in library.by_id[name].attributes)


def test_counts_and_filters(library: BlueprintLibrary) -> None:
    categories = [blueprint.category for blueprint in library.by_id.values()]
    assert categories.count("vehicle") == 41
    assert categories.count("walker") == {"0.9.15": 51, "0.9.16": 52}[library.version]
    vehicles = [b for b in library.by_id.values() if b.category == "vehicle"]
    assert sum(b.physics.has_lights for b in vehicles if b.physics) == 12
    assert sum(b.physics.has_dynamic_doors for b in vehicles if b.physics) == 11
    assert sum(constant(library, b.id, "generation") == "2" for b in vehicles) == 14
    others = {"controller.ai.walker", "static.trigger.friction", "static.prop.mesh", "util.actor.empty"}
    assert others <= library.by_id.keys()


def test_numbers_are_dense_and_role_comes_first(library: BlueprintLibrary) -> None:
    assert [b.uid for b in library.by_id.values()] == list(range(1, len(library.by_id) + 1))
    for blueprint in library.by_id.values():
        assert blueprint.attributes[0].id == "role_name"
        assert blueprint.tags == tuple(blueprint.id.split("."))


def test_semantic_tags(library: BlueprintLibrary) -> None:
    expected = {
        "vehicle.lincoln.mkz_2020": 14,
        "vehicle.carlamotors.firetruck": 15,
        "vehicle.mitsubishi.fusorosa": 16,
        "vehicle.yamaha.yzf": 18,
        "vehicle.bh.crossbike": 19,
        "walker.pedestrian.0001": 12,
        "static.prop.busstop": 20,
        "static.prop.trafficcone01": 21,
        "sensor.camera.rgb": 0,
    }
    assert {name: library.by_id[name].semantic_tag for name in expected} == expected


def test_colours_only_where_there_is_a_choice(library: BlueprintLibrary) -> None:
    def colours(name: str) -> tuple[str, ...]:
        return next((a.recommended for a in library.by_id[name].attributes if a.id == "color"), ())

    assert len(colours("vehicle.lincoln.mkz_2020")) >= 3
    for name in ("ford.ambulance", "ford.crown", "mitsubishi.fusorosa", "carlamotors.firetruck"):
        assert colours(f"vehicle.{name}") == ()


def test_definitions_on_the_wire(library: BlueprintLibrary) -> None:
    rows = msgpack.unpackb(msgpack.packb(library.definitions()))
    base = 0 if library.version == "0.9.15" else 1
    by_id = {row[1]: row for row in rows}
    camera = by_id["sensor.camera.rgb"]
    assert camera[2] == "sensor,camera,rgb"
    attributes = {row[0]: row for row in camera[3]}
    assert attributes["image_size_x"] == ["image_size_x", 1 + base, "800", ["800"], True, False]
    assert attributes["exposure_mode"][5] is True
    wheels = next(row for row in by_id["vehicle.audi.tt"][3] if row[0] == "number_of_wheels")
    assert wheels == ["number_of_wheels", 1 + base, "4", [], False, False]
    assert AttributeKind.RGB.wire_type(library.version) == 4 + base


def test_validate_fills_defaults_and_keeps_constants(library: BlueprintLibrary) -> None:
    sent = {"image_size_x": "1024", "role_name": "cam"}
    values = library.validate("sensor.camera.rgb", sent)
    assert (values["image_size_x"], values["image_size_y"], values["role_name"]) == ("1024", "600", "cam")
    assert list(values) == [a.id for a in library.by_id["sensor.camera.rgb"].attributes]
    assert library.validate("vehicle.audi.tt", {"number_of_wheels": "17"})["number_of_wheels"] == "4"
    rows = library.attribute_rows("sensor.camera.rgb", values)
    base = 0 if library.version == "0.9.15" else 1
    assert rows[0] == ["role_name", 3 + base, "cam"]


@pytest.mark.parametrize(
    ("blueprint_id", "sent", "words"),
    [
        ("vehicle.none.such", {}, "no blueprint"),
        ("vehicle.audi.tt", {"wings": "2"}, "no attribute 'wings'"),
        ("sensor.camera.rgb", {"fov": "wide"}, "'fov' must be a number"),
        ("sensor.camera.rgb", {"fov": "nan"}, "finite"),
        ("sensor.camera.rgb", {"exposure_mode": "guess"}, "one of histogram, manual"),
        ("walker.pedestrian.0001", {"is_invincible": "maybe"}, "true or false"),
    ],
)
def test_validate_refuses(library: BlueprintLibrary, blueprint_id: str, sent: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        library.validate(blueprint_id, sent)


def test_a_bad_colour_becomes_the_default(library: BlueprintLibrary) -> None:
    default = library.validate("vehicle.audi.tt", {})["color"]
    assert library.validate("vehicle.audi.tt", {"color": "1,2,999"})["color"] == default
    assert library.validate("vehicle.audi.tt", {"color": "1,2,3"})["color"] == "1,2,3"


def test_values_are_read_as_users_write_them() -> None:
    assert parse_float("friction", "3.5f") == 3.5
    assert parse_int("image_size_x", "800.0") == 800
    assert parse_bool("is_invincible", "False") is False
    with pytest.raises(ValueError, match="true or false"):
        parse_bool("is_invincible", "2")


def test_unknown_version() -> None:
    with pytest.raises(ValueError, match=r"0\.9\.14"):
        BlueprintLibrary("0.9.14")
