"""Agents by name or file, so that the evaluation never imports an agent and the command line only the one it needs."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from lead.errors import LeadError
from lead.evaluation.agent import AutonomousAgent

AGENTS: Mapping[str, str] = MappingProxyType(
    {
        "autopilot": "lead.agents.autopilot:AutopilotAgent",
        "cruise": "lead.agents.constant:CruiseAgent",
        "expert": "lead.agents.expert:ExpertAgent",
        "expert_recorder": "lead.agents.expert_recorder:RecordingExpertAgent",
        "follower": "lead.agents.baselines:RouteFollowerAgent",
        "random": "lead.agents.baselines:RandomAgent",
        "transfuser": "lead.agents.sensor_agent:SensorAgent",
    }
)
"""Agent name to "module:class"."""

LATER: Mapping[str, str] = MappingProxyType(
    {
        "expert_py123d": "the rule-based expert that writes 123D logs",
        "carl": "the CaRL agent",
        "plant": "the PlanT agent",
    }
)
"""Names kept for agents that this version does not have, each with what it will be."""


class AgentError(LeadError):
    """An agent name is unknown."""


def check_agent(name: str) -> None:
    """Refuse an agent that cannot be created, without importing it.

    Raises:
        AgentError: If there is no such name or file.
    """
    if name in AGENTS:
        return
    if name in LATER:
        raise AgentError(f"this version of LEAD does not have the agent {name!r} yet ({LATER[name]})")
    if _is_file(name):
        if not Path(name).expanduser().is_file():
            raise AgentError(f"the agent file {name} does not exist")
    elif ":" not in name:
        nearest = difflib.get_close_matches(name, AGENTS, n=1, cutoff=0.0)[0]
        raise AgentError(
            f"there is no agent {name!r}; the nearest name is {nearest!r} "
            f"(known: {', '.join(AGENTS)}, path/to/agent.py, package.module:Class)"
        )


def _is_file(name: str) -> bool:
    return name.endswith(".py") or os.sep in name


def create_agent(name: str, host: str, port: int, agent_config: str = "", *, debug: bool = False) -> AutonomousAgent:
    """Create an agent.

    Args:
        name: Key of :data:`AGENTS`, path of an agent file (``my_agent.py``), or ``package.module:Class``.
        host: Host of the simulator.
        port: RPC port of the simulator.
        agent_config: Configuration, only for agents that take nothing else in their constructor; all others get
            theirs by ``setup``.
        debug: Handed to the agent's constructor.

    Returns:
        The agent, not set up yet.

    Raises:
        AgentError: If there is no such agent.
        AgentFileError: If its file, module or class cannot be used.
    """
    if name in AGENTS:
        module_name, class_name = AGENTS[name].split(":")
        own_class: type[AutonomousAgent] = getattr(importlib.import_module(module_name), class_name)
        return own_class(host, port, debug)
    check_agent(name)
    from lead.evaluation.agent_files import create_instance, load_agent_class, load_module_class

    agent_class = load_agent_class(name) if _is_file(name) else load_module_class(name)
    return create_instance(agent_class, host, port, agent_config, debug=debug)
