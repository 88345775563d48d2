"""Recording files: the packing of motion, checked blocks, damaged files, names that clients may use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lead.simulator.recorder import motion
from lead.simulator.recorder.format import Header, Motion, RecordingError, RecordingReader, write_frames, write_header
from lead.simulator.recorder.motion import CHANNELS, PLAIN, VEHICLE, WALKER
from lead.simulator.recorder.paths import FOLDER_VARIABLE, recording_path, require_overwritable

HEADER = Header("Town01", "00", "0.9.16", "2024-01-01T00:00:00+00:00", False, 1)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "recordings"))
    return tmp_path / "recordings"


def made_up_states(kind: str, frames: int, actors: int, seed: int = 0) -> np.ndarray:
    """Values of every size that a channel may take, jumps included."""
    rng = np.random.default_rng(seed)
    channels = CHANNELS[kind]
    scale = rng.choice([0.0, 1e-3, 1.0, 300.0, 1e6], (1, actors, len(channels)))
    states = np.cumsum(rng.normal(size=(frames, actors, len(channels))), axis=0) * scale
    for index, channel in enumerate(channels):
        if channel.angle:
            states[:, :, index] = (states[:, :, index] + 180.0) % 360.0 - 180.0
        if channel.name in ("switches", "gear", "lights", "doors"):
            states[:, :, index] = rng.integers(0, 2**32 if channel.name == "lights" else 8, (frames, actors))
    return states


@pytest.mark.parametrize("kind", [VEHICLE, WALKER, PLAIN])
@pytest.mark.parametrize(("frames", "actors"), [(1, 3), (2, 1), (40, 7), (5, 0)])
def test_motion_survives_packing_up_to_its_quanta(kind: str, frames: int, actors: int) -> None:
    states = made_up_states(kind, frames, actors)
    times = np.cumsum(np.random.default_rng(1).uniform(0.01, 0.1, frames))
    decoded = motion.decode(kind, motion.encode(kind, states, times), actors, times)
    assert decoded.shape == states.shape
    for index, channel in enumerate(CHANNELS[kind]):
        error = decoded[:, :, index] - states[:, :, index]
        if channel.angle:
            error = (error + 180.0) % 360.0 - 180.0
            assert (decoded[:, :, index] < 180.0).all()
        assert np.abs(error).max(initial=0.0) <= 0.5 * channel.quantum + 1e-9


def test_packing_twice_changes_nothing_more() -> None:
    """What was read from a recording can be recorded again without drift."""
    states = made_up_states(VEHICLE, 30, 5)
    times = np.arange(30) * 0.05
    once = motion.decode(VEHICLE, motion.encode(VEHICLE, states, times), 5, times)
    assert np.array_equal(motion.decode(VEHICLE, motion.encode(VEHICLE, once, times), 5, times), once)


def test_steady_driving_costs_next_to_nothing() -> None:
    frames, actors = 40, 50
    times = np.arange(frames) * 0.05
    states = np.zeros((frames, actors, len(CHANNELS[VEHICLE])))
    states[:, :, 6] = np.linspace(1.0, 20.0, actors)
    states[:, :, 0] = states[:, :, 6] * times[:, None]
    assert len(motion.encode(VEHICLE, states, times)) < 2 * frames * actors


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_short_motion_data_are_refused(cut: int) -> None:
    times = np.arange(10) * 0.05
    data = motion.encode(WALKER, made_up_states(WALKER, 10, 4), times)
    with pytest.raises(ValueError, match=r"short|many"):
        motion.decode(WALKER, data[:-cut], 4, times)
    with pytest.raises(ValueError, match=r"short|many"):
        motion.decode(WALKER, data + bytes(cut), 4, times)


def test_blend_takes_the_short_way_around_and_keeps_controls() -> None:
    before, after = np.zeros((1, len(CHANNELS[VEHICLE]))), np.zeros((1, len(CHANNELS[VEHICLE])))
    yaw, throttle = motion.column(VEHICLE, "yaw"), motion.column(VEHICLE, "throttle")
    before[0, [0, yaw, throttle]] = 1.0, 179.0, 0.25
    after[0, [0, yaw, throttle]] = 3.0, -179.0, 0.75
    mixed = motion.blend(VEHICLE, before, after, 0.75)[0]
    assert mixed[0] == pytest.approx(2.5)
    assert mixed[yaw] == pytest.approx(180.5)
    assert mixed[throttle] == 0.25


def write_recording(path: Path, blocks: int = 4, frames: int = 5) -> list[int]:
    """A recording of some blocks; returns the file's size after the header and after every block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sizes = []
    with path.open("wb") as file:
        write_header(file, HEADER)
        sizes.append(file.tell())
        for number in range(blocks):
            times = 0.1 * (number * frames + np.arange(frames))
            states = made_up_states(PLAIN, frames, 2, seed=number)
            events = [[["destroy", number]] if index == 0 else [] for index in range(frames)]
            write_frames(file, times, events, {PLAIN: Motion(np.array([1, 2], np.uint32), states)})
            sizes.append(file.tell())
    return sizes


def test_reader_gives_back_what_was_written(folder: Path) -> None:
    path = folder / "a.log"
    write_recording(path)
    reader = RecordingReader(path)
    assert reader.header == HEADER
    assert (reader.frames, len(reader.places)) == (20, 4)
    assert reader.duration_s == pytest.approx(1.9)
    block = reader.block(2)
    assert block.events[0] == [["destroy", 2]]
    assert block.times_s == pytest.approx(0.1 * np.arange(10, 15))
    assert np.abs(block.motion()[PLAIN].states[:, :, :3] - made_up_states(PLAIN, 5, 2, seed=2)[:, :, :3]).max() < 1e-3


def test_torn_file_is_good_up_to_its_last_whole_block(folder: Path) -> None:
    path = folder / "a.log"
    sizes = write_recording(path)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        if length < sizes[0]:
            with pytest.raises(RecordingError):
                RecordingReader(path)
            continue
        whole = sum(length >= size for size in sizes[1:])
        assert len(RecordingReader(path).places) == whole


def test_flipped_bytes_end_the_recording_before_them(folder: Path) -> None:
    path = folder / "a.log"
    sizes = write_recording(path)
    data = path.read_bytes()
    for place in range(sizes[1], sizes[2], 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        assert len(RecordingReader(path).places) == 1


def test_other_files_are_no_recordings(folder: Path) -> None:
    folder.mkdir()
    for content in (b"", b"CARLA_RECORDER", bytes(1000)):
        (folder / "a.log").write_bytes(content)
        with pytest.raises(RecordingError, match=r"no|not"):
            RecordingReader(folder / "a.log")
    with pytest.raises(RecordingError, match="cannot read"):
        RecordingReader(folder / "missing.log")


def test_names_lie_in_the_folder(folder: Path) -> None:
    assert recording_path("a") == folder / "a.log"
    assert recording_path("runs/a.rec") == folder / "runs" / "a.rec"
    assert recording_path(str(folder / "b.log")) == folder / "b.log"


@pytest.mark.parametrize(
    "name", ["", "/", "../a.log", "runs/../../a.log", "/etc/passwd", "a\0b", "..\\a.log", "x" * 300, "x" * 2000]
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(RecordingError):
        recording_path(name)


def test_links_out_of_the_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)
    (folder / "link.log").symlink_to(tmp_path / "target.log")
    for name in ("out/a.log", "link.log"):
        with pytest.raises(RecordingError, match="nowhere else"):
            recording_path(name)


def test_only_recordings_are_overwritten(folder: Path) -> None:
    write_recording(folder / "old.log")
    (folder / "notes.log").write_text("do not lose me")
    require_overwritable(folder / "old.log")
    require_overwritable(folder / "new.log")
    for name in ("notes.log", "."):
        with pytest.raises(RecordingError, match="no recording"):
            require_overwritable(folder / name)
