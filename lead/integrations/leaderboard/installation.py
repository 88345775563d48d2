"""Install the official harness into one folder, and find it there again.

A stamp file, written last, says what was installed. Without it nothing is there: an interrupted set-up is finished by
running it again.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lead
from lead.errors import LeadError
from lead.files import write_json
from lead.integrations.leaderboard.checkouts import check_out
from lead.integrations.leaderboard.environment import (
    environment_python,
    find_interpreter,
    installed_version,
    make_environment,
)
from lead.integrations.leaderboard.pins import (
    BENCHMARKS,
    ENVIRONMENT,
    PYTHON_API,
    PYTHON_API_PATH,
    REQUIREMENTS,
    STAMP,
    Benchmark,
)

LOG = logging.getLogger(__name__)

DEFAULT_ROOT = Path("3rd_party")
PACKAGE_FOLDER = "lead-package"
"""Holds a link to our package, which reaches the harness without the rest of LEAD's environment."""


class HarnessNotSetUpError(LeadError):
    """The official harness is missing or incomplete."""


@dataclass(frozen=True)
class Installation:
    """An installed harness.

    Attributes:
        root: Absolute folder of checkouts and environment.
        carla_version: Version of the carla client in the environment.
        commits: Commit per checkout folder.
    """

    root: Path
    carla_version: str
    commits: Mapping[str, str]

    @property
    def python(self) -> Path:
        """Python of the environment."""
        return environment_python(self.root / ENVIRONMENT)

    @classmethod
    def find(cls, root: Path, benchmark: str) -> Installation:
        """Find the harness of a benchmark.

        Args:
            root: Folder given to :func:`install`.
            benchmark: Key of :data:`~lead.integrations.leaderboard.pins.BENCHMARKS`.

        Raises:
            HarnessNotSetUpError: If it is not (completely) there; the sentence names the command to run.
        """
        chosen = known_benchmark(benchmark)
        remedy = f"run `lead setup leaderboard{_option(benchmark)}`"
        stamp = root / STAMP
        try:
            content = json.loads(stamp.read_text(encoding="utf-8"))
            found = cls(root.absolute(), str(content["carla"]), dict(content["commits"]))
        except FileNotFoundError as error:
            raise HarnessNotSetUpError(f"the official leaderboard is not set up in {root}; {remedy}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessNotSetUpError(f"{stamp} is damaged ({error!r}); {remedy}") from error
        missing = [
            repository.folder
            for repository in chosen.repositories
            if repository.folder not in found.commits or not (root / repository.folder / repository.marker).is_file()
        ]
        if not found.python.is_file():
            missing.append(ENVIRONMENT)
        if missing:
            raise HarnessNotSetUpError(f"{root} lacks {', '.join(missing)}; {remedy}")
        return found

    def paths(self, benchmark: str) -> list[Path]:
        """Return the folders that a benchmark's evaluator needs on its module path, in order."""
        chosen = known_benchmark(benchmark)
        return [
            self.root / PYTHON_API_PATH,
            self.root / chosen.leaderboard,
            self.root / chosen.scenario_runner,
            expose_package(self.root),
        ]


@dataclass(frozen=True)
class SetupOptions:
    """How to install.

    Attributes:
        root: Folder of checkouts and environment.
        benchmarks: Keys of :data:`~lead.integrations.leaderboard.pins.BENCHMARKS`.
        python: Python of the environment; None chooses one.
        mirror: Takes the place of GitHub.
        python_api: Existing folder ``PythonAPI/carla`` to use instead of a checkout.
        extra: Further packages for the environment, such as torch.
    """

    root: Path = DEFAULT_ROOT
    benchmarks: Sequence[str] = ("leaderboard",)
    python: Path | None = None
    mirror: str | None = None
    python_api: Path | None = None
    extra: Sequence[str] = ()


def install(
    options: SetupOptions,
    report: Callable[[str], None] = LOG.info,
    table: Mapping[str, Benchmark] = BENCHMARKS,
    requirements: Sequence[str] = REQUIREMENTS,
) -> Installation:
    """Install what is missing; what is there already is checked and kept.

    Args:
        options: How to install.
        report: Receives one line per step.
        table: Benchmarks with their repositories.
        requirements: Packages besides carla and the extra ones.

    Returns:
        The installation.

    Raises:
        LeadError: If something cannot be fetched, made or imported; the text says what to do.
    """
    interpreter = find_interpreter(options.python)
    chosen = [known_benchmark(name, table) for name in options.benchmarks]
    previous = _read_stamp(options.root)
    commits: dict[str, str] = dict(previous.get("commits", {}))
    options.root.mkdir(parents=True, exist_ok=True)
    for repository in dict.fromkeys(repository for one in chosen for repository in one.repositories):
        report(f"checkout {repository.slug} {repository.revision[:12]}")
        if repository == PYTHON_API and options.python_api is not None:
            commits[repository.folder] = _link_python_api(options.root, options.python_api)
        elif repository == PYTHON_API and (options.root / PYTHON_API_PATH).is_symlink():
            commits[repository.folder] = _link_python_api(options.root, (options.root / PYTHON_API_PATH).resolve())
        else:
            commits[repository.folder] = check_out(repository, options.root, options.mirror)
    own = dict.fromkeys(package for benchmark in chosen for package in benchmark.requirements)
    wanted = [f"carla=={interpreter.carla_version}", *requirements, *own, *options.extra]
    folder = options.root / ENVIRONMENT
    python = environment_python(folder)
    if previous.get("requirements") != wanted or not python.is_file():
        report(f"environment {folder} with Python {'.'.join(map(str, interpreter.version))}")
        python = make_environment(folder, interpreter, wanted)
    found = Installation(options.root.absolute(), installed_version(python, "carla"), commits)
    for name in options.benchmarks:
        report(f"check that the {name} evaluator can be imported")
        _check_imports(found, name, known_benchmark(name, table))
    content = {"carla": found.carla_version, "commits": commits, "requirements": wanted}
    write_json(options.root / STAMP, content)
    return found


def known_benchmark(name: str, table: Mapping[str, Benchmark] = BENCHMARKS) -> Benchmark:
    """Look a benchmark up.

    Raises:
        HarnessNotSetUpError: If no evaluator is known for it.
    """
    if name not in table:
        raise HarnessNotSetUpError(f"there is no official evaluator {name!r}; known are {', '.join(table)}")
    return table[name]


def expose_package(root: Path) -> Path:
    """Make our package importable without its neighbours in site-packages; returns the folder for the path."""
    folder = root.absolute() / PACKAGE_FOLDER
    link, target = folder / "lead", Path(lead.__file__).resolve().parent
    if not (link.is_symlink() and link.resolve() == target):
        folder.mkdir(parents=True, exist_ok=True)
        # Another process may do the same; a rename replaces whatever it made.
        temporary = folder / f".lead-{os.getpid()}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target, target_is_directory=True)
        temporary.replace(link)
    return folder


def _read_stamp(root: Path) -> dict[str, Any]:
    """Return the stamp of an earlier set-up; an unreadable one counts as none."""
    try:
        content = json.loads((root / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _link_python_api(root: Path, source: Path) -> str:
    """Use the agents package of an unpacked CARLA."""
    if not (source / "agents" / "navigation").is_dir():
        raise HarnessNotSetUpError(f"{source} holds no agents/navigation; name CARLA's folder PythonAPI/carla")
    place = root / PYTHON_API_PATH
    if place.exists() and place.resolve() != source.resolve():
        raise HarnessNotSetUpError(f"{place} exists already; move it away to use {source} instead")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(source.resolve(), target_is_directory=True)
    return f"linked to {source.resolve()}"


def _check_imports(found: Installation, name: str, benchmark: Benchmark) -> None:
    """Import the evaluator in its environment, so that a missing package is found now and not in the first run."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(map(str, found.paths(name)))
    environment["SCENARIO_RUNNER_ROOT"] = str(found.root / benchmark.scenario_runner)
    program = "import leaderboard.leaderboard_evaluator, agents.navigation.basic_agent, lead.agents.registry"
    done = subprocess.run(
        [str(found.python), "-c", program], env=environment, cwd=found.root, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise HarnessNotSetUpError(f"the {name} evaluator cannot be imported by {found.python}: {reason}")


def _option(benchmark: str) -> str:
    return "" if benchmark == "leaderboard" else f" --{benchmark}"
