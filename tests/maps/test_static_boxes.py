"""Posts, rails and crosswalks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xodr_support import junction_town, opendrive, road, straight

from lead.maps.compiled import CompiledMap, compile_map
from lead.maps.layout import StaticLabel


def compile_objects(objects: str) -> CompiledMap:
    body = road(1, 100.0, straight(100.0), extra=f"<objects>{objects}</objects>")
    return compile_map("objects", opendrive(body), use_cache=False)


def item(name: str, inner: str = "", *, s: float = 50.0, t: float = -8.0, attributes: str = "") -> str:
    return (
        f'<object id="1" name="{name}" s="{s}" t="{t}" zOffset="0.5" hdg="0" orientation="+" type="-1" '
        f"{attributes}>{inner}</object>"
    )


def outline(corners: list[tuple[float, float]]) -> str:
    return (
        "<outline>" + "".join(f'<cornerLocal u="{u}" v="{v}" z="0" height="0.9"/>' for u, v in corners) + "</outline>"
    )


def test_a_straight_rail_becomes_few_long_boxes() -> None:
    boxes = compile_objects(item("GuardRail", outline([(u, 0.0) for u in range(-45, 50, 5)]))).static_boxes
    assert set(boxes["label"]) == {StaticLabel.GUARD_RAIL}
    assert len(boxes) == 5
    assert (2.0 * boxes["ext_x"]).max() <= 20.0 + 1e-6
    np.testing.assert_allclose((2.0 * boxes["ext_x"]).sum(), 90.0, atol=1e-4)
    np.testing.assert_allclose(boxes["y"], 8.0, atol=1e-6)  # t to the left, y to the right
    np.testing.assert_allclose(boxes["z"], 0.5 + 0.45, atol=1e-6)


def test_a_bent_rail_follows_its_corners() -> None:
    angles = np.linspace(0.0, np.pi / 2, 10)
    corners = [(30.0 * np.sin(a), -30.0 * (1.0 - np.cos(a))) for a in angles]
    boxes = compile_objects(item("JerseyBarrier", outline(corners))).static_boxes
    assert set(boxes["label"]) == {StaticLabel.WALLS}
    ends = np.stack(
        [boxes["x"] + boxes["ext_x"] * np.cos(boxes["yaw"]), boxes["y"] + boxes["ext_x"] * np.sin(boxes["yaw"])], axis=1
    )
    expected = np.array([(50.0 + u, 8.0 - v) for u, v in corners])
    for end in ends:
        assert np.hypot(*(expected - end).T).min() < 1e-4


def test_repeats_and_plain_objects() -> None:
    repeat = '<repeat s="10" length="40" distance="0" tStart="-9" tEnd="-9" heightStart="1.2" zOffsetStart="0"/>'
    boxes = compile_objects(item("WoodFence", repeat)).static_boxes
    assert set(boxes["label"]) == {StaticLabel.FENCES}
    np.testing.assert_allclose([boxes["x"].min(), boxes["x"].max()], [20.0, 40.0], atol=0.1)
    (box,) = compile_objects(item("Wall", attributes='length="6" width="0.4" height="2"')).static_boxes
    np.testing.assert_allclose([2.0 * box["ext_x"], 2.0 * box["ext_z"]], [6.0, 2.0], atol=1e-6)


def test_a_rail_drawn_into_a_lane_is_left_out() -> None:
    assert len(compile_objects(item("GuardRail", outline([(0.0, 0.0), (10.0, 0.0)]), t=-1.5)).static_boxes) == 0


def test_posts_stand_beside_lanes_only() -> None:
    # The light of the junction stands 6 m beside the lane; the second one hangs over it.
    over_lane = '<signal id="2" type="1000001" s="1" t="-1.5" zOffset="5" hOffset="0" orientation="-"/>'
    boxes = compile_map("posts", junction_town(over_lane), use_cache=False).static_boxes
    assert len(boxes) == 1
    assert boxes["label"][0] == StaticLabel.POLES
    np.testing.assert_allclose([boxes["x"][0], boxes["y"][0]], [61.25, 6.0], atol=1e-6)
    np.testing.assert_allclose(boxes["z"][0] - boxes["ext_z"][0], 0.0, atol=1e-6)


def test_crosswalks_are_open_rings() -> None:
    ring = outline([(-2.0, -3.0), (2.0, -3.0), (2.0, 3.0), (-2.0, 3.0), (-2.0, -3.0)])
    objects = item("CContinentalCrosswalk", ring, t=0.0) + item("StopLineCrosswalk", ring, t=0.0)
    (crosswalk,) = compile_objects(objects).crosswalks
    np.testing.assert_allclose(crosswalk[0], [48.0, 3.0, 0.5], atol=1e-9)
    assert crosswalk.shape == (4, 3)


def test_crosswalks_of_a_town_lie_at_its_height(town: Callable) -> None:
    compiled = town("Town10HD")
    assert len(compiled.crosswalks) == 16
    points = np.concatenate(compiled.crosswalks)
    assert np.abs(compiled.ground_index().query(points).z - points[:, 2]).max() < 0.1
