"""What a checkpoint and the closed-loop configuration mean for driving: sensors, inputs, controllers, heuristics.

The published keys are translated here, once, into the settings of the parts that do the work.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from lead.config.closed_loop import ClosedLoopConfig
from lead.config.published import PublishedConfig
from lead.control.agent_control import AgentControlConfig, PedalModality, SteerModality
from lead.control.creeping import CreepingConfig
from lead.control.lateral import LateralConfig
from lead.control.sparse_route import TargetPointRules
from lead.control.stop_sign_hold import StopSignConfig
from lead.control.waypoint_controller import WaypointConfig
from lead.models.transfuser.architecture import Architecture, LidarInput
from lead.models.transfuser.outputs import DRIVING_HEADS, Head
from lead.sensing.preprocessor import GNSS_ID, IMU_ID, SPEED_ID, PreprocessorSettings
from lead.sensing.rigs import Camera, Mount, SensorRig

RADAR_HORIZONTAL_FOV_DEG, RADAR_VERTICAL_FOV_DEG = 90.0, 0.1
SPEEDOMETER_HZ = 20


def mounted_rig(architecture: Architecture, config: PublishedConfig, closed_loop: ClosedLoopConfig) -> SensorRig:
    """Return the part of a checkpoint's rig that driving it needs.

    LiDARs serve the raster and the look ahead while creeping. Radar points go into the same clouds, and into the radar
    head. Cameras stay as they are, and which of them are used is up to the architecture; blind networks have none.
    """
    rig = architecture.domain.rig
    has_clouds = architecture.lidar_input is LidarInput.RASTER or closed_loop.sensor_agent_creeping
    has_radars = config.use_radars and (has_clouds or architecture.detects_radar)
    return dataclasses.replace(
        rig,
        cameras=() if architecture.is_blind else rig.cameras,
        lidars=rig.lidars if has_clouds else (),
        radars=rig.radars if has_radars else (),
    )


def mounted_cameras(architecture: Architecture) -> tuple[bool, ...] | None:
    """Return which cameras of the mounted rig are used; None for all."""
    return None if architecture.is_blind else architecture.used_cameras


def sensor_specs(rig: SensorRig, used_cameras: tuple[bool, ...] | None) -> list[dict[str, Any]]:
    """Describe a rig as the leaderboard wants it, with IMU, GNSS and speedometer."""
    origin = dict.fromkeys(("x", "y", "z", "roll", "pitch", "yaw"), 0.0)
    radar_view = {"horizontal_fov": RADAR_HORIZONTAL_FOV_DEG, "vertical_fov": RADAR_VERTICAL_FOV_DEG}
    return [
        *(_camera_spec(camera) for camera in rig.used(used_cameras)),
        *({"type": "sensor.lidar.ray_cast", **_pose(mount)} for mount in rig.lidars),
        *({"type": "sensor.other.radar", **_pose(mount), **radar_view} for mount in rig.radars),
        {"type": "sensor.other.imu", "id": IMU_ID, **origin},
        {"type": "sensor.other.gnss", "id": GNSS_ID, **{axis: origin[axis] for axis in ("x", "y", "z")}},
        {"type": "sensor.speedometer", "id": SPEED_ID, "reading_frequency": SPEEDOMETER_HZ},
    ]


def _camera_spec(camera: Camera) -> dict[str, Any]:
    return {
        "type": "sensor.camera.rgb",
        "id": camera.name,
        **{"x": camera.x_m, "y": camera.y_m, "z": camera.z_m},
        **{"roll": camera.roll_deg, "pitch": camera.pitch_deg, "yaw": camera.yaw_deg},
        **{"width": camera.width_px, "height": camera.recorded_height_px, "fov": camera.fov_deg},
    }


def _pose(mount: Mount) -> dict[str, Any]:
    place = {"x": mount.x_m, "y": mount.y_m, "z": mount.z_m}
    return {"id": mount.name, **place, "roll": 0.0, "pitch": 0.0, "yaw": mount.yaw_deg}


def preprocessor_settings(
    architecture: Architecture, config: PublishedConfig, closed_loop: ClosedLoopConfig
) -> PreprocessorSettings:
    """Return how sensor packets become inputs."""
    return PreprocessorSettings(
        used_cameras=mounted_cameras(architecture),
        black_shape=architecture.image_shape if architecture.is_blind else None,
        jpeg_quality=closed_loop.jpeg_quality,
        fov_reduction_px=config.horizontal_fov_reduction,
        uses_radar=architecture.detects_radar,
        max_age=config.training_used_lidar_steps,
        filters_route_position=config.use_kalman_filter_for_gps,
        filters_target_position=closed_loop.use_kalman_filter,
        target_points=TargetPointRules(
            pop_distance_m=closed_loop.route_planner_min_distance,
            is_adaptive=closed_loop.sensor_agent_pop_distance_adaptive,
            skip_distant=closed_loop.sensor_agent_skip_distant_target_point,
            distant_m=closed_loop.sensor_agent_skip_distant_target_point_threshold,
        ),
        route_reach_m=closed_loop.route_planner_max_distance,
        legacy=architecture.legacy,
    )


def control_config(closed_loop: ClosedLoopConfig) -> AgentControlConfig:
    """Return the parameters of the controllers."""
    steer: dict[str, SteerModality] = {"route": "route", "waypoint": "waypoint"}
    pedals: dict[str, PedalModality] = {"target_speed": "target_speed", "waypoint": "waypoint"}
    return AgentControlConfig(
        steer_modality=steer[closed_loop.steer_modality],
        throttle_modality=pedals[closed_loop.throttle_modality],
        brake_modality=pedals[closed_loop.brake_modality],
        brake_ratio=closed_loop.brake_ratio,
        aims_farther_in_bends=closed_loop.sensor_agent_steer_correction,
        bend_gain=closed_loop.sensor_agent_steer_correction_param,
        lateral=LateralConfig(
            k_p=closed_loop.lateral_k_p,
            k_i=closed_loop.lateral_k_i,
            k_d=closed_loop.lateral_k_d,
            window=closed_loop.lateral_n,
            speed_scale=closed_loop.lateral_speed_scale,
            speed_offset=closed_loop.lateral_speed_offset,
        ),
        waypoint=_waypoint_config(closed_loop),
    )


def _waypoint_config(closed_loop: ClosedLoopConfig) -> WaypointConfig:
    return WaypointConfig(
        turn=(closed_loop.turn_kp, closed_loop.turn_ki, closed_loop.turn_kd),
        turn_window=closed_loop.turn_n,
        speed=(closed_loop.speed_kp, closed_loop.speed_ki, closed_loop.speed_kd),
        speed_window=closed_loop.speed_n,
        brake_speed_mps=closed_loop.brake_speed,
        brake_ratio=closed_loop.brake_ratio,
        largest_error_mps=closed_loop.wp_delta_clip,
        aim_slow_m=closed_loop.aim_distance_slow,
        aim_fast_m=closed_loop.aim_distance_fast,
        aim_threshold_mps=closed_loop.aim_distance_threshold,
        is_aim_tuned=closed_loop.tuned_aim_distance,
    )


def creeping_config(closed_loop: ClosedLoopConfig) -> CreepingConfig:
    """Return the parameters of creeping."""
    return CreepingConfig(
        stuck_ticks=closed_loop.sensor_agent_stuck_threshold,
        move_ticks=closed_loop.sensor_agent_stuck_move_duration,
        throttle=closed_loop.sensor_agent_stuck_throttle,
    )


def stop_sign_config(closed_loop: ClosedLoopConfig) -> StopSignConfig:
    """Return the parameters of stopping at stop signs."""
    return StopSignConfig(
        stop_distance_m=closed_loop.slower_for_stop_sign_dist_threshold,
        cool_down_ticks=closed_loop.slower_for_stop_sign_cool_down,
        slow_ticks=closed_loop.slower_for_stop_sign_count,
        slow_throttle=closed_loop.slower_for_stop_sign_throttle_threshold,
    )


def wanted_heads(closed_loop: ClosedLoopConfig) -> frozenset[Head]:
    """Return what the networks have to predict: the plan, boxes to stop at signs, and more only to be shown."""
    heads = set(DRIVING_HEADS)
    if closed_loop.slower_for_stop_sign:
        heads.add(Head.BOXES)
    if closed_loop.shows_reasoning:
        heads |= {Head.BOXES, Head.BEV_SEMANTIC, Head.SEMANTIC, Head.RADAR}
    return frozenset(heads)
