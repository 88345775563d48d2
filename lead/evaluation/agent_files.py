"""Load agents from Python files, as CARLA's leaderboard does, also those written for the leaderboard itself.

An agent file is a module with ``get_entry_point()`` that returns the name of the agent's class. Files written for
leaderboard 2.0 or Bench2Drive import ``leaderboard.autoagents.autonomous_agent``. If that package is not installed,
the import is answered with the classes of :mod:`lead.evaluation.agent` while the file is loaded, and only then: it is
an alias of two classes, not a copy of the package.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from lead.errors import LeadError
from lead.evaluation.agent import AutonomousAgent, Track

ENTRY_POINT = "get_entry_point"
METHODS = ("setup", "sensors", "run_step", "destroy", "set_global_plan")
LEADERBOARD = "leaderboard"
_ALIASES = (LEADERBOARD, f"{LEADERBOARD}.autoagents", f"{LEADERBOARD}.autoagents.autonomous_agent")


class AgentFileError(LeadError):
    """An agent's file, module or class cannot be used; the text says why."""


class LeaderboardAgent(AutonomousAgent):
    """What ``leaderboard.autoagents.autonomous_agent.AutonomousAgent`` stands for while an agent file is loaded.

    It differs from its base in one point: constructors of leaderboard 1.0 call it with the configuration alone.
    """

    def __init__(self, carla_host: str = "", carla_port: int = 0, debug: bool = False) -> None:
        """Accept the arguments of all leaderboard versions; ``setup`` is called by the drive, never from here."""
        super().__init__(carla_host, carla_port, debug)


def load_agent_class(path: str | Path) -> type[AutonomousAgent]:
    """Load the agent class of an official agent file.

    The file's folder stays on ``sys.path``, because agents import their neighbours, often as late as in ``setup``. A
    file is executed once per process, however often it is loaded.

    Args:
        path: Python file with a function ``get_entry_point``.

    Returns:
        The class; it need not be derived from ours but has its methods.

    Raises:
        AgentFileError: If the file is missing, fails while it is imported, or names no usable class.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise AgentFileError(f"there is no agent file {file}")
    if file.suffix != ".py":
        raise AgentFileError(f"the agent file {file} is not a Python file (.py)")
    module = _import_file(file.resolve())
    entry_point = getattr(module, ENTRY_POINT, None)
    if not callable(entry_point):
        raise AgentFileError(f"the agent file {file} has no function {ENTRY_POINT}() that names its agent class")
    name = entry_point()
    if not isinstance(name, str):
        raise AgentFileError(f"{ENTRY_POINT}() of {file} must return the name of a class, not {name!r}")
    return _class_of(module, name, str(file))


def load_module_class(reference: str) -> type[AutonomousAgent]:
    """Load an agent class from an importable module.

    Args:
        reference: ``package.module:Class``.

    Raises:
        AgentFileError: If the module cannot be imported or the class cannot be used.
    """
    module_name, _, class_name = reference.partition(":")
    with _leaderboard_alias():
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            raise AgentFileError(f"the module of agent {reference} {_failure(error)}") from error
    return _class_of(module, class_name, module_name)


def create_instance(
    agent_class: type[AutonomousAgent], host: str, port: int, agent_config: str = "", *, debug: bool = False
) -> AutonomousAgent:
    """Construct an agent with the constructor that its leaderboard version prescribes.

    Args:
        agent_class: Result of :func:`load_agent_class`.
        host: Host of the simulator.
        port: RPC port of the simulator.
        agent_config: Configuration, for constructors that take nothing else (leaderboard 1.0).
        debug: Third argument of constructors that take it.

    Raises:
        AgentFileError: If the constructor takes something else; errors inside it are passed on.
    """
    try:
        signature = inspect.signature(agent_class)
    except ValueError as error:
        raise AgentFileError(f"the constructor of agent {agent_class.__name__} cannot be inspected") from error
    for arguments in ((host, port, debug), (host, port), (agent_config,), ()):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return agent_class(*arguments)
    raise AgentFileError(
        f"the constructor of agent {agent_class.__name__} takes {signature}; "
        "it must take (host, port, debug), the path of its configuration, or nothing"
    )


def _import_file(file: Path) -> ModuleType:
    """Execute a file as the module of its own name."""
    known = sys.modules.get(file.stem)
    if known is not None:
        origin = getattr(known, "__file__", None)
        if origin is not None and Path(origin).resolve() == file:
            return known
        raise AgentFileError(
            f"the agent file {file} has the name of the module {file.stem} ({origin or 'built in'}), "
            "which is loaded already; rename the file"
        )
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise AgentFileError(f"the agent file {file} cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    with _leaderboard_alias():
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            del sys.modules[file.stem]
            if not isinstance(error, Exception | SystemExit):
                raise
            raise AgentFileError(f"the agent file {file} {_failure(error)}") from error
    return module


def _failure(error: BaseException) -> str:
    """Say what went wrong during an import, and in which line of which file."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if len(frames) > 1 else ""
    text = f"could not be imported: {type(error).__name__}: {error}{place}"
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] in (LEADERBOARD, "srunner"):
        text += (
            f"; without an installed {LEADERBOARD} package only AutonomousAgent and Track of {_ALIASES[-1]} exist, "
            "so put the leaderboard and the scenario runner on PYTHONPATH or remove the import"
        )
    return text


def _class_of(module: ModuleType, name: str, source: str) -> type[AutonomousAgent]:
    agent_class: Any = getattr(module, name, None)
    if not isinstance(agent_class, type):
        raise AgentFileError(f"{source} has no class {name!r}")
    lacking = [method for method in METHODS if not callable(getattr(agent_class, method, None))]
    if lacking:
        raise AgentFileError(f"the class {name} of {source} is no agent: it has no method {', '.join(lacking)}")
    return cast("type[AutonomousAgent]", agent_class)


def _is_leaderboard_installed() -> bool:
    try:
        return importlib.util.find_spec(_ALIASES[-1]) is not None
    except ModuleNotFoundError:
        # Also where only a folder called "leaderboard" lies in the working directory.
        return False


@contextmanager
def _leaderboard_alias() -> Iterator[None]:
    """Answer ``import leaderboard.autoagents.autonomous_agent`` unless the package is installed."""
    if _is_leaderboard_installed():
        yield
        return
    modules = {name: ModuleType(name, "Alias of LEAD's agent interface.") for name in _ALIASES}
    package, folder, agents = (modules[name] for name in _ALIASES)
    # Packages need a path, else imports of missing parts fail with "is not a package".
    package.__path__ = []
    folder.__path__ = []
    vars(agents).update(AutonomousAgent=LeaderboardAgent, Track=Track)
    vars(package).update(autoagents=folder)
    vars(folder).update(autonomous_agent=agents)
    before = {name: sys.modules[name] for name in _ALIASES if name in sys.modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in _ALIASES:
            del sys.modules[name]
        sys.modules.update(before)
