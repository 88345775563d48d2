"""Episode observer that writes the videos and pictures of :class:`lead.config.closed_loop.ClosedLoopConfig`.

Frame k of every artefact shows tick k times ``produce_frame_frequency`` (ticks counted from 0, agents' steps from 1),
so that one place in time is the same frame number everywhere. What the agent sees is there when a tick is reported; the
spectators' pictures come later, so demo and grid frames wait for them in order while the drive goes on.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.config.closed_loop import ClosedLoopConfig
from lead.evaluation.episode import EpisodeStart, EpisodeTick
from lead.evaluation.map_drawing import map_layers_near
from lead.evaluation.videos.agent_inputs import AgentInputs, side_by_side
from lead.evaluation.videos.scenes import scene_of, sentences
from lead.evaluation.videos.sinks import FrameSink
from lead.evaluation.videos.spectators import Spectators
from lead.evaluation.world_setup import TICK_S
from lead.scoring.penalties import RouteEvent
from lead.visualization import bird_view
from lead.visualization.agent_view import AgentView
from lead.visualization.debug_view import DebugScene, draw_debug_view
from lead.visualization.overlays import draw_plan_as_spheres
from lead.visualization.projection import PinholeCamera
from lead.visualization.topdown import TopDownRenderer

LOG = logging.getLogger(__name__)

CRF, DEBUG_CRF = 18, 28
MAX_WAITING = 6
"""Ticks whose spectator pictures may be on their way; then the drive waits for the oldest."""
END_S = 75.0
"""Time for finishing all files."""
DEMO_CROP, INPUT_CROP = 0.25, 0.078125
"""Shares cut off at the top and at the bottom of demo and input pictures in a grid."""
MPS_TO_KMH = 3.6


@dataclass(frozen=True)
class _Waiting:
    """A tick whose spectator pictures have not arrived, with the lower half of its grid picture."""

    frame: int
    view: AgentView | None
    strip: NDArray[np.uint8] | None


class VideoArtefacts:
    """Writes the demo, input, grid and debug artefacts that the configuration asks for."""

    def __init__(self, config: ClosedLoopConfig) -> None:
        """Choose the artefacts."""
        self._config = config
        self._every = config.produce_frame_frequency
        self._spectators: Spectators | None = None
        self._waiting: deque[_Waiting] = deque()
        self._start: EpisodeStart | None = None

    def on_start(self, start: EpisodeStart) -> None:
        """Mount what is needed on the ego."""
        self._start = start
        self._agent_inputs = AgentInputs(start.sensors)
        self._open_sinks(start)
        if self._demo.is_wanted or self._grid.is_wanted:
            period_s = 0.0 if self._every == 1 else self._every * TICK_S
            self._spectators = Spectators(start.world, start.ego, period_s)
        if self._debug.is_wanted:
            layers = map_layers_near(start.map, start.dense.xyz)
            self._renderer = TopDownRenderer(
                layers,
                start.dense.xyz[:, :2],
                bird_view.WIDTH,
                bird_view.HEIGHT,
                bird_view.PIXELS_PER_M,
                bird_view.EGO_PLACE,
            )

    def on_tick(self, tick: EpisodeTick) -> None:
        """Produce the frames of a tick whose turn it is, and those whose pictures have arrived."""
        if (tick.step - 1) % self._every == 0:
            self._guarded((self._input, self._grid, self._debug), lambda: self._produce(tick))
        self._flush()

    def on_end(self, named_events: Sequence[tuple[str, RouteEvent]] = ()) -> None:
        """Wait for the last pictures and finish the files."""
        if self._start is None:
            return
        deadline_s = time.monotonic() + END_S
        while self._waiting and self._spectators is not None:
            self._append_oldest(must_come=True)
        if self._spectators is not None:
            self._spectators.close()
        for sink in (self._demo, self._input, self._grid, self._debug):
            sink.close(deadline_s)
        self._start = self._spectators = None
        self._waiting.clear()

    def _open_sinks(self, start: EpisodeStart) -> None:
        config = self._config

        def sink(artefact: str, crf: int, video: bool | None, images: bool) -> FrameSink:
            made = FrameSink(start.artefact_dir, start.route_name, artefact, config.fps, crf=crf)
            return made.choose(video=bool(video), images=images)

        self._demo = sink("demo", CRF, config.produce_demo_video, config.produce_demo_image)
        self._input = sink("input", CRF, config.produce_input_video, config.produce_input_image)
        self._grid = sink("grid", CRF, config.produce_grid_video, config.produce_grid_image)
        self._debug = sink("debug", DEBUG_CRF, config.produce_debug_video, config.produce_debug_image)
        if not self._agent_inputs.cameras and (self._input.is_wanted or self._grid.is_wanted):
            LOG.warning("the agent has no cameras: there is no input and no grid video")
            for blind in (self._input, self._grid):
                blind.choose(video=False, images=False)

    def _produce(self, tick: EpisodeTick) -> None:
        """Draw what can be drawn at once and let the rest wait."""
        pictures: list[NDArray[np.uint8]] = []
        if any(sink.is_wanted for sink in (self._input, self._grid, self._debug)):
            pictures = self._agent_inputs.pictures(tick.inputs)
        if self._input.is_wanted:
            self._input.write(side_by_side(pictures))
        if self._debug.is_wanted:
            self._debug.write(self._draw_debug(tick, pictures))
        if self._spectators is not None:
            strip = None
            if self._grid.is_wanted:
                strip = _grid_strip(pictures, self._agent_inputs.cameras, tick.view)
            self._waiting.append(_Waiting(tick.observation.frame, tick.view, strip))

    def _flush(self) -> None:
        """Append what has arrived, and do not let more than a few ticks wait."""
        while self._waiting and self._append_oldest(must_come=len(self._waiting) > MAX_WAITING):
            pass

    def _append_oldest(self, *, must_come: bool) -> bool:
        """Append the oldest waiting frame to demo and grid; False if its pictures are not there yet."""
        spectators, oldest = self._spectators, self._waiting[0]
        if spectators is None:
            self._waiting.clear()
            return False
        demo = spectators.frame_of(oldest.frame, oldest.view, must_come=must_come)
        if demo is None and not must_come:
            return False
        self._waiting.popleft()
        if demo is not None:
            self._guarded((self._demo, self._grid), lambda: self._append(demo, oldest.strip))
        elif spectators.is_blind:
            LOG.warning("the spectator cameras send no pictures (is rendering switched off?): no demo, no grid video")
            self._give_up((self._demo, self._grid))
            spectators.close()
            self._spectators = None
        else:
            self._waiting.appendleft(oldest)  # The first picture of all is still missing: try again.
        return True

    def _append(self, demo: NDArray[np.uint8], strip: NDArray[np.uint8] | None) -> None:
        if self._demo.is_wanted:
            self._demo.write(demo)
        if self._grid.is_wanted and strip is not None:
            self._grid.write(_grid_frame(demo, strip))

    def _draw_debug(self, tick: EpisodeTick, pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        assert self._start is not None
        view = tick.view if tick.view is not None else AgentView()
        if view.lidar_ego is None and view.lidar_raster is None:
            view = replace(view, lidar_ego=self._agent_inputs.lidar_ego(tick.inputs))
        if view.radar_ego is None:
            view = replace(view, radar_ego=self._agent_inputs.radar_ego(tick.inputs))
        extent = tick.observation.ego.extent
        scene = DebugScene(
            background=self._renderer.draw(scene_of(tick, self._start.lights)),
            view=view,
            ego_half_size_m=(float(extent[0]), float(extent[1])),
            cameras=side_by_side(pictures) if pictures else None,
            values=_panel_values(tick, view, self._start.route.town),
            infractions=sentences(list(tick.events)),
        )
        return draw_debug_view(scene)

    def _guarded(self, sinks: tuple[FrameSink, ...], draw: Callable[[], None]) -> None:
        """Draw; an error, for example about what the agent shows, costs these artefacts but not the drive."""
        try:
            draw()
        except Exception:
            LOG.exception("drawing failed; the artefacts concerned are given up, the drive goes on")
            self._give_up(sinks)

    def _give_up(self, sinks: tuple[FrameSink, ...]) -> None:
        for sink in sinks:
            sink.choose(video=False, images=False)


def _grid_strip(
    pictures: list[NDArray[np.uint8]], cameras: list[PinholeCamera], view: AgentView | None
) -> NDArray[np.uint8]:
    """Join the agent's pictures with its plan drawn into each, cut at the top and at the bottom."""
    drawn = []
    for picture, camera in zip(pictures, cameras, strict=True):
        drawn.append(picture.copy())
        if view is not None:
            draw_plan_as_spheres(drawn[-1], camera, view)
    return _cropped(side_by_side(drawn), INPUT_CROP)


def _grid_frame(demo: NDArray[np.uint8], strip: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put the demo picture, cut and scaled to the same width, above the agent's pictures."""
    upper = _cropped(demo, DEMO_CROP)
    width = int(strip.shape[1])
    height = max(1, round(upper.shape[0] * width / upper.shape[1]))
    scaled = np.asarray(cv2.resize(upper, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return np.concatenate([scaled, strip], axis=0)


def _cropped(picture: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    rows = round(picture.shape[0] * share)
    return picture[rows : picture.shape[0] - rows]


def _panel_values(tick: EpisodeTick, view: AgentView, town: str) -> dict[str, str | float]:
    """Collect the numbers every agent has, and those that the view adds."""
    control = tick.control
    values: dict[str, str | float] = {
        "brake": float(control.brake),
        "meters_travelled": float(tick.meters_travelled),
        "route driven": f"{tick.percent:.1f} %",
        "score": f"{tick.percent * tick.penalty:.1f}",
        "speed": f"{tick.observation.ego.speed_mps:.2f} m/s",
        "speed limit": f"{tick.speed_limit_mps * MPS_TO_KMH:.0f} km/h",
        "steer": float(control.steer),
        "step": tick.step,
        "throttle": float(control.throttle),
        "time": f"{tick.observation.time_s:.2f} s",
        "town": town,
    }
    if view.target_speed_mps is not None:
        values["target speed"] = f"{view.target_speed_mps:.2f} m/s"
    if view.target_points_ego is not None:
        for number, (x, y) in enumerate(np.asarray(view.target_points_ego)[:, :2]):
            values[f"target point {number}"] = f"{x:.1f}, {y:.1f} m"
    return values
