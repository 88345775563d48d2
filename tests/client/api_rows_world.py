"""Rows of the API table: carla.World and carla.DebugHelper."""

from __future__ import annotations

import carla
import pytest
from api_table import V16, Bench, as_carla, differs, without_effect
from client_support import EGO_TYPE, ahead, lifted, planar_distance

POLE = carla.CityObjectLabel.Poles
NO_TEXTURES = "there are no textures; any object name is accepted"
NO_NAVIGATION = "there is no navigation mesh that the client could plan on"


@without_effect(
    "World.apply_color_texture_to_object",
    "World.apply_color_texture_to_objects",
    "World.apply_float_color_texture_to_object",
    "World.apply_float_color_texture_to_objects",
    "World.apply_textures_to_object",
    "World.apply_textures_to_objects",
    why=NO_TEXTURES,
)
def textures(bench: Bench) -> None:
    world, diffuse = bench.world, carla.MaterialParameter.Diffuse
    colors, floats = carla.TextureColor(4, 4), carla.TextureFloatColor(4, 4)
    names = [world.get_names_of_all_objects()[0], "no such object"]
    world.apply_color_texture_to_object(names[0], diffuse, colors)
    world.apply_color_texture_to_objects(names, diffuse, colors)
    world.apply_float_color_texture_to_object(names[0], diffuse, floats)
    world.apply_float_color_texture_to_objects(names, diffuse, floats)
    world.apply_textures_to_object(names[0], colors, floats, floats, floats)
    world.apply_textures_to_objects(names, colors, floats, floats, floats)


@differs(
    "World.apply_settings",
    how="time step, mode and actor_active_distance count; rendering, substepping, culling, ragdolls, tile streaming"
    " and spectator_as_ego are kept and have no effect",
)
@as_carla("World.get_settings")
def settings(bench: Bench) -> None:
    wanted = bench.world.get_settings()
    wanted.fixed_delta_seconds = 0.1
    wanted.substepping = not wanted.substepping
    wanted.actor_active_distance = 1234.0
    assert bench.world.apply_settings(wanted) > 0
    got = bench.world.get_settings()
    assert got == wanted
    bench.tick()
    assert bench.world.get_snapshot().timestamp.delta_seconds == pytest.approx(0.1)
    wanted.actor_active_distance, wanted.substepping = 2000.0, True
    bench.world.apply_settings(wanted)


@differs("World.cast_ray", "World.project_point", how="meets the boxes of actors and level objects, not their shapes")
def rays(bench: Bench) -> None:
    start, end = lifted(bench.car.get_transform(), 30.0).location, bench.car.get_location()
    end.z -= 1.0
    hits = bench.world.cast_ray(start, end)
    assert [hit.label for hit in hits] == [carla.CityObjectLabel.Car, carla.CityObjectLabel.Roads]
    assert bench.world.project_point(start, carla.Vector3D(0.0, 0.0, -1.0), 100.0).label == carla.CityObjectLabel.Car
    assert bench.world.project_point(start, carla.Vector3D(0.0, 0.0, 1.0), 100.0) is None


@differs("World.ground_projection", how="the road's surface; off the road the height of the nearest lane")
def ground(bench: Bench) -> None:
    above = lifted(ahead(bench.road.transform, 30.0), 5.0).location
    point = bench.world.ground_projection(above, 50.0)
    assert point.label == carla.CityObjectLabel.Roads
    assert point.location.z == pytest.approx(bench.road.transform.location.z, abs=0.3)
    assert bench.world.ground_projection(above, 1.0) is None


@differs(
    "World.get_environment_objects",
    "World.get_level_bbs",
    "World.get_names_of_all_objects",
    how="generated from the map: houses, trees, parked cars, furniture, poles, guard rails, lights and signs, with"
    " names of our own",
)
@as_carla("World.enable_environment_objects")
def level_objects(bench: Bench) -> None:
    world = bench.world
    poles = world.get_environment_objects(POLE)
    assert len(poles) == len(world.get_level_bbs(POLE)) > 10
    assert {pole.name for pole in poles} < set(world.get_names_of_all_objects())
    assert all(1.5 < box.extent.x < 3.0 for box in world.get_level_bbs(carla.CityObjectLabel.Car))
    assert len(world.get_environment_objects(carla.CityObjectLabel.Buildings)) > 20
    lamp = poles[-1]
    place = lamp.transform.location
    above = carla.Location(place.x, place.y, place.z + 20.0)
    assert world.cast_ray(above, place)[0].label == POLE
    world.enable_environment_objects({lamp.id}, False)
    assert POLE not in [hit.label for hit in world.cast_ray(above, place)]
    world.enable_environment_objects({lamp.id}, True)
    assert world.cast_ray(above, place)[0].label == POLE


@as_carla("World.freeze_all_traffic_lights", "World.reset_all_traffic_lights")
def all_traffic_lights(bench: Bench) -> None:
    bench.world.freeze_all_traffic_lights(True)
    bench.tick(3)
    assert all(light.is_frozen() for light in bench.lights)
    bench.world.freeze_all_traffic_lights(False)
    bench.light.set_state(carla.TrafficLightState.Yellow)
    bench.world.reset_all_traffic_lights()
    bench.tick(2)
    assert not bench.light.is_frozen()
    assert bench.light.get_elapsed_time() < 0.2


@as_carla("World.get_actor", "World.get_actors", "World.get_blueprint_library")
def actors(bench: Bench) -> None:
    assert bench.world.get_actor(bench.car.id).type_id == EGO_TYPE
    assert bench.world.get_actor(4_000_000) is None
    assert [actor.id for actor in bench.world.get_actors().filter("vehicle.*")] == [bench.car.id]
    assert len(bench.world.get_actors([bench.car.id])) == 1
    assert bench.world.get_blueprint_library().find(EGO_TYPE).id == EGO_TYPE


@as_carla("World.get_imui_sensor_gravity", "World.set_imui_sensor_gravity", only=V16)
def imu_gravity(bench: Bench) -> None:
    world = bench.world
    assert world.get_imui_sensor_gravity() == pytest.approx(9.81)
    imu = bench.stage.listen("sensor.other.imu", carla.Transform(), bench.car)
    world.set_imui_sensor_gravity(1.5)
    bench.tick(2)
    assert world.get_imui_sensor_gravity() == pytest.approx(1.5)
    assert imu.at(bench.tick()).accelerometer.z == pytest.approx(1.5, abs=0.05)
    world.set_imui_sensor_gravity(9.81)


@differs("World.get_lightmanager", how="the lamps are ours: one every 30 m of sidewalk")
def light_manager(bench: Bench) -> None:
    assert isinstance(bench.world.get_lightmanager(), carla.LightManager)
    assert len(bench.world.get_lightmanager().get_all_lights()) > 10


@as_carla("World.get_map", "World.get_snapshot", "World.id")
def snapshot(bench: Bench) -> None:
    assert bench.world.get_map().name == "Carla/Maps/Town01"
    frame = bench.tick()
    seen = bench.world.get_snapshot()
    assert seen.frame == frame
    assert seen.find(bench.light.id) is not None
    assert bench.world.id == bench.client.get_world().id


@differs("World.get_random_location_from_navigation", how=f"None: {NO_NAVIGATION}")
def random_location(bench: Bench) -> None:
    assert bench.world.get_random_location_from_navigation() is None


@without_effect("World.set_pedestrians_cross_factor", "World.set_pedestrians_seed", why=NO_NAVIGATION)
def pedestrians(bench: Bench) -> None:
    assert bench.world.set_pedestrians_cross_factor(0.5) is None
    assert bench.world.set_pedestrians_seed(3) is None


@as_carla("World.get_spectator", note="an actor that can be placed; nothing is drawn from where it stands")
def spectator(bench: Bench) -> None:
    watcher = bench.world.get_spectator()
    pose = lifted(bench.road.transform, 20.0)
    watcher.set_transform(pose)
    bench.tick()
    assert watcher.get_location().distance(pose.location) < 0.01


@as_carla("World.get_traffic_light", "World.get_traffic_light_from_opendrive_id", "World.get_traffic_sign")
def signals_of_landmarks(bench: Bench) -> None:
    landmark = bench.stage.map.get_all_landmarks_of_type("1000001")[0]
    light = bench.world.get_traffic_light(landmark)
    assert light.get_opendrive_id() == landmark.id
    assert bench.world.get_traffic_light_from_opendrive_id(landmark.id).id == light.id
    assert bench.world.get_traffic_light_from_opendrive_id("nobody") is None
    sign = bench.stage.map.get_all_landmarks_of_type("274")[0]
    assert bench.world.get_traffic_sign(sign).type_id == f"traffic.speed_limit.{int(sign.value)}"
    assert bench.world.get_traffic_light(sign) is None


@as_carla("World.get_traffic_lights_from_waypoint", "World.get_traffic_lights_in_junction")
def signals_of_roads(bench: Bench) -> None:
    light = bench.light
    stop = light.get_stop_waypoints()[0]
    before = stop.previous(5.0)[0]
    found = bench.world.get_traffic_lights_from_waypoint(before, 50.0)
    assert light.id in [each.id for each in found]
    junction = stop.next_until_lane_end(1.0)[-1].next(3.0)[0].get_junction()
    inside = [each.id for each in bench.world.get_traffic_lights_in_junction(junction.id)]
    assert light.id in inside
    assert len(inside) >= 2


@as_carla("World.get_vehicles_light_states")
def all_vehicle_lights(bench: Bench) -> None:
    bench.car.set_light_state(carla.VehicleLightState.LowBeam)
    bench.tick()
    assert bench.world.get_vehicles_light_states() == {bench.car.id: carla.VehicleLightState.LowBeam}


@differs(
    "World.set_weather",
    how="kept and answered; the sun's altitude switches street lamps, pictures and physics do not change",
)
@as_carla("World.get_weather")
def weather(bench: Bench) -> None:
    wanted = carla.WeatherParameters(cloudiness=12.0, wetness=34.0, sun_altitude_angle=-20.0)
    bench.world.get_lightmanager().set_day_night_cycle(True)
    bench.world.set_weather(wanted)
    bench.tick(3)
    assert bench.world.get_weather() == wanted
    assert bench.world.get_lightmanager().get_turned_on_lights()
    bench.world.set_weather(carla.WeatherParameters.ClearNoon)
    bench.tick(2)


@without_effect("World.load_map_layer", "World.unload_map_layer", why="the level has no layers")
def layers(bench: Bench) -> None:
    before = len(bench.world.get_level_bbs())
    assert bench.world.unload_map_layer(carla.MapLayer.All) is None
    assert len(bench.world.get_level_bbs()) == before
    assert bench.world.load_map_layer(carla.MapLayer.StreetLights) is None


@as_carla("World.on_tick", "World.remove_on_tick")
def tick_callbacks(bench: Bench) -> None:
    frames: list[int] = []
    key = bench.world.on_tick(lambda seen: frames.append(seen.frame))
    frame = bench.tick(3)
    bench.world.remove_on_tick(key)
    bench.tick(2)
    assert frames == [frame - 2, frame - 1, frame]


@without_effect("World.set_annotations_traverse_translucency", why="nothing in the scene is translucent", only=V16)
def translucency(bench: Bench) -> None:
    assert bench.world.set_annotations_traverse_translucency(True) is None


@differs(
    "World.spawn_actor",
    "World.try_spawn_actor",
    how="`bone` has no effect: the place is relative to the parent's origin; spring arms do not shorten at walls",
)
def spawning(bench: Bench) -> None:
    world, pose = bench.world, lifted(bench.road.transform, 0.3)
    blueprint = world.get_blueprint_library().find(EGO_TYPE)
    car = world.spawn_actor(blueprint, pose)
    assert world.try_spawn_actor(blueprint, pose) is None
    with pytest.raises(RuntimeError, match="Spawn failed because of collision at spawn position"):
        world.spawn_actor(blueprint, pose)
    sensor = world.get_blueprint_library().find("sensor.other.gnss")
    child = world.spawn_actor(sensor, carla.Transform(carla.Location(x=1.0, z=2.0)), attach_to=car)
    bench.tick(2)
    assert child.parent.id == car.id
    assert planar_distance(child.get_location(), car.get_location()) == pytest.approx(1.0, abs=0.05)


@as_carla("World.tick")
def ticking(bench: Bench) -> None:
    frame = bench.world.tick()
    assert bench.world.tick() == frame + 1


@as_carla("World.wait_for_tick")
def waiting(bench: Bench) -> None:
    wanted = bench.world.get_settings()
    wanted.synchronous_mode = False
    bench.world.apply_settings(wanted)
    first = bench.world.wait_for_tick(5.0)
    assert bench.world.wait_for_tick(5.0).frame > first.frame


@as_carla("World.debug")
@without_effect(
    "DebugHelper.draw_arrow",
    "DebugHelper.draw_box",
    "DebugHelper.draw_line",
    "DebugHelper.draw_point",
    "DebugHelper.draw_string",
    why="accepted; nothing is drawn",
)
def drawing(bench: Bench) -> None:
    pen, place = bench.world.debug, bench.road.transform.location
    end = place + carla.Location(z=5.0)
    assert pen.draw_arrow(place, end, life_time=1.0) is None
    assert pen.draw_box(carla.BoundingBox(place, carla.Vector3D(1.0, 1.0, 1.0)), carla.Rotation()) is None
    assert pen.draw_line(place, end, 0.1, carla.Color(255, 0, 0), 1.0) is None
    assert pen.draw_point(place, 0.1, carla.Color(255, 0, 0), 1.0) is None
    assert pen.draw_string(place, "here", False, carla.Color(255, 0, 0), 1.0) is None
    bench.tick()


@without_effect(
    "DebugHelper.clear_debug_shape",
    "DebugHelper.clear_debug_string",
    "DebugHelper.draw_hud_arrow",
    "DebugHelper.draw_hud_box",
    "DebugHelper.draw_hud_line",
    "DebugHelper.draw_hud_point",
    why="accepted; nothing is drawn",
    only=V16,
)
def drawing_on_screen(bench: Bench) -> None:
    pen, place = bench.world.debug, bench.road.transform.location
    end = place + carla.Location(z=5.0)
    assert pen.draw_hud_arrow(place, end) is None
    assert pen.draw_hud_box(carla.BoundingBox(place, carla.Vector3D(1.0, 1.0, 1.0)), carla.Rotation()) is None
    assert pen.draw_hud_line(place, end) is None
    assert pen.draw_hud_point(place) is None
    assert pen.clear_debug_shape() is None
    assert pen.clear_debug_string() is None
    bench.tick()
