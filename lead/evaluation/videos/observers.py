"""Everything that is written about a drive while it lasts, as episode observers."""

from __future__ import annotations

from collections.abc import Sequence

from lead.config.closed_loop import ClosedLoopConfig
from lead.evaluation import drive_log, infraction_log, metric_log
from lead.evaluation.drive_log import DriveFacts, DriveLog, DriveMoment
from lead.evaluation.ego_motion import motion_row
from lead.evaluation.episode import EpisodeObserver, EpisodeStart, EpisodeTick
from lead.evaluation.infraction_log import InfractionLog
from lead.evaluation.metric_log import MetricLog
from lead.evaluation.recording import DriveRecorder
from lead.evaluation.videos.artefacts import VideoArtefacts
from lead.evaluation.world_setup import TICK_S
from lead.scoring.penalties import RouteEvent
from lead.scoring.profiles import BenchmarkProfile
from lead.visualization.bird_view import MIN_SCORE

_METRIC_BENCHMARKS = ("bench2drive",)


def artefact_observers(
    config: ClosedLoopConfig, profile: BenchmarkProfile, agent_name: str, *, topdown: bool = False
) -> list[EpisodeObserver]:
    """Return the observers of one drive.

    Args:
        config: Which videos and pictures to make.
        profile: Benchmark; tells whether the ego's motion is recorded for its metrics.
        agent_name: Shown in the top-down video.
        topdown: Write the video from above and from behind.
    """
    logs = RouteLogs(config.fps, config.produce_frame_frequency, has_metrics=profile.name in _METRIC_BENCHMARKS)
    observers: list[EpisodeObserver] = [logs]
    produced = [name for name in vars(config) if name.startswith("produce_") and name.endswith(("_video", "_image"))]
    if any(getattr(config, name) for name in produced):
        observers.append(VideoArtefacts(config))
    if topdown:
        observers.append(DriveRecorder(agent_name))
    return observers


class RouteLogs:
    """Episode observer that keeps ``infractions.json``, ``drive_log.jsonl`` and ``metric_info.json``."""

    def __init__(self, video_fps: float, ticks_per_frame: int, *, has_metrics: bool) -> None:
        """Choose the logs.

        Args:
            video_fps: Frames per second of the videos beside them.
            ticks_per_frame: Steps of the agent per frame of these videos.
            has_metrics: Record the ego's motion.
        """
        self._video_fps = video_fps
        self._ticks_per_frame = ticks_per_frame
        self._has_metrics = has_metrics
        self._infractions: InfractionLog | None = None
        self._drive: DriveLog | None = None
        self._metrics: MetricLog | None = None
        self._last: EpisodeTick | None = None

    def on_start(self, start: EpisodeStart) -> None:
        """Start the files."""
        self._ego = start.ego
        folder = start.artefact_dir
        self._infractions = InfractionLog(folder / infraction_log.FILE_NAME, self._video_fps, self._ticks_per_frame)
        self._drive = DriveLog(folder / drive_log.FILE_NAME, _facts(start), MIN_SCORE)
        if self._has_metrics:
            self._metrics = MetricLog(folder / metric_log.FILE_NAME)

    def on_tick(self, tick: EpisodeTick) -> None:
        """Note infractions, places and motion."""
        self._last = tick
        if self._infractions is not None:
            self._infractions.update(tick.named_events, tick.step, tick.meters_travelled)
        if self._drive is not None and self._drive.wants(tick.step):
            self._drive.add(_moment(tick))
        if self._metrics is not None:
            self._metrics.add(motion_row(self._ego))

    def on_end(self, named_events: Sequence[tuple[str, RouteEvent]] = ()) -> None:
        """Add what is known only now, such as how much of the route was driven, and finish the files."""
        if self._infractions is not None:
            if self._last is not None:
                self._infractions.update(list(named_events), self._last.step, self._last.meters_travelled)
            self._infractions.close()
        if self._drive is not None:
            self._drive.close()
        if self._metrics is not None:
            self._metrics.close()
        self._infractions = self._drive = self._metrics = self._last = None


def _facts(start: EpisodeStart) -> DriveFacts:
    half_size = start.ego.bounding_box.extent
    return DriveFacts(
        town=start.route.town,
        route_id=start.route.id,
        scenarios=[scenario.type for scenario in start.route.scenarios],
        tick_s=TICK_S,
        ego_half_size_m=(half_size.x, half_size.y),
        route_xyz=start.dense.xyz,
    )


def _moment(tick: EpisodeTick) -> DriveMoment:
    ego, control = tick.observation.ego, tick.control
    return DriveMoment(
        step=tick.step,
        frame=tick.observation.frame,
        time_s=tick.observation.time_s,
        ego=(float(ego.location[0]), float(ego.location[1]), ego.yaw_rad, ego.speed_mps),
        control=(control.steer, control.throttle, control.brake),
        driven_m=tick.meters_travelled,
        percent=tick.percent,
        penalty=tick.penalty,
        actors=tick.observation.shown_actors,
        view=tick.view,
    )
