"""What a closed-loop evaluation leaves behind and which weather it drives in.

The keys and the variable ``LEAD_CLOSED_LOOP_CONFIG`` are the published ones, so that published instructions work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lead.config.resolve import ConfigError, resolve

VARIABLE = "LEAD_CLOSED_LOOP_CONFIG"
TICKS_PER_S = 20.0


@dataclass(frozen=True)
class ClosedLoopConfig:
    """Settings of a closed-loop evaluation.

    Attributes:
        debug_mode: Switches ``produce_debug_video`` on unless that key is given.
        produce_frame_frequency: Every how many ticks a frame is produced; frame k of every video and image folder
            shows tick k times this number.
        produce_demo_video: Write ``<id>_demo.mp4``: the ego from behind and from above.
        produce_demo_image: Write the same frames into ``demo_images``.
        produce_debug_video: Write ``<id>_debug.mp4``: what the agent sees and decides.
        produce_debug_image: Write the same frames into ``debug_images``.
        produce_input_video: Write ``<id>_input.mp4``: the agent's cameras side by side.
        produce_input_image: Write the same frames into ``input_images``.
        produce_grid_video: Write ``<id>_grid.mp4``: the demo above the input.
        produce_grid_image: Write the same frames into ``grid_images``.
        produce_input_log: Let the agent save the tensors that go into its model, one file per tick.
        video_fps: Frames per second of the videos; without a value 20 / ``produce_frame_frequency``, real time.
        custom_weather: Named weather (``lead/routes/weather_presets.json``) that replaces the weather of the routes.
        random_weather: Replace the weather of every route by a preset drawn at random.
    """

    debug_mode: bool = False
    produce_frame_frequency: int = 1
    produce_demo_video: bool = False
    produce_demo_image: bool = False
    produce_debug_video: bool | None = None
    produce_debug_image: bool = False
    produce_input_video: bool = False
    produce_input_image: bool = False
    produce_grid_video: bool = False
    produce_grid_image: bool = False
    produce_input_log: bool = False
    video_fps: float | None = None
    custom_weather: str | None = None
    random_weather: bool = False

    def __post_init__(self) -> None:
        """Complete computed defaults and check the values.

        Raises:
            ConfigError: If a value makes no sense.
        """
        if self.produce_frame_frequency < 1:
            raise ConfigError(f"produce_frame_frequency must be at least 1, not {self.produce_frame_frequency}")
        if self.produce_debug_video is None:
            object.__setattr__(self, "produce_debug_video", self.debug_mode)
        if self.video_fps is None:
            object.__setattr__(self, "video_fps", TICKS_PER_S / self.produce_frame_frequency)
        if not self.fps > 0.0:
            raise ConfigError(f"video_fps must be positive, not {self.video_fps}")
        if self.custom_weather is not None and self.random_weather:
            raise ConfigError("custom_weather and random_weather exclude each other")

    @property
    def fps(self) -> float:
        """Frames per second of the videos."""
        assert self.video_fps is not None
        return self.video_fps


def resolve_closed_loop(arguments: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> ClosedLoopConfig:
    """Work out the settings from the command line and ``LEAD_CLOSED_LOOP_CONFIG``.

    Args:
        arguments: ``key=value`` words of the command line.
        environ: Environment to read; the process's own by default.

    Raises:
        ConfigError: If a key is unknown or a value makes no sense.
    """
    return resolve(ClosedLoopConfig, arguments, variable=VARIABLE, environ=environ)
