"""Agents by name, so that the evaluation never imports an agent and the command line imports only the one it needs."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from types import MappingProxyType

from lead.errors import LeadError
from lead.evaluation.agent import AutonomousAgent

AGENTS: Mapping[str, str] = MappingProxyType({"autopilot": "lead.agents.autopilot:AutopilotAgent"})
"""Agent name to "module:class"."""


class AgentError(LeadError):
    """An agent name is unknown."""


def create_agent(name: str, host: str, port: int) -> AutonomousAgent:
    """Create an agent.

    Args:
        name: Key of :data:`AGENTS`.
        host: Host of the simulator.
        port: RPC port of the simulator.

    Returns:
        The agent, not set up yet.

    Raises:
        AgentError: If there is no such agent.
    """
    if name not in AGENTS:
        nearest = difflib.get_close_matches(name, AGENTS, n=1, cutoff=0.0)[0]
        raise AgentError(f"there is no agent {name!r}; the nearest name is {nearest!r} (known: {', '.join(AGENTS)})")
    module_name, class_name = AGENTS[name].split(":")
    agent_class: type[AutonomousAgent] = getattr(importlib.import_module(module_name), class_name)
    return agent_class(host, port)
