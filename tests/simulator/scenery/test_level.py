"""Level objects: their rows and classes, that they can be hit, hidden and named; street lamps: where and when."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scenery_support import Surroundings

from lead.maps.layout import LaneType, SignalKind
from lead.simulator.scenery.lamps import LAMP_HEIGHT_M
from lead.simulator.scenery.level import ANY_LABEL
from lead.simulator.scenery.materials import Label
from lead.simulator.scenery.placements import BUILDINGS, TREES, Thing
from lead.simulator.world.lamps import Lamp
from lead.simulator.world.layout import SNAPSHOT_HEADER_DTYPE, SnapshotFlag
from lead.simulator.world.weather import WeatherParameters, presets
from lead.simulator.world.world import World


@pytest.fixture(scope="module", params=["Town01", "Town03", "Town10HD"])
def around(request: pytest.FixtureRequest, surroundings: Callable) -> Surroundings:
    return surroundings(request.param)


def test_rows_are_the_map_then_lamps_then_signals_then_things(around: Surroundings) -> None:
    level, town = around.level, around.town
    assert level.first_lamp == len(town.static_boxes)
    assert level.first_signal == level.first_lamp + len(level.lamps)
    assert level.first_thing == level.first_signal + len(town.signals)
    assert len(level.boxes) == len(level.solid) == level.first_thing + len(level.things)
    np.testing.assert_array_equal(level.boxes[: level.first_lamp], town.static_boxes)
    lamps = level.boxes[level.first_lamp : level.first_signal]
    np.testing.assert_allclose(np.stack([lamps["x"], lamps["y"]], axis=1), level.lamps[:, :2])
    np.testing.assert_allclose(lamps["z"] + lamps["ext_z"], level.lamps[:, 2], atol=1e-5)
    np.testing.assert_array_equal(lamps["yaw"], level.lamp_yaw)
    signals = level.boxes[level.first_signal : level.first_thing]
    np.testing.assert_array_equal(signals["owner"], np.arange(len(town.signals)))
    things = level.boxes[level.first_thing :]
    for name in ("x", "y", "yaw"):
        np.testing.assert_array_equal(things[name], level.things[name])
    np.testing.assert_allclose(things["z"] - things["ext_z"], level.things["z"], atol=1e-5)


def test_labels_say_what_the_objects_are(around: Surroundings) -> None:
    level, town = around.level, around.town
    label = level.boxes["label"]
    assert set(label[level.first_lamp : level.first_signal].tolist()) <= {Label.POLES}
    light = town.signals["kind"] == SignalKind.TRAFFIC_LIGHT
    signals = label[level.first_signal : level.first_thing]
    np.testing.assert_array_equal(signals, np.where(light, Label.TRAFFIC_LIGHT, Label.TRAFFIC_SIGNS))
    for kinds, wanted in (
        (BUILDINGS, Label.BUILDINGS),
        ((*TREES, Thing.BUSH, Thing.HEDGE), Label.VEGETATION),
        ((Thing.FENCE,), Label.FENCES),
        ((Thing.CAR,), Label.CAR),
        ((Thing.BENCH, Thing.BIN, Thing.PLANTER, Thing.SHELTER), Label.STATIC),
    ):
        chosen = np.isin(level.things["kind"], kinds)
        assert chosen.any() and (label[level.first_thing :][chosen] == wanted).all()


def test_rows_of_a_class_partition_the_level(around: Surroundings) -> None:
    level = around.level
    rows = [level.rows(int(kind)) for kind in Label]
    joined = np.concatenate(rows)
    np.testing.assert_array_equal(np.sort(joined), level.rows(ANY_LABEL))
    np.testing.assert_array_equal(level.rows(ANY_LABEL), np.arange(len(level.boxes)))
    assert not len(level.rows(Label.TRAIN)) and not len(level.rows(Label.PEDESTRIANS))


def test_names_are_unique_and_tell_the_class(around: Surroundings) -> None:
    level = around.level
    names = [level.name(around.name, row) for row in level.rows(ANY_LABEL).tolist()]
    assert len(set(names)) == len(names)
    assert all(name.startswith(f"{around.name}_") for name in names)
    for label, word in ((Label.BUILDINGS, "Building"), (Label.TRAFFIC_LIGHT, "TrafficLight"), (Label.CAR, "ParkedCar")):
        assert {names[row].split("_")[1] for row in level.rows(label).tolist()} == {word}


def test_solid_is_what_reaches_down_to_where_vehicles_drive(around: Surroundings) -> None:
    level = around.level
    assert level.solid[: level.first_signal].all(), "posts, rails and lamp poles"
    assert not level.solid[level.first_signal : level.first_thing].any(), "housings and plates hang above"
    signals = level.boxes[level.first_signal : level.first_thing]
    ground = around.index.query(np.stack([signals["x"], signals["y"], signals["z"] - 3.0], axis=1)).z
    assert (signals["z"] - signals["ext_z"] - ground).min() > 1.5
    np.testing.assert_array_equal(level.solid[level.first_thing :], level.things["kind"] != Thing.BUSH)


def test_the_box_of_a_light_is_its_best_visible_head(around: Surroundings) -> None:
    level, town = around.level, around.town
    for signal in np.flatnonzero(town.signals["kind"] == SignalKind.TRAFFIC_LIGHT).tolist():
        heads = level.heads[level.heads["signal"] == signal]
        box = level.boxes[level.first_signal + signal]
        head = heads[np.argmax(heads["on_arm"])]
        assert [box[name] for name in ("x", "y", "z", "yaw")] == [head[name] for name in ("x", "y", "z", "yaw")]


def test_the_trunk_is_the_box_of_a_tree(around: Surroundings) -> None:
    level = around.level
    boxes = level.boxes[level.first_thing :][np.isin(level.things["kind"], TREES)]
    assert boxes["ext_x"].max() < 0.4 and boxes["ext_z"].min() > 2.0


def flags(world: World) -> int:
    return int(np.frombuffer(world.snapshot()[: SNAPSHOT_HEADER_DTYPE.itemsize], SNAPSHOT_HEADER_DTYPE)[0]["flags"])


def test_a_world_has_its_lights_and_signs_in_the_level(town10: World) -> None:
    scene = town10.scene
    assert len(scene.rows(Label.TRAFFIC_LIGHT)) == 17 and len(scene.rows(Label.TRAFFIC_SIGNS)) == 4
    assert len(scene.rows(Label.POLES)) > len(scene.lamps) > 20


def test_lamps_stand_beside_the_road_and_apart(town10: World) -> None:
    lamps = town10.scene.lamps
    hits = town10.ground.query(lamps - np.array([0.0, 0.0, LAMP_HEIGHT_M]))
    assert not town10.ground.is_on(hits, LaneType.DRIVING).any()
    gaps = np.linalg.norm(lamps[:, None, :2] - lamps[None, :, :2], axis=2) + 1e3 * np.eye(len(lamps))
    assert gaps.min() >= 10.0
    assert np.abs(lamps[:, 2] - hits.z - LAMP_HEIGHT_M).max() < 0.3
    inside = town10.town.lanes[(town10.town.lanes["junction_id"] >= 0) & (town10.town.lanes["lane_type"] == 1)]
    corner = np.hypot(lamps[:, 0, None] - inside["x"], lamps[:, 1, None] - inside["y"]) - inside["half_width"]
    assert corner.min() > 1.5, "no lamp where turning vehicles cut the corner"


def touched_rows(world: World, row: int) -> set[int]:
    """Level rows that a car hits which drives at an object from 8 m away."""
    box = world.scene.boxes[row]
    spot = np.array([box["x"] - 8.0, box["y"], 0.0])
    spot[2] = world.ground.query(spot[None]).z[0] + 0.05
    car = world.spawn("vehicle.tesla.model3", [], spot, np.zeros(3))
    world.fleet.column("constant_velocity")[car.row] = (6.0, 0.0, 0.0)
    world.fleet.column("constant_speed")[car.row] = True
    touched = set()
    for _ in range(50):
        world.tick(0.05)
        touched |= {event.level_box for event in world.collision_events if event.actor is car}
    world.destroy(car.id)
    return touched


def test_car_hits_a_pole_unless_it_is_hidden(town01: World) -> None:
    row = int(town01.scene.rows(Label.POLES)[5])
    assert row in touched_rows(town01, row)
    town01.show_level_objects(np.array([row]), False)
    assert not town01.present[row]
    assert row not in touched_rows(town01, row)
    town01.show_level_objects(np.array([row]), True)
    assert row in touched_rows(town01, row)


def test_car_hits_a_tree_and_brushes_through_a_bush(town01: World) -> None:
    scene = town01.scene

    def lonely(*kinds: Thing) -> int:
        """A thing of a kind with nothing solid on the way to it."""
        for index in np.flatnonzero(np.isin(scene.things["kind"], kinds)).tolist():
            box = scene.boxes[scene.first_thing + index]
            dx, dy = scene.boxes["x"] - box["x"], scene.boxes["y"] - box["y"]
            reach = np.maximum(scene.boxes["ext_x"], scene.boxes["ext_y"])
            near = (dx > -14.0 - reach) & (dx < 8.0 + reach) & (np.abs(dy) < 2.0 + reach)
            if near.sum() == 1:
                return scene.first_thing + index
        raise AssertionError("every one has neighbours")

    tree, bush = lonely(*TREES), lonely(Thing.BUSH)
    assert tree in touched_rows(town01, tree)
    assert bush not in touched_rows(town01, bush)


def test_showing_an_object_does_not_make_a_housing_solid(town01: World) -> None:
    rows = town01.scene.rows(Label.TRAFFIC_LIGHT)
    town01.show_level_objects(rows, False)
    town01.show_level_objects(rows, True)
    assert town01.present[rows].all() and not town01.level.solid[rows].any()


def test_lamps_follow_the_sun_until_a_client_takes_over(town10: World) -> None:
    town10.tick(0.05)
    assert not town10.lamps.burning().any()
    flags(town10)
    town10.weather = presets()["ClearNight"]
    town10.tick(0.05)
    assert town10.lamps.burning().all()
    assert flags(town10) & SnapshotFlag.LIGHTS_PENDING, "clients are told once"
    town10.tick(0.05)
    assert not flags(town10) & SnapshotFlag.LIGHTS_PENDING
    town10.lamps.set_cycle(False)
    first = town10.lamps.lamps[0]
    town10.lamps.update([Lamp(first.id, first.location, 100.0, 2, (1, 2, 3), False), Lamp(999999, (0.0, 0.0, 0.0))])
    town10.weather = WeatherParameters()
    town10.tick(0.05)
    assert (first.active, first.color, first.intensity) == (False, (1, 2, 3), 100.0)
    assert town10.lamps.burning().sum() == len(town10.lamps.lamps) - 1, "the sun no longer switches the others"
    town10.lamps.set_cycle(True)
    town10.tick(0.05)
    assert not town10.lamps.burning().any()
