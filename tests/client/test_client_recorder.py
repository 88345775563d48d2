"""Recording and replaying through the client: the calls, what clients see of a replay, files, queries."""

from __future__ import annotations

import math
import time

import carla
import pytest
from client_support import (
    EGO_TYPE,
    Server,
    Stage,
    angle_between,
    connect,
    lifted,
    planar_distance,
    straight_road,
)

WALKER = "walker.pedestrian.0001"
TICKS = 60

Track = list[dict[int, tuple[float, ...]]]


def poses(world: carla.World, ids: list[int]) -> dict[int, tuple[float, ...]]:
    """Place, yaw and speed along x and y of the live actors among ``ids``."""
    snapshot, found = world.get_snapshot(), {}
    for key in ids:
        record = snapshot.find(key)
        if record is not None:
            pose, velocity = record.get_transform(), record.get_velocity()
            place = pose.location
            found[key] = (place.x, place.y, place.z, pose.rotation.yaw, velocity.x, velocity.y)
    return found


def assert_same(now: dict[int, tuple[float, ...]], then: dict[int, tuple[float, ...]]) -> None:
    assert now.keys() == then.keys()
    for key, values in now.items():
        x, y, z, yaw, vx, vy = then[key]
        assert values[:3] == pytest.approx((x, y, z), abs=1e-3)
        assert abs(angle_between(values[3], yaw)) < 0.02
        assert values[4:] == pytest.approx((vx, vy), abs=2e-3)


def record_drive(stage: Stage, name: str) -> tuple[list[carla.Actor], Track]:
    """A hero, another car and a walker move for three seconds; returns them and where they were in every frame."""
    road = straight_road(stage.map, 60.0)
    ahead = road.next(25.0)[0].transform
    hero = stage.spawn(EGO_TYPE, lifted(road.transform), role_name="hero")
    car = stage.spawn("vehicle.audi.tt", lifted(ahead))
    side = ahead.get_right_vector()
    walker = stage.spawn(WALKER, lifted(carla.Transform(ahead.location + 6.0 * side, ahead.rotation), 1.2))
    stage.tick(20)
    ids = [hero.id, car.id, walker.id]
    answer = stage.client.start_recorder(name)
    assert name in answer
    track = [poses(stage.world, ids)]
    for number in range(TICKS):
        hero.apply_control(carla.VehicleControl(throttle=0.6, steer=0.1 * math.sin(0.2 * number)))
        car.apply_control(carla.VehicleControl(throttle=0.4))
        walker.apply_control(carla.WalkerControl(carla.Vector3D(0.0, 1.0, 0.0), 1.4))
        if number == 30:
            car.set_light_state(carla.VehicleLightState(carla.VehicleLightState.Position))
        stage.tick()
        track.append(poses(stage.world, ids))
    stage.client.stop_recorder()
    return [hero, car, walker], track


def remove(stage: Stage, ids: list[int]) -> None:
    """Destroy actors behind the back of the client's objects, which a replay brings back to life."""
    stage.client.apply_batch_sync([carla.command.DestroyActor(key) for key in ids], False)


@pytest.fixture
def replaying(stage: Stage) -> Stage:
    """A stage whose replay settings are CARLA's, before and after the test."""
    stage.client.set_replayer_time_factor(1.0)
    stage.client.set_replayer_ignore_hero(False)
    stage.client.set_replayer_ignore_spectator(True)
    return stage


def replay(stage: Stage, name: str, start: float = 0.0, duration: float = 0.0, follow: int = 0, *more: object) -> str:
    return str(stage.client.replay_file(name, start, duration, follow, *more))


def test_replay_shows_what_was_recorded_under_the_same_ids(replaying: Stage, server: Server) -> None:
    stage = replaying
    actors, track = record_drive(stage, "drive.log")
    assert (server.recordings / "drive.log").stat().st_size > 1000
    ids = [actor.id for actor in actors]
    remove(stage, ids)
    stage.tick()
    assert stage.world.get_actors().filter("vehicle.*").find(ids[0]) is None
    text = replay(stage, "drive.log")
    assert "Town01" in text and "Actors: 3" in text
    for frame in range(1, TICKS + 1):
        stage.tick()
        assert_same(poses(stage.world, ids), track[frame])
    hero, car, walker = (stage.world.get_actor(key) for key in ids)
    assert (hero.type_id, hero.attributes["role_name"], walker.type_id) == (EGO_TYPE, "hero", WALKER)
    assert hero.get_control().throttle == pytest.approx(0.6, abs=1e-3)
    assert car.get_light_state() == carla.VehicleLightState.Position
    # The replay is over: cars brake, the walker stands.
    stage.tick(100)
    assert hero.get_velocity().length() < 0.01 and walker.get_velocity().length() < 0.01
    hero.apply_control(carla.VehicleControl(throttle=1.0))
    stage.tick(20)
    assert hero.get_velocity().length() > 1.0


def test_two_replays_show_the_same(replaying: Stage) -> None:
    stage = replaying
    actors, _ = record_drive(stage, "twice.log")
    ids = [actor.id for actor in actors]
    seen: list[Track] = []
    for _ in range(2):
        replay(stage, "twice.log", 0.33, 1.5)
        seen.append([])
        for _ in range(25):
            stage.tick()
            seen[-1].append(poses(stage.world, ids))
    assert seen[0] == seen[1]


def test_spectator_follows_unless_told_not_to(replaying: Stage) -> None:
    stage = replaying
    (hero, *_), _ = record_drive(stage, "follow.log")
    spectator = stage.world.get_spectator()
    replay(stage, "follow.log", 0.0, 0.0, hero.id)
    stage.tick(20)
    camera, pose = spectator.get_transform(), hero.get_transform()
    assert planar_distance(camera.location, pose.location) == pytest.approx(10.0, abs=0.5)
    behind = pose.location - camera.location
    assert behind.x * pose.get_forward_vector().x + behind.y * pose.get_forward_vector().y > 9.0
    stage.client.stop_replayer(True)
    place = spectator.get_location()
    replay(stage, "follow.log")
    stage.tick(5)
    assert spectator.get_location() == place


def test_time_factor_and_stopping(replaying: Stage) -> None:
    stage = replaying
    actors, track = record_drive(stage, "slow.log")
    ids = [actor.id for actor in actors]
    remove(stage, ids)
    stage.client.set_replayer_time_factor(2.0)
    replay(stage, "slow.log")
    stage.tick(10)
    assert_same(poses(stage.world, ids), track[20])
    stage.client.set_replayer_time_factor(0.0)
    stage.tick(5)
    assert_same(poses(stage.world, ids), track[20])
    stage.client.stop_replayer(False)
    stage.tick()
    assert poses(stage.world, ids) == {}


def test_ignored_hero_is_the_clients_own(replaying: Stage) -> None:
    stage = replaying
    actors, track = record_drive(stage, "ego.log")
    hero, car, _ = actors
    stage.client.set_replayer_ignore_hero(True)
    hero.set_transform(lifted(stage.map.get_spawn_points()[50]))
    stage.tick(20)
    place = hero.get_location()
    replay(stage, "ego.log")
    stage.tick(30)
    assert_same(poses(stage.world, [car.id]), {car.id: track[30][car.id]})
    hero.apply_control(carla.VehicleControl(throttle=1.0))
    stage.tick(20)
    assert hero.get_control().throttle == 1.0
    assert 0.5 < planar_distance(hero.get_location(), place) < 40.0


def test_sensors_come_back_only_on_request(replaying: Stage) -> None:
    stage = replaying
    car = stage.spawn(EGO_TYPE, lifted(stage.map.get_spawn_points()[3]))
    stage.spawn("sensor.other.imu", carla.Transform(carla.Location(z=1.0)), attach_to=car)
    stage.tick()
    stage.client.start_recorder("sensors.log")
    stage.tick(10)
    stage.client.stop_recorder()
    for wanted in (False, True):
        remove(stage, [actor.id for actor in stage.world.get_actors().filter("sensor.*")] + [car.id])
        stage.tick()
        replay(stage, "sensors.log", 0.0, 0.0, 0, wanted)
        stage.tick()
        sensors = list(stage.world.get_actors().filter("sensor.*"))
        assert len(sensors) == wanted
        if wanted:
            assert sensors[0].parent.id == car.id
            assert sensors[0].get_location().distance(car.get_location()) == pytest.approx(1.0, abs=0.01)
            heard: list[carla.IMUMeasurement] = []
            sensors[0].listen(heard.append)
            deadline = time.monotonic() + 5.0
            while not heard and time.monotonic() < deadline:
                stage.tick()
                time.sleep(0.01)
            sensors[0].stop()
            assert heard
        stage.client.stop_replayer(True)
        stage.tick()


def test_replay_loads_the_recorded_map(replaying: Stage) -> None:
    stage = replaying
    actors, track = record_drive(stage, "map.log")
    ids = [actor.id for actor in actors]
    stage.clear()
    stage.world = stage.client.load_world("Town02", False)
    text = replay(stage, "map.log", 1.0)
    assert "Town01" in text
    for _ in range(5):
        stage.world.tick()
    stage.world = stage.client.get_world()
    assert stage.map.name.endswith("Town01")
    moved = stage.world.get_actors().filter("vehicle.*")
    assert sorted(actor.type_id for actor in moved) == ["vehicle.audi.tt", EGO_TYPE]
    hero = next(actor for actor in moved if actor.attributes["role_name"] == "hero")
    assert hero.get_location().distance(carla.Location(*track[25][ids[0]][:3])) < 1e-3


def test_replay_in_asynchronous_mode(replaying: Stage) -> None:
    stage = replaying
    actors, track = record_drive(stage, "async.log")
    hero = actors[0]
    settings = stage.world.get_settings()
    settings.synchronous_mode = False
    stage.world.apply_settings(settings)
    stage.client.set_replayer_time_factor(3.0)
    replay(stage, "async.log")
    end = carla.Location(*track[-1][hero.id][:3])
    deadline = time.monotonic() + 10.0
    while hero.get_location().distance(end) > 2.0 and time.monotonic() < deadline:
        stage.world.wait_for_tick()
    assert hero.get_location().distance(end) < 2.0
    settings.synchronous_mode = True
    stage.world.apply_settings(settings)


def test_queries_answer_with_tables(stage: Stage) -> None:
    client = stage.client
    road = straight_road(stage.map, 60.0)
    hero = stage.spawn(EGO_TYPE, lifted(road.transform), role_name="hero")
    wall = stage.spawn("vehicle.audi.tt", lifted(road.next(12.0)[0].transform))
    stage.tick(10)
    client.start_recorder("crash.log", True)
    hero.apply_control(carla.VehicleControl(throttle=0.8))
    stage.tick(80)
    client.stop_recorder()
    hits = client.show_recorder_collisions("crash.log", "h", "v")
    assert f"{hero.id} {EGO_TYPE}" in hits and f"{wall.id} vehicle.audi.tt" in hits
    assert str(hero.id) not in client.show_recorder_collisions("crash.log", "w", "a").split("Actor 2")[1]
    assert f"{wall.id} vehicle.audi.tt" in client.show_recorder_actors_blocked("crash.log", 1.0, 100.0)
    short, full = (client.show_recorder_file_info("crash.log", everything) for everything in (False, True))
    assert "Map: Town01" in short and "Frames: 81" in short
    assert f"Create {hero.id}: {EGO_TYPE}" in short
    assert full.count(" Vehicle animations: 2") == 81
    assert "Physics Control events" in full


def test_files_elsewhere_are_refused(client: carla.Client, stage: Stage, server: Server) -> None:
    for name in ("/etc/lead.log", "../lead.log", "a/../../lead.log"):
        with pytest.raises(RuntimeError, match=r"recording"):
            client.start_recorder(name)
    assert "recordings lie in" in client.show_recorder_file_info("/etc/passwd", False).lower()
    assert "No such file" in replay(stage, "nobody.log")
    assert client.start_recorder(str(server.recordings / "inside.log")).endswith("inside.log")
    client.stop_recorder()
    stage.tick()


def test_killed_server_leaves_a_good_recording(
    tmp_path_factory: pytest.TempPathFactory, replaying: Stage, server: Server
) -> None:
    with Server("Town01", tmp_path_factory.mktemp("killed") / "server.log") as doomed:
        other = connect(doomed.port)
        stage = Stage(other)
        stage.prepare("Town01")
        car = stage.spawn(EGO_TYPE, lifted(stage.map.get_spawn_points()[0]))
        other.start_recorder("killed.log")
        stage.tick(100)
        doomed.kill()
    data = (doomed.recordings / "killed.log").read_bytes()
    inherited = server.recordings / "killed.log"
    inherited.parent.mkdir(exist_ok=True)
    client = replaying.client
    for content in (data, data[:-100]):
        inherited.write_bytes(content)
        text = client.show_recorder_file_info("killed.log", False)
        assert f"Create {car.id}: {EGO_TYPE}" in text
        frames = int(text.rsplit("Frames: ", 1)[1].split()[0])
        assert 40 <= frames <= 101, "only the last frames are lost"
        assert "Actors: 1" in replay(replaying, "killed.log")
        client.stop_replayer(False)
