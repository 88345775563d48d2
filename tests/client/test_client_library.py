"""The blueprint library as scenario code filters it."""

from __future__ import annotations

import carla
import pytest
from client_support import EGO_TYPE, Stage

USED_IDS = (
    "vehicle.lincoln.mkz_2020",
    "vehicle.lincoln.mkz_2017",
    "vehicle.dodge.charger_police_2020",
    "vehicle.dodge.charger_police",
    "vehicle.ford.ambulance",
    "vehicle.carlamotors.firetruck",
    "vehicle.diamondback.century",
    "vehicle.gazelle.omafiets",
    "vehicle.bh.crossbike",
    "vehicle.tesla.model3",
    "vehicle.volkswagen.t2",
    "vehicle.carlamotors.carlacola",
    "vehicle.kawasaki.ninja",
    "vehicle.nissan.micra",
    "vehicle.nissan.patrol",
    "vehicle.nissan.patrol_2021",
    "vehicle.mini.cooper_s",
    "vehicle.audi.tt",
    "walker.pedestrian.0001",
    "static.prop.warningaccident",
    "static.prop.warningconstruction",
    "static.prop.trafficwarning",
    "static.prop.dirtdebris01",
    "static.prop.dirtdebris02",
    "static.prop.constructioncone",
    "static.prop.vendingmachine",
    "static.prop.haybalelb",
    "static.prop.foodcart",
    "static.prop.advertisement",
    "static.prop.container",
    "static.prop.busstoplb",
    "static.prop.streetbarrier",
    "static.prop.trafficcone01",
    "static.prop.trafficcone02",
    "static.prop.mesh",
    "static.trigger.friction",
    "controller.ai.walker",
    "sensor.camera.rgb",
    "sensor.camera.depth",
    "sensor.camera.semantic_segmentation",
    "sensor.camera.instance_segmentation",
    "sensor.lidar.ray_cast",
    "sensor.lidar.ray_cast_semantic",
    "sensor.other.radar",
    "sensor.other.gnss",
    "sensor.other.imu",
    "sensor.other.collision",
    "sensor.other.lane_invasion",
    "sensor.other.obstacle",
)


@pytest.fixture
def library(stage: Stage) -> carla.BlueprintLibrary:
    """The library of the running server."""
    return stage.world.get_blueprint_library()


@pytest.mark.parametrize(
    ("pattern", "attribute", "value", "count"),
    [
        ("vehicle.*", "base_type", "car", 25),
        ("vehicle.*", "base_type", "truck", 4),
        ("vehicle.*", "base_type", "van", 4),
        ("vehicle.*", "base_type", "bus", 1),
        ("vehicle.*", "base_type", "motorcycle", 4),
        ("vehicle.*", "base_type", "bicycle", 3),
        ("vehicle.*", "special_type", "emergency", 4),
        ("vehicle.*", "special_type", "electric", 5),
        ("vehicle.*", "special_type", "taxi", 1),
        ("vehicle.*", "special_type", "", 31),
        ("vehicle.*", "has_lights", True, 12),
        ("vehicle.*", "has_dynamic_doors", True, 11),
        ("vehicle.*", "generation", 1, 27),
        ("vehicle.*", "generation", 2, 14),
        ("vehicle.*", "number_of_wheels", 2, 7),
    ],
)
def test_attribute_filters(
    library: carla.BlueprintLibrary, pattern: str, attribute: str, value: object, count: int
) -> None:
    def matches(blueprint: carla.ActorBlueprint) -> bool:
        found = blueprint.get_attribute(attribute)
        if isinstance(value, bool):
            return bool(bool(found) == value)
        if isinstance(value, int):
            return bool(int(found) == value)
        return bool(found.as_str() == value)

    assert sum(matches(blueprint) for blueprint in library.filter(pattern)) == count


def test_filter_by_attribute_of_the_client(library: carla.BlueprintLibrary) -> None:
    assert len(library.filter("vehicle.*")) == 41
    assert len(library.filter_by_attribute("base_type", "bicycle")) == 3


@pytest.mark.parametrize("type_id", USED_IDS)
def test_ids_used_by_scenarios_exist(library: carla.BlueprintLibrary, type_id: str) -> None:
    blueprint = library.find(type_id)
    assert blueprint.id == type_id
    assert blueprint.tags == type_id.split(".") or set(blueprint.tags) == set(type_id.split("."))


def test_unknown_id_is_an_error(library: carla.BlueprintLibrary) -> None:
    with pytest.raises(IndexError):
        library.find("vehicle.trabant.p601")


def test_walkers_have_three_ascending_speeds(library: carla.BlueprintLibrary, client: carla.Client) -> None:
    walkers = library.filter("walker.pedestrian.*")
    assert len(walkers) == (52 if client.get_server_version() == "0.9.16" else 51)
    for blueprint in walkers:
        speeds = [float(value) for value in blueprint.get_attribute("speed").recommended_values]
        assert len(speeds) == 3
        assert speeds == sorted(speeds)
        assert 0.5 < speeds[1] < speeds[2] < 5.0
        assert blueprint.has_attribute("is_invincible")


def test_attributes_reach_the_actor(stage: Stage) -> None:
    car = stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[0], role_name="hero")
    stage.tick()
    seen = stage.world.get_actor(car.id)
    assert seen.attributes["role_name"] == "hero"
    assert seen.attributes["base_type"] == "car"
    assert seen.attributes["number_of_wheels"] == "4"
    assert seen.attributes["generation"] == "2"


def test_colours_are_kept(stage: Stage) -> None:
    blueprint = stage.world.get_blueprint_library().find("vehicle.tesla.model3")
    colours = blueprint.get_attribute("color").recommended_values
    assert colours
    car = stage.spawn("vehicle.tesla.model3", stage.map.get_spawn_points()[1], color=colours[-1])
    assert car.attributes["color"] == colours[-1]
