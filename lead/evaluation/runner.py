"""Drive several routes in turn and keep the result file up to date."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lead.evaluation.agent import AutonomousAgent
from lead.evaluation.episode import Episode, EpisodeObserver, EpisodeSettings
from lead.evaluation.recording import DriveRecorder
from lead.evaluation.world_setup import SimulationSession
from lead.maps.towns import installed_towns, read_opendrive
from lead.routes.model import Route
from lead.scoring.endpoint import FILE_NAME, endpoint, write_json_atomically
from lead.scoring.penalties import LEADERBOARD_2_0
from lead.scoring.records import SIMULATION_CRASHED, RouteRecord, RouteRun, route_record
from lead.simulator.launch import (
    LOOPBACK,
    EmbeddedServer,
    LaunchError,
    SimulatorProcess,
    port_is_open,
    server_answers,
)

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class DriveSettings:
    """How routes are driven.

    Attributes:
        name: Stem of the output files.
        output_dir: Folder of the output files.
        agent_name: Shown in the video.
        agent_config: Text handed to the agent's ``setup``.
        traffic_count: Number of Traffic Manager vehicles.
        video: Write a top-down video per route.
    """

    name: str
    output_dir: Path
    agent_name: str
    agent_config: str = ""
    traffic_count: int = 0
    video: bool = True


@dataclass(frozen=True)
class DriveResult:
    """What a drive left behind.

    Attributes:
        records: One record per driven route.
        checkpoint: The result file.
        videos: Videos in the order of the routes.
    """

    records: list[RouteRecord]
    checkpoint: Path
    videos: list[Path]

    @property
    def simulator_crashed(self) -> bool:
        """True if the simulator ended the evaluation."""
        return any(record.status.endswith(SIMULATION_CRASHED) for record in self.records)


def simulator_for(port: int, towns: Sequence[str], seed: int) -> AbstractContextManager[SimulatorProcess | None]:
    """Use the CARLA server behind a port, or start the embedded simulator there.

    Args:
        port: RPC port.
        towns: Towns needed; an embedded simulator starts with the first one.
        seed: Seed of an embedded simulator.

    Returns:
        A context: the process started, which ends with the context, or None for a server that was there before.

    Raises:
        LaunchError: If something else than a CARLA server holds the port.
        TownError: If a town is unknown or not installed (embedded simulator only).
    """
    if server_answers(LOOPBACK, port) is not None:
        return nullcontext(None)
    if port_is_open(LOOPBACK, port):
        raise LaunchError(f"port {port} is held by a program that is not a CARLA server; choose another --port")
    for town in towns:
        if town not in installed_towns():
            # Raises the error that says which command installs the town, or which name was meant.
            read_opendrive(town)
    return EmbeddedServer(port, towns[0], seed=seed)


def drive_routes(
    session: SimulationSession,
    routes: Sequence[Route],
    make_agent: Callable[[], AutonomousAgent],
    settings: DriveSettings,
    observers: Sequence[EpisodeObserver] = (),
    on_simulator_death: Callable[[DriveResult], None] | None = None,
) -> DriveResult:
    """Drive routes one after the other; stops early when the simulator crashes.

    Args:
        session: Entered session.
        routes: Routes, at least one.
        make_agent: Creates a fresh agent per route.
        settings: How to drive.
        observers: Further observers of every episode.
        on_simulator_death: Called on another thread, with the results so far already written, if the simulator
            dies; should end the process, because the client cannot be trusted any more.

    Returns:
        Records and files; the result file is rewritten after every route.

    Raises:
        RouteError: If a route cannot be traced.
        SimulatorError: If a town or the start of a route is not available.
    """
    result = DriveResult([], settings.output_dir / FILE_NAME, [])

    def add(run: RouteRun) -> None:
        result.records.append(route_record(run, len(result.records), LEADERBOARD_2_0))
        write_json_atomically(result.checkpoint, endpoint(result.records, len(routes)))

    for route in routes:
        recorder = DriveRecorder(_video_path(settings, route, len(routes)), settings.agent_name)
        episode = Episode(
            session,
            route,
            make_agent(),
            EpisodeSettings(settings.traffic_count, agent_config=settings.agent_config),
            [*observers, recorder] if settings.video else observers,
        )
        if on_simulator_death is not None:
            session.on_death = partial(_give_up, episode, add, partial(on_simulator_death, result))
        add(episode.run())
        if recorder.path is not None:
            result.videos.append(recorder.path)
        if result.simulator_crashed:
            LOG.error("stopping after route %s: the simulator crashed", route.id)
            break
    return result


def _give_up(episode: Episode, add: Callable[[RouteRun], None], leave: Callable[[], None]) -> None:
    """Record the death of the simulator during an episode."""
    add(episode.crashed_run())
    leave()


def _video_path(settings: DriveSettings, route: Route, route_count: int) -> Path:
    stem = settings.name if route_count == 1 else f"{settings.name}_{route.id}"
    return settings.output_dir / f"{stem}_topdown.mp4"
