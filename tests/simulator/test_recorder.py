"""Recording a world and replaying it, without sockets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recorder_support import compiled

from lead.simulator.recorder.deck import Deck
from lead.simulator.recorder.format import RecordingError, RecordingReader
from lead.simulator.recorder.paths import FOLDER_VARIABLE, recording_path
from lead.simulator.recorder.recorder import BLOCK_FRAMES
from lead.simulator.recorder.replayer import CHASE_LOCATION_M, Replayer, ReplayOptions
from lead.simulator.world.actors import Actor
from lead.simulator.world.layout import LightState
from lead.simulator.world.weather import WeatherParameters
from lead.simulator.world.world import World

MKZ, WALKER, CONE = "vehicle.lincoln.mkz_2020", "walker.pedestrian.0001", "static.prop.trafficcone01"
STEP_S = 0.05
HERO = [["role_name", "hero"]]
PLACE_M, TURN_DEG, SPEED_MPS = 6e-4, 6e-3, 6e-4
"""Half a quantum of the file, and some rounding."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def spawn_at(world: World, index: int, type_id: str = MKZ, attributes: list[list[str]] | None = None) -> Actor:
    row = world.town.spawn_points[index]
    return world.spawn(type_id, attributes or [], row[:3], row[3:])


def drive(world: World, actor: Actor, throttle: float, steer: float = 0.0) -> None:
    control = world.fleet.table.records["control"]
    control["throttle"][actor.row], control["steer"][actor.row], control["brake"][actor.row] = throttle, steer, 0.0


def tick(world: World, deck: Deck, count: int = 1, step_s: float = STEP_S) -> None:
    for _ in range(count):
        deck.before_tick(step_s)
        world.tick(step_s)
        deck.after_tick()


def ignore_physics(actor: Actor, control: list[object]) -> None:
    """For recordings without additional data."""


def replay(world: World, deck: Deck, name: str = "run", **options: object) -> Replayer:
    reader = RecordingReader(recording_path(name))
    return deck.replay(world, reader, ReplayOptions(**options), ignore_physics)  # type: ignore[arg-type]


def records(world: World) -> dict[int, dict[str, np.ndarray]]:
    """Every moving actor's record fields by actor id."""
    names = ("location", "rotation_deg", "velocity", "acceleration", "angular_velocity_deg")
    found = {}
    for table in (world.fleet.table, world.crowd.table, world.props.table):
        for actor in table.actors:
            found[actor.id] = {name: table.records[name][actor.row].copy() for name in names}
    return found


def assert_same_poses(now: dict[int, dict[str, np.ndarray]], then: dict[int, dict[str, np.ndarray]]) -> None:
    assert now.keys() == then.keys()
    for key, fields in now.items():
        turned = (fields["rotation_deg"] - then[key]["rotation_deg"] + 180.0) % 360.0 - 180.0
        assert np.abs(fields["location"] - then[key]["location"]).max() < PLACE_M
        assert np.abs(turned).max() < TURN_DEG
        assert np.abs(fields["velocity"] - then[key]["velocity"]).max() < SPEED_MPS


class Scene:
    """A world with traffic that is recorded: cars, a walker, a cone, a camera, comings and goings."""

    def __init__(self, name: str = "run", ticks: int = 90, additional: bool = False) -> None:
        self.world = World(compiled("Town01"))
        self.deck = Deck()
        world = self.world
        self.hero = spawn_at(world, 0, attributes=HERO)
        self.car = spawn_at(world, 20)
        row = world.town.spawn_points[40]
        self.walker = world.spawn(WALKER, [], row[:3] + np.array([0.0, 0.0, 0.6]), row[3:])
        self.cone = world.spawn(CONE, [], row[:3] + np.array([5.0, 5.0, 0.0]), np.zeros(3))
        self.camera = world.spawn("sensor.camera.rgb", [], np.array([1.0, 0.0, 2.0]), np.zeros(3), self.hero.id)
        for _ in range(20):
            world.tick(STEP_S)
        self.deck.record(world, name, None)
        self.history = [records(world)]
        self.colours = [world.lights.table.records["light"].copy()]
        self.late: Actor | None = None
        for number in range(ticks):
            self.act(number)
            tick(world, self.deck)
            self.history.append(records(world))
            self.colours.append(world.lights.table.records["light"].copy())
        self.deck.stop()

    def act(self, number: int) -> None:
        world = self.world
        drive(world, self.hero, 0.6, 0.2 * np.sin(0.1 * number))
        if self.car.alive:
            drive(world, self.car, 0.4, 0.05)
            self.car.light_flags = 1 if number > 30 else 0
        walking = world.crowd.table.records
        walking["direction"][self.walker.row], walking["speed"][self.walker.row] = (0.6, 0.8, 0.0), 1.3
        if number == 25:
            self.late = spawn_at(world, 60)
        if number == 50:
            world.destroy(self.car.id)
            world.weather = replace(world.weather, cloudiness=80.0)
            world.lights.set_state(world.lights.table.actors[3], LightState.OFF)
        if number == 60:
            world.set_pose(self.cone, np.array([10.0, 20.0, 1.0]), np.array([0.0, 45.0, 0.0]))
            world.set_pose(self.camera, np.array([2.0, 0.0, 3.0]), np.array([-10.0, 0.0, 0.0]))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("scene")))
        made = Scene()
        made.path = recording_path("run")  # type: ignore[attr-defined]
        return made


@pytest.fixture
def taped(scene: Scene, folder: Path) -> Scene:
    """The scene, its recording in this test's folder."""
    (folder / "run.log").write_bytes(scene.path.read_bytes())  # type: ignore[attr-defined]
    return scene


def test_replay_in_a_fresh_world_repeats_every_frame(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck(ignore_spectator=False)
    replay(world, deck, sensors=True)
    assert_same_poses(records(world), taped.history[0])
    for frame in range(1, len(taped.history)):
        tick(world, deck)
        assert_same_poses(records(world), taped.history[frame])
        assert np.array_equal(world.lights.table.records["light"], taped.colours[frame])
    assert world.weather == taped.world.weather
    assert world.lights.suspended
    tick(world, deck)
    assert not world.lights.suspended


def test_replayed_actors_keep_their_descriptions(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck()
    replay(world, deck, sensors=True)
    for former in (taped.hero, taped.walker, taped.cone, taped.camera):
        actor = world.actors[former.id]
        assert (actor.type_id, actor.attributes) == (former.type_id, former.attributes)
        assert (actor.parent_id, actor.extent) == (former.parent_id, former.extent)


def test_replaying_twice_gives_the_same_snapshots(taped: Scene) -> None:
    snapshots: list[list[bytes]] = []
    for _ in range(2):
        world, deck = World(compiled("Town01")), Deck()
        replay(world, deck, start_s=0.5)
        taken = []
        for _ in range(60):
            tick(world, deck, step_s=0.07)
            taken.append(world.snapshot())
        snapshots.append(taken)
    assert snapshots[0] == snapshots[1]


def test_controls_and_lamps_are_replayed(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck()
    replay(world, deck)
    tick(world, deck, 45)
    hero, car = world.actors[taped.hero.id], world.actors[taped.car.id]
    control = world.fleet.table.records["control"][hero.row]
    assert control["throttle"] == pytest.approx(0.6, abs=1e-3)
    assert control["steer"] == pytest.approx(0.2 * np.sin(0.1 * 44), abs=1e-3)
    assert control["gear"] >= 1
    assert (hero.light_flags, car.light_flags) == (0, 1)
    walking = world.crowd.table.records[world.actors[taped.walker.id].row]
    assert walking["speed"] == pytest.approx(1.3, abs=1e-3)


def test_replay_in_the_recorded_world_takes_over_its_actors(taped: Scene) -> None:
    """The hero and the others are still there: the replay moves them instead of making twins."""
    world, deck = taped.world, Deck()
    replay(world, deck)
    assert world.actors[taped.hero.id] is taped.hero
    assert taped.late is not None and taped.late.id not in world.actors, "spawned only at 1.3 s"
    assert world.actors[taped.car.id].type_id == MKZ
    tick(world, deck, 10)
    now = records(world)
    for key in (taped.hero.id, taped.car.id, taped.walker.id, taped.cone.id):
        assert np.abs(now[key]["location"] - taped.history[10][key]["location"]).max() < PLACE_M
    deck.stop_replay()


def test_ids_that_mean_something_else_are_not_taken(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck()
    stranger = spawn_at(world, 100)
    assert stranger.id == taped.hero.id
    gone = spawn_at(world, 101, "vehicle.audi.tt")
    assert gone.id == taped.car.id
    world.destroy(gone.id)
    replayer = replay(world, deck, follow_id=taped.hero.id)
    assert stranger.alive and stranger not in replayer.actors
    heroes = [actor for actor in world.fleet.table.actors if actor.attributes["role_name"] == "hero"]
    assert len(heroes) == 1 and heroes[0].id not in (stranger.id, gone.id)
    assert gone.id not in world.actors, "clients know that id as an Audi"
    tick(world, deck, 10)
    place = world.fleet.table.records["location"]
    assert np.abs(place[heroes[0].row] - taped.history[10][taped.hero.id]["location"]).max() < PLACE_M
    # Spawned afterwards: its id collides with nothing.
    assert spawn_at(world, 102).id == max(world.actors)


def test_start_duration_and_negative_start(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck()
    replayer = replay(world, deck, start_s=2.0, duration_s=0.5)
    assert (replayer.start_s, replayer.end_s) == (2.0, 2.5)
    assert_same_to(world, taped, 40)
    tick(world, deck, 10)
    assert replayer.finished
    last = records(world)[taped.hero.id]
    assert np.abs(last["location"] - taped.history[50][taped.hero.id]["location"]).max() < PLACE_M
    replayer = replay(World(compiled("Town01")), Deck(), start_s=-1.0)
    assert (replayer.start_s, replayer.end_s) == (pytest.approx(3.5), pytest.approx(4.5))


def assert_same_to(world: World, taped: Scene, frame: int) -> None:
    now = records(world)
    for key in (taped.hero.id, taped.walker.id):
        assert np.abs(now[key]["location"] - taped.history[frame][key]["location"]).max() < PLACE_M


def test_time_factor_interpolates_and_zero_holds(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck(time_factor=0.5)
    replay(world, deck)
    tick(world, deck, 41)
    before, after = (taped.history[frame][taped.hero.id]["location"] for frame in (20, 21))
    place = records(world)[taped.hero.id]["location"]
    assert np.linalg.norm(after - before) > 0.1
    assert np.abs(place - 0.5 * (before + after)).max() < 2 * PLACE_M
    deck.time_factor = 0.0
    tick(world, deck, 5)
    assert np.array_equal(records(world)[taped.hero.id]["location"], place)
    deck.time_factor = 2.0
    tick(world, deck, 10)
    middle = 0.5 * sum(taped.history[frame][taped.hero.id]["location"] for frame in (40, 41))
    assert np.abs(records(world)[taped.hero.id]["location"] - middle).max() < 2 * PLACE_M


def test_after_the_end_vehicles_brake_and_walkers_stop(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck()
    replay(world, deck)
    tick(world, deck, 90)
    hero, walker = world.actors[taped.hero.id], world.actors[taped.walker.id]
    speed = float(np.linalg.norm(records(world)[hero.id]["velocity"]))
    assert speed > 5.0
    tick(world, deck)
    assert 0.8 * speed < float(np.linalg.norm(records(world)[hero.id]["velocity"])) < speed
    tick(world, deck, 80)
    assert np.abs(records(world)[hero.id]["velocity"]).max() < 1e-3
    place = records(world)[walker.id]["location"]
    tick(world, deck, 10)
    assert np.abs(records(world)[walker.id]["location"] - place).max() < 1e-3


def test_stopping_destroys_only_what_the_replay_made(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck()
    own = spawn_at(world, 100, "vehicle.audi.tt")
    level = len(world.actors)
    replay(world, deck)
    tick(world, deck, 30)
    deck.stop_replay(keep_actors=False)
    assert own.alive and len(world.actors) == level
    assert not world.lights.suspended
    replay(world, deck)
    deck.stop_replay(keep_actors=True)
    assert len(world.actors) == level + 4


def test_ignored_hero_stays_with_its_client(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck()
    mine = spawn_at(world, 0, attributes=HERO)
    replayer = replay(world, deck, ignore_hero=True, sensors=True, follow_id=taped.hero.id)
    assert mine not in replayer.actors
    cameras = [actor for actor in world.actors.values() if actor.type_id == "sensor.camera.rgb"]
    assert [camera.parent_id for camera in cameras] == [mine.id]
    drive(world, mine, 1.0)
    tick(world, deck, 40)
    assert float(np.linalg.norm(records(world)[mine.id]["velocity"])) > 3.0
    gap = records(world)[mine.id]["location"] - records(world)[world.spectator.id]["location"]
    assert np.linalg.norm(gap) == pytest.approx(np.linalg.norm(CHASE_LOCATION_M), abs=1e-3)
    deck.stop_replay(keep_actors=False)
    assert mine.alive


def test_spectator_follows_behind_the_actor(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck()
    replay(world, deck, follow_id=taped.hero.id)
    tick(world, deck, 30)
    now = records(world)
    hero, spectator = now[taped.hero.id], now[world.spectator.id]
    yaw = np.radians(hero["rotation_deg"][1])
    behind = hero["location"][:2] - 10.0 * np.array([np.cos(yaw), np.sin(yaw)])
    assert spectator["location"][:2] == pytest.approx(behind, abs=0.3)
    assert spectator["location"][2] - hero["location"][2] == pytest.approx(5.0, abs=0.5)
    assert spectator["rotation_deg"][1] == pytest.approx(hero["rotation_deg"][1], abs=0.1)
    above = (np.array([0.0, 0.0, 40.0]), np.array([-90.0, 0.0, 0.0]))
    replay(world, deck, follow_id=taped.hero.id, follow_pose=above)
    tick(world, deck)
    now = records(world)
    gap = now[world.spectator.id]["location"] - now[taped.hero.id]["location"]
    assert gap == pytest.approx([0.0, 0.0, 40.0], abs=0.2)


def test_without_sensors_they_are_left_out_and_counted(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck()
    replayer = replay(world, deck)
    assert replayer.left_out == {"sensors": 1}
    assert not [actor for actor in world.actors.values() if actor.type_id.startswith("sensor.")]


def test_lights_go_on_from_where_the_recording_left_them() -> None:
    original, deck = World(compiled("Town01")), Deck()
    deck.record(original, "run", None)
    tick(original, deck, 250)
    deck.stop()
    world, deck = World(compiled("Town01")), Deck()
    for _ in range(77):
        world.tick(STEP_S)
    replay(world, deck, start_s=9.0)
    tick(world, deck, 70)
    for _ in range(300):
        original.tick(STEP_S)
        tick(world, deck)
        here, there = world.lights.table.records, original.lights.table.records
        assert np.array_equal(here["light"], there["light"])
        assert np.abs(here["elapsed_s"] - there["elapsed_s"]).max() < 1e-2


def test_recording_is_readable_up_to_the_last_block_while_it_runs() -> None:
    world, deck = World(compiled("Town01")), Deck()
    car = spawn_at(world, 0)
    deck.record(world, "run", None)
    drive(world, car, 0.5)
    tick(world, deck, 2 * BLOCK_FRAMES + 10)
    assert RecordingReader(recording_path("run")).frames == 2 * BLOCK_FRAMES
    deck.flush(recording_path("run"))
    assert RecordingReader(recording_path("run")).frames == 2 * BLOCK_FRAMES + 11


def test_recording_ends_a_replay_and_the_other_way_round(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck()
    replayer = replay(world, deck)
    deck.record(world, "second", None)
    tick(world, deck, 5)
    assert replayer.time_s == 0.0
    replay(world, deck)
    tick(world, deck, 5)
    assert RecordingReader(recording_path("second")).frames == 6


def test_damage_in_the_middle_of_a_replay_ends_it(taped: Scene, folder: Path) -> None:
    world, deck = World(compiled("Town01")), Deck()
    replay(world, deck)
    place = RecordingReader(folder / "run.log").places[-1]
    with (folder / "run.log").open("r+b") as file:
        file.seek(place.offset)
        file.write(bytes(40))
    tick(world, deck, 100)
    assert not world.lights.suspended
    assert world.actors[taped.hero.id].alive


def test_client_destroying_replayed_actors_does_no_harm(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck()
    replay(world, deck, sensors=True, follow_id=taped.hero.id)
    tick(world, deck, 10)
    for key in (taped.hero.id, taped.walker.id, taped.cone.id):
        world.destroy(key)
    tick(world, deck, 100)
    assert taped.hero.id not in world.actors
    assert taped.camera.id in world.actors


def test_failed_start_leaves_the_lights_running(taped: Scene, folder: Path) -> None:
    reader = RecordingReader(folder / "run.log")
    with (folder / "run.log").open("r+b") as file:
        file.seek(reader.places[0].offset + reader.places[0].events_size)
        file.write(bytes(40))
    world, deck = World(compiled("Town01")), Deck()
    with pytest.raises(RecordingError):
        deck.replay(world, reader, ReplayOptions(), ignore_physics)
    assert not world.lights.suspended
    assert not len(world.fleet)


def test_weather_and_attached_poses_come_back_when_seeking(taped: Scene) -> None:
    world, deck = World(compiled("Town01")), Deck()
    assert world.weather == WeatherParameters()
    replay(world, deck, start_s=4.0, sensors=True)
    assert world.weather.cloudiness == 80.0
    assert world.actors[taped.camera.id].relative_location == (2.0, 0.0, 3.0)
    cone = world.actors[taped.cone.id]
    assert world.props.table.records["location"][cone.row] == pytest.approx([10.0, 20.0, 1.0], abs=1e-3)
    assert taped.car.id not in world.actors
