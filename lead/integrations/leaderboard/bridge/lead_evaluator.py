"""Start the official evaluator, unchanged but for what a supervised run on a running simulator needs.

The evaluator itself says neither whether it still moves nor notices that whoever started it is gone, and Bench2Drive's
starts a CARLA binary of its own and ends others. So this script, which takes the evaluator's own arguments,

* writes a heartbeat file while simulated frames go by, and ends the process when its parent dies,
* with ``LEAD_ATTACH=1`` connects the evaluator to the server behind ``--port`` instead of starting one,
* hands the scenario to agents that have ``set_scenario``,
* gives XML elements back the method ``getchildren``, which the route parsers call and Python 3.9 dropped, adds the
  empty list of scenarios they insist on, and lets Bench2Drive's find its weather table from any working directory.
"""

from __future__ import annotations

import argparse
import importlib
import os
import threading
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

HEARTBEAT_VARIABLE = "LEAD_HEARTBEAT_FILE"
ATTACH_VARIABLE = "LEAD_ATTACH"
INTERVAL_S = 0.5
EXIT_ORPHANED = 143


def main() -> None:
    """Run the evaluator found on the module path; leaves with its exit code."""
    parent = os.getppid()
    evaluator = importlib.import_module("leaderboard.leaderboard_evaluator")
    if os.environ.get(ATTACH_VARIABLE) == "1":
        evaluator.LeaderboardEvaluator._setup_simulation = attach
    vars(ElementTree)["parse"] = parse_xml
    _offer_scenario(importlib.import_module("leaderboard.scenarios.scenario_manager").ScenarioManager)
    clock = importlib.import_module("srunner.scenariomanager.timer").GameTime
    heartbeat = Path(os.environ[HEARTBEAT_VARIABLE])
    threading.Thread(target=_watch, args=(clock, heartbeat, parent), daemon=True).start()
    evaluator.main()


def attach(evaluator: Any, arguments: argparse.Namespace) -> tuple[Any, float, Any]:
    """Connect to the simulator behind ``--port``, with the settings that the evaluator itself makes.

    Args:
        evaluator: The evaluator.
        arguments: Its parsed command line.

    Returns:
        Client, client time-out in seconds, Traffic Manager.
    """
    import carla

    client = carla.Client(arguments.host, arguments.port)
    client.set_timeout(arguments.timeout)
    settings = carla.WorldSettings(
        synchronous_mode=True,
        fixed_delta_seconds=1.0 / evaluator.frame_rate,
        deterministic_ragdolls=True,
        spectator_as_ego=False,
    )
    client.get_world().apply_settings(settings)
    traffic_manager = client.get_trafficmanager(arguments.traffic_manager_port)
    traffic_manager.set_synchronous_mode(True)
    traffic_manager.set_hybrid_physics_mode(True)
    return client, arguments.timeout, traffic_manager


class ListedElement(ElementTree.Element):
    """XML element with the method that Python 3.9 dropped."""

    def getchildren(self) -> list[ElementTree.Element]:
        """Return the children."""
        return list(self)


def parse_xml(source: str | Path) -> ElementTree.ElementTree:
    """Parse a file into a tree of :class:`ListedElement`; a missing relative one is sought in the checkout."""
    if not Path(source).exists():
        source = Path(os.environ["LEADERBOARD_ROOT"]).parent / source
    builder = ElementTree.TreeBuilder(element_factory=ListedElement)
    tree = ElementTree.ElementTree()
    tree.parse(source, ElementTree.XMLParser(target=builder))
    for route in tree.iter("route"):
        if route.find("scenarios") is None:
            route.append(ListedElement("scenarios"))
    return tree


def _offer_scenario(manager_class: Any) -> None:
    """Make a scenario manager hand every scenario it loads to the agent."""
    load = manager_class.load_scenario

    def load_scenario(manager: Any, scenario: Any, agent: Any, *rest: Any) -> None:
        load(manager, scenario, agent, *rest)
        if hasattr(agent, "set_scenario"):
            agent.set_scenario(scenario)

    manager_class.load_scenario = load_scenario


def _watch(clock: Any, heartbeat: Path, parent: int) -> None:
    """Touch the heartbeat file whenever the simulated frame has changed; end when the parent is gone."""
    seen = None
    while True:
        if os.getppid() != parent:
            os._exit(EXIT_ORPHANED)
        frame = clock.get_frame()
        if frame != seen:
            seen = frame
            heartbeat.touch()
        time.sleep(INTERVAL_S)


if __name__ == "__main__":
    main()
