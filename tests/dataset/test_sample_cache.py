"""A cache gives the samples that the sources give, notices every change and damage, and survives what kills others."""

from __future__ import annotations

import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from sample_support import ROUTE, build_or_die, record_samples, same_samples

from lead.dataset.cache.build import RouteOutcome, build_route, check_route, run_tasks, tasks_of
from lead.dataset.cache.record import pack, unpack
from lead.dataset.cache.settings import RecordSettings
from lead.dataset.cache.sources import build_record
from lead.dataset.cache.store import CacheState, RecordStore, default_folder, shard_path
from lead.dataset.carla_sample import CarlaSamples, SampleOptions
from lead.dataset.errors import DatasetError
from lead.dataset.pickles import dump_xz, load_xz
from lead.dataset.route_index import FrameIndex, build_index
from lead.sensing.rigs import CARLA_3_CAMERAS

SETTINGS = RecordSettings()
FRAMES = 11
RECORDS = 2 * FRAMES


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pristine")
    record_samples(root, frames=FRAMES)
    build(root)
    return root


@pytest.fixture
def root(pristine: Path, tmp_path: Path) -> Path:
    """A data set with a cache, to be damaged."""
    copy = tmp_path / "dataset"
    shutil.copytree(pristine, copy)  # keeps the times of files
    return copy


def folder(root: Path) -> Path:
    return root / "cache"


def build(root: Path, work: Any = build_route, settings: RecordSettings = SETTINGS) -> RouteOutcome:
    (outcome,) = run_tasks(work, tasks_of(build_index(root, skip_first=0, skip_last=0), folder(root), settings), 1)
    return outcome


def warm(root: Path, **options: Any) -> CarlaSamples:
    return CarlaSamples(
        build_index(root, skip_last=8), CARLA_3_CAMERAS, SampleOptions(**options), RecordStore(folder(root), SETTINGS)
    )


def cold(index: FrameIndex, **options: Any) -> CarlaSamples:
    return CarlaSamples(index, CARLA_3_CAMERAS, SampleOptions(**options))


def state(source: CarlaSamples, index: int = 0) -> CacheState:
    """How a sample was come by; it must always be the one that the sources make."""
    sample = source.load(index, np.random.default_rng(4))
    expected = CarlaSamples(source.index, source.rig, source.options).load(index, np.random.default_rng(4))
    assert same_samples(sample, expected)
    return CacheState(int(sample["cache_state"]))


@pytest.mark.parametrize("used_cameras", [None, (False, True, True)])
@pytest.mark.parametrize("twin_share", [0.0, 1.0])
def test_cached_samples_are_those_of_the_sources(
    pristine: Path, twin_share: float, used_cameras: tuple[bool, ...] | None
) -> None:
    source = warm(pristine, twin_share=twin_share, used_cameras=used_cameras, augmentation=0.5)
    assert [state(source, index) for index in range(len(source))] == [CacheState.FRESH] * len(source)
    assert all(array.flags.writeable for array in source.load(0, np.random.default_rng(0)).values())


def test_without_a_cache_samples_say_so(pristine: Path) -> None:
    assert state(cold(build_index(pristine, skip_last=8))) is CacheState.NO_CACHE


def test_a_second_build_writes_nothing(root: Path) -> None:
    before = shard_path(folder(root), ROUTE).stat()
    outcome = build(root)
    assert (outcome.built, outcome.kept, outcome.failed.total()) == (0, RECORDS, 0)
    assert shard_path(folder(root), ROUTE).stat().st_mtime_ns == before.st_mtime_ns
    assert build(root, check_route).found == Counter({CacheState.FRESH: RECORDS})


def test_copies_for_other_processes_open_their_own_files(root: Path) -> None:
    source = warm(root)
    assert state(source) is CacheState.FRESH
    copy = pickle.loads(pickle.dumps(source))
    source._cache.close()
    assert state(copy) is CacheState.FRESH


def test_a_changed_source_makes_its_records_stale_and_is_built_anew(root: Path) -> None:
    path = root / ROUTE / "metas/0001.pkl"
    path.write_bytes(dump_xz(load_xz(path.read_bytes()) | {"speed": 3.25}))
    source = warm(root, twin_share=0.0)
    assert state(source, 0) is CacheState.STALE and state(source, 1) is CacheState.FRESH
    assert source.load(0, np.random.default_rng(0))["speed"] == 3.25
    assert build(root, check_route).found == Counter({CacheState.FRESH: RECORDS - 2, CacheState.STALE: 2})
    outcome = build(root)
    assert (outcome.built, outcome.kept) == (2, RECORDS - 2)
    again = warm(root, twin_share=0.0)
    assert state(again, 0) is CacheState.FRESH
    assert again.load(0, np.random.default_rng(0))["speed"] == 3.25


def test_a_picture_of_one_view_makes_that_view_stale_only(root: Path) -> None:
    path = root / ROUTE / "hdmap_perturbated/0002.png"
    shutil.copy(root / ROUTE / "hdmap/0002.png", path)
    assert state(warm(root, twin_share=1.0), 1) is CacheState.STALE
    assert state(warm(root, twin_share=0.0), 1) is CacheState.FRESH
    assert build(root).built == 1


def test_a_touched_file_counts_as_changed(root: Path) -> None:
    path = root / ROUTE / "lidar/0001.laz"
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert state(warm(root), 0) is CacheState.STALE


def test_sources_need_not_be_there_if_nobody_checks(root: Path) -> None:
    index = build_index(root, skip_last=8)
    expected = cold(index).load(0, np.random.default_rng(0))
    shutil.rmtree(root / "data")
    cache = RecordStore(folder(root), SETTINGS, checks_sources=False)
    sample = CarlaSamples(index, CARLA_3_CAMERAS, cache=cache).load(0, np.random.default_rng(0))
    assert same_samples(sample, expected)


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.9])
def test_a_damaged_record_is_found_and_repaired(root: Path, place: float) -> None:
    path = shard_path(folder(root), ROUTE)
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 0x10
    path.write_bytes(bytes(data))
    found = build(root, check_route)
    assert found.found == Counter({CacheState.FRESH: RECORDS - 1, CacheState.CORRUPT: 1})
    assert "is damaged" in found.faults[0]
    for share in (0.0, 1.0):
        source = warm(root, twin_share=share)
        for index in range(len(source)):
            state(source, index)
    outcome = build(root)
    assert (outcome.built, outcome.kept) == (1, RECORDS - 1)
    assert build(root, check_route).found == Counter({CacheState.FRESH: RECORDS})


@pytest.mark.parametrize("damage", ["cut", "empty", "table", "foreign"])
def test_a_damaged_file_is_found_and_built_anew(root: Path, damage: str) -> None:
    path = shard_path(folder(root), ROUTE)
    data = path.read_bytes()
    damaged = {
        "cut": data[: len(data) // 2],
        "empty": b"",
        "table": data[:-60] + b"\x00" + data[-59:],
        "foreign": b"something else" * 100,
    }
    path.write_bytes(damaged[damage])
    assert state(warm(root)) is CacheState.CORRUPT
    outcome = build(root)
    assert outcome.found == Counter({CacheState.CORRUPT: RECORDS}) and outcome.built == RECORDS
    assert state(warm(root)) is CacheState.FRESH


def test_other_settings_make_records_stale(root: Path) -> None:
    other = RecordSettings(lidar_ticks=5)
    assert build(root, check_route, other).found == Counter({CacheState.STALE: RECORDS})
    assert build(root, settings=other).built == RECORDS
    assert state(warm(root)) is CacheState.STALE
    with pytest.raises(ValueError, match="lidar_ticks=5"):
        CarlaSamples(build_index(root), CARLA_3_CAMERAS, cache=RecordStore(folder(root), other))


def test_records_that_are_not_there_are_missing(root: Path) -> None:
    shard_path(folder(root), ROUTE).unlink()
    assert state(warm(root)) is CacheState.MISSING


def test_frames_that_cannot_be_read_are_counted_and_left_out(root: Path) -> None:
    (root / ROUTE / "lidar/0001.laz").write_bytes(b"LASF")
    (root / ROUTE / "rgb_perturbated/0003.jpg").unlink()
    outcome = build(root)
    assert outcome.failed == Counter({"unreadable file": 2, "missing modality": 1})
    assert len(outcome.faults) == 3 and "0001.laz" in outcome.faults[0]
    assert (outcome.built, outcome.kept) == (0, RECORDS - 3)
    assert state(warm(root), 1) is CacheState.FRESH
    found = build(root, check_route).found
    assert found == Counter({CacheState.FRESH: RECORDS - 3, CacheState.MISSING: 3})


def test_frames_that_are_gone_leave_the_cache(root: Path) -> None:
    for path in (root / ROUTE).glob("*/0010.*"):
        path.unlink()
    assert build(root).kept == RECORDS - 2
    assert build(root, check_route).found == Counter({CacheState.FRESH: RECORDS - 2})


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_its_route_only(pristine: Path, tmp_path: Path) -> None:
    deadly = ROUTE.replace("Town03_Rep0_1", "Town03_Rep0_deadly")
    for relative in (ROUTE, deadly, ROUTE.replace("Rep0_1", "Rep1_1")):
        shutil.copytree(pristine / ROUTE, tmp_path / relative)
    index = build_index(tmp_path)
    outcomes = {item.route: item for item in run_tasks(build_or_die, tasks_of(index, folder(tmp_path), SETTINGS), 2)}
    assert len(outcomes) == 3
    assert outcomes.pop(deadly).failed == Counter({"killed worker": 1})
    assert [item.built for item in outcomes.values()] == [RECORDS, RECORDS]


def command(root: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "lead", "cache", *words, str(root), "--out", str(folder(root))]


def run(words: list[str], before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, check=False, capture_output=True, text=True, preexec_fn=before)


def leftovers(root: Path) -> list[Path]:
    return [path for path in folder(root).rglob("*") if path.name.startswith(".")]


def test_the_command_builds_and_verifies(root: Path) -> None:
    shutil.rmtree(folder(root))
    missing = run(command(root, "verify"))
    assert missing.returncode == 1 and f"{RECORDS} missing" in missing.stdout
    built = run(command(root, "build", "--workers", "2"))
    assert built.returncode == 0, built.stderr
    assert f"{RECORDS} records built, 0 kept, 0 failed" in built.stdout
    verified = run(command(root, "verify"))
    assert verified.returncode == 0 and f"{RECORDS} fresh, 0 stale, 0 corrupt, 0 missing" in verified.stdout


def test_the_published_script_builds_what_a_training_reads(root: Path) -> None:
    script = Path(__file__).resolve().parents[2] / "scripts/build_cache.py"
    result = run([sys.executable, str(script), f"carla_root={root}", "assigned_cpu_cores=1"])
    assert result.returncode == 0, result.stderr
    assert f"{RECORDS} records built" in result.stdout
    found = RecordStore(default_folder(root), SETTINGS).get(root, ROUTE, 1, is_twin=True)
    assert found[1] is CacheState.FRESH
    mistyped = run([sys.executable, str(script), "carla_rot=x"])
    assert mistyped.returncode == 1 and "did you mean 'carla_root'" in mistyped.stderr


def test_a_full_disk_is_one_sentence_and_leaves_the_old_cache(root: Path) -> None:
    os.utime(root / ROUTE / "metas/0001.pkl", ns=(1, 1))
    before = shard_path(folder(root), ROUTE).read_bytes()

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    result = run(command(root, "build"), small_files)
    assert result.returncode == 1
    assert "cannot be written" in result.stderr and "Traceback" not in result.stderr
    assert shard_path(folder(root), ROUTE).read_bytes() == before
    assert not leftovers(root)


def test_a_folder_that_cannot_be_made_is_one_sentence(root: Path) -> None:
    shutil.rmtree(folder(root))
    folder(root).write_text("a file")
    result = run(command(root, "build"))
    assert result.returncode == 1
    assert "cannot be written" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_build_that_is_stopped_leaves_no_process_and_is_finished_by_the_next(
    pristine: Path, tmp_path: Path, how: signal.Signals
) -> None:
    names = [ROUTE.replace("Rep0", f"Rep{number}") for number in range(8)]
    for name in names:
        shutil.copytree(pristine / ROUTE, tmp_path / name)
    words = command(tmp_path, "build", "--workers", "2")
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not list(folder(tmp_path).rglob("*.shard")) and time.monotonic() < deadline:
            time.sleep(0.005)
        workers = psutil.Process(process.pid).children()
        process.send_signal(how)
        _, complaints = process.communicate(timeout=30)
    assert workers and process.returncode == (-how if how == signal.SIGKILL else 130)
    assert b"Traceback" not in complaints
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
    assert how == signal.SIGKILL or not leftovers(tmp_path)
    tasks = tasks_of(build_index(tmp_path), folder(tmp_path), SETTINGS)
    outcomes = list(run_tasks(build_route, tasks, 1))
    assert sum(item.kept for item in outcomes) >= RECORDS
    assert sum(item.kept + item.built for item in outcomes) == 8 * RECORDS
    assert not leftovers(tmp_path)


def test_records_survive_the_trip_through_bytes(pristine: Path) -> None:
    record = build_record(pristine / ROUTE, 1, SETTINGS, is_twin=True)
    again = unpack(pack(record))
    for name in ("jpeg", "boxes", "semantic", "depth_code", "bev_semantic", "lidar_counts", "radar_points"):
        np.testing.assert_array_equal(getattr(again, name), getattr(record, name))
    assert {name: np.asarray(value).tolist() for name, value in vars(again.motion).items()} == {
        name: np.asarray(value).tolist() for name, value in vars(record.motion).items()
    }


def test_any_damage_of_bytes_is_a_dataset_error_or_harmless(pristine: Path) -> None:
    data = pack(build_record(pristine / ROUTE, 1, SETTINGS, is_twin=False))
    rng = np.random.default_rng(0)
    errors = 0
    for _ in range(300):
        damaged = bytearray(data)
        for place in rng.integers(0, 600, 3):
            damaged[place] = rng.integers(256)
        try:
            unpack(bytes(damaged))
        except DatasetError:
            errors += 1
    assert errors > 150
