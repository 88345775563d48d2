"""The road as a picture: against the client's own map, the right way round, and the same whatever was seen before."""

from __future__ import annotations

from collections.abc import Callable

import carla
import numpy as np
import pytest

from lead.maps.compiled import CompiledMap
from lead.maps.hdmap import HALF_SIZE_M, PIXELS_PER_M, SIZE_PX, HdMap, MapValue
from lead.maps.layout import LaneType, MarkColor, MarkKind

Town = Callable[[str], CompiledMap]


def _places(compiled: CompiledMap, count: int, seed: int) -> list[tuple[float, float, float]]:
    lanes = compiled.lanes[compiled.lanes["lane_type"] == LaneType.DRIVING]
    rows = lanes[np.random.default_rng(seed).integers(0, len(lanes), count)]
    return [(float(row["x"]), float(row["y"]), float(row["yaw"]) + 0.4) for row in rows]


def _world(pose: tuple[float, float, float], row: int, column: int) -> tuple[float, float]:
    """Middle of a pixel: columns ahead, rows to the right."""
    x, y, yaw = pose
    ahead = (column + 0.5) / PIXELS_PER_M - HALF_SIZE_M
    right = (row + 0.5) / PIXELS_PER_M - HALF_SIZE_M
    return x + ahead * np.cos(yaw) - right * np.sin(yaw), y + ahead * np.sin(yaw) + right * np.cos(yaw)


@pytest.mark.parametrize("name", ["Town01", "Town03", "Town05"])
def test_pixels_are_road_where_the_client_has_a_driving_lane(
    town: Town, client_map: Callable[[CompiledMap], carla.Map], name: str
) -> None:
    compiled = town(name)
    raster, world = HdMap(compiled), client_map(compiled)
    rng = np.random.default_rng(3)
    agreed = asked = 0
    for pose in _places(compiled, 8, 5):
        picture = raster.crop(*pose)
        assert picture.shape == (SIZE_PX, SIZE_PX) and picture.dtype == np.uint8
        assert set(np.unique(picture).tolist()) <= set(MapValue)
        for row, column in rng.integers(1, SIZE_PX - 1, (150, 2)):
            around = picture[row - 1 : row + 2, column - 1 : column + 2] != MapValue.NONE
            if around.all() != around.any():
                continue  # an edge runs through
            x, y = _world(pose, int(row), int(column))
            found = world.get_waypoint(carla.Location(x, y, 0.0), project_to_road=False)
            asked += 1
            agreed += (found is not None) == bool(around.all())
    assert asked > 600
    assert agreed / asked > 0.99


def test_heading_is_to_the_right_and_right_is_down(town: Town) -> None:
    compiled = town("Town01")
    # On a two-way road the other direction lies on the left, which is the picture's upper half.
    lanes = compiled.lanes
    straight = (lanes["lane_type"] == LaneType.DRIVING) & (lanes["junction_id"] < 0) & (lanes["lane_id"] == -1)
    rows = lanes[straight]
    raster = HdMap(compiled)
    upper = lower = 0
    for row in rows[:: len(rows) // 40]:
        picture = raster.crop(float(row["x"]), float(row["y"]), float(row["yaw"]))
        middle = picture[:, 126:130] != MapValue.NONE
        assert middle[SIZE_PX // 2].all(), "the ego stands on its lane"
        upper += int(middle[SIZE_PX // 2 - 10 : SIZE_PX // 2].sum())
        lower += int(middle[SIZE_PX // 2 : SIZE_PX // 2 + 10].sum())
    assert upper > 1.5 * lower


def test_a_picture_does_not_depend_on_what_was_seen_before(town: Town) -> None:
    compiled = town("Town03")
    raster = HdMap(compiled)
    poses = _places(compiled, 12, 9)
    pictures = [raster.crop(*pose) for pose in poses]
    x, y, yaw = poses[0]
    for step in range(200):  # drives out of the patch and back
        raster.crop(x + 2.0 * step, y, yaw)
    for pose, picture in reversed(list(zip(poses, pictures, strict=True))):
        assert np.array_equal(raster.crop(*pose), picture)
        assert np.array_equal(HdMap(compiled).crop(*pose), picture)


def test_moving_ahead_moves_the_picture_back(town: Town) -> None:
    compiled = town("Town03")
    raster = HdMap(compiled)
    (x, y, _), *_ = _places(compiled, 1, 2)
    here = raster.crop(x, y, 0.0)
    assert np.array_equal(raster.crop(x + 10.0, y, 0.0)[:, :-20], here[:, 20:])
    assert np.array_equal(raster.crop(x, y + 10.0, 0.0)[:-20], here[20:])


def test_broken_white_lines_are_told_from_others_and_junctions_have_none(town: Town) -> None:
    compiled = town("Town03")
    raster = HdMap(compiled)
    marks = compiled.road_marks
    white = marks[(marks["kind"] == MarkKind.BROKEN) & (marks["color"] == MarkColor.WHITE)]
    found = {int(value) for pose in _places(compiled, 30, 1) for value in np.unique(raster.crop(*pose))}
    assert len(white) and found == set(MapValue)
    inside = compiled.lanes[(compiled.lanes["junction_id"] >= 0) & (compiled.lanes["lane_type"] == LaneType.DRIVING)]
    values = [raster.crop(float(row["x"]), float(row["y"]), 0.0)[SIZE_PX // 2, SIZE_PX // 2] for row in inside[::97]]
    assert np.mean(np.array(values) == MapValue.ROAD) > 0.97
