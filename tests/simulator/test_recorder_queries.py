"""Questions about recordings: file info, collisions, blocked actors; and the remote calls that ask them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recorder_support import compiled

from lead.simulator.protocol.calls import dispatch
from lead.simulator.protocol.session import Session
from lead.simulator.protocol.streams import StreamHub
from lead.simulator.recorder import queries
from lead.simulator.recorder.format import Header, RecordingReader, write_frames, write_header
from lead.simulator.recorder.paths import FOLDER_VARIABLE
from lead.simulator.server import CALL_MODULES
from lead.simulator.world.actors import Actor
from lead.simulator.world.world import World

MKZ, WALKER = "vehicle.lincoln.mkz_2020", "walker.pedestrian.0001"
STEP_S = 0.05
assert CALL_MODULES


class Crash:
    """A hero drives into a parked car and a walker in front of it; another car stands all the time."""

    def __init__(self, folder: Path) -> None:
        self.session = session()
        world = self.session.world
        start = world.town.spawn_points[straight_index(world)]
        ahead = np.array([np.cos(np.radians(start[4])), np.sin(np.radians(start[4])), 0.0])
        self.hero = world.spawn(MKZ, [["role_name", "hero"]], start[:3], start[3:])
        self.parked = world.spawn("vehicle.audi.tt", [], start[:3] + 25.0 * ahead, start[3:])
        self.walker = world.spawn(WALKER, [], start[:3] + 12.0 * ahead + [0.0, 0.0, 0.6], start[3:])
        other = world.town.spawn_points[100]
        self.standing = world.spawn(MKZ, [], other[:3], other[3:])
        for _ in range(10):
            world.tick(STEP_S)
        self.frames = 1
        assert call(self.session, "start_recorder", "crash", True).endswith(str(folder / "crash.log"))
        world.fleet.table.records["control"]["throttle"][self.hero.row] = 0.7
        for _ in range(140):
            self.session.tick(STEP_S)
            self.frames += 1
        self.session.deck.stop()
        self.reader = RecordingReader(folder / "crash.log")


def straight_index(world: World) -> int:
    """A spawn point with 40 m of straight lane ahead."""
    for index, row in enumerate(world.town.spawn_points):
        yaw = np.radians(row[4])
        points = row[:3] + np.arange(0.0, 40.0, 4.0)[:, None] * np.array([np.cos(yaw), np.sin(yaw), 0.0])
        hits = world.ground.query(points)
        if (np.abs(hits.offset) < 0.3).all() and (hits.lane >= 0).all():
            return index
    raise AssertionError("no straight lane")


def session() -> Session:
    return Session(
        world=World(compiled("Town01")),
        streams=StreamHub(),
        stream_port=2701,
        load_town=compiled,
        compile_opendrive=lambda name, text: compiled("Town01"),
        available_towns=lambda: ["Town01", "Town02"],
    )


def call(target: Session, name: str, *arguments: object) -> str:
    """Result of a remote call that must succeed."""
    ((kind, value),) = dispatch(target, name, list(arguments))  # type: ignore[misc]
    assert kind == 1, value
    return str(value)


def error_of(target: Session, name: str, *arguments: object) -> str:
    """Error text of a remote call that must fail."""
    ((kind, (message,)),) = dispatch(target, name, list(arguments))  # type: ignore[misc]
    assert kind == 0
    return str(message)


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crash]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("crash")
        patch.setenv(FOLDER_VARIABLE, str(folder))
        yield Crash(folder)


def rows_of(text: str) -> list[list[str]]:
    """Words of the lines of a table, without intro, head and closing lines."""
    lines = text.split("\n\n")[1].splitlines()[1:]
    return [line.split() for line in lines]


def ids(*actors: Actor) -> list[str]:
    return [str(actor.id) for actor in actors]


def test_collisions_of_the_hero(crash: Crash) -> None:
    rows = rows_of(queries.collisions(crash.reader, "h", "a"))
    assert [row[3] for row in rows] == ids(crash.hero) * len(rows)
    partners = [row[5] for row in rows]
    assert partners[0] == str(crash.walker.id)
    assert str(crash.parked.id) in partners
    first = rows[0]
    assert (first[1], first[2], first[4], first[6]) == ("v", "w", MKZ, WALKER)


def test_collisions_by_category(crash: Crash) -> None:
    everything = rows_of(queries.collisions(crash.reader, "a", "a"))
    walkers = rows_of(queries.collisions(crash.reader, "w", "v"))
    vehicles = rows_of(queries.collisions(crash.reader, "v", "v"))
    assert walkers and vehicles
    assert all((row[1], row[2]) == ("w", "v") and row[3] == str(crash.walker.id) for row in walkers)
    assert all((row[1], row[2]) == ("v", "v") for row in vehicles)
    assert len(walkers) + len(vehicles) <= len(everything)
    assert rows_of(queries.collisions(crash.reader, "t", "a")) == []
    assert "no category 'x'" in queries.collisions(crash.reader, "x", "a")


def test_a_lasting_contact_is_listed_once(tmp_path: Path) -> None:
    """Contact in frames 0 to 2 and again in frame 4, seen from either side; the level in frame 1."""
    spawns = [["spawn", key, MKZ, [], [0.0] * 3, [0.0] * 3, 0, 0] for key in (5, 6)]
    hit, pole = ["collide", 5, 6, 0, 100.0], ["collide", 5, 0, 6, 100.0]
    with (tmp_path / "a.log").open("wb") as file:
        write_header(file, Header("Town01", "00", "0.9.16", "today", False, 1))
        write_frames(file, np.arange(5.0), [[*spawns, hit], [hit, pole], [hit], [], [hit]], {})
    rows = rows_of(queries.collisions(RecordingReader(tmp_path / "a.log"), "v", "a"))
    assert [(row[0], row[3], row[5]) for row in rows] == [("0", "5", "6"), ("1", "5", "0"), ("4", "5", "6")]
    assert (rows[1][1], rows[1][2]) == ("v", "o")


def test_blocked_actors(crash: Crash) -> None:
    rows = rows_of(queries.blocked_actors(crash.reader, 5.0, 1.0))
    assert str(crash.standing.id) in [row[1] for row in rows]
    assert str(crash.hero.id) not in [row[1] for row in rows]
    longest = rows[0]
    assert (longest[0], longest[3]) == ("0", "7")
    durations = [float(row[3]) for row in rows]
    assert durations == sorted(durations, reverse=True)
    assert rows_of(queries.blocked_actors(crash.reader, 60.0, 1.0)) == []
    hero = [row for row in rows_of(queries.blocked_actors(crash.reader, 1.0, 1000.0)) if row[1] == str(crash.hero.id)]
    assert len(hero) == 1, "a kilometre is farther than anybody drove"


def test_short_info_lists_comings_and_collisions(crash: Crash) -> None:
    text = queries.file_info(crash.reader, False)
    lines = text.splitlines()
    assert lines[1] == "Map: Town01"
    assert lines[-2:] == [f"Frames: {crash.frames}", "Duration: 7 seconds"]
    assert f" Create {crash.hero.id}: {MKZ} (1) at " in text
    assert "  role_name = hero" in lines
    assert re.search(rf"^ Collision id \d+ between {crash.hero.id} \(hero\) with {crash.walker.id}$", text, re.M)
    assert text.count("traffic.traffic_light (3)") == len(crash.session.world.lights.table)
    assert " Positions" not in text


def test_full_info_has_every_state_of_every_frame(crash: Crash) -> None:
    text = queries.file_info(crash.reader, True)
    frames = re.split(r"^Frame (\d+) at ([\d.e-]+) seconds$", text, flags=re.M)
    assert [int(number) for number in frames[1::3]] == list(range(1, crash.frames + 1))
    assert [float(seconds) for seconds in frames[2::3]] == pytest.approx([STEP_S * k for k in range(crash.frames)])
    for section in ("Positions: 5", "State traffic lights", "Vehicle animations: 3", "Walker animations: 1"):
        assert text.count(f"\n {section}") == crash.frames
    assert text.count("\n Actor bounding boxes") == text.count("\n Actor trigger volumes") == 1
    assert text.count("   max_rpm = ") == 3
    last = frames[-1]
    hero = crash.session.world.fleet.table.records[crash.hero.row]
    found = re.search(rf"  Id: {crash.hero.id} Location: \((.*?)\) Rotation: \((.*?)\)", last)
    assert found is not None
    assert [float(word) for word in found[1].split(", ")] == pytest.approx(100.0 * hero["location"], abs=0.2)
    roll, pitch, yaw = (float(word) for word in found[2].split(", "))
    assert [pitch, yaw, roll] == pytest.approx(hero["rotation_deg"], abs=0.02)


def test_overlong_info_is_cut_and_says_so(crash: Crash, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MAX_TEXT_CHARACTERS", 20_000)
    text = queries.file_info(crash.reader, True)
    assert len(text) < 40_000
    assert "left out" in text
    assert text.endswith(f"Frames: {crash.frames}\nDuration: 7 seconds\n")


def test_calls_answer_with_tables(crash: Crash) -> None:
    target = crash.session
    assert call(target, "show_recorder_file_info", "crash", False) == queries.file_info(crash.reader, False)
    answer = call(target, "show_recorder_collisions", "crash.log", ord("h"), ord("w"))
    assert answer == queries.collisions(crash.reader, "h", "w")
    answer = call(target, "show_recorder_actors_blocked", "crash", 5.0, 100.0)
    assert answer == queries.blocked_actors(crash.reader, 5.0, 1.0)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("show_recorder_file_info", [True]),
        ("show_recorder_collisions", [97, 97]),
        ("show_recorder_actors_blocked", [1.0, 1.0]),
        ("replay_file", [0.0, 0.0, 0, False, [[0.0] * 3, [0.0] * 3]]),
    ],
)
def test_unknown_damaged_and_forbidden_files_are_answered_with_a_sentence(
    crash: Crash, name: str, arguments: list[object]
) -> None:
    damaged = crash.reader.path.with_name("damaged.log")
    damaged.write_bytes(crash.reader.path.read_bytes()[:30])
    for file, words in (("missing", "No such file"), ("damaged", "damaged"), ("/etc/hosts", "nowhere else")):
        text = call(crash.session, name, file, *arguments)
        assert words in text and text.count("\n") == 1


def test_recording_outside_the_folder_is_refused(crash: Crash, tmp_path: Path) -> None:
    assert "nowhere else" in error_of(crash.session, "start_recorder", str(tmp_path / "a.log"), False)
    assert "'..'" in error_of(crash.session, "start_recorder", "../a.log", False)
    crash.reader.path.with_name("plain.txt").write_text("not yours")
    assert "no recording" in error_of(crash.session, "start_recorder", "plain.txt", False)
    assert not (tmp_path / "a.log").exists()


def test_replay_changes_the_map_and_a_new_map_ends_a_recording(crash: Crash) -> None:
    target = session()
    target.load(compiled("Town02"))
    episode = target.world.episode_id
    text = call(target, "replay_file", "crash", 0.0, 0.0, 0, False)
    assert "Town01" in text and "Actors: 4" in text
    assert (target.world.town.name, target.world.episode_id) == ("Town01", episode + 1)
    call(target, "start_recorder", "short", False)
    for _ in range(3):
        target.tick(STEP_S)
    target.load(compiled("Town02"))
    target.tick(STEP_S)
    short = RecordingReader(crash.reader.path.with_name("short.log"))
    assert (short.header.town, short.frames) == ("Town01", 4)


def test_replay_refuses_maps_it_cannot_have(crash: Crash) -> None:
    target = session()
    target.load(compiled("Town02"))
    target.available_towns = list
    assert "not installed" in call(target, "replay_file", "crash", 0.0, 0.0, 0, False)
    target.available_towns = lambda: ["Town01"]
    target.load_town = lambda name: compiled("Town02")
    assert "another version" in call(target, "replay_file", "crash", 0.0, 0.0, 0, False)


def test_additional_physics_are_applied_in_replays(crash: Crash) -> None:
    target = session()
    car = target.world.spawn(MKZ, [], target.world.town.spawn_points[0][:3], target.world.town.spawn_points[0][3:])
    call(target, "start_recorder", "heavy", True)
    ((_, control),) = dispatch(target, "get_physics_control", [car.id])  # type: ignore[misc]
    control[11] = 4321.0  # type: ignore[index]
    dispatch(target, "apply_physics_control", [car.id, control])
    target.tick(STEP_S)
    target.deck.stop()
    other = session()
    call(other, "replay_file", "heavy", 0.0, 0.0, 0, False)
    other.tick(STEP_S)
    assert other.world.fleet.column("mass")[0] == pytest.approx(4321.0)
    # A client may have destroyed the vehicle before.
    call(other, "replay_file", "heavy", 0.0, 0.0, 0, False)
    dispatch(other, "destroy_actor", [other.world.fleet.table.actors[0].id])
    other.tick(STEP_S)
    assert other.world.lights.suspended, "the replay goes on"


def test_nonsense_in_a_sound_file_ends_the_replay(crash: Crash) -> None:
    target = session()
    header = replace(crash.reader.header, signals=[])
    for event in (["spawn", 5], ["spawn", 5, MKZ, [], [0.0], [0.0], 0, 0], ["lights", [9999], [0], [0.0], [False]]):
        with crash.reader.path.with_name("odd.log").open("wb") as file:
            write_header(file, header)
            write_frames(file, np.arange(3.0), [[], [event], []], {})
        assert call(target, "replay_file", "odd", 0.0, 0.0, 0, False)
        target.tick(1.0)
        assert not target.world.lights.suspended
        assert not len(target.world.fleet)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("start_recorder", [5, False]),
        ("start_recorder", ["a", 1]),
        ("replay_file", ["a"]),
        ("replay_file", ["a", "0", 0.0, 0, False]),
        ("stop_replayer", [1]),
        ("set_replayer_time_factor", ["fast"]),
        ("set_replayer_ignore_hero", [None]),
        ("show_recorder_collisions", ["crash", None, 97]),
        ("show_recorder_actors_blocked", ["crash", [], 1.0]),
    ],
)
def test_nonsense_is_answered_with_an_error(crash: Crash, name: str, arguments: list[object]) -> None:
    assert error_of(crash.session, name, *arguments)


def test_settings_of_replays_are_kept(crash: Crash) -> None:
    target = session()
    for name, value in (("time_factor", 2.5), ("ignore_hero", True), ("ignore_spectator", False)):
        assert dispatch(target, f"set_replayer_{name}", [value]) == [[False]]
        assert getattr(target.deck, name) == value
    dispatch(target, "set_replayer_time_factor", [float("nan")])
    assert target.deck.time_factor == 1.0
    dispatch(target, "set_replayer_time_factor", [-3.0])
    assert target.deck.time_factor == 0.0
