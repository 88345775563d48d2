"""``lead collect`` with a real simulator: what it leaves is a data set, whole, faultless, and finished when killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lead.dataset.errors import DatasetError
from lead.dataset.layout import FRAME_STRIDE, find_routes
from lead.dataset.reader import RouteReader
from lead.dataset.route_index import RouteChoice, build_index
from lead.dataset.verify import verify_route
from lead.maps.towns import installed_towns

ROUTE = """<routes><route id="{name}" town="Town01"><waypoints><position x="88.4" y="{start}" z="0.0"/>
<position x="88.4" y="{end}" z="0.0"/></waypoints></route></routes>"""
KILLS = 20
POLICY = Path(__file__).resolve().parents[2] / "data" / "checkpoints" / "tfv6_compact"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed"),
]


def write_routes(folder, count):
    folder.mkdir()
    for number in range(count):
        start = 235.0 + 5.0 * number
        text = ROUTE.format(name=f"straight{number}", start=start, end=start + 30.0)
        (folder / f"straight{number}.xml").write_text(text)
    return folder


def command(routes, out, *arguments):
    words = ["collect", str(routes), "--out", str(out), "--traffic", "3", "--retries", "5", *arguments]
    return [sys.executable, "-m", "lead", *words]


def readers(out):
    """Recorded routes; none before the first one has its folders."""
    try:
        return [RouteReader(place.folder) for place in find_routes(out)]
    except DatasetError:
        return []


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A route of three cameras with the twin rig."""
    folder = tmp_path_factory.mktemp("collect")
    routes = write_routes(folder / "routes", 1)
    done = subprocess.run(command(routes, folder / "out"), capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 routes are complete" in done.stdout
    (reader,) = readers(folder / "out")
    return reader


def test_a_recorded_route_has_no_fault(recorded):
    assert recorded.is_complete
    assert verify_route(recorded.route_dir, strict=True) == []
    assert recorded.route_dir.parent.name == "noScenarios"
    assert len(recorded.frames) >= 10
    assert recorded.why_unusable() is None
    assert recorded.results["scores"]["score_composed"] == 100.0


def test_pictures_and_clouds_are_those_of_the_rig(recorded):
    frame = recorded.frames[3]
    for suffix in ("", "_perturbated"):
        assert recorded.read(f"rgb{suffix}", frame).shape == (384, 1152, 3)
        assert recorded.read(f"semantics{suffix}", frame).shape == (384, 1152)
        assert recorded.read(f"depth{suffix}", frame).shape == (96, 288)
        assert recorded.read(f"hdmap{suffix}", frame).shape == (256, 256)
        assert {points.shape[1] for points in recorded.read(f"radar{suffix}", frame).values()} == {4}
    assert not np.array_equal(recorded.read("rgb", frame), recorded.read("rgb_perturbated", frame))
    cloud = recorded.read("lidar", frame)
    assert len(cloud.points_ego) > 1000
    assert set(cloud.time.tolist()) == set(range(10))
    semantics = recorded.read("semantics", frame)
    assert (semantics == 2).mean() > 0.1, "the road"
    # The map beneath the ego, in the middle of the picture, is road.
    assert recorded.read("hdmap", frame)[124:132, 124:132].max() >= 1


def test_labels_tell_how_the_ego_moved(recorded):
    first, later = (recorded.meta(recorded.frames[index]) for index in (0, 6))
    assert (first["town"], first["scenario"]) == ("Town01", "noScenarios")
    assert abs(first["perturbation_translation"]) >= 0.1
    assert len(first["future_speeds"]) == 61
    # 30 ticks later the ego is where the first frame saw it.
    matrix = first["ego_matrix"].astype(float)
    expected = (np.array(later["pos_global"]) - matrix[:3, 3]) @ matrix[:3, :3]
    assert first["future_positions"][30] == pytest.approx(expected, abs=0.02)
    assert later["past_speeds"][0] == pytest.approx(later["speed"], abs=1e-4)
    assert later["past_speeds"][30] == pytest.approx(first["speed"], abs=1e-4)
    boxes = recorded.boxes(recorded.frames[6])
    assert boxes[0]["class"] == "ego_car"
    assert [box["distance"] for box in boxes] == sorted(box["distance"] for box in boxes)


def beside_the_car(reader):
    """How many points of a sweep lie in the strip across the car that published clouds lack."""
    cloud = reader.read("lidar", reader.frames[6])
    x, y = np.abs(cloud.points_ego[cloud.time == 0, :2]).T
    return int(((x < 2.3) & (y > 3.0)).sum())


def test_six_cameras_and_exact_clouds(tmp_path, recorded):
    routes = write_routes(tmp_path / "routes", 1)
    environment = os.environ | {"LEAD_EXPERT_CONFIG": "target_dataset=2 perturbate_sensors=false exact_clouds=true"}
    done = subprocess.run(
        command(routes, tmp_path / "out"), capture_output=True, text=True, timeout=280, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    (reader,) = readers(tmp_path / "out")
    assert verify_route(reader.route_dir, strict=True) == []
    assert reader.read("rgb", 0).shape == (384, 2304, 3)
    assert not reader.has("rgb_perturbated", 0)
    assert reader.meta(0)["sensor_information"]["num_cameras"] == 6
    # Not one LiDAR point is there as published, and the index knows which is which.
    assert beside_the_car(recorded) == 0 and beside_the_car(reader) > 100
    for folder, exact in ((recorded.route_dir, False), (reader.route_dir, True)):
        assert [entry.exact_clouds for entry in build_index(folder, choice=RouteChoice.ALL).routes] == [exact]


def descendants(pid):
    """Processes below one, with their command lines."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
            parents[int(entry.parent.name)] = (int(fields[1]), entry.with_name("cmdline").read_bytes().decode())
        except (OSError, ValueError):
            continue
    below, found = {pid}, {}
    while grown := {child for child, (parent, _) in parents.items() if parent in below} - below:
        below |= grown
        found.update((child, parents[child][1]) for child in grown)
    return found


def victim(collection, kind):
    """Id of the process of a kind, None while there is none."""
    if kind == "collection":
        return collection.pid
    word = "episode_process" if kind == "recorder" else "sim"
    return next((pid for pid, line in descendants(collection.pid).items() if word in line.split("\0")[1:4][-1]), None)


def test_a_policy_drives_stretches_and_the_record_has_what_the_expert_would_do(tmp_path):
    routes = write_routes(tmp_path / "routes", 1)
    environment = os.environ | {"LEAD_EXPERT_CONFIG": f"novice={POLICY}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command(routes, tmp_path / "out"), capture_output=True, text=True, timeout=280, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "out" / "results").glob("straight0*/")
    (log,) = folder.glob("*.log")
    assert "the novice drives" in log.read_text()
    rows = map(json.loads, (folder / "drive_log.jsonl").read_text().splitlines())
    driven = {row["step"] - 1: row["control"][0] for row in rows if "control" in row}
    (reader,) = readers(tmp_path / "out")
    assert verify_route(reader.route_dir, strict=True) == []
    # What the car was told and what is recorded are the same but where the policy drove.
    steers = {frame * FRAME_STRIDE: float(reader.meta(frame)["steer"]) for frame in reader.frames}
    differs = [abs(driven[tick] - steers[tick]) > 2e-3 for tick in steers if tick in driven]
    assert len(differs) > 5 and 0.1 < np.mean(differs) < 0.9


def test_a_novice_that_does_not_exist_is_one_sentence(tmp_path):
    routes = write_routes(tmp_path / "routes", 1)
    environment = os.environ | {"LEAD_EXPERT_CONFIG": f"novice={tmp_path / 'nobody'}"}
    done = subprocess.run(
        command(routes, tmp_path / "out"), capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode == 1
    assert "nobody" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.timeout(3600)
def test_kills_at_random_moments_cost_nothing(tmp_path):
    routes, out = write_routes(tmp_path / "routes", 4), tmp_path / "out"
    draw = random.Random(5)
    kills = 0
    while kills < KILLS:
        collection = subprocess.Popen(
            command(routes, out, "--repetitions", "3"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            while kills < KILLS and collection.poll() is None:
                time.sleep(draw.uniform(2.0, 12.0))
                kind = draw.choice(["collection", "recorder", "simulator"])
                pid = victim(collection, kind)
                if pid is None:
                    continue
                os.kill(pid, signal.SIGKILL)
                kills += 1
                if kind == "collection":
                    break
        finally:
            if kills >= KILLS or collection.poll() is None:
                collection.kill()
            collection.communicate(timeout=60)
        for reader in readers(out):
            kinds = {finding.kind for finding in verify_route(reader.route_dir)}
            assert kinds <= {"incomplete"}, "never half a file under a final name"
        if all(reader.is_complete for reader in readers(out)) and len(readers(out)) == 12:
            break
    done = subprocess.run(
        command(routes, out, "--repetitions", "3"), capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = readers(out)
    assert len(found) == 12 and all(reader.is_complete for reader in found)
    for reader in found:
        assert verify_route(reader.route_dir, strict=True) == []
    records = json.loads((out / "results" / "checkpoint_endpoint.json").read_text())["_checkpoint"]["records"]
    assert {record["scores"]["score_route"] for record in records} == {100.0}
