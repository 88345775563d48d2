"""``lead collect --frames`` and ``--minutes``: no route is begun once there is enough, and what was recorded counts."""

import json
import signal

import pytest

from lead.cli.collect import Limit
from lead.cli.main import main
from lead.dataset.layout import METAS, RESULTS_NAME, frame_path
from lead.evaluation.pool import run_tasks
from lead.evaluation.result_store import ResultStore
from lead.evaluation.simulators import SimulatorHost
from lead.evaluation.supervisor import DriveSettings
from lead.expert.collection.folders import RESULTS, RecordingFolders
from lead.expert.collection.plan import Selection, plan_collection
from lead.maps.towns import installed_towns
from lead.scoring.profiles import profile
from lead.simulator.launch import LaunchError

ROUTE = """<routes><route id="0" town="Town01"><waypoints><position x="88.4" y="235.0" z="0"/>
<position x="88.4" y="265.0" z="0"/></waypoints></route></routes>"""
GOOD = {"status": "Perfect", "num_infractions": 0, "infractions": {}, "scores": {"score_composed": 100.0}}
BAD = {"status": "Failed - Agent crashed"}


@pytest.fixture
def tasks(tmp_path):
    """Four routes of a collection."""
    (tmp_path / "routes").mkdir()
    for number in range(4):
        (tmp_path / "routes" / f"straight{number}.xml").write_text(ROUTE)
    return plan_collection(tmp_path / "routes", Selection())


@pytest.fixture
def collect(tmp_path, tasks, capsys):
    """Collect in this process: exit code and what was printed."""
    before = signal.getsignal(signal.SIGTERM)

    def call(*words):
        with pytest.raises(SystemExit) as left:
            main(["collect", str(tmp_path / "routes"), "--out", str(tmp_path / "out"), "--workers", "2", *words])
        return int(left.value.code or 0), capsys.readouterr().out

    yield call
    signal.signal(signal.SIGTERM, before)


def record(tmp_path, tasks, index, frames, results):
    """Lay down what an earlier run recorded of a task."""
    folder = RecordingFolders(tmp_path / "out", tasks).of(tasks[index])
    for frame in range(frames):
        path = frame_path(folder, METAS, frame)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    if results is not None:
        (folder / RESULTS_NAME).write_text(json.dumps(results))


def begun(tmp_path, tasks):
    """Tasks of which a drive was begun: each has a log."""
    return [task.stem for task in tasks if (tmp_path / "out" / RESULTS / task.stem).exists()]


@pytest.mark.parametrize(
    ("limit", "frames", "elapsed_s", "expected"),
    [
        (Limit(None, None), 10**9, 1e9, False),
        (Limit(100, None), 99, 1e9, False),
        (Limit(100, None), 100, 0.0, True),
        (Limit(None, 1.5), 10**9, 89.9, False),
        (Limit(None, 1.5), 0, 90.0, True),
        (Limit(100, 1.5), 100, 0.0, True),
        (Limit(100, 1.5), 0, 90.0, True),
    ],
)
def test_either_limit_is_enough(limit, frames, elapsed_s, expected):
    assert limit.is_reached(frames, elapsed_s) is expected


@pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed")
def test_frames_of_earlier_runs_count_but_not_those_that_must_not_be_learnt_from(tmp_path, tasks, collect):
    record(tmp_path, tasks, 0, 7, GOOD)
    record(tmp_path, tasks, 1, 50, BAD)
    record(tmp_path, tasks, 2, 50, None)
    code, text = collect("--frames", "7")
    assert (code, begun(tmp_path, tasks)) == (0, []), text
    assert "2 of 4 routes are complete, 0 frames in this run; 7 frames to learn from" in text


@pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed")
def test_no_time_begins_no_route_and_is_no_failure(tmp_path, tasks, collect):
    code, text = collect("--frames", "7", "--minutes", "0")
    assert (code, begun(tmp_path, tasks)) == (0, []), text
    assert "0 of 4 routes are complete, 0 frames in this run; 0 frames to learn from" in text


class RefusingHost(SimulatorHost):
    """A simulator that cannot be started: each task has its result at once."""

    name = "refusing"

    def prepare(self, town):
        raise LaunchError("it does not start")

    def is_running(self):
        return False

    def finish(self, *, is_healthy):
        pass

    def close(self):
        pass


class Listener:
    """Notes the tasks that were begun and those that have a result."""

    def __init__(self):
        self.begun, self.done = [], []

    def on_task(self, worker, task, attempt):
        self.begun.append(task.key)

    def on_progress(self, worker, message):
        pass

    def on_retry(self, worker, task, explanation):
        pass

    def on_result(self, worker, result, record):
        self.done.append(result.task.key)


@pytest.mark.parametrize("workers", [1, 2])
def test_routes_under_way_end_and_none_is_begun_once_there_is_enough(tmp_path, tasks, workers):
    folder, rules = tmp_path / "results", profile("leaderboard")
    store = ResultStore(folder, rules, tasks)
    store.open(resume=True)
    listener = Listener()
    settings = DriveSettings(agent="autopilot", agent_config="", profile=rules, folder=folder)
    report = run_tasks(
        tasks,
        [lambda: RefusingHost(1)] * workers,
        [settings] * workers,
        store,
        listener,
        is_enough=lambda: len(listener.done) >= 2,
    )
    assert 2 <= len(listener.begun) <= 1 + workers
    assert sorted(listener.done) == sorted(listener.begun)
    assert [result.task.key for result in report.infrastructure_failures] == listener.done
    left = [task for task in tasks if not store.is_done(task)]
    assert len(left) >= len(tasks) - len(listener.begun)
    assert json.loads((folder / "checkpoint_endpoint.json").read_text())["_checkpoint"]["progress"][1] == len(tasks)
