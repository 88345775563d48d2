"""Traffic lights and signs: groups and their cycle, what may be changed, where they act, what vehicles see of them."""

from __future__ import annotations

import carla
import pytest
from client_support import (
    EGO_TYPE,
    Stage,
    ahead,
    angle_between,
    lifted,
    planar_distance,
    straight_road,
)

State = carla.TrafficLightState
LIGHT_TYPE = "1000001"
EGO_FRONT_M = 2.5


def all_lights(stage: Stage) -> list[carla.TrafficLight]:
    """The town's lights by id."""
    return sorted(stage.world.get_actors().filter("traffic.traffic_light"), key=lambda light: light.id)


def groups(stage: Stage) -> list[list[carla.TrafficLight]]:
    """Lights by group, each sorted by id."""
    seen: dict[int, list[carla.TrafficLight]] = {}
    for light in all_lights(stage):
        members = sorted(light.get_group_traffic_lights(), key=lambda member: member.id)
        assert light.id in [member.id for member in members]
        seen.setdefault(members[0].id, members)
    return list(seen.values())


def test_groups_are_the_junctions(stage: Stage) -> None:
    found = groups(stage)
    assert sorted(len(group) for group in found) == [3] * 12
    for group in found:
        spread = max(planar_distance(a.get_location(), b.get_location()) for a in group for b in group)
        assert spread < 60.0


def test_cycle_green_yellow_red_one_after_another(stage: Stage) -> None:
    group = groups(stage)[0]
    stage.world.reset_all_traffic_lights()
    rows = []
    for _ in range(900):
        stage.tick()
        rows.append([light.get_state() for light in group])
    for row in rows:
        assert sum(state != State.Red for state in row) <= 1
    order = []
    for index in range(3):
        column = [row[index] for row in rows]
        assert column.count(State.Green) == pytest.approx(200, abs=1)
        assert column.count(State.Yellow) == pytest.approx(60, abs=1)
        start = column.index(State.Green)
        assert column[start + 201] == State.Yellow or start + 201 >= 900
        order.append(start)
    assert sorted(order) == [pytest.approx(300 * k, abs=2) for k in range(3)]
    # The all-red gap between two controllers takes two seconds.
    gaps = sum(all(state == State.Red for state in row) for row in rows)
    assert gaps == pytest.approx(120, abs=3)


@pytest.mark.town("Town10HD")
def test_one_controller_at_a_time_in_a_modern_town(stage: Stage) -> None:
    members = groups(stage)
    stage.world.reset_all_traffic_lights()
    for _ in range(320):
        stage.tick()
        for group in members:
            stages = {light.get_state() for light in group} - {State.Red}
            assert len(stages) <= 1
    assert any(len(group) > 1 for group in members)


def test_elapsed_time_counts_from_the_last_change(stage: Stage) -> None:
    stage.world.reset_all_traffic_lights()
    stage.tick(50)
    for light in all_lights(stage):
        if light.get_state() == State.Green:
            assert light.get_elapsed_time() == pytest.approx(2.5, abs=0.11)
    stage.tick(160)
    yellow = [light for light in all_lights(stage) if light.get_state() == State.Yellow]
    assert len(yellow) == 12
    assert all(light.get_elapsed_time() == pytest.approx(0.5, abs=0.11) for light in yellow)


def test_default_times_and_pole_index(stage: Stage) -> None:
    for light in all_lights(stage):
        assert (light.get_green_time(), light.get_yellow_time(), light.get_red_time()) == (10.0, 3.0, 2.0)
        assert not light.is_frozen()
        assert 0 <= light.get_pole_index() < 3


def test_freeze_holds_everything(stage: Stage) -> None:
    stage.world.reset_all_traffic_lights()
    stage.tick(100)
    lights = all_lights(stage)
    stage.world.freeze_all_traffic_lights(True)
    stage.tick()
    assert all(light.is_frozen() for light in lights)
    before = [(light.get_state(), light.get_elapsed_time()) for light in lights]
    stage.tick(200)
    assert [(light.get_state(), light.get_elapsed_time()) for light in lights] == before
    lights[0].set_state(State.Yellow)
    stage.tick(20)
    assert lights[0].get_state() == State.Yellow
    stage.world.freeze_all_traffic_lights(False)
    stage.tick(120)
    assert [light.get_state() for light in lights] != [state for state, _ in before]


def test_freezing_one_light_holds_its_group(stage: Stage) -> None:
    stage.world.reset_all_traffic_lights()
    stage.tick(10)
    group = groups(stage)[0]
    group[0].freeze(True)
    stage.tick(205)
    assert all(light.is_frozen() for light in group)
    assert State.Green in [light.get_state() for light in group]
    group[0].freeze(False)
    stage.tick(200)
    assert not any(light.is_frozen() for light in group)
    assert State.Yellow in [light.get_state() for light in group]


def test_set_state_lasts_until_the_next_transition(stage: Stage) -> None:
    stage.world.reset_all_traffic_lights()
    stage.tick()
    group = groups(stage)[0]
    waiting = next(light for light in group if light.get_state() == State.Red)
    waiting.set_state(State.Green)
    stage.tick()
    assert waiting.get_state() == waiting.state == State.Green
    stage.tick(150)
    assert waiting.get_state() == State.Green
    stage.tick(60)
    assert waiting.get_state() == State.Red


def test_times_take_effect_at_once(stage: Stage) -> None:
    stage.world.reset_all_traffic_lights()
    stage.tick()
    group = groups(stage)[0]
    light = next(light for light in group if light.get_state() == State.Green)
    light.set_green_time(1.0)
    light.set_yellow_time(0.5)
    light.set_red_time(1.5)
    stage.tick()
    assert (light.get_green_time(), light.get_yellow_time(), light.get_red_time()) == (1.0, 0.5, 1.5)
    others = [member for member in group if member.id != light.id]
    assert all(member.get_green_time() == 10.0 for member in others)
    # The green under way counts against its new time; afterwards the next controller has its turn.
    states = []
    for _ in range(100):
        stage.tick()
        states.append(light.get_state())
    assert states.count(State.Green) == pytest.approx(18, abs=2)
    assert states.count(State.Yellow) == pytest.approx(10, abs=1)
    assert sum(member.get_state() == State.Green for member in others) == 1


def test_very_long_times_hold_a_phase(stage: Stage) -> None:
    group = groups(stage)[2]
    for light in group:
        light.set_green_time(100000.0)
    group[0].reset_group()
    stage.tick(400)
    assert [light.get_state() for light in group].count(State.Green) == 1


def test_reset_restarts_the_cycle(stage: Stage) -> None:
    stage.world.reset_all_traffic_lights()
    stage.tick()
    lights = all_lights(stage)
    start = [light.get_state() for light in lights]
    stage.tick(350)
    assert [light.get_state() for light in lights] != start
    stage.world.reset_all_traffic_lights()
    stage.tick()
    assert [light.get_state() for light in lights] == start


@pytest.mark.parametrize("town", ["Town01", "Town04", "Town10HD"])
def test_stop_waypoints_lie_before_the_junction(stage: Stage, town: str) -> None:
    if town != "Town01":
        stage.prepare(town)
    checked = 0
    for light in all_lights(stage):
        stops = light.get_stop_waypoints()
        affected = light.get_affected_lane_waypoints()
        assert stops and affected, f"light {light.get_opendrive_id()} acts on nothing"
        before = [stop for stop in stops if not stop.is_junction]
        # Two lights of Town04 stand on road pieces so short that the volume reaches into the junction behind them.
        assert before, f"light {light.get_opendrive_id()} acts only inside its junction"
        for stop in before:
            entry = stop.next(4.5)
            assert any(waypoint.is_junction for waypoint in entry), f"light {light.get_opendrive_id()}"
            checked += 1
        volume = light.trigger_volume
        assert volume.extent.x > 0.2
        assert volume.extent.y > 0.2
    assert checked >= len(all_lights(stage))


def test_landmarks_and_lights_find_each_other(stage: Stage) -> None:
    landmarks = stage.map.get_all_landmarks_of_type(LIGHT_TYPE)
    assert landmarks
    found = set()
    for landmark in landmarks:
        light = stage.world.get_traffic_light(landmark)
        assert light.get_opendrive_id() == landmark.id
        assert planar_distance(light.get_location(), landmark.transform.location) < 5.0
        found.add(light.id)
    assert found == {light.id for light in all_lights(stage)}
    light = all_lights(stage)[0]
    assert stage.world.get_traffic_light_from_opendrive_id(light.get_opendrive_id()).id == light.id


def test_lights_of_a_waypoint_and_of_a_junction(stage: Stage) -> None:
    light = all_lights(stage)[0]
    stop = light.get_stop_waypoints()[0]
    before = stop.previous(20.0)[0]
    assert light.id in [found.id for found in stage.world.get_traffic_lights_from_waypoint(before, 40.0)]
    assert stage.world.get_traffic_lights_from_waypoint(before, 3.0) == []
    ahead_of = [lm for lm in before.get_landmarks_of_type(40.0, LIGHT_TYPE) if lm.id == light.get_opendrive_id()]
    assert ahead_of
    junction = next(waypoint for waypoint in stop.next(4.5) if waypoint.is_junction).get_junction()
    inside = {found.id for found in stage.world.get_traffic_lights_in_junction(junction.id)}
    assert inside == {member.id for member in light.get_group_traffic_lights()}


def test_driving_into_the_approach_of_a_red_light(stage: Stage) -> None:
    stage.world.reset_all_traffic_lights()
    stage.tick()
    light = next(light for light in all_lights(stage) if light.get_state() == State.Red)
    stop = light.get_stop_waypoints()[0]
    car = stage.spawn(EGO_TYPE, lifted(stop.previous(15.0)[0].transform))
    stage.tick(15)
    assert not car.is_at_traffic_light()
    assert car.get_traffic_light() is None
    assert car.get_traffic_light_state() == State.Green
    car.enable_constant_velocity(carla.Vector3D(4.0, 0.0, 0.0))
    for _ in range(80):
        stage.tick()
        if car.is_at_traffic_light():
            break
    car.enable_constant_velocity(carla.Vector3D(0.0, 0.0, 0.0))
    front = stage.map.get_waypoint(ahead(car.get_transform(), car.bounding_box.extent.x).location)
    assert car.get_traffic_light_state() == State.Red
    assert car.get_traffic_light().id == light.id
    # It must learn of the light while there is still room to stop.
    assert not any(waypoint.is_junction for waypoint in front.next(3.5))
    assert any(waypoint.is_junction for waypoint in front.next(12.0))
    light.set_state(State.Green)
    stage.tick(2)
    assert car.get_traffic_light_state() == State.Green
    assert car.is_at_traffic_light()


def test_every_light_is_seen_from_its_stop_lines(client: carla.Client, stage: Stage) -> None:
    spots = [(light, stop) for light in all_lights(stage) for stop in light.get_stop_waypoints()]
    blueprint = stage.world.get_blueprint_library().find(EGO_TYPE)
    commands = [carla.command.SpawnActor(blueprint, lifted(ahead(stop.transform, -EGO_FRONT_M))) for _, stop in spots]
    replies = client.apply_batch_sync(commands, False)
    cars = stage.adopt([reply.actor_id for reply in replies if not reply.error])
    assert len(cars) == len(spots)
    stage.tick(15)
    for car, (light, stop) in zip(cars, spots, strict=True):
        assert car.is_at_traffic_light(), f"no light at {stop.transform.location}"
        assert car.get_traffic_light().id == light.id
        assert car.get_traffic_light_state() == light.get_state()


def test_no_light_in_the_opposite_lane(stage: Stage) -> None:
    light = all_lights(stage)[0]
    stop = light.get_stop_waypoints()[0]
    opposite = stop.get_left_lane()
    assert opposite.lane_id * stop.lane_id < 0
    car = stage.spawn(EGO_TYPE, lifted(ahead(opposite.transform, 1.0)))
    stage.tick(15)
    assert not car.is_at_traffic_light()


@pytest.mark.town("Town10HD")
def test_signs_are_actors_with_their_place(stage: Stage) -> None:
    actors = stage.world.get_actors()
    stops = actors.filter("*traffic.stop*")
    assert len(stops) == 3
    for sign in stops:
        assert sign.type_id == "traffic.stop"
        assert sign.get_location().length() > 1.0
        volume = sign.trigger_volume
        centre = sign.get_transform().transform(carla.Location(volume.location))
        waypoint = stage.map.get_waypoint(centre)
        assert planar_distance(waypoint.transform.location, centre) < 2.0


@pytest.mark.town("Town04")
def test_speed_signs_set_the_limit_of_passing_vehicles(stage: Stage) -> None:
    landmarks = stage.map.get_all_landmarks_of_type("274")
    if not landmarks:
        pytest.skip("Town04's OpenDRIVE carries no speed signs")
    for landmark in landmarks:
        signs = stage.world.get_actors().filter("traffic.speed_limit.*")
        nearest = min(planar_distance(sign.get_location(), landmark.transform.location) for sign in signs)
        assert nearest < 5.0


def test_straight_road_has_no_light(stage: Stage) -> None:
    start = straight_road(stage.map, 100.0)
    car = stage.settle(stage.spawn(EGO_TYPE, lifted(start.next(30.0)[0].transform)))
    assert not car.is_at_traffic_light()
    assert abs(angle_between(car.get_transform().rotation.yaw, start.transform.rotation.yaw)) < 0.1
