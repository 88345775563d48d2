"""Everything that is written about a drive while it lasts, as episode observers."""

from __future__ import annotations

from collections.abc import Sequence

from lead.config.closed_loop import ClosedLoopConfig
from lead.evaluation import infraction_log, metric_log
from lead.evaluation.episode import EpisodeObserver, EpisodeStart, EpisodeTick
from lead.evaluation.infraction_log import InfractionLog
from lead.evaluation.metric_log import MetricLog, motion_row
from lead.evaluation.recording import DriveRecorder
from lead.evaluation.videos.artefacts import VideoArtefacts
from lead.scoring.penalties import RouteEvent
from lead.scoring.profiles import BenchmarkProfile

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
    observers: list[EpisodeObserver] = [RouteLogs(config.fps, has_metrics=profile.name in _METRIC_BENCHMARKS)]
    produced = [name for name in vars(config) if name.startswith("produce_") and name.endswith(("_video", "_image"))]
    if any(getattr(config, name) for name in produced):
        observers.append(VideoArtefacts(config))
    if topdown:
        observers.append(DriveRecorder(agent_name))
    return observers


class RouteLogs:
    """Episode observer that keeps ``infractions.json`` and ``metric_info.json``."""

    def __init__(self, video_fps: float, *, has_metrics: bool) -> None:
        """Choose the logs.

        Args:
            video_fps: Frames per second of the videos beside them.
            has_metrics: Record the ego's motion.
        """
        self._video_fps = video_fps
        self._has_metrics = has_metrics
        self._infractions: InfractionLog | None = None
        self._metrics: MetricLog | None = None
        self._last: EpisodeTick | None = None

    def on_start(self, start: EpisodeStart) -> None:
        """Start the files."""
        self._ego = start.ego
        self._infractions = InfractionLog(start.artefact_dir / infraction_log.FILE_NAME, self._video_fps)
        if self._has_metrics:
            self._metrics = MetricLog(start.artefact_dir / metric_log.FILE_NAME)

    def on_tick(self, tick: EpisodeTick) -> None:
        """Note infractions and motion."""
        self._last = tick
        if self._infractions is not None:
            self._infractions.update(tick.named_events, tick.step, tick.meters_travelled)
        if self._metrics is not None:
            self._metrics.add(motion_row(self._ego))

    def on_end(self, named_events: Sequence[tuple[str, RouteEvent]] = ()) -> None:
        """Add what is known only now, such as how much of the route was driven, and finish the files."""
        if self._infractions is not None:
            if self._last is not None:
                self._infractions.update(list(named_events), self._last.step, self._last.meters_travelled)
            self._infractions.close()
        if self._metrics is not None:
            self._metrics.close()
        self._infractions = self._metrics = self._last = None
