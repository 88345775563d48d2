"""`lead benchmark`: several workers, killed in the middle and started again."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from supervision_support import FAULT_AGENT, STRAIGHT, Running, descendants, is_gone, records, result, wait_until

from lead.maps.towns import installed_towns

pytestmark = pytest.mark.skipif(
    "Town01" not in installed_towns(), reason="Town01 is not installed (lead towns install Town01)"
)
NAMES = ("one", "two", "three")


@pytest.fixture
def routes(tmp_path):
    """A folder with files of one straight route each."""
    folder = tmp_path / "routes"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        (folder / f"{name}.xml").write_text(STRAIGHT.read_text().replace('id="straight"', f'id="{number}"'))
    return folder


def suite_command(routes, folder, *arguments, name="leaderboard"):
    return [
        *(sys.executable, "-m", "lead", "benchmark", name, "--routes", str(routes), "--simulator", "embedded"),
        *("--agent", str(FAULT_AGENT), "--agent-config", "none", "--traffic", "0", "--timeout", "30"),
        *("--output-dir", str(folder), *arguments),
    ]


def run_suite(*arguments, **options):
    command = suite_command(*arguments, **options)
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def test_two_workers_survive_a_killed_worker_and_a_killed_suite(routes, tmp_path):
    out = tmp_path / "out"
    with Running(suite_command(routes, out, "--workers", "2")) as run:
        os.kill(run.wait_for("lead.cli.episode_process"), signal.SIGKILL)
        wait_until(lambda: list((out / "eval").glob("*.json")), 100.0)
        children = descendants(run.process.pid, "lead.cli.episode_process") + descendants(run.process.pid, "sim")
        run.process.kill()
        run.process.wait()
        wait_until(lambda: all(map(is_gone, children)))
    finished = {path.name: path.read_bytes() for path in (out / "eval").glob("*.json")}
    assert 0 < len(finished) < len(NAMES)
    done = run_suite(routes, out, "--workers", "2")
    assert done.returncode == 0, done.stderr
    for name, content in finished.items():
        assert (out / "eval" / name).read_bytes() == content
    assert sorted(path.stem for path in (out / "eval").glob("*.json")) == sorted(NAMES)
    assert result(out)["entry_status"] == "Finished"
    assert len(records(out)) == len(NAMES)
    assert len(json.loads((out / "manifest.json").read_text())["runs"]) == 2
    # No terminal: a log must tell what goes on.
    lines = [line.split(" ", 1) for line in done.stderr.splitlines()]
    told = {text for clock, text in lines if re.fullmatch(r"\d\d:\d\d:\d\d", clock)}
    for name in set(NAMES) - {name.removesuffix(".json") for name in finished}:
        assert any(re.fullmatch(f"worker [01] begins route {name} in Town01", text) for text in told), done.stderr
        assert f"route {name}: Perfect, driving score 100.0" in told
    assert any(text.startswith("3/3 routes  driving score so far 100.00  0 failures") for text in told)
    score = subprocess.run(
        [sys.executable, "-m", "lead", "score", str(out)], capture_output=True, text=True, timeout=60, check=False
    )
    assert score.returncode == 0, score.stdout + score.stderr
    assert re.search(r"100\.0", score.stdout)


def test_rules_of_another_benchmark_and_colliding_names_are_refused(routes, tmp_path):
    unknown = run_suite(routes, tmp_path / "out", name="bench2dive")
    assert unknown.returncode == 1
    assert "the nearest is 'bench2drive'" in unknown.stderr
    (routes / "below").mkdir()
    (routes / "below/one.xml").write_bytes((routes / "one.xml").read_bytes())
    twice = run_suite(routes, tmp_path / "out")
    assert twice.returncode == 1
    assert "2 routes have the name one" in twice.stderr
    nothing = run_suite(tmp_path / "nothing", tmp_path / "out")
    assert nothing.returncode == 1
    assert "does not exist" in nothing.stderr
    assert not (tmp_path / "out").exists()


def test_downloads_are_named_where_public_routes_are_missing(tmp_path):
    command = [sys.executable, "-m", "lead", "benchmark", "bench2drive", "--output-dir", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "lead routes download bench2drive" in done.stderr
