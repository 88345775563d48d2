"""How the official evaluator is started, watched and stopped, with a stand-in in its place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lead.agents.registry import AgentError
from lead.integrations.leaderboard import harness
from lead.integrations.leaderboard.harness import HarnessError, OfficialRun, run_official
from lead.integrations.leaderboard.installation import HarnessNotSetUpError, Installation
from lead.simulator.launch import LaunchError, free_port

ROOT = Path(__file__).resolve().parents[2]
ROUTES = ROOT / "data" / "routes" / "smoke.xml"
WITH_SCENARIO = """<routes><route id="7" town="Town01">
<waypoints><position x="0" y="0" z="0"/><position x="50" y="0" z="0"/></waypoints>
<scenarios><scenario name="Accident_1" type="Accident"><trigger_point x="1" y="2" z="0" yaw="0"/></scenario></scenarios>
</route></routes>"""


@pytest.fixture
def run(tmp_path: Path, serve_version: Callable[[str], int]) -> OfficialRun:
    return OfficialRun(
        ROUTES,
        "autopilot",
        tmp_path / "out",
        port=serve_version("0.9.15"),
        traffic_manager_port=free_port(1),
        timeout_s=30.0,
        deadline_s=60.0,
    )


def seen(run: OfficialRun) -> dict[str, Any]:
    return dict(json.loads((run.out_dir / "seen.json").read_text()))


def wait_for(path: Path, patience_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + patience_s
    while not path.exists():
        assert time.monotonic() < deadline_s, f"{path} did not appear"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_death(pid: int, patience_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + patience_s
    while is_alive(pid):
        assert time.monotonic() < deadline_s, f"process {pid} still runs"
        time.sleep(0.05)


def test_evaluator_gets_the_arguments_of_the_run(run: OfficialRun, stand_in_root: Path) -> None:
    assert run_official(replace(run, traffic_manager_seed=7, repetitions=2), stand_in_root) == 0
    arguments = seen(run)["arguments"]
    assert arguments["port"] == str(run.port)
    assert (arguments["traffic_manager_seed"], arguments["repetitions"]) == ("7", "2")
    assert arguments["routes"] == str(ROUTES)
    # The autopilot says itself that it belongs to the MAP track.
    assert arguments["track"] == "MAP"
    assert arguments["checkpoint"] == str(run.out_dir / "checkpoint_endpoint.json")
    assert Path(arguments["debug_checkpoint"]).parent.is_dir()
    assert Path(arguments["agent"]).name == "lead_agent.py"
    # The evaluators take "None" for a folder and every text for yes, so neither option may be there.
    assert (arguments["record"], arguments["resume"]) == (None, None)


def test_evaluator_gets_paths_and_variables(
    run: OfficialRun, stand_in_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/from/the/shell")
    monkeypatch.delenv("LEAD_PROJECT_ROOT", raising=False)
    assert run_official(run, stand_in_root) == 0
    variables = seen(run)["environment"]
    paths = variables["PYTHONPATH"].split(os.pathsep)
    assert paths[:3] == [
        str(stand_in_root / "carla-python-api/PythonAPI/carla"),
        str(stand_in_root / "leaderboard"),
        str(stand_in_root / "scenario_runner"),
    ]
    assert paths[-1] == "/from/the/shell"
    # LEAD's package, and nothing else of its environment.
    assert [path.name for path in Path(paths[3]).iterdir()] == ["lead"]
    assert variables["LEADERBOARD_ROOT"] == str(stand_in_root / "leaderboard")
    assert variables["SCENARIO_RUNNER_ROOT"] == str(stand_in_root / "scenario_runner")
    assert variables["SCENARIO_TYPE"] == "noScenarios"
    assert variables["BENCHMARK_ROUTE_ID"] == "smoke"
    assert variables["SAVE_PATH"] == variables["OUTPUT_DIR"] == str(run.out_dir)
    assert variables["IS_BENCH2DRIVE"] == "0"


def test_official_agent_files_are_loaded_without_the_bridge(
    run: OfficialRun, stand_in_root: Path, tmp_path: Path
) -> None:
    agent = tmp_path / "my_agent.py"
    agent.write_text("")
    assert run_official(replace(run, agent=str(agent)), stand_in_root) == 0
    assert seen(run)["arguments"]["agent"] == str(agent)
    assert seen(run)["arguments"]["track"] == "SENSORS"


def test_scenario_type_is_that_of_the_first_scenario(run: OfficialRun, stand_in_root: Path, tmp_path: Path) -> None:
    routes = tmp_path / "Base_Accident_0001.xml"
    routes.write_text(WITH_SCENARIO)
    assert run_official(replace(run, routes=routes), stand_in_root) == 0
    variables = seen(run)["environment"]
    assert (variables["SCENARIO_TYPE"], variables["ROUTE_NUMBER"]) == ("Accident", "7")
    assert variables["BENCHMARK_ROUTE_ID"] == "Base_Accident_0001"


@pytest.mark.parametrize(("behaviour", "code"), [("crash", 255), ("abort", 134), ("incomplete", 1)])
def test_failures_are_told_by_the_exit_code(run: OfficialRun, stand_in_root: Path, behaviour: str, code: int) -> None:
    assert run_official(replace(run, agent_config=behaviour), stand_in_root) == code
    assert f"stand-in evaluator: {behaviour}" in (run.out_dir / "official_harness.log").read_text()


def test_results_of_an_earlier_run_do_not_survive_a_crash(run: OfficialRun, stand_in_root: Path) -> None:
    assert run_official(run, stand_in_root) == 0
    assert run_official(replace(run, agent_config="abort"), stand_in_root) == 134
    assert not run.checkpoint.exists()


def test_resume_keeps_the_results_and_says_so(run: OfficialRun, stand_in_root: Path) -> None:
    resumed = replace(run, resume=True)
    assert run_official(resumed, stand_in_root) == 0
    assert seen(run)["arguments"]["resume"] is None
    assert run_official(resumed, stand_in_root) == 0
    assert seen(run)["arguments"]["resume"] == "1"


def test_deadline_ends_an_evaluator_that_ignores_signals(
    run: OfficialRun, stand_in_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = ((signal.SIGINT, 0.5), (signal.SIGTERM, 0.5), (signal.SIGKILL, 5.0))
    monkeypatch.setattr(harness, "STOP_STEPS", steps)
    assert run_official(replace(run, agent_config="stubborn", deadline_s=4.0), stand_in_root) == 124
    content = seen(run)
    wait_for_death(content["pid"])
    wait_for_death(content["child"])


def test_only_a_frozen_simulation_counts_as_a_stall(
    run: OfficialRun, stand_in_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "STALL_MARGIN_S", 2.5)
    brief = replace(run, timeout_s=0.1)
    assert run_official(replace(brief, agent_config="moving"), stand_in_root) == 0
    assert run_official(replace(brief, agent_config="frozen"), stand_in_root) == 124


def start_elsewhere(run: OfficialRun, root: Path) -> subprocess.Popen[bytes]:
    """Start a run in a process of its own, which can be signalled."""
    program = (
        "import sys; from pathlib import Path\n"
        "from lead.integrations.leaderboard.harness import OfficialRun, run_official\n"
        f"sys.exit(run_official(OfficialRun(Path({str(run.routes)!r}), 'autopilot', Path({str(run.out_dir)!r}), "
        f"agent_config='interruptible', port={run.port}, traffic_manager_port={run.traffic_manager_port}), "
        f"Path({str(root)!r})))"
    )
    return subprocess.Popen([sys.executable, "-c", program])


def test_interrupt_is_passed_on_and_ends_with_130(run: OfficialRun, stand_in_root: Path) -> None:
    process = start_elsewhere(run, stand_in_root)
    wait_for(run.out_dir / "seen.json")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert (run.out_dir / "interrupted").exists()


def test_evaluator_ends_when_its_parent_is_killed(run: OfficialRun, stand_in_root: Path) -> None:
    process = start_elsewhere(run, stand_in_root)
    wait_for(run.out_dir / "seen.json")
    process.kill()
    process.wait()
    wait_for_death(seen(run)["pid"])


def test_missing_set_up_names_the_command(run: OfficialRun, stand_in_root: Path, tmp_path: Path) -> None:
    with pytest.raises(HarnessNotSetUpError, match="lead setup leaderboard"):
        run_official(run, tmp_path / "nothing")
    with pytest.raises(HarnessNotSetUpError, match="lacks Bench2Drive; run `lead setup leaderboard --bench2drive`"):
        run_official(replace(run, benchmark="bench2drive"), stand_in_root)
    (stand_in_root / "scenario_runner/srunner/scenariomanager/carla_data_provider.py").unlink()
    with pytest.raises(HarnessNotSetUpError, match="lacks scenario_runner"):
        run_official(run, stand_in_root)
    (stand_in_root / "leaderboard-setup.json").write_text("{")
    with pytest.raises(HarnessNotSetUpError, match="damaged"):
        run_official(run, stand_in_root)
    assert not run.out_dir.exists()


def test_unusable_runs_are_refused_before_anything_starts(
    run: OfficialRun, stand_in_root: Path, tmp_path: Path
) -> None:
    with pytest.raises(AgentError, match="autopilot"):
        run_official(replace(run, agent="autopilto"), stand_in_root)
    with pytest.raises(HarnessError, match="no agent file"):
        run_official(replace(run, agent=str(tmp_path / "gone.py")), stand_in_root)
    with pytest.raises(HarnessError, match="no CARLA server answers"):
        run_official(replace(run, port=free_port(1)), stand_in_root)
    with pytest.raises(HarnessError, match="no track"):
        run_official(replace(run, track="FAST"), stand_in_root)
    with pytest.raises(LaunchError, match="Traffic Manager port"):
        run_official(replace(run, traffic_manager_port=run.port), stand_in_root)
    assert not run.out_dir.exists()


def test_server_of_another_version_is_refused(
    run: OfficialRun, stand_in_root: Path, serve_version: Callable[[str], int]
) -> None:
    with pytest.raises(HarnessError, match=r"is CARLA 0\.9\.16.*client 0\.9\.15.*--carla-version 0\.9\.15"):
        run_official(replace(run, port=serve_version("0.9.16")), stand_in_root)


def test_bench2drive_attaches_and_needs_scenarios(run: OfficialRun, stand_in_root: Path, tmp_path: Path) -> None:
    fork = stand_in_root / "Bench2Drive"
    fork.mkdir()
    for name in ("leaderboard", "scenario_runner"):
        (fork / name).symlink_to(stand_in_root / name)
    stamp = stand_in_root / "leaderboard-setup.json"
    content = json.loads(stamp.read_text())
    content["commits"]["Bench2Drive"] = "0" * 40
    stamp.write_text(json.dumps(content))
    with pytest.raises(HarnessError, match="without a scenario"):
        run_official(replace(run, benchmark="bench2drive"), stand_in_root)
    routes = tmp_path / "23687.xml"
    routes.write_text(WITH_SCENARIO)
    assert run_official(replace(run, benchmark="bench2drive", routes=routes), stand_in_root) == 0
    variables = seen(run)["environment"]
    assert (variables["IS_BENCH2DRIVE"], variables["LEAD_ATTACH"]) == ("1", "1")
    assert variables["LEADERBOARD_ROOT"] == str(fork / "leaderboard")


def test_found_installation_knows_its_client(stand_in_root: Path) -> None:
    assert Installation.find(stand_in_root, "leaderboard").carla_version == "0.9.15"
    with pytest.raises(HarnessNotSetUpError, match="no official evaluator 'nuplan'"):
        Installation.find(stand_in_root, "nuplan")
