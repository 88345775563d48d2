"""The program of an episode process: drives one route for a supervisor and tells it everything worth knowing.

Started by :class:`lead.evaluation.episode_child.EpisodeChild` as ``python -m lead.cli.episode_process DESCRIPTOR``; it
is not a command for people. The job comes as the first line of standard input, the second says that the simulator is
ready, and the end of the input that the supervisor is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from lead.cli.drive_options import DEFAULT_TRAFFIC
from lead.errors import LeadError
from lead.evaluation.job import EpisodeJob, MessageChannel, run_to_json
from lead.evaluation.status_board import Phase, StatusBoard

if TYPE_CHECKING:
    from collections.abc import Callable

    from lead.evaluation.episode import Episode, EpisodeTick
    from lead.evaluation.scenario_hooks import ScenarioEngine
    from lead.routes.model import Route
    from lead.scoring.profiles import BenchmarkProfile
    from lead.scoring.records import RouteRun

PROGRESS_S, PROGRESS_TICKS = 0.5, 20
"""A process that dies loses no more of its drive than this, whichever comes first."""
EXIT_REFUSED, EXIT_SIMULATOR_DIED, EXIT_ORPHANED, EXIT_BUG = 3, 4, 5, 70


class _TerminatedError(BaseException):
    """SIGTERM; unlike SystemExit it cannot be the agent's doing."""


def main() -> None:
    """Drive the route of the job on standard input."""
    # Threads of a network that wait for work would keep turning, on the cores that the simulator needs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=_log_level())
    signal.signal(signal.SIGTERM, _leave)
    # A supervisor that runs in the background may have inherited it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    job = EpisodeJob.from_json(sys.stdin.readline())
    channel = MessageChannel(int(sys.argv[1]))
    with StatusBoard(Path(job.status_file)) as board:
        try:
            _drive(job, channel, board)
        except LeadError as error:
            channel.send("refused", text=str(error), only_this_route=isinstance(error, _route_errors()))
            logging.getLogger(__name__).error("%s", error)
            _exit(EXIT_REFUSED)
        except KeyboardInterrupt:
            channel.send("interrupted", text="interrupted")
            _exit(128 + signal.SIGINT)
        except _TerminatedError:
            _exit(128 + signal.SIGTERM)
        except Exception:
            logging.getLogger(__name__).exception("the episode failed")
            _exit(EXIT_BUG)
        board.enter(Phase.DONE)
    _exit(0)


def _exit(code: int) -> None:
    """End at once: tearing the interpreter down around the client's threads can crash."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def _log_level() -> int:
    level = logging.getLevelName(os.environ.get("LEAD_LOG_LEVEL", "INFO").upper())
    return level if isinstance(level, int) else logging.INFO


def _route_errors() -> tuple[type[LeadError], ...]:
    """Errors that other routes of the same evaluation need not have."""
    from lead.evaluation.world_setup import RoutePlaceError
    from lead.routes.model import RouteError

    return (RouteError, RoutePlaceError)


def _drive(job: EpisodeJob, channel: MessageChannel, board: StatusBoard) -> None:
    """Load everything, wait for the simulator, drive."""
    from lead.agents.registry import create_agent
    from lead.config.closed_loop import resolve_closed_loop
    from lead.evaluation.episode import Episode, EpisodeSettings
    from lead.evaluation.videos.observers import artefact_observers
    from lead.evaluation.world_setup import SimulationSession
    from lead.routes.reader import read_routes, select_routes
    from lead.scoring.profiles import profile
    from lead.simulator.launch import LOOPBACK

    (route,) = select_routes(read_routes(job.routes_file), [job.route_id])
    closed_loop = resolve_closed_loop(job.closed_loop)
    rules = profile(job.profile)
    plain_traffic, engine = _choose_engine(job, route, rules)
    settings = EpisodeSettings(
        profile=rules,
        seed=job.seed,
        traffic_count=plain_traffic,
        repetition=job.repetition,
        agent_config=job.agent_config,
        artefact_dir=Path(job.artefact_dir),
        name=job.name,
        reload_world=job.reload_world,
        closed_loop=closed_loop,
        engine=engine,
        gives_up=job.gives_up,
        **_recording(job, route, closed_loop.custom_weather),
    )
    reporter = _Reporter(channel, board)
    session = SimulationSession(
        job.port, job.traffic_manager_port, job.seed, job.timeout_s, on_death=reporter.report_death
    )
    reporter.episode = episode = Episode(
        session,
        route,
        lambda: create_agent(job.agent, LOOPBACK, job.port, job.agent_config, debug=job.debug > 0),
        settings,
        [reporter, *artefact_observers(closed_loop, rules, job.agent, topdown=job.topdown_video)],
        board.enter,
        reporter.report,
    )
    board.enter(Phase.WAITING)
    if not sys.stdin.readline():
        _exit(EXIT_ORPHANED)
    threading.Thread(target=_end_with_supervisor, name="supervisor-watch", daemon=True).start()
    board.enter(Phase.CONNECTING)
    with session:
        episode.run()
        board.enter(Phase.CLEAN_UP)


def _recording(job: EpisodeJob, route: Route, weather: str | None) -> dict[str, Any]:
    """Return the settings of a recorded drive; empty for others.

    Args:
        job: The job.
        route: Its route.
        weather: Preset that the user chose; None draws one.
    """
    if not job.record_dir:
        return {}
    import zlib

    import numpy as np

    from lead.dataset.weather_choice import draw_weather_choice
    from lead.evaluation.agent import RecordingTarget

    folder = Path(job.record_dir)
    rng = np.random.default_rng([job.seed, zlib.crc32(f"{route.town} {route.id}".encode())])
    return {
        "recording": RecordingTarget(folder, folder.parent.name, route.town, job.seed),
        "weather": draw_weather_choice(rng, weather).parameters,
    }


def _choose_engine(
    job: EpisodeJob, route: Route, rules: BenchmarkProfile
) -> tuple[int, Callable[[], ScenarioEngine] | None]:
    """Choose who populates the roads.

    Returns:
        Number of vehicles in a drive without engine, and what makes the engine: it plays the route's scenarios amid
        the traffic of the leaderboard, or amid plain vehicles if their number is given. Benchmarks have their traffic
        on routes without scenarios, too.
    """
    is_bubble = job.traffic is None and (len(route.scenarios) > 0 or rules.route_count is not None)
    if job.ignore_scenarios or not (route.scenarios or is_bubble):
        return DEFAULT_TRAFFIC if job.traffic is None else job.traffic, None
    from lead.scenarios.engine import Engine
    from lead.scenarios.traffic.plain import make_plain_traffic

    if job.traffic is None:
        return 0, Engine
    traffic = make_plain_traffic(job.traffic)
    return 0, lambda: Engine(traffic)


class _Reporter:
    """Episode observer that tells the supervisor how far the drive is, and how it ended."""

    episode: Episode

    def __init__(self, channel: MessageChannel, board: StatusBoard) -> None:
        self._channel = channel
        self._board = board
        self._sent_at_s = 0.0
        self._sent_step = 0

    def on_start(self, start: object) -> None:
        """Nothing to prepare."""

    def on_tick(self, tick: EpisodeTick) -> None:
        """Send what was measured until now, every simulated second or half a real one."""
        self._board.count_tick()
        now_s = time.monotonic()
        if now_s - self._sent_at_s >= PROGRESS_S or tick.step >= self._sent_step + PROGRESS_TICKS:
            self._sent_at_s, self._sent_step = now_s, tick.step
            self._channel.send(
                "progress",
                percent=tick.percent,
                time_s=tick.observation.time_s,
                penalty=tick.penalty,
                run=run_to_json(self.episode.run_so_far()),
                **self._facts(),
            )

    def on_end(self, named_events: object) -> None:
        """Nothing to finish."""

    def report(self, run: RouteRun) -> None:
        """Send the result."""
        self._channel.send("measured", run=run_to_json(run), explanation=self.episode.explanation, **self._facts())

    def report_death(self) -> None:
        """Send what was measured until the simulator died, and leave.

        The main thread is stuck inside the client, which would abort the process after its time-out.
        """
        self._channel.send("simulator_died", text="the simulator died", run=run_to_json(self.episode.run_so_far()))
        os._exit(EXIT_SIMULATOR_DIED)

    def _facts(self) -> dict[str, object]:
        return {"sensor_types": self.episode.sensor_types, "scenarios": self.episode.scenarios}


def _end_with_supervisor() -> None:
    """Leave when the supervisor is gone: nobody would stop this process any more."""
    sys.stdin.read()
    os._exit(EXIT_ORPHANED)


def _leave(number: int, frame: FrameType | None) -> None:
    """Leave through all ``finally`` blocks."""
    raise _TerminatedError


if __name__ == "__main__":
    main()
