"""The harness' own virtual environment, so that its old pins never meet the packages of LEAD's environment."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lead.errors import LeadError
from lead.integrations.leaderboard.pins import CARLA_FOR_PYTHON

LOG = logging.getLogger(__name__)

PREFERRED = (3, 10)
"""The benchmarks use CARLA 0.9.15, whose client has no wheel for a later Python."""
_VERSION_PROGRAM = "import sys; print(*sys.version_info[:2])"


class EnvironmentSetupError(LeadError):
    """The virtual environment of the harness cannot be made."""


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs.

    Attributes:
        path: The program.
        version: Major and minor version.
    """

    path: Path
    version: tuple[int, int]

    @property
    def carla_version(self) -> str:
        """Version of the carla client to install for this Python."""
        return CARLA_FOR_PYTHON[self.version]


def find_interpreter(given: Path | None) -> Interpreter:
    """Choose the Python of the environment: the one given, else a 3.10, else the one that runs this program.

    Raises:
        EnvironmentSetupError: If the Python given does not run, or no client exists for its version.
    """
    if given is not None:
        version = _version(given)
        if version is None:
            raise EnvironmentSetupError(f"{given} is not a Python that runs; name another one with --python")
        if version not in CARLA_FOR_PYTHON:
            known = ", ".join("{}.{}".format(*one) for one in CARLA_FOR_PYTHON)
            raise EnvironmentSetupError(
                f"{given} is Python {version[0]}.{version[1]}, for which no carla client exists; use one of {known}"
            )
        return Interpreter(given, version)
    for candidate in _candidates():
        # A command may exist and still not run: pyenv's shim of a version that is not active.
        if _version(candidate) == PREFERRED:
            return Interpreter(candidate, PREFERRED)
    return Interpreter(Path(sys.executable), (sys.version_info.major, sys.version_info.minor))


def make_environment(folder: Path, interpreter: Interpreter, requirements: Sequence[str]) -> Path:
    """Make a virtual environment and install packages; an environment of the same Python is kept and completed.

    Args:
        folder: Place of the environment.
        interpreter: Python to make it from.
        requirements: What pip installs.

    Returns:
        The environment's Python.

    Raises:
        EnvironmentSetupError: If the environment cannot be made or pip fails.
    """
    python = environment_python(folder)
    if _version(python) != interpreter.version:
        LOG.info("making %s with Python %d.%d", folder, *interpreter.version)
        command = [str(interpreter.path), "-m", "venv", "--clear", str(folder)]
        _require(command, f"the virtual environment {folder} could not be made")
    if requirements:
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
        _require(command, "pip could not install the packages of the harness (run this command again to go on)")
    return python


def installed_version(python: Path, package: str) -> str:
    """Return the version of a package in an environment.

    Raises:
        EnvironmentSetupError: If the package is missing or the environment broken.
    """
    program = f"import importlib.metadata as m, json; print(json.dumps(m.version({package!r})))"
    try:
        done = subprocess.run([str(python), "-c", program], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EnvironmentSetupError(
            f"{python} has no {package}; run `lead setup leaderboard` again to complete its environment"
        ) from error
    return str(json.loads(done.stdout))


def require_packages(python: Path, packages: Mapping[str, str]) -> None:
    """Make sure that an agent finds what it imports.

    Args:
        python: Python of the environment.
        packages: Package by the module that it provides.

    Raises:
        EnvironmentSetupError: If one is missing; the sentence names the command that installs it.
    """
    program = "import importlib.util as u, sys; print(*(m for m in sys.argv[1:] if u.find_spec(m) is None))"
    try:
        done = subprocess.run([str(python), "-c", program, *packages], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EnvironmentSetupError(f"{python} does not run; run `lead setup leaderboard` again") from error
    missing = [packages[module] for module in done.stdout.split()]
    if missing:
        options = " ".join(f"--with {package}" for package in missing)
        raise EnvironmentSetupError(
            f"the agent needs {', '.join(missing)}, which the harness' environment does not have: run "
            f"`lead setup leaderboard {options}`"
        )


def environment_python(folder: Path) -> Path:
    """Return the path of an environment's Python, whether or not it exists."""
    return folder / "bin" / "python"


def _candidates() -> Iterator[Path]:
    name = "python{}.{}".format(*PREFERRED)
    if (found := shutil.which(name)) is not None:
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{PREFERRED[0]}.{PREFERRED[1]}.*/bin/{name}"), reverse=True)


def _version(python: Path) -> tuple[int, int] | None:
    """Ask a Python for its version; None if it does not run."""
    try:
        done = subprocess.run([str(python), "-c", _VERSION_PROGRAM], capture_output=True, text=True, check=True)
        major, minor = map(int, done.stdout.split())
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None
    return major, minor


def _require(command: Sequence[str], complaint: str) -> None:
    """Run a command; raise with the last line of its output if it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if line.upper().startswith("ERROR")]
        reason = (errors or lines or ["it said nothing"])[-1]
        raise EnvironmentSetupError(f"{complaint}: {reason}")
