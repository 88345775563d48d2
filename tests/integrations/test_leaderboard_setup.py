"""Setting the official harness up from local git repositories: pinned, resumable, and clear when it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lead.cli.setup import app
from lead.errors import LeadError
from lead.integrations.leaderboard.checkouts import CheckoutError, check_out
from lead.integrations.leaderboard.environment import EnvironmentSetupError, find_interpreter, make_environment
from lead.integrations.leaderboard.installation import Installation, SetupOptions, expose_package, install
from lead.integrations.leaderboard.pins import BENCHMARKS, Benchmark, Repository

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

MARKER = "leaderboard/leaderboard_evaluator.py"
CONTENT = {MARKER: "", "LICENSE": "MIT", "docs/large.bin": "x" * 100_000}


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that takes the place of GitHub; partial clones allowed, as there."""
    settings = tmp_path / "gitconfig"
    settings.write_text("[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    folder = tmp_path / "mirror"
    folder.mkdir()
    return folder


@pytest.fixture
def publish(mirror: Path) -> Callable[[str, dict[str, str]], str]:
    """Makes a repository on the mirror, or adds a commit to it, and gives the commit."""

    def make(slug: str, files: dict[str, str]) -> str:
        folder = mirror / slug
        if not folder.exists():
            folder.mkdir(parents=True)
            git(folder, "init", "--quiet")
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "a change")
        return git(folder, "rev-parse", "HEAD")

    return make


@pytest.fixture
def repository(publish: Callable[[str, dict[str, str]], str]) -> Repository:
    """A pinned commit that is no longer the newest."""
    commit = publish("owner/leaderboard", CONTENT)
    publish("owner/leaderboard", {MARKER: "newer"})
    return Repository("leaderboard", "owner/leaderboard", commit, ("/leaderboard/", "/LICENSE"), MARKER)


def test_table_pins_every_repository_but_carla_by_commit() -> None:
    everything = {one for benchmark in BENCHMARKS.values() for one in benchmark.repositories}
    assert {one.slug for one in everything if not one.is_commit} == {"carla-simulator/carla"}


def test_checkout_is_at_the_pin_and_holds_only_what_is_needed(
    repository: Repository, mirror: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    assert check_out(repository, root, str(mirror)) == repository.revision
    folder = root / "leaderboard"
    assert (folder / MARKER).read_text() == ""
    assert sorted(path.name for path in folder.iterdir()) == [".git", "LICENSE", "leaderboard"]
    assert git(folder, "rev-parse", "--is-shallow-repository") == "true"


def test_second_checkout_needs_no_network(repository: Repository, mirror: Path, tmp_path: Path) -> None:
    check_out(repository, tmp_path / "root", str(mirror))
    shutil.rmtree(mirror)
    assert check_out(repository, tmp_path / "root", str(mirror)) == repository.revision


def test_interrupted_checkout_is_finished(repository: Repository, mirror: Path, tmp_path: Path) -> None:
    folder = tmp_path / "root" / "leaderboard"
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    # What a killed git leaves behind.
    for lock in ("index.lock", "shallow.lock"):
        (folder / ".git" / lock).touch()
    assert check_out(repository, tmp_path / "root", str(mirror)) == repository.revision
    assert (folder / MARKER).is_file()


def test_tags_are_followed_and_recognised(repository: Repository, mirror: Path, tmp_path: Path) -> None:
    git(mirror / "owner/leaderboard", "tag", "0.9.15", repository.revision)
    tagged = replace(repository, revision="0.9.15")
    assert check_out(tagged, tmp_path / "root", str(mirror)) == repository.revision
    assert check_out(tagged, tmp_path / "root", str(mirror)) == repository.revision
    with pytest.raises(CheckoutError, match=r"0\.9\.99"):
        check_out(replace(repository, folder="other", revision="0.9.99"), tmp_path / "root", str(mirror))


def test_checkout_works_inside_a_git_hook(
    repository: Repository, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(mirror / "owner/leaderboard/.git"))
    assert check_out(repository, tmp_path / "root", str(mirror)) == repository.revision
    monkeypatch.delenv("GIT_DIR")
    assert git(mirror / "owner/leaderboard", "rev-parse", "HEAD") != repository.revision


def test_other_commit_is_refused(
    repository: Repository, mirror: Path, tmp_path: Path, publish: Callable[[str, dict[str, str]], str]
) -> None:
    check_out(repository, tmp_path / "root", str(mirror))
    newer = publish("owner/leaderboard", {MARKER: "newest"})
    with pytest.raises(CheckoutError, match=f"is at commit {repository.revision[:12]}, not at the pinned {newer[:12]}"):
        check_out(replace(repository, revision=newer), tmp_path / "root", str(mirror))


def test_local_changes_are_kept_and_reported(
    repository: Repository, mirror: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    check_out(repository, tmp_path / "root", str(mirror))
    (tmp_path / "root" / "leaderboard" / MARKER).write_text("mine")
    check_out(repository, tmp_path / "root", str(mirror))
    assert (tmp_path / "root" / "leaderboard" / MARKER).read_text() == "mine"
    assert "local changes" in caplog.text


def test_bad_places_and_sources_are_named(repository: Repository, tmp_path: Path, mirror: Path) -> None:
    with pytest.raises(CheckoutError, match=r"nowhere/owner/leaderboard could not be fetched: fatal: .*--mirror"):
        check_out(repository, tmp_path / "root", str(tmp_path / "nowhere"))
    # What the failed attempt left behind is no obstacle.
    assert check_out(repository, tmp_path / "root", str(mirror)) == repository.revision
    with pytest.raises(CheckoutError, match="could not be fetched"):
        check_out(replace(repository, folder="b", revision="0" * 40), tmp_path / "root", str(mirror))
    foreign = tmp_path / "root" / "c"
    foreign.mkdir()
    (foreign / "file").touch()
    with pytest.raises(CheckoutError, match="is no git checkout"):
        check_out(replace(repository, folder="c"), tmp_path / "root", str(mirror))


def test_missing_git_is_named(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CheckoutError, match="git is not installed"):
        check_out(repository, tmp_path / "root")


def test_interpreter_must_run_and_have_a_client(tmp_path: Path) -> None:
    assert find_interpreter(Path(sys.executable)).version == sys.version_info[:2]
    with pytest.raises(EnvironmentSetupError, match="is not a Python that runs"):
        find_interpreter(tmp_path / "python")
    old = tmp_path / "python3.7"
    old.write_text("#!/bin/sh\necho 3 7\n")
    old.chmod(0o755)
    with pytest.raises(EnvironmentSetupError, match=r"is Python 3\.7, for which no carla client exists"):
        find_interpreter(old)


def test_shim_that_does_not_run_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "python3.10"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "none"))
    assert find_interpreter(None).path == Path(sys.executable)


def test_environment_is_made_once_and_pip_errors_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter = find_interpreter(Path(sys.executable))
    python = make_environment(tmp_path / "venv", interpreter, ())
    made = (tmp_path / "venv" / "pyvenv.cfg").stat().st_mtime_ns
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(EnvironmentSetupError, match=r"pip could not install .*ERROR: No matching distribution"):
        make_environment(tmp_path / "venv", interpreter, ("lead-has-no-such-package==1",))
    assert (tmp_path / "venv" / "pyvenv.cfg").stat().st_mtime_ns == made
    assert python.is_file()


def test_package_is_exposed_without_its_neighbours(tmp_path: Path) -> None:
    folder = expose_package(tmp_path)
    assert expose_package(tmp_path) == folder
    assert [path.name for path in folder.iterdir()] == ["lead"]
    assert (folder / "lead" / "agents" / "registry.py").is_file()


def test_command_fails_with_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    words = ["leaderboard", "--root", str(tmp_path / "root"), "--mirror", str(tmp_path / "nowhere")]
    outcome = CliRunner().invoke(app, words)
    assert isinstance(outcome.exception, LeadError)
    assert "carla-simulator/carla could not be fetched" in str(outcome.exception)
    assert not (tmp_path / "root" / "leaderboard-setup.json").exists()


@pytest.fixture
def stand_in_table(
    stand_in_root: Path, mirror: Path, publish: Callable[[str, dict[str, str]], str]
) -> dict[str, Benchmark]:
    """The benchmark "leaderboard" with the stand-in's files on the mirror."""
    pinned = []
    for one in BENCHMARKS["leaderboard"].repositories:
        source = stand_in_root / one.folder
        files = {str(path.relative_to(source)): path.read_text() for path in source.rglob("*.py")}
        pinned.append(replace(one, revision=publish(one.slug, files)))
    return {"leaderboard": replace(BENCHMARKS["leaderboard"], repositories=tuple(pinned))}


@pytest.mark.slow
def test_whole_set_up_is_found_again_and_repeated_quickly(
    stand_in_table: dict[str, Benchmark], mirror: Path, tmp_path: Path
) -> None:
    options = SetupOptions(tmp_path / "root", python=Path(sys.executable), mirror=str(mirror))
    try:
        found = install(options, table=stand_in_table, requirements=("numpy", "scipy"))
    except EnvironmentSetupError as error:
        pytest.skip(f"no package index: {error}")
    assert found == Installation.find(tmp_path / "root", "leaderboard")
    assert set(found.commits) == {"leaderboard", "scenario_runner", "carla-python-api"}
    shutil.rmtree(mirror)
    assert install(options, table=stand_in_table, requirements=("numpy", "scipy")) == found


@pytest.mark.slow
def test_agents_of_an_unpacked_carla_are_used_and_broken_imports_told(
    stand_in_table: dict[str, Benchmark], mirror: Path, tmp_path: Path
) -> None:
    api = tmp_path / "CARLA" / "PythonAPI" / "carla"
    (api / "agents" / "navigation").mkdir(parents=True)
    (api / "agents" / "navigation" / "global_route_planner.py").touch()
    (api / "agents" / "navigation" / "basic_agent.py").write_text("import no_such_module\n")
    table = {"leaderboard": stand_in_table["leaderboard"]}
    first = BENCHMARKS["leaderboard"].repositories[0]
    table["leaderboard"] = replace(table["leaderboard"], repositories=(first, *table["leaderboard"].repositories[1:]))
    options = SetupOptions(tmp_path / "root", python=Path(sys.executable), mirror=str(mirror), python_api=api)
    with pytest.raises(LeadError) as failure:
        install(options, table=table, requirements=())
    if isinstance(failure.value, EnvironmentSetupError):
        pytest.skip(f"no package index: {failure.value}")
    assert "ModuleNotFoundError: No module named 'no_such_module'" in str(failure.value)
    assert not (tmp_path / "root" / "leaderboard-setup.json").exists()
    (api / "agents" / "navigation" / "basic_agent.py").write_text("")
    # A set-up that goes on needs the link no second time.
    found = install(replace(options, python_api=None), table=table, requirements=("numpy", "scipy"))
    assert str(api) in found.commits["carla-python-api"]
