"""Colours of all drawings, RGB."""

from __future__ import annotations

Color = tuple[int, int, int]

GROUND: Color = (24, 28, 33)
SIDEWALK: Color = (44, 49, 56)
SHOULDER: Color = (50, 55, 61)
PARKING: Color = (54, 58, 68)
ROAD: Color = (66, 71, 79)
CROSSWALK: Color = (150, 155, 162)
MARK_WHITE: Color = (196, 200, 206)
MARK_YELLOW: Color = (214, 172, 76)
ROUTE: Color = (72, 178, 255)
ROUTE_EDGE: Color = (30, 104, 190)
ROUTE_ON_ROAD: Color = (52, 122, 180)
ROUTE_ON_ROAD_EDGE: Color = (54, 90, 126)

EGO: Color = (72, 220, 255)
EGO_GLASS: Color = (16, 62, 84)
VEHICLE: Color = (232, 226, 214)
VEHICLE_GLASS: Color = (70, 74, 82)
WALKER: Color = (255, 120, 190)
PROP: Color = (230, 150, 70)
BRAKE_LIGHT: Color = (255, 58, 48)

LIGHT_RED: Color = (255, 66, 60)
LIGHT_YELLOW: Color = (255, 200, 40)
LIGHT_GREEN: Color = (70, 220, 110)
LIGHT_OFF: Color = (130, 134, 140)

PANEL: Color = (14, 17, 21)
PANEL_LINE: Color = (58, 64, 72)
TEXT: Color = (236, 239, 243)
TEXT_DIM: Color = (150, 157, 166)
ACCENT: Color = (72, 178, 255)
GOOD: Color = (80, 214, 120)
WARN: Color = (255, 190, 60)
BAD: Color = (255, 88, 80)

WAYPOINT: Color = (0, 255, 255)
TARGET_POINT: Color = (235, 30, 30)
PLANNED_ROUTE: Color = (64, 120, 255)
PLANNED_ON_ROUTE: Color = (255, 80, 214)
"""The same where the route is blue."""
EGO_BOX: Color = (150, 20, 24)
LIDAR: Color = (226, 232, 244)
RADAR: Color = (60, 230, 90)
RADAR_DETECTION: Color = (255, 96, 32)
SEPARATOR: Color = (255, 255, 255)
BOX_COLORS: tuple[Color, ...] = (
    (255, 214, 90),
    (255, 120, 190),
    (255, 90, 70),
    (255, 150, 40),
    (190, 140, 255),
    (230, 150, 70),
    (150, 175, 210),
    (120, 235, 200),
)
"""By class of detected box."""
