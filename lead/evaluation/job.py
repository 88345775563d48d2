"""What a supervisor and its episode process say to each other: one job in, messages out, all plain JSON."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lead.scoring.penalties import EventType, RouteEvent
from lead.scoring.records import RouteRun


@dataclass(frozen=True)
class EpisodeJob:
    """Everything an episode process needs to drive one route once.

    Attributes:
        routes_file: Route XML.
        route_id: Route of the file.
        repetition: Index of the repetition.
        agent: Name or file of the agent.
        agent_config: Text handed to the agent's ``setup``.
        profile: Key of the benchmark profile.
        port: RPC port of the simulator.
        traffic_manager_port: Port for the Traffic Manager.
        seed: Seed of traffic, sensors and the Traffic Manager.
        traffic: Number of plain Traffic Manager vehicles; None takes the traffic of the benchmark.
        timeout_s: Longest wait for an answer of the simulator.
        artefact_dir: Folder for videos, logs and measurements of this route.
        name: Stem of the artefacts' file names.
        status_file: The status board.
        topdown_video: Write the video from above and behind.
        closed_loop: Overrides of the closed-loop configuration, ``key=value``.
        debug: Debug level handed to the agent.
        reload_world: Load the town anew even if the simulator has it already.
        ignore_scenarios: Drive without the route's scenarios.
        record_dir: Folder into which the agent records the drive; empty for no recording. A recorded drive has a
            weather drawn with its seed.
        gives_up: End the drive with the first event for which it must not be learnt from.
    """

    routes_file: str
    route_id: str
    repetition: int
    agent: str
    agent_config: str
    profile: str
    port: int
    traffic_manager_port: int
    seed: int
    traffic: int | None
    timeout_s: float
    artefact_dir: str
    name: str
    status_file: str
    topdown_video: bool = False
    closed_loop: tuple[str, ...] = field(default=())
    debug: int = 0
    reload_world: bool = False
    ignore_scenarios: bool = False
    record_dir: str = ""
    gives_up: bool = False

    def to_json(self) -> str:
        """Return the job as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> EpisodeJob:
        """Read a line written by :meth:`to_json`."""
        data = json.loads(line)
        return cls(**{**data, "closed_loop": tuple(data["closed_loop"])})


class MessageChannel:
    """Sends messages to the supervisor, one JSON object per line; usable from several threads."""

    def __init__(self, descriptor: int) -> None:
        """Write to an inherited file descriptor."""
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, kind: str, **content: Any) -> None:
        """Send one message; a supervisor that is gone is not an error (this process ends soon, too)."""
        data = json.dumps({"kind": kind, **content}).encode() + b"\n"
        with self._lock:
            while data:
                try:
                    data = data[os.write(self._descriptor, data) :]
                except BrokenPipeError:
                    return


def run_to_json(run: RouteRun) -> dict[str, Any]:
    """Return the measurements of a route as plain JSON data."""
    data = asdict(run)
    data["events"] = [
        {"type": event.type.value, "message": event.message, "values": dict(event.values), "frame": event.frame}
        for event in run.events
    ]
    return data


def run_from_json(data: Mapping[str, Any]) -> RouteRun:
    """Read what :func:`run_to_json` wrote."""
    events = [
        RouteEvent(EventType(event["type"]), event["message"], event["values"], event["frame"])
        for event in data["events"]
    ]
    return RouteRun(**{**data, "events": events})
