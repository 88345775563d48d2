"""What the official harness consists of: repositories at exact revisions and Python packages at exact versions.

A number is only comparable if everybody runs the same code, so nothing here follows a branch. Change a row, run
``lead setup leaderboard`` again, and the difference is visible in the set-up's stamp file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

GITHUB = "https://github.com"
ENVIRONMENT = "venv-leaderboard"
STAMP = "leaderboard-setup.json"
CARLA_FOR_PYTHON: Mapping[tuple[int, int], str] = MappingProxyType(
    {(3, 10): "0.9.15", (3, 11): "0.9.16", (3, 12): "0.9.16"}
)
"""Version of the carla client per Python version; 0.9.15, which the benchmarks use, has no wheel after 3.10."""
_SRUNNER = ("/srunner/", "!/srunner/metrics/data/", "/LICENSE")
_FORK = (
    "/leaderboard/leaderboard/",
    "/scenario_runner/srunner/",
    "!/scenario_runner/srunner/metrics/data/",
    "/LICENSE",
)


@dataclass(frozen=True)
class Repository:
    """One repository of the harness.

    Attributes:
        folder: Name of the checkout below the root folder.
        slug: Owner and name on GitHub; a mirror has the same layout.
        revision: Commit (40 hexadecimal digits), or the name of a release tag.
        patterns: What is checked out, in the syntax of git's sparse-checkout file.
        marker: File that a good checkout contains.
    """

    folder: str
    slug: str
    revision: str
    patterns: tuple[str, ...]
    marker: str

    @property
    def is_commit(self) -> bool:
        """True if the revision is a commit, False if it is a tag."""
        return re.fullmatch(r"[0-9a-f]{40}", self.revision) is not None


@dataclass(frozen=True)
class Benchmark:
    """Where a benchmark's evaluator lives.

    Attributes:
        repositories: Checkouts it needs.
        leaderboard: Folder below the root folder that holds the package ``leaderboard``.
        scenario_runner: Folder below the root folder that holds the package ``srunner``.
        attach: True if the evaluator would start a simulator of its own and must be told to use the running one.
        requirements: Packages it needs besides :data:`REQUIREMENTS`.
    """

    repositories: tuple[Repository, ...]
    leaderboard: str
    scenario_runner: str
    attach: bool = False
    requirements: tuple[str, ...] = ()


PYTHON_API = Repository(
    "carla-python-api",
    "carla-simulator/carla",
    "0.9.15",
    ("/PythonAPI/carla/agents/",),
    "PythonAPI/carla/agents/navigation/global_route_planner.py",
)
PYTHON_API_PATH = "carla-python-api/PythonAPI/carla"
LEADERBOARD = Repository(
    "leaderboard",
    "carla-simulator/leaderboard",
    "a87a3419e9d2e0d36deb25f1f26c17edee2d1420",  # branch leaderboard-2.0, 2024-04-26
    ("/leaderboard/", "/LICENSE"),
    "leaderboard/leaderboard_evaluator.py",
)
SCENARIO_RUNNER = Repository(
    "scenario_runner",
    "carla-simulator/scenario_runner",
    "d7bcaf0dee05fdfd720bda45740b8c9f11ee478a",  # branch leaderboard-2.0, 2024-05-03
    _SRUNNER,
    "srunner/scenariomanager/carla_data_provider.py",
)
BENCH2DRIVE = Repository(
    "Bench2Drive",
    "Thinklab-SJTU/Bench2Drive",
    "7ec25d1c9f7522d923ce5f3420986cef1cb2d956",  # release 0.0.4
    (*_FORK, "/leaderboard/data/weather.xml"),
    "leaderboard/leaderboard/leaderboard_evaluator.py",
)
FAIL2DRIVE = Repository(
    "fail2drive",
    "autonomousvision/fail2drive",
    "a7937410291f39c5ca4d185aa38ef43a0b904007",  # branch main, 2026-05-16
    (*_FORK, "/scenario_runner/speed_limits/"),
    "leaderboard/leaderboard/leaderboard_evaluator.py",
)
BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType(
    {
        "leaderboard": Benchmark((PYTHON_API, LEADERBOARD, SCENARIO_RUNNER), "leaderboard", "scenario_runner"),
        "bench2drive": Benchmark(
            (PYTHON_API, BENCH2DRIVE), "Bench2Drive/leaderboard", "Bench2Drive/scenario_runner", attach=True
        ),
        "fail2drive": Benchmark(
            (PYTHON_API, FAIL2DRIVE),
            "fail2drive/leaderboard",
            "fail2drive/scenario_runner",
            requirements=("torch>=2.2",),  # seeded by the evaluator, whatever the agent is
        ),
    }
)
REQUIREMENTS = (
    "dictor==0.1.12",
    "ephem==4.2.1",
    "networkx==3.4.2",
    "numpy==1.26.4",
    "opencv-python-headless==4.11.0.86",
    "pexpect>=4.9",  # imported by the ROS agents, which every evaluator loads
    "psutil>=5.9",
    "py-trees==0.8.3",  # later versions have another interface
    "requests>=2.31",
    "scipy==1.14.1",  # for our agents
    "setuptools==80.9.0",  # the evaluators import pkg_resources, which newer ones dropped
    "shapely==2.0.7",
    "simple-watchdog-timer==0.1.1",
    "six>=1.16",
    "tabulate==0.9.0",
    "transforms3d==0.4.2",
    "xmlschema==1.0.18",
)
"""What evaluator, scenario runner and our agents import; carla itself is in :data:`CARLA_FOR_PYTHON`."""
