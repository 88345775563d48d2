"""Rows of the API table: traffic lights and signs, the light manager and its lamps."""

from __future__ import annotations

import carla
import pytest
from api_table import Bench, as_carla, differs
from client_support import angle_between, planar_distance

RED, GREEN = carla.TrafficLightState.Red, carla.TrafficLightState.Green
STREET, OTHER = carla.LightGroup.Street, carla.LightGroup.Other


@differs(
    "TrafficSign.trigger_volume", how="a box across all lanes that obey, made from the map; CARLA's are placed by hand"
)
def trigger_volume(bench: Bench) -> None:
    box = bench.light.trigger_volume
    assert box.extent.x > 0.5 and box.extent.y > 0.5
    sign = bench.world.get_actors().filter("traffic.speed_limit.*")[0]
    assert sign.trigger_volume.extent.length() > 0.5


@as_carla("TrafficLight.get_stop_waypoints", "TrafficLight.get_affected_lane_waypoints")
def light_waypoints(bench: Bench) -> None:
    for point in (*bench.light.get_stop_waypoints(), *bench.light.get_affected_lane_waypoints()):
        assert planar_distance(point.transform.location, bench.light.get_location()) < 60.0
        assert point.lane_type == carla.LaneType.Driving


@as_carla("TrafficLight.get_state", "TrafficLight.set_state", "TrafficLight.state")
@as_carla("TrafficLight.freeze", "TrafficLight.is_frozen", note="freezing one light freezes all")
def light_states(bench: Bench) -> None:
    light, other = bench.light, bench.lights[-1]
    light.freeze(True)
    light.set_state(GREEN)
    bench.tick(2)
    assert light.is_frozen() and other.is_frozen()
    assert light.get_state() == light.state == GREEN
    light.freeze(False)
    light.set_state(RED)
    bench.tick()
    assert light.state == RED
    assert not other.is_frozen()


@as_carla("TrafficLight.get_green_time", "TrafficLight.get_yellow_time", "TrafficLight.get_red_time")
@as_carla("TrafficLight.set_green_time", "TrafficLight.set_yellow_time", "TrafficLight.set_red_time")
def light_times(bench: Bench) -> None:
    light = bench.light
    assert (light.get_green_time(), light.get_yellow_time(), light.get_red_time()) == (10.0, 3.0, 2.0)
    light.set_green_time(4.0)
    light.set_yellow_time(1.0)
    light.set_red_time(5.0)
    bench.tick()
    assert (light.get_green_time(), light.get_yellow_time(), light.get_red_time()) == (4.0, 1.0, 5.0)
    light.set_green_time(10.0)
    light.set_yellow_time(3.0)
    light.set_red_time(2.0)
    bench.tick()


@as_carla("TrafficLight.get_elapsed_time", "TrafficLight.reset_group")
def light_clock(bench: Bench) -> None:
    before = bench.light.get_elapsed_time()
    bench.tick(10)
    assert bench.light.get_elapsed_time() == pytest.approx(before + 0.5, abs=0.01)
    bench.light.reset_group()
    bench.tick(2)
    assert bench.light.get_elapsed_time() < 0.2


@as_carla("TrafficLight.get_group_traffic_lights", "TrafficLight.get_opendrive_id")
@differs("TrafficLight.get_pole_index", how="always 0")
def light_group(bench: Bench) -> None:
    group = bench.light.get_group_traffic_lights()
    assert bench.light.id in [light.id for light in group]
    assert len(group) > 1
    assert bench.world.get_traffic_light_from_opendrive_id(bench.light.get_opendrive_id()).id == bench.light.id
    assert {light.get_pole_index() for light in group} == {0}


@differs("TrafficLight.get_light_boxes", how="one housing 5 m above the foot of the pole")
def light_boxes(bench: Bench) -> None:
    (box,) = bench.light.get_light_boxes()
    assert planar_distance(box.location, bench.light.get_location()) < 0.1
    assert abs(angle_between(box.rotation.yaw, bench.light.get_transform().rotation.yaw)) < 0.5


@as_carla("LightManager.get_all_lights", "LightManager.get_turned_on_lights", "LightManager.get_turned_off_lights")
@as_carla("LightManager.turn_on", "LightManager.turn_off", "LightManager.is_active", "LightManager.set_active")
@as_carla("LightManager.set_day_night_cycle")
def lamp_switches(bench: Bench) -> None:
    lamps, manager = bench.lamps, bench.world.get_lightmanager()
    manager.set_day_night_cycle(False)
    assert len(manager.get_all_lights(STREET)) == len(lamps)
    assert manager.get_all_lights(carla.LightGroup.Vehicle) == []
    manager.turn_on(lamps[:3])
    manager.set_active(lamps[2:4], [False, True])
    bench.tick(2)
    assert manager.is_active(lamps[:4]) == [True, True, False, True]
    assert sorted(lamp.id for lamp in manager.get_turned_on_lights()) == sorted(lamps[k].id for k in (0, 1, 3))
    manager.turn_off(lamps)
    bench.tick(2)
    assert len(manager.get_turned_off_lights(STREET)) == len(lamps)


@as_carla("LightManager.set_color", "LightManager.set_colors", "LightManager.get_color")
@as_carla("LightManager.set_intensity", "LightManager.set_intensities", "LightManager.get_intensity")
@as_carla("LightManager.set_light_group", "LightManager.set_light_groups", "LightManager.get_light_group")
@as_carla("LightManager.set_light_state", "LightManager.set_light_states", "LightManager.get_light_state")
def lamp_values(bench: Bench) -> None:
    pair, manager = bench.lamps[:2], bench.world.get_lightmanager()
    before = [lamp.light_state for lamp in pair]
    manager.set_color(pair, carla.Color(1, 2, 3))
    manager.set_colors(pair[1:], [carla.Color(9, 8, 7)])
    assert [color.r for color in manager.get_color(pair)] == [1, 9]
    manager.set_intensity(pair, 50.0)
    manager.set_intensities(pair[1:], [60.0])
    assert manager.get_intensity(pair) == [50.0, 60.0]
    manager.set_light_group(pair, OTHER)
    manager.set_light_groups(pair[1:], [STREET])
    assert manager.get_light_group(pair) == [OTHER, STREET]
    state = carla.LightState(70.0, carla.Color(4, 5, 6), STREET, True)
    manager.set_light_state(pair, state)
    manager.set_light_states(pair[1:], [carla.LightState(80.0, carla.Color(4, 5, 6), STREET, False)])
    bench.tick(2)
    assert [each.intensity for each in manager.get_light_state(pair)] == [70.0, 80.0]
    assert [each.active for each in manager.get_light_state(pair)] == [True, False]
    manager.set_light_states(pair, before)


@as_carla("Light.id", "Light.location", "Light.is_on", "Light.turn_on", "Light.turn_off")
@as_carla("Light.color", "Light.set_color", "Light.intensity", "Light.set_intensity")
@as_carla("Light.light_group", "Light.set_light_group", "Light.light_state", "Light.set_light_state")
def one_lamp(bench: Bench) -> None:
    lamp = bench.lamps[0]
    before = lamp.light_state
    assert lamp.id > 0
    assert lamp.location.length() > 0.0
    lamp.turn_on()
    assert lamp.is_on
    lamp.turn_off()
    assert not lamp.is_on
    lamp.set_color(carla.Color(1, 2, 3))
    assert lamp.color.b == 3
    lamp.set_intensity(50.0)
    assert lamp.intensity == 50.0
    lamp.set_light_group(OTHER)
    assert lamp.light_group == OTHER
    bench.tick(2)
    assert (lamp.intensity, lamp.color.b) == (50.0, 3)
    lamp.set_light_state(before)
    bench.tick(2)
    assert lamp.intensity == before.intensity
