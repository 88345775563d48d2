"""The shell scripts are short callers of `lead`: what they call it with, from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from lead.cli import drive

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
ROUTES = {
    "bench2drive": "bench2drive/23687.xml",
    "longest6": "longest6/00.xml",
    "town13": "Town13/0.xml",
    "fail2drive": "fail2drive/Generalization_Animals_1075.xml",
}
OPTIONS = {
    "bench2drive": ["--bench2drive"],
    "longest6": ["--profile", "longest6"],
    "town13": ["--profile", "town13"],
    "fail2drive": ["--fail2drive"],
}


def call(tmp_path: Path, benchmark: str, *words: str, **variables: str) -> tuple[list[str], dict[str, str]]:
    """Run a script with a recorder in the place of `lead`; returns its arguments and environment."""
    recorder = tmp_path / "lead"
    recorder.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > arguments\nenv > environment\n')
    recorder.chmod(0o755)
    own = ("AGENT", "CHECKPOINT", "OUTPUT_DIR", "TIMEOUT", "LEAD_CLOSED_LOOP_CONFIG", "CARLA_ROOT", "CARLA_F2D")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    environment |= {"LEAD": str(recorder), **variables}
    script = SCRIPTS / f"eval_{benchmark}.sh"
    subprocess.run(["bash", str(script), *words], cwd=tmp_path, env=environment, check=True)
    lines = (tmp_path / "environment").read_text().splitlines()
    return (tmp_path / "arguments").read_text().splitlines(), dict(line.split("=", 1) for line in lines if "=" in line)


def value(arguments: list[str], option: str) -> str:
    return arguments[arguments.index(option) + 1]


@pytest.mark.parametrize("benchmark", ROUTES)
def test_defaults_are_the_published_ones(tmp_path: Path, benchmark: str) -> None:
    arguments, _ = call(tmp_path, benchmark)
    assert arguments[0] == "drive"
    assert Path(value(arguments, "--routes")) == ROOT / "data" / "benchmark_routes" / ROUTES[benchmark]
    model = "tfv6_regnety" if benchmark == "fail2drive" else "tfv6_resnet34"
    assert Path(value(arguments, "--checkpoint")) == ROOT / "outputs" / "checkpoints" / model
    assert value(arguments, "--timeout") == ("60" if benchmark in ("bench2drive", "longest6") else "120")
    assert Path(value(arguments, "--output-dir")).parent == ROOT / "outputs" / "local_evaluation"
    assert Path(value(arguments, "--output-dir")).name == Path(ROUTES[benchmark]).stem
    start = arguments.index(OPTIONS[benchmark][0])
    assert arguments[start : start + len(OPTIONS[benchmark])] == OPTIONS[benchmark]


def test_route_options_and_variables_are_passed_on(tmp_path: Path) -> None:
    words = ("my routes/Base_Wall_0090.xml", "--port", "3000", "--traffic", "5")
    arguments, variables = call(
        tmp_path, "fail2drive", *words, AGENT="autopilot", TIMEOUT="9", LEAD_CLOSED_LOOP_CONFIG="", CARLA_ROOT="/opt/c"
    )
    assert value(arguments, "--agent") == "autopilot"
    assert "--checkpoint" not in arguments
    assert value(arguments, "--routes") == "my routes/Base_Wall_0090.xml"
    assert value(arguments, "--timeout") == "9"
    assert Path(value(arguments, "--output-dir")).name == "Base_Wall_0090"
    assert arguments[-4:] == ["--port", "3000", "--traffic", "5"]
    # An empty setting is a setting: no heuristics.
    assert variables["LEAD_CLOSED_LOOP_CONFIG"] == ""
    assert variables["CARLA_ROOT"] == "/opt/c"


def test_fail2drive_turns_the_published_heuristics_on(tmp_path: Path) -> None:
    _, variables = call(tmp_path, "fail2drive")
    assert variables["LEAD_CLOSED_LOOP_CONFIG"].split() == [
        "sensor_agent_creeping=True",
        "use_kalman_filter=True",
        "slower_for_stop_sign=True",
    ]


def test_the_expert_records_the_published_short_route(tmp_path: Path) -> None:
    arguments, _ = call(tmp_path, "expert", "--port", "3000")
    assert arguments[:2] == ["drive", "--expert"]
    assert Path(value(arguments, "--routes")) == ROOT / "data/data_routes/lead/noScenarios/short_route.xml"
    assert Path(value(arguments, "--output-dir")) == ROOT / "data" / "expert_debug"
    assert arguments[-2:] == ["--port", "3000"]
    arguments, _ = call(tmp_path, "expert", "my.xml", OUTPUT_DIR="elsewhere", TIMEOUT="9")
    assert value(arguments, "--routes") == "my.xml"
    assert value(arguments, "--output-dir") == "elsewhere"
    assert value(arguments, "--timeout") == "9"


@pytest.mark.parametrize("benchmark", ROUTES)
def test_every_option_is_one_of_lead_drive(tmp_path: Path, benchmark: str) -> None:
    app = typer.Typer(add_completion=False)
    app.command()(drive.command)
    known = {name for parameter in get_command(app).params for name in parameter.opts}
    arguments, _ = call(tmp_path, benchmark)
    assert {word for word in arguments if word.startswith("--")} <= known


def source_main(project: Path, **variables: str) -> dict[str, str]:
    names = ("CARLA_ROOT", "CARLA_F2D", "LEAD", "PATH", "PYTHONPATH", "LEAD_PROJECT_ROOT")
    program = f'. "$1"; for name in {" ".join(names)}; do echo "$name=${{!name:-}}"; done'
    environment = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run(
        ["bash", "-eu", "-c", program, "bash", str(project / "scripts" / "main.sh")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_main_finds_carla_only_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPTS / "main.sh", tmp_path / "scripts")
    before = source_main(tmp_path)
    assert (before["CARLA_ROOT"], before["CARLA_F2D"], before["LEAD"]) == ("", "", "lead")
    (tmp_path / "3rd_party" / "CARLA_0915").mkdir(parents=True)
    after = source_main(tmp_path)
    assert after["CARLA_ROOT"] == str(tmp_path / "3rd_party" / "CARLA_0915")
    assert source_main(tmp_path, CARLA_ROOT="/opt/carla")["CARLA_ROOT"] == "/opt/carla"
    # Neither path is touched: no shell hook is needed.
    assert (after["PATH"], after["PYTHONPATH"]) == (os.environ["PATH"], "")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    paths = [str(path) for path in (SCRIPTS / "main.sh", *SCRIPTS.glob("eval_*.sh"))]
    subprocess.run(["shellcheck", "-x", *paths], cwd=ROOT, check=True)
