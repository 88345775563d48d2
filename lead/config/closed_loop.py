"""How a model's predictions are driven, what a closed-loop evaluation leaves behind and which weather it drives in.

The keys and the variable ``LEAD_CLOSED_LOOP_CONFIG`` are the published ones, so that published instructions work.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lead.config.resolve import ConfigError, resolve

VARIABLE = "LEAD_CLOSED_LOOP_CONFIG"
TICKS_PER_S = 20.0
_MODALITIES = ("target_speed", "waypoint")
_CHOICES: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {
        "steer_modality": ("route", "waypoint"),
        "throttle_modality": _MODALITIES,
        "brake_modality": _MODALITIES,
    }
)
_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "jpeg_quality": (1, 100),
        "route_planner_max_distance": (0.0, math.inf),
        "sensor_agent_stuck_throttle": (0.0, 1.0),
        "slower_for_stop_sign_throttle_threshold": (0.0, 1.0),
        **dict.fromkeys(("turn_n", "speed_n", "lateral_n", "sensor_agent_stuck_move_duration"), (1, math.inf)),
        **dict.fromkeys(("brake_ratio", "brake_speed", "wp_delta_clip"), (0.0, math.inf)),
    }
)


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
        use_kalman_filter: Express target points from the filtered position instead of the measured one.
        jpeg_quality: Quality of the JPEG round trip of camera images.
        steer_modality: Steer along the ``route`` or towards each ``waypoint``.
        throttle_modality: Throttle by the ``target_speed`` or by each ``waypoint``.
        brake_modality: Brake by the ``target_speed`` or by each ``waypoint``.
        sensor_agent_steer_correction: Aim farther in bends.
        sensor_agent_steer_correction_param: Points farther per rad of mean bearing.
        route_planner_min_distance: Route points nearer than this (3 to 10 m in steps of 0.25 m) are passed.
        route_planner_max_distance: How far along the route points are looked at, m.
        sensor_agent_skip_distant_target_point: Replace a far next target point by the current one.
        sensor_agent_skip_distant_target_point_threshold: Distance that is far, m.
        sensor_agent_pop_distance_adaptive: Pass route points 4 m away where target points are close together.
        sensor_agent_creeping: Get a car going that has stood for long.
        sensor_agent_stuck_threshold: Standing ticks after which it is stuck.
        sensor_agent_stuck_move_duration: Ticks of rolling forward.
        sensor_agent_stuck_throttle: Least throttle meanwhile.
        slower_for_stop_sign: Stop at detected stop signs.
        slower_for_stop_sign_dist_threshold: Distance from the sign's box at which the car stops, m.
        slower_for_stop_sign_cool_down: Ticks without another stop after one.
        slower_for_stop_sign_count: Ticks of starting gently.
        slower_for_stop_sign_throttle_threshold: Largest throttle meanwhile.
        turn_kp: Gain of the waypoint controller's steering; ``ki``, ``kd``, and ``n`` errors in its integral likewise.
        speed_kp: Gain of the waypoint controller's throttle; the others likewise.
        brake_speed: Brake when the waypoints are slower than this, m/s.
        brake_ratio: Brake above this ratio of speed to wanted speed.
        wp_delta_clip: Speed errors of the waypoint controller are clipped here, m/s.
        tuned_aim_distance: Let the waypoint controller's aim grow with speed.
        aim_distance_fast: Its aim at high speeds, m.
        aim_distance_slow: Its aim at low speeds, m.
        aim_distance_threshold: Wanted speed from which on the aim is the far one, m/s.
        lateral_k_p: Gain of the path controller; ``k_d``, ``k_i``, and ``n`` errors in its mean likewise.
        lateral_speed_scale: Its look-ahead per km/h, in tenths of a metre.
        lateral_speed_offset: Its look-ahead at a standstill, in tenths of a metre.
        lateral_default_lookahead: Published, but never had an effect.
        lateral_speed_threshold: Published, but never had an effect.
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
    use_kalman_filter: bool = False
    jpeg_quality: int = 90
    steer_modality: str = "route"
    throttle_modality: str = "target_speed"
    brake_modality: str = "target_speed"
    sensor_agent_steer_correction: bool = True
    sensor_agent_steer_correction_param: float = 3.5
    route_planner_min_distance: float = 5.0
    route_planner_max_distance: float = 50.0
    sensor_agent_skip_distant_target_point: bool = True
    sensor_agent_skip_distant_target_point_threshold: float = 50.0
    sensor_agent_pop_distance_adaptive: bool = True
    sensor_agent_creeping: bool = False
    sensor_agent_stuck_threshold: int = 1100
    sensor_agent_stuck_move_duration: int = 20
    sensor_agent_stuck_throttle: float = 0.4
    slower_for_stop_sign: bool = False
    slower_for_stop_sign_dist_threshold: float = 1.0
    slower_for_stop_sign_cool_down: int = 120
    slower_for_stop_sign_count: int = 40
    slower_for_stop_sign_throttle_threshold: float = 0.1
    turn_kp: float = 1.25
    turn_ki: float = 0.75
    turn_kd: float = 0.3
    turn_n: int = 20
    speed_kp: float = 1.75
    speed_ki: float = 1.0
    speed_kd: float = 2.0
    speed_n: int = 20
    brake_speed: float = 0.4
    brake_ratio: float = 1.1
    wp_delta_clip: float = 0.99
    tuned_aim_distance: bool = False
    aim_distance_fast: float = 3.0
    aim_distance_slow: float = 2.25
    aim_distance_threshold: float = 5.5
    lateral_k_p: float = 3.118357247806046
    lateral_k_d: float = 1.3782508892109167
    lateral_k_i: float = 0.6406067986034124
    lateral_n: int = 6
    lateral_speed_scale: float = 0.9755321901954155
    lateral_speed_offset: float = 1.9152884533402488
    lateral_default_lookahead: float = 24.0
    lateral_speed_threshold: float = 23.150102938235136

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
        for key, (least, most) in _RANGES.items():
            value = getattr(self, key)
            if not least <= value <= most:
                raise ConfigError(f"{key} must lie between {least:g} and {most:g}, not {value}")
        for key, known in _CHOICES.items():
            if getattr(self, key) not in known:
                raise ConfigError(f"{key} must be {' or '.join(map(str, known))}, not {getattr(self, key)!r}")

    @property
    def shows_reasoning(self) -> bool:
        """A debug video or pictures are wanted, for which a model predicts more than it needs for driving."""
        return bool(self.produce_debug_video) or self.produce_debug_image

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
