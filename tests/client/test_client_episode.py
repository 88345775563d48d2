"""World life cycle: connection, settings, snapshots, map changes, time, several clients, accepted calls."""

from __future__ import annotations

import time

import carla
import pytest
from client_support import EGO_TYPE, STEP_S, Server, Stage, connect, lifted, planar_distance, straight_road

OPENDRIVE_ROAD = """<?xml version="1.0"?>
<OpenDRIVE><header revMajor="1" revMinor="4" name="strip" north="0" south="0" east="0" west="0">
<geoReference><![CDATA[+proj=tmerc +lat_0=49.0 +lon_0=8.0]]></geoReference></header>
<road name="strip" length="200.0" id="1" junction="-1">
<planView><geometry s="0.0" x="0.0" y="0.0" hdg="0.0" length="200.0"><line/></geometry></planView>
<elevationProfile><elevation s="0.0" a="3.0" b="0.0" c="0.0" d="0.0"/></elevationProfile>
<lanes><laneSection s="0.0"><center><lane id="0" type="none" level="false"/></center>
<right><lane id="-1" type="driving" level="false"><width sOffset="0.0" a="3.5" b="0.0" c="0.0" d="0.0"/></lane></right>
</laneSection></lanes></road></OpenDRIVE>"""


def test_versions_agree(client: carla.Client, server: Server) -> None:
    assert client.get_server_version() == server.version == client.get_client_version()


def test_towns_are_offered_under_carlas_paths(client: carla.Client) -> None:
    maps = client.get_available_maps()
    assert "/Game/Carla/Maps/Town01" in maps
    assert all(name.startswith("/Game/Carla/Maps/Town") for name in maps)


def test_get_world_describes_the_same_episode(client: carla.Client, stage: Stage) -> None:
    assert client.get_world().id == stage.world.id == client.get_world().id
    assert stage.map.name == "Carla/Maps/Town01"


def test_tick_advances_one_frame_and_one_step(stage: Stage) -> None:
    before = stage.world.get_snapshot()
    frames = [stage.world.tick() for _ in range(5)]
    after = stage.world.get_snapshot()
    assert frames == list(range(before.frame + 1, before.frame + 6))
    assert after.frame == after.timestamp.frame == frames[-1]
    assert after.timestamp.elapsed_seconds - before.timestamp.elapsed_seconds == pytest.approx(5 * STEP_S, abs=1e-6)
    assert after.timestamp.delta_seconds == pytest.approx(STEP_S, abs=1e-7)


def test_synchronous_world_waits_for_its_tick(stage: Stage) -> None:
    frame = stage.tick()
    time.sleep(0.3)
    assert stage.world.get_snapshot().frame == frame


def test_snapshot_holds_every_actor(stage: Stage) -> None:
    car = stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[0])
    stage.tick()
    snapshot = stage.world.get_snapshot()
    record = snapshot.find(car.id)
    assert snapshot.has_actor(car.id)
    assert record.get_transform().location == car.get_location()
    assert {record.id for record in snapshot} == {actor.id for actor in stage.world.get_actors()}


def test_settings_round_trip(stage: Stage) -> None:
    changed = stage.world.get_settings()
    changed.fixed_delta_seconds = 0.1
    changed.deterministic_ragdolls = True
    changed.tile_stream_distance = 650.0
    changed.actor_active_distance = 700.0
    changed.spectator_as_ego = False
    stage.world.apply_settings(changed)
    stored = stage.world.get_settings()
    assert stored.synchronous_mode
    assert stored.fixed_delta_seconds == pytest.approx(0.1)
    assert (stored.tile_stream_distance, stored.actor_active_distance) == (650.0, 700.0)
    assert (stored.deterministic_ragdolls, stored.spectator_as_ego) == (True, False)
    stage.tick()
    assert stage.world.get_snapshot().timestamp.delta_seconds == pytest.approx(0.1, abs=1e-7)


def test_a_longer_step_moves_cars_as_far(stage: Stage) -> None:
    start = lifted(straight_road(stage.map, 100.0).transform)
    travelled = []
    for step_s, ticks in ((0.05, 80), (0.1, 40)):
        settings = stage.world.get_settings()
        settings.fixed_delta_seconds = step_s
        stage.world.apply_settings(settings)
        car = stage.spawn(EGO_TYPE, start)
        stage.tick(int(1.0 / step_s))
        origin = car.get_location()
        car.apply_control(carla.VehicleControl(throttle=0.7))
        stage.tick(ticks)
        travelled.append(planar_distance(origin, car.get_location()))
        car.destroy()
        stage.tick()
    assert travelled[0] > 10.0
    assert travelled[1] == pytest.approx(travelled[0], rel=0.05)


def test_load_world_changes_the_map_and_removes_actors(client: carla.Client, stage: Stage) -> None:
    car = stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[0])
    episode, frame = stage.world.id, stage.tick()
    world = client.load_world("Town02", False)
    assert world.id != episode
    assert world.get_map().name.endswith("Town02")
    assert world.get_settings().synchronous_mode
    assert world.get_settings().fixed_delta_seconds == pytest.approx(STEP_S)
    assert world.tick() > frame
    assert not world.get_actors().filter("vehicle.*")
    assert world.get_actors().find(car.id) is None
    assert len(world.get_actors().filter("traffic.traffic_light")) == 24
    stage.world = world
    stage._spawned.clear()


def test_load_world_can_reset_the_settings(client: carla.Client, stage: Stage) -> None:
    stage.world = client.load_world("Town01", True)
    assert not stage.world.get_settings().synchronous_mode
    assert not stage.world.get_settings().fixed_delta_seconds


def test_weather_and_lights_return_to_defaults_on_load(client: carla.Client, stage: Stage) -> None:
    stage.world.set_weather(carla.WeatherParameters.HardRainNight)
    stage.world = client.load_world("Town01", False)
    assert stage.world.get_weather().precipitation == 0.0


def test_unknown_town_is_one_clean_error(client: carla.Client, stage: Stage) -> None:
    episode = stage.world.id
    with pytest.raises(RuntimeError, match="Town99"):
        client.load_world("Town99", False)
    assert client.get_world().id == episode
    stage.tick()


def test_opendrive_world_from_text(client: carla.Client, stage: Stage) -> None:
    stage.world = client.generate_opendrive_world(OPENDRIVE_ROAD, carla.OpendriveGenerationParameters(), False)
    town = stage.map
    waypoint = town.get_waypoint(carla.Location(100.0, 1.75, 3.0))
    assert (waypoint.road_id, waypoint.lane_id) == (1, -1)
    assert town.transform_to_geolocation(carla.Location(0.0, 0.0, 0.0)).latitude == pytest.approx(49.0, abs=1e-6)
    car = stage.spawn(EGO_TYPE, lifted(waypoint.transform))
    stage.settle(car)
    assert car.get_location().z == pytest.approx(3.0, abs=0.05)


def test_broken_opendrive_is_refused(client: carla.Client, stage: Stage) -> None:
    with pytest.raises(RuntimeError):
        client.generate_opendrive_world("<nonsense/>", carla.OpendriveGenerationParameters(), False)
    stage.tick()


def test_asynchronous_world_runs_by_itself(stage: Stage) -> None:
    settings = stage.world.get_settings()
    settings.synchronous_mode = False
    stage.world.apply_settings(settings)
    first = stage.world.wait_for_tick()
    wall = time.monotonic()
    while time.monotonic() - wall < 0.6:
        last = stage.world.wait_for_tick()
    passed = last.timestamp.elapsed_seconds - first.timestamp.elapsed_seconds
    assert 0.3 < passed < 1.0


def test_two_clients_share_one_world(server: Server, stage: Stage) -> None:
    other = connect(server.port)
    world = other.get_world()
    assert world.id == stage.world.id
    car = stage.spawn(EGO_TYPE, stage.map.get_spawn_points()[0])
    frame = stage.tick()
    deadline = time.monotonic() + 5.0
    while world.get_snapshot().frame < frame and time.monotonic() < deadline:
        time.sleep(0.01)
    assert world.get_actor(car.id).type_id == EGO_TYPE
    before = stage.world.get_snapshot().frame
    assert world.tick() == before + 1
    assert stage.tick() == before + 2


def test_spectator_goes_where_it_is_put(stage: Stage) -> None:
    spectator = stage.world.get_spectator()
    pose = carla.Transform(carla.Location(12.0, -7.5, 40.0), carla.Rotation(pitch=-60.0, yaw=30.0))
    spectator.set_transform(pose)
    stage.tick()
    seen = stage.world.get_spectator().get_transform()
    assert seen.location.distance(pose.location) < 1e-3
    assert seen.rotation.pitch == pytest.approx(-60.0, abs=1e-3)
    assert spectator.type_id == "spectator"


def test_on_tick_is_called_for_every_frame(stage: Stage) -> None:
    frames: list[int] = []
    handle = stage.world.on_tick(lambda snapshot: frames.append(snapshot.frame))
    expected = [stage.world.tick() for _ in range(5)]
    deadline = time.monotonic() + 5.0
    while len(frames) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    stage.world.remove_on_tick(handle)
    assert frames == expected


def test_debug_drawing_is_accepted(stage: Stage) -> None:
    debug, here = stage.world.debug, carla.Location(1.0, 2.0, 3.0)
    debug.draw_point(here, 0.1, carla.Color(255, 0, 0), 1.0)
    debug.draw_line(here, carla.Location(4.0, 5.0, 6.0), 0.1, carla.Color(0, 255, 0), 1.0)
    debug.draw_arrow(here, carla.Location(4.0, 5.0, 6.0))
    debug.draw_box(carla.BoundingBox(here, carla.Vector3D(1.0, 1.0, 1.0)), carla.Rotation())
    debug.draw_string(here, "text")
    stage.tick()


def test_weather_round_trip(stage: Stage) -> None:
    names = (
        "cloudiness",
        "precipitation",
        "precipitation_deposits",
        "wind_intensity",
        "sun_azimuth_angle",
        "sun_altitude_angle",
        "fog_density",
        "fog_distance",
        "fog_falloff",
        "wetness",
        "scattering_intensity",
        "mie_scattering_scale",
        "rayleigh_scattering_scale",
        "dust_storm",
    )
    weather = carla.WeatherParameters()
    for index, name in enumerate(names):
        setattr(weather, name, 3.0 + index)
    stage.world.set_weather(weather)
    stored = stage.world.get_weather()
    assert [getattr(stored, name) for name in names] == [3.0 + index for index in range(14)]
    stage.world.set_weather(carla.WeatherParameters.ClearNoon)
    assert stage.world.get_weather() == carla.WeatherParameters.ClearNoon


def test_level_boxes_are_world_boxes_of_the_asked_class(stage: Stage) -> None:
    assert isinstance(list(stage.world.get_level_bbs(carla.CityObjectLabel.Car)), list)
    poles = stage.world.get_level_bbs(carla.CityObjectLabel.Poles)
    everything = stage.world.get_level_bbs(carla.CityObjectLabel.Any)
    assert 0 < len(poles) <= len(everything)
    lights = stage.world.get_actors().filter("traffic.traffic_light")
    nearest = [min(planar_distance(box.location, light.get_location()) for box in poles) for light in lights]
    assert max(nearest) < 1.0


def test_ground_projection_finds_the_road(stage: Stage) -> None:
    place = stage.map.get_spawn_points()[0].location
    point = stage.world.ground_projection(carla.Location(place.x, place.y, place.z + 5.0), 50.0)
    assert point.label == carla.CityObjectLabel.Roads
    assert point.location.z == pytest.approx(stage.map.get_waypoint(place).transform.location.z, abs=0.05)
    assert stage.world.ground_projection(carla.Location(place.x, place.y, place.z + 5.0), 1.0) is None


def test_light_manager_answers(stage: Stage) -> None:
    manager = stage.world.get_lightmanager()
    manager.set_day_night_cycle(False)
    lights = manager.get_all_lights()
    manager.turn_off(lights)
    assert isinstance(list(lights), list)
