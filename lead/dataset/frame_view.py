"""One recorded frame as a picture: cameras with boxes, classes, and from above map, route, cloud and boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import DatasetError
from lead.dataset.frame import PointCloud
from lead.dataset.layout import PERTURBATED
from lead.dataset.reader import RouteReader
from lead.maps.hdmap import HALF_SIZE_M, PIXELS_PER_M, MapValue
from lead.visualization import style
from lead.visualization.agent_view import BEV_EXTENT_M, BOX_CLASSES, AgentView
from lead.visualization.debug_view import EGO_HALF_SIZE_M, DebugScene, draw_debug_view
from lead.visualization.palettes import SEMANTIC_COLORS
from lead.visualization.projection import PinholeCamera

_BEV_SCALE = 10
_MAP_COLORS = np.zeros((256, 3), np.uint8)
_MAP_COLORS[:] = style.GROUND
_MAP_COLORS[MapValue.ROAD] = style.ROAD
_MAP_COLORS[MapValue.LINE] = style.MARK_WHITE
_MAP_COLORS[MapValue.BROKEN_WHITE] = style.MARK_YELLOW
_CORNERS = np.array([[x, y, z] for x in (1.0, -1.0) for y in (1.0, -1.0) for z in (1.0, -1.0)])
_EDGES = tuple((a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b) in (1, 2, 4))
_LIGHT_COLORS = {"Red": style.LIGHT_RED, "Yellow": style.LIGHT_YELLOW, "Green": style.LIGHT_GREEN}
_MIN_PIXELS, _MIN_POINTS = 5, 3
"""Boxes that neither camera nor LiDAR sees at least so much of are left out of pictures, as loaders do."""
_FAR_PX = 1e4


def draw_frame(reader: RouteReader, frame: int) -> NDArray[np.uint8]:
    """Draw everything that is recorded of a frame.

    Args:
        reader: The route.
        frame: Number of a frame with labels.

    Returns:
        (1120, 1962, 3) uint8 RGB.

    Raises:
        DatasetError: If a file is missing that every frame has, or one is damaged.
    """
    meta, boxes = reader.meta(frame), reader.boxes(frame)
    cameras = _image(reader, "rgb", frame)
    if cameras is None:
        raise DatasetError(f"{reader.route_dir} has no camera image of frame {frame}")
    picture = cameras.copy()
    draw_boxes_in_cameras(picture, boxes, meta)
    ego = next((box for box in boxes if box.get("class") == "ego_car"), None)
    half_size = EGO_HALF_SIZE_M if ego is None else (float(ego["extent"][0]), float(ego["extent"][1]))
    scene = DebugScene(
        background=draw_map(reader, frame),
        view=_view(reader, frame, meta, boxes),
        cameras=picture,
        values=_values(reader, frame, meta),
        ego_half_size_m=half_size,
    )
    return draw_debug_view(scene)


def draw_map(reader: RouteReader, frame: int, view: str = "") -> NDArray[np.uint8] | None:
    """Draw the recorded map raster as the ground of a bird's-eye view; None if there is none.

    Args:
        reader: The route.
        frame: Number of the frame.
        view: "" for the ego, "_perturbated" for the twin rig.

    Returns:
        (960, 800, 3) uint8 RGB with the ego looking upwards.
    """
    raster = _image(reader, f"hdmap{view}", frame)
    if raster is None:
        return None
    min_x, max_x, min_y, max_y = (round((edge + HALF_SIZE_M) * PIXELS_PER_M) for edge in BEV_EXTENT_M)
    upright = np.ascontiguousarray(raster[min_y:max_y, min_x:max_x].T[::-1])
    scale = _BEV_SCALE // PIXELS_PER_M
    return np.asarray(_MAP_COLORS[np.kron(upright, np.ones((scale, scale), np.uint8))])


def cameras_of(meta: Mapping[str, Any]) -> list[PinholeCamera]:
    """Cameras of the rig that a frame was recorded with, left to right; empty where the metas do not say."""
    sensors = meta.get("sensor_information")
    calibration = sensors.get("camera_calibration") if isinstance(sensors, Mapping) else None
    if not isinstance(calibration, Mapping):
        return []
    cameras = []
    for number in sorted(calibration, key=int):
        item = calibration[number]
        roll, pitch, yaw = (float(angle) for angle in item["rot"])
        x, y, z = (float(place) for place in item["pos"])
        size = (int(item["width"]), int(item["height"]))
        cameras.append(PinholeCamera.mounted((x, y, z), (pitch, yaw, roll), size, float(item["fov"])))
    return cameras


def draw_boxes_in_cameras(
    picture: NDArray[np.uint8], boxes: Sequence[Mapping[str, Any]], meta: Mapping[str, Any]
) -> None:
    """Draw the edges of boxes that are seen into the cameras' pictures.

    Args:
        picture: (h, w, 3) uint8 RGB, cameras side by side, changed in place.
        boxes: Boxes of the frame.
        meta: Metas of the frame, which describe the cameras; without that nothing is drawn.
    """
    left = 0
    for camera in cameras_of(meta):
        part = picture[:, left : left + camera.width]
        left += camera.width
        if part.shape[:2] != (camera.height, camera.width):
            return
        drawn = np.ascontiguousarray(part)
        for box in boxes:
            if box.get("class") != "ego_car" and _is_seen(box):
                _draw_edges(drawn, camera, box)
        part[:] = drawn


def _draw_edges(picture: NDArray[np.uint8], camera: PinholeCamera, box: Mapping[str, Any]) -> None:
    half = np.array(box["extent"], np.float64)
    cos, sin = np.cos(float(box["yaw"])), np.sin(float(box["yaw"]))
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    # Vehicles stand on their origin; everything else has it in the middle.
    lift = half[2] if box["class"] in ("car", "static", "static_prop_car") else 0.0
    corners = (_CORNERS * half) @ turn.T + np.array(box["position"], np.float64) + np.array([0.0, 0.0, lift])
    pixels, _ = camera.project(corners)
    if not np.isfinite(pixels).all() or np.abs(pixels).max() > _FAR_PX:
        return
    places = [(int(column), int(row)) for column, row in np.round(pixels)]
    for start, end in _EDGES:
        cv2.line(picture, places[start], places[end], _color(box), 1, cv2.LINE_AA)


def _view(reader: RouteReader, frame: int, meta: Mapping[str, Any], boxes: Sequence[Mapping[str, Any]]) -> AgentView:
    cloud = reader.read("lidar", frame) if reader.has("lidar", frame) else None
    radar = reader.read("radar", frame) if reader.has("radar", frame) else None
    speed = meta.get("target_speed")
    shown = [box for box in boxes if box.get("class") != "ego_car"]
    return AgentView(
        waypoints_ego=_waypoints(meta),
        route_ego=np.asarray(meta["route"]) if "route" in meta else None,
        target_speed_mps=float(speed) if isinstance(speed, int | float) else None,
        boxes=np.nan_to_num(np.array([_row(box) for box in shown]).reshape(-1, 9)),
        lidar_ego=cloud.points_ego if isinstance(cloud, PointCloud) else None,
        radar_ego=np.concatenate(list(radar.values())).astype(np.float32) if isinstance(radar, Mapping) else None,
        semantic=_image(reader, "semantics", frame),
        semantic_palette=SEMANTIC_COLORS,
    )


def _waypoints(meta: Mapping[str, Any]) -> NDArray[np.floating] | None:
    """Where the ego will be, each quarter of a second up to two seconds."""
    future = meta.get("future_positions")
    return np.asarray(future)[5:41:5, :2] if isinstance(future, np.ndarray) else None


def _row(box: Mapping[str, Any]) -> list[float]:
    """A box as bird's-eye views take it."""
    x, y, *_ = box["position"]
    half_length, half_width, *_ = box["extent"]
    kind = BOX_CLASSES.index(_box_class(box))
    speed, brake = float(box.get("speed") or 0.0), float(box.get("brake") or 0.0)
    return [float(x), float(y), float(half_length), float(half_width), float(box["yaw"]), speed, brake, kind, 1.0]


def _box_class(box: Mapping[str, Any]) -> str:
    known = {"traffic_light": "traffic light", "stop_sign": "stop sign", "static_prop_car": "parking"}
    kind = str(box.get("class"))
    if kind == "static":
        return "parking" if box.get("transfuser_semantics_id") == 1 else "obstacle"
    if kind == "car":
        return "biker" if box.get("base_type") == "bicycle" else "vehicle"
    return known.get(kind, kind if kind in BOX_CLASSES else "obstacle")


def _color(box: Mapping[str, Any]) -> style.Color:
    if box.get("class") == "traffic_light":
        return _LIGHT_COLORS.get(str(box.get("state")), style.LIGHT_OFF)
    return style.BOX_COLORS[BOX_CLASSES.index(_box_class(box))]


def _is_seen(box: Mapping[str, Any]) -> bool:
    if "visible_pixels" not in box and "num_points" not in box:
        return True  # lights and signs are not counted
    return int(box.get("visible_pixels", 0)) >= _MIN_PIXELS or int(box.get("num_points", 0)) >= _MIN_POINTS


def _image(reader: RouteReader, folder: str, frame: int) -> NDArray[np.uint8] | None:
    if not reader.has(folder, frame):
        return None
    return np.asarray(reader.read(folder, frame), np.uint8)


def _values(reader: RouteReader, frame: int, meta: Mapping[str, Any]) -> dict[str, str | float]:
    """Words and numbers for the panel."""
    values: dict[str, str | float] = {"frame": str(frame), "scenario": reader.scenario}
    for key in ("town", "weather_setting", "current_active_scenario_type", "traffic_light_state"):
        if meta.get(key) is not None:
            values[key.removeprefix("current_").removesuffix("_setting")] = str(meta[key])
    for key in ("speed", "target_speed", "speed_limit", "throttle", "steer", "dist_to_junction"):
        if isinstance(number := meta.get(key), int | float):
            values[key] = float(number)
    values["brake"] = "yes" if meta.get("brake") else "no"
    cause = meta.get("speed_reduced_by_obj_type")
    if cause:
        values["slowed by"] = str(cause)
    hazards = [key.removesuffix("_hazard") for key in meta if key.endswith("_hazard") and meta[key]]
    values["hazards"] = ", ".join(hazards) or "none"
    if reader.has(f"rgb{PERTURBATED}", frame):
        shift, turn = meta.get("perturbation_translation", 0.0), meta.get("perturbation_rotation", 0.0)
        values["twin rig"] = f"{float(shift):+.2f} m, {float(turn):+.1f} deg"
    return values
