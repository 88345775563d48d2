"""Level objects and street lamps: where they are, that they can be hit, hidden and switched."""

import numpy as np
import pytest

from lead.maps.layout import LaneType
from lead.simulator.scenery.level import ANY_LABEL, POLES, TRAFFIC_LIGHTS, TRAFFIC_SIGNS
from lead.simulator.world.lamps import Lamp
from lead.simulator.world.layout import SNAPSHOT_HEADER_DTYPE, SnapshotFlag
from lead.simulator.world.weather import WeatherParameters, presets
from lead.simulator.world.world import World


def flags(world: World) -> int:
    return int(np.frombuffer(world.snapshot()[: SNAPSHOT_HEADER_DTYPE.itemsize], SNAPSHOT_HEADER_DTYPE)[0]["flags"])


def test_every_object_has_one_class_and_a_unique_name(town10: World) -> None:
    scene = town10.scene
    assert len(scene.rows(TRAFFIC_LIGHTS)) == 17 and len(scene.rows(TRAFFIC_SIGNS)) == 4
    assert len(scene.rows(POLES)) > len(scene.lamps) > 20
    names = [scene.name("Town10HD", row) for row in scene.rows(ANY_LABEL)]
    assert len(set(names)) == len(names) == len(scene.boxes)


def test_lamps_stand_beside_the_road_and_apart(town10: World) -> None:
    lamps = town10.scene.lamps
    hits = town10.ground.query(lamps - np.array([0.0, 0.0, 7.0]))
    assert not town10.ground.is_on(hits, LaneType.DRIVING).any()
    gaps = np.linalg.norm(lamps[:, None, :2] - lamps[None, :, :2], axis=2) + 1e3 * np.eye(len(lamps))
    assert gaps.min() >= 10.0
    assert np.abs(lamps[:, 2] - hits.z - 7.0).max() < 0.3
    inside = town10.town.lanes[(town10.town.lanes["junction_id"] >= 0) & (town10.town.lanes["lane_type"] == 1)]
    corner = np.hypot(lamps[:, 0, None] - inside["x"], lamps[:, 1, None] - inside["y"]) - inside["half_width"]
    assert corner.min() > 1.5, "no lamp where turning vehicles cut the corner"


def test_car_hits_a_pole_unless_it_is_hidden(town01: World) -> None:
    scene = town01.scene
    row = int(scene.rows(POLES)[5])
    box = scene.boxes[row]
    center = np.array([box["x"], box["y"], 0.0])

    def run_into_it() -> set[int]:
        ahead = np.array([1.0, 0.0, 0.0])
        spot = center - 8.0 * ahead
        spot[2] = town01.ground.query(spot[None]).z[0] + 0.05
        car = town01.spawn("vehicle.tesla.model3", [], spot, np.zeros(3))
        town01.fleet.column("constant_velocity")[car.row] = (6.0, 0.0, 0.0)
        town01.fleet.column("constant_speed")[car.row] = True
        touched = set()
        for _ in range(50):
            town01.tick(0.05)
            touched |= {event.level_box for event in town01.collision_events if event.actor is car}
        town01.destroy(car.id)
        return touched

    assert row in run_into_it()
    town01.show_level_objects(np.array([row]), False)
    assert row not in run_into_it()
    town01.show_level_objects(np.array([row]), True)
    assert row in run_into_it()


def test_showing_an_object_does_not_make_a_housing_solid(town01: World) -> None:
    rows = town01.scene.rows(TRAFFIC_LIGHTS)
    town01.show_level_objects(rows, False)
    town01.show_level_objects(rows, True)
    assert not town01.level.solid[rows].any()


def test_lamps_follow_the_sun_until_a_client_takes_over(town10: World) -> None:
    town10.tick(0.05)
    assert not any(lamp.active for lamp in town10.lamps.lamps)
    flags(town10)
    town10.weather = presets()["ClearNight"]
    town10.tick(0.05)
    assert all(lamp.active for lamp in town10.lamps.lamps)
    assert flags(town10) & SnapshotFlag.LIGHTS_PENDING, "clients are told once"
    town10.tick(0.05)
    assert not flags(town10) & SnapshotFlag.LIGHTS_PENDING
    town10.lamps.set_cycle(False)
    first = town10.lamps.lamps[0]
    town10.lamps.update([Lamp(first.id, first.location, 100.0, 2, (1, 2, 3), False), Lamp(999999, (0.0, 0.0, 0.0))])
    town10.weather = WeatherParameters()
    town10.tick(0.05)
    assert (first.active, first.color, first.intensity) == (False, (1, 2, 3), 100.0)
    assert town10.lamps.lamps[1].active, "the sun no longer switches them"
    town10.lamps.set_cycle(True)
    town10.tick(0.05)
    assert not town10.lamps.lamps[1].active


@pytest.mark.parametrize("label", [3, 14])
def test_classes_without_objects_are_empty(town01: World, label: int) -> None:
    assert len(town01.scene.rows(label)) == 0
