"""Top-down frames: what is where, and how fast."""

import dataclasses
import math
import time

import numpy as np
import pytest

from lead.visualization import style
from lead.visualization.hud import MARGIN, PANEL_WIDTH, HudState
from lead.visualization.map_layers import MapLayers, Mark, Surface
from lead.visualization.text import draw_text, text_width
from lead.visualization.topdown import (
    EGO_PLACE,
    PIXELS_PER_M,
    Box,
    RoadUser,
    Scene,
    Signal,
    StopLineState,
    TopDownRenderer,
)

ROUTE = np.stack([np.arange(0.0, 400.0), np.zeros(400)], axis=1)
ROAD = np.array([(-50.0, -4.0), (450.0, -4.0), (450.0, 4.0), (-50.0, 4.0)])
HUD = HudState("Town01 route 1", "agent: x", 12.0, 7.0, 13.9, 0.5, 0.0, 0.1, 40.0, 1.0, ["Red light run"])


def renderer():
    marks = [Mark(np.array([(-50.0, 4.0), (450.0, 4.0)]), False, False)]
    return TopDownRenderer(MapLayers({Surface.ROAD: [ROAD]}, marks), ROUTE)


def scene(x=100.0, yaw=0.0, users=(), stop_lines=()):
    return Scene(Box(x, 0.0, yaw, 2.4, 0.9), False, users, stop_lines, HUD)


def pixel(frame, ahead_m, right_m, ego_place=EGO_PLACE):
    """Return the colour at a place relative to the ego, heading upwards."""
    row = round(ego_place[1] * frame.shape[0] - PIXELS_PER_M * ahead_m)
    column = round(ego_place[0] * frame.shape[1] + PIXELS_PER_M * right_m)
    return frame[row, column].astype(int)


def close(color, expected, tolerance=30):
    return np.abs(color - np.array(expected)).max() < tolerance


@pytest.mark.parametrize("yaw", [0.0, 0.7, -2.5])
def test_things_lie_where_they_belong_for_any_heading(yaw):
    cos, sin = math.cos(yaw), math.sin(yaw)

    def place(ahead, right):
        return 100.0 + ahead * cos - right * sin, ahead * sin + right * cos

    vehicle = Box(*place(15.0, 3.0), yaw, 2.4, 1.0)
    walker = Box(*place(8.0, -6.0), 0.0, 0.2, 0.2)
    line = StopLineState(np.array(place(10.0, 5.0)), np.array(place(10.0, 9.0)), Signal.RED)
    frame = renderer().draw(
        scene(yaw=yaw, users=[(RoadUser.VEHICLE, vehicle), (RoadUser.WALKER, walker)], stop_lines=[line])
    )
    assert frame.shape == (720, 1280, 3)
    assert frame.dtype == np.uint8
    assert close(pixel(frame, 0.0, 0.0), style.EGO)
    assert close(pixel(frame, 15.0, 3.0), style.VEHICLE)
    assert close(pixel(frame, 8.0, -6.0), style.WALKER)
    assert close(pixel(frame, 10.0, 7.0), style.LIGHT_RED)


@pytest.mark.parametrize("yaw", [0.0, 2.0])
def test_the_plan_is_drawn_where_it_lies(yaw):
    cos, sin = math.cos(yaw), math.sin(yaw)

    def places(*ahead_right):
        return np.array([(100.0 + a * cos - r * sin, a * sin + r * cos) for a, r in ahead_right])

    plain = scene(yaw=yaw)
    planned = dataclasses.replace(plain, planned_path=places((3, 1), (12, 2)), waypoints=places((9, -3)))
    frame = renderer().draw(planned)
    assert close(pixel(frame, 7.5, 1.5), style.PLANNED_ON_ROUTE)
    assert close(pixel(frame, 9.0, -3.0), style.WAYPOINT)
    assert not close(pixel(renderer().draw(plain), 7.5, 1.5), style.PLANNED_ON_ROUTE)


def test_ground_has_road_route_and_surroundings():
    frame = renderer().draw(scene())
    assert close(pixel(frame, 20.0, 0.0), style.ROUTE_ON_ROAD)
    assert close(pixel(frame, 20.0, 2.5), style.ROAD)
    assert close(pixel(frame, 20.0, 4.0), style.MARK_WHITE, tolerance=60)
    assert close(pixel(frame, 20.0, 20.0), style.GROUND)


def test_patch_follows_the_ego_along_the_whole_route():
    drawing = renderer()
    for x in range(0, 380, 20):
        frame = drawing.draw(scene(x=float(x)))
        assert close(pixel(frame, 12.0, 0.0), style.ROUTE_ON_ROAD), x


def test_size_and_place_of_the_ego_can_be_chosen():
    marks = [Mark(np.array([(-50.0, 4.0), (450.0, 4.0)]), False, False)]
    place = (0.75, 0.6)
    drawing = TopDownRenderer(MapLayers({Surface.ROAD: [ROAD]}, marks), ROUTE, 640, 480, ego_place=place)
    frame = drawing.draw(scene(users=[(RoadUser.VEHICLE, Box(115.0, 3.0, 0.0, 2.4, 1.0))]))
    assert frame.shape == (480, 640, 3)
    assert close(pixel(frame, 0.0, 0.0, place), style.EGO)
    assert close(pixel(frame, 15.0, 3.0, place), style.VEHICLE)
    assert close(pixel(frame, 12.0, 0.0, place), style.ROUTE_ON_ROAD)


def test_same_scene_gives_the_same_frame():
    assert np.array_equal(renderer().draw(scene()), renderer().draw(scene()))


def test_drawing_is_fast_enough_for_video():
    drawing = renderer()
    users = [(RoadUser.VEHICLE, Box(60.0 + 2.0 * index, 3.0, 0.0, 2.4, 1.0)) for index in range(40)]
    drawing.draw(scene(users=users))
    start = time.process_time()
    for index in range(20):
        drawing.draw(scene(x=100.0 + 0.4 * index, users=users))
    # Aim: 8 ms. The bound leaves room for slow and busy test machines.
    assert (time.process_time() - start) / 20 < 0.04


@pytest.mark.parametrize("route", ["1711", "Accident_Town10HD_200_0000", "Vanilla" * 20])
def test_the_title_stays_in_its_panel(route):
    hud = dataclasses.replace(HUD, title=f"Town10HD  route {route}")
    bare = renderer().draw(dataclasses.replace(scene(), hud=dataclasses.replace(HUD, title="")))
    frame = renderer().draw(dataclasses.replace(scene(), hud=hud))
    columns = np.flatnonzero((frame != bare).any(axis=(0, 2)))
    assert columns.min() >= MARGIN and 100 < columns.max() <= MARGIN + PANEL_WIDTH


def test_text_is_clipped_at_the_border():
    image = np.zeros((20, 40, 3), dtype=np.uint8)
    draw_text(image, "a long text that does not fit", 30, 15, 12, (255, 255, 255))
    draw_text(image, "left of the image", -500, 2, 12, (255, 255, 255))
    assert image.any()
    assert text_width("mm", 12) > text_width("i", 12)
