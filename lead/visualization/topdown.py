"""Top-down frames of a drive: map, route, road users, traffic lights and a head-up display."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.visualization import style
from lead.visualization.hud import Hud, HudState
from lead.visualization.map_layers import SUBPIXEL_BITS, GroundPatch, MapLayers
from lead.visualization.style import Color

PIXELS_PER_M = 9.0
EGO_PLACE = (0.56, 0.66)
"""Usual place of the ego in the frame, as shares of width and height."""
STOP_LINE_WIDTH_M = 0.5
WALKER_RADIUS_M = 0.55
GLASS_FRONT, GLASS_BACK = 0.45, 0.12
"""Windscreen of a car: from and to, as shares of the half length ahead of the middle."""
BRAKE_LIGHT_WIDTH_M = 0.3
PLAN_LINE_PX, PLAN_DOT_PX = 4, 4
"""Planned path and way points; way points lie on the path while the agent keeps to it."""


class RoadUser(IntEnum):
    """Kinds of drawn actors."""

    VEHICLE = 0
    WALKER = 1
    PROP = 2


class Signal(IntEnum):
    """States of a traffic light."""

    RED = 0
    YELLOW = 1
    GREEN = 2
    OFF = 3


SIGNAL_COLORS: dict[Signal, Color] = {
    Signal.RED: style.LIGHT_RED,
    Signal.YELLOW: style.LIGHT_YELLOW,
    Signal.GREEN: style.LIGHT_GREEN,
    Signal.OFF: style.LIGHT_OFF,
}


@dataclass(frozen=True)
class Box:
    """Rectangle on the ground: centre (m), heading (rad), half sizes (m)."""

    x: float
    y: float
    yaw_rad: float
    half_length_m: float
    half_width_m: float


@dataclass(frozen=True)
class StopLineState:
    """A stop line (world metres, (2,) end points) and its light's state."""

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    signal: Signal


@dataclass(frozen=True)
class Scene:
    """Everything that changes from frame to frame.

    Attributes:
        ego: Ego vehicle.
        ego_brakes: True while the ego brakes.
        users: Other road users with their kinds.
        stop_lines: Stop lines near the ego.
        hud: Content of the head-up display; None draws none.
        planned_path: (n, 2) world metres, the path that the agent plans; None for none.
        waypoints: (n, 2) world metres, where it plans to be at equal times; None for none.
    """

    ego: Box
    ego_brakes: bool
    users: Sequence[tuple[RoadUser, Box]]
    stop_lines: Sequence[StopLineState]
    hud: HudState | None = None
    planned_path: NDArray[np.float64] | None = None
    waypoints: NDArray[np.float64] | None = None


class TopDownRenderer:
    """Draws frames with the ego's heading upwards."""

    def __init__(
        self,
        layers: MapLayers,
        route_xy: NDArray[np.float64],
        width: int = 1280,
        height: int = 720,
        pixels_per_m: float = PIXELS_PER_M,
        ego_place: tuple[float, float] = EGO_PLACE,
    ) -> None:
        """Prepare for one route.

        Args:
            layers: Ground content near the route.
            route_xy: (n, 2) float64 route, world frame, metres.
            width: Frame width in pixels.
            height: Frame height in pixels.
            pixels_per_m: Scale.
            ego_place: Column and row of the ego, as shares of width and height.
        """
        self.width = width
        self.height = height
        self._scale = pixels_per_m
        self._anchor = np.array([ego_place[0] * width, ego_place[1] * height])
        farthest_px = np.max(np.abs(np.array([[0, 0], [width, height]]) - self._anchor), axis=0)
        radius_m = float(np.hypot(*farthest_px)) / pixels_per_m
        self._ground = GroundPatch(layers, route_xy, pixels_per_m, radius_m)
        self._hud = Hud(route_xy, width, height)

    def draw(self, scene: Scene) -> NDArray[np.uint8]:
        """Draw one frame.

        Args:
            scene: What to show.

        Returns:
            (height, width, 3) uint8 RGB.
        """
        matrix = self._view(scene.ego)
        frame = self._draw_ground(scene.ego, matrix)
        for line in scene.stop_lines:
            self._draw_stop_line(frame, matrix, line)
        visible = [(kind, box) for kind, box in scene.users if self._is_visible(matrix, box)]
        _fill(frame, matrix, [box for kind, box in visible if kind is RoadUser.PROP], _RECTANGLE, style.PROP)
        _draw_cars(frame, matrix, [box for kind, box in visible if kind is RoadUser.VEHICLE], _CAR_LOOK)
        for kind, box in visible:
            if kind is RoadUser.WALKER:
                self._draw_disc(frame, matrix, box)
        self._draw_plan(frame, matrix, scene)
        _draw_cars(frame, matrix, [scene.ego], _EGO_LOOK)
        if scene.ego_brakes:
            self._draw_brake_lights(frame, matrix, scene.ego)
        if scene.hud is not None:
            self._hud.draw(frame, scene.hud, np.array([scene.ego.x, scene.ego.y]))
        return frame

    def _view(self, ego: Box) -> NDArray[np.float64]:
        """Return the (2, 3) matrix from world metres to frame pixels: heading upwards, ego at the anchor."""
        # Forward is (0, -1) and right is (1, 0) in the frame; y grows to the right of x in CARLA's world.
        cos, sin = math.cos(ego.yaw_rad), math.sin(ego.yaw_rad)
        rotation = self._scale * np.array([[-sin, cos], [-cos, -sin]])
        shift = self._anchor - rotation @ np.array([ego.x, ego.y])
        return np.concatenate([rotation, shift[:, None]], axis=1)

    def _draw_ground(self, ego: Box, matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
        image, origin = self._ground.around(np.array([ego.x, ego.y]))
        to_world = np.array([[1.0 / self._ground.pixels_per_m, 0.0], [0.0, 1.0 / self._ground.pixels_per_m]])
        linear = matrix[:, :2] @ to_world
        shift = matrix[:, :2] @ origin + matrix[:, 2]
        patch_to_frame = np.concatenate([linear, shift[:, None]], axis=1)
        warped = cv2.warpAffine(
            image,
            patch_to_frame,
            (self.width, self.height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(*style.GROUND, 0),
        )
        return np.asarray(cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB), dtype=np.uint8)

    def _is_visible(self, matrix: NDArray[np.float64], box: Box) -> bool:
        """Tell whether some of a box may lie inside the frame."""
        reach = self._scale * math.hypot(box.half_length_m, box.half_width_m)
        column = matrix[0, 0] * box.x + matrix[0, 1] * box.y + matrix[0, 2]
        row = matrix[1, 0] * box.x + matrix[1, 1] * box.y + matrix[1, 2]
        return bool(-reach < column < self.width + reach and -reach < row < self.height + reach)

    def _draw_stop_line(self, frame: NDArray[np.uint8], matrix: NDArray[np.float64], line: StopLineState) -> None:
        color = SIGNAL_COLORS[line.signal]
        ends = _apply(matrix, np.stack([line.left, line.right]))
        width = max(2, round(STOP_LINE_WIDTH_M * self._scale))
        _stroke(frame, ends, color, width)

    def _draw_plan(self, frame: NDArray[np.uint8], matrix: NDArray[np.float64], scene: Scene) -> None:
        if scene.planned_path is not None:
            _stroke(frame, _apply(matrix, scene.planned_path), style.PLANNED_ON_ROUTE, PLAN_LINE_PX)
        if scene.waypoints is not None:
            for center in _fixed(_apply(matrix, scene.waypoints)):
                radius = PLAN_DOT_PX << SUBPIXEL_BITS
                cv2.circle(frame, tuple(map(int, center)), radius, style.WAYPOINT, -1, cv2.LINE_AA, SUBPIXEL_BITS)

    def _draw_disc(self, frame: NDArray[np.uint8], matrix: NDArray[np.float64], box: Box) -> None:
        center = _fixed(_apply(matrix, np.array([[box.x, box.y]])))[0]
        radius = round(WALKER_RADIUS_M * self._scale * (1 << SUBPIXEL_BITS))
        cv2.circle(frame, tuple(map(int, center)), radius, style.WALKER, -1, cv2.LINE_AA, SUBPIXEL_BITS)

    def _draw_brake_lights(self, frame: NDArray[np.uint8], matrix: NDArray[np.float64], box: Box) -> None:
        for side in (-1.0, 1.0):
            ends = _to_world([box], np.array([[-0.97, 0.45 * side], [-0.97, 0.85 * side]]))[0]
            _stroke(
                frame,
                _apply(matrix, ends),
                style.BRAKE_LIGHT,
                max(2, round(BRAKE_LIGHT_WIDTH_M * self._scale)),
            )


_BODY = np.array(
    [
        (1.0, -0.55),
        (1.0, 0.55),
        (0.93, 0.85),
        (0.75, 1.0),
        (-0.85, 1.0),
        (-0.97, 0.85),
        (-1.0, 0.6),
        (-1.0, -0.6),
        (-0.97, -0.85),
        (-0.85, -1.0),
        (0.75, -1.0),
        (0.93, -0.85),
    ]
)
_WINDSCREEN = np.array([(GLASS_FRONT, -0.72), (GLASS_FRONT, 0.72), (GLASS_BACK, 0.82), (GLASS_BACK, -0.82)])
_REAR_WINDOW = np.array([(-0.52, -0.78), (-0.52, 0.78), (-0.72, 0.68), (-0.72, -0.68)])


_RECTANGLE = np.array([(1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (-1.0, 1.0)])
_CAR_LOOK = (style.VEHICLE, style.VEHICLE_GLASS)
_EGO_LOOK = (style.EGO, style.EGO_GLASS)


def _draw_cars(
    frame: NDArray[np.uint8], matrix: NDArray[np.float64], boxes: Sequence[Box], look: tuple[Color, Color]
) -> None:
    """Draw bodies, then glass."""
    paint, glass = look
    _fill(frame, matrix, boxes, _BODY, paint)
    _fill(frame, matrix, boxes, _WINDSCREEN, glass)
    _fill(frame, matrix, boxes, _REAR_WINDOW, glass)


def _to_world(boxes: Sequence[Box], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Place (k, 2) points, given in half lengths and half widths, into the world: (n, k, 2) for n boxes."""
    rows = np.array([(b.x, b.y, b.yaw_rad, b.half_length_m, b.half_width_m) for b in boxes], dtype=np.float64)
    x, y, yaw, half_length, half_width = rows.T[:, :, None]
    ahead, right = shares[:, 0] * half_length, shares[:, 1] * half_width
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.stack([x + ahead * cos - right * sin, y + ahead * sin + right * cos], axis=-1)


def _apply(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    placed: NDArray[np.float64] = points @ matrix[:, :2].T + matrix[:, 2]
    return placed


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.round(points * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _fill(
    frame: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    boxes: Sequence[Box],
    shares: NDArray[np.float64],
    color: Color,
) -> None:
    """Fill the same shape for every box."""
    for polygon in _fixed(_apply(matrix, _to_world(boxes, shares))) if boxes else ():
        cv2.fillConvexPoly(frame, polygon, color, cv2.LINE_AA, SUBPIXEL_BITS)


def _stroke(frame: NDArray[np.uint8], points: NDArray[np.float64], color: Color, width: int) -> None:
    cv2.polylines(frame, [_fixed(points)], False, color, width, cv2.LINE_AA, SUBPIXEL_BITS)
