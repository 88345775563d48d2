"""Drives the first fifty metres of public benchmark routes, with their scenarios ignored, in one simulator per town."""

import itertools
from pathlib import Path

from lead.agents.autopilot import AutopilotAgent
from lead.evaluation.episode import Episode, EpisodeSettings
from lead.evaluation.world_setup import SimulationSession
from lead.maps.towns import installed_towns
from lead.routes.catalogue import benchmark_route_files, benchmarks
from lead.routes.reader import read_routes
from lead.scoring.penalties import EventType
from lead.scoring.profiles import profile
from lead.scoring.records import AGENT_CRASHED
from lead.simulator.launch import LOOPBACK, EmbeddedServer, free_port

SHARED = Path(__file__).resolve().parents[2] / "../shared"
ENOUGH_M = 55.0
LEAST_M = 50.0
LARGEST = "Town13"


class EnoughError(Exception):
    """The ego has driven far enough."""


class ShortDriver(AutopilotAgent):
    """The autopilot, until it has driven 55 m."""

    way_m = 0.0

    def run_step(self, input_data, timestamp):
        control = super().run_step(input_data, timestamp)
        self.way_m += self._context.observer.latest.ego.speed_mps * 0.05
        if self.way_m > ENOUGH_M:
            raise EnoughError
        return control


def public_routes():
    """(benchmark, file stem, route) of all 476, by town."""
    items = [
        (name, path.stem, read_routes(path)[0]) for name in benchmarks() for path in benchmark_route_files(name, SHARED)
    ]
    return sorted(items, key=lambda item: item[2].town)


def failures(items, folder):
    """Drive routes; returns a line for each that failed."""
    lines = []
    for town, group in itertools.groupby(items, lambda item: item[2].town):
        if town not in installed_towns():
            lines.append(f"{town} is not installed (lead towns install {town})")
            continue
        with (
            EmbeddedServer(free_port(3), town, synchronous=True) as server,
            SimulationSession(server.port, free_port(1), seed=0, timeout_s=60.0) as session,
        ):
            for name, stem, route in group:
                if words := failure(session, route, name, folder):
                    lines.append(f"{name:<12} {stem:<40} {town:<9} {words}")
    return lines


def failure(session, route, benchmark, folder):
    """Say what is wrong with the drive of one route, or nothing."""
    session.load_town(route.town)
    before = sorted(actor.id for actor in session.world.get_actors())
    settings = EpisodeSettings(profile=profile(benchmark), artefact_dir=folder, name=route.id)
    run = Episode(session, route, lambda: ShortDriver(LOOPBACK, session.port), settings).run()
    session.tick()
    left = sorted(set(actor.id for actor in session.world.get_actors()) - set(before))
    completed = [event for event in run.events if event.type is EventType.ROUTE_COMPLETION][-1]
    percent = completed.values["route_completed"]
    driven_m = percent / 100.0 * run.length_m
    events = [event.message for event in run.events if event.type is not EventType.ROUTE_COMPLETION]
    is_far = driven_m > LEAST_M - 5.0 or percent == 100.0
    is_well = run.failure in ("", AGENT_CRASHED) and (run.failure or percent == 100.0)
    if left:
        return f"{len(left)} actors are left"
    if not (is_far and is_well):
        return f"{driven_m:.0f} of {run.length_m:.0f} m in {run.duration_game_s:.0f} s: {run.failure} {events}"
    return ""
