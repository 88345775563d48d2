"""Our lane poses against those of the client's library."""

from __future__ import annotations

from collections.abc import Callable

import carla
import numpy as np
import pytest
from xodr_support import geometry, opendrive, road

from lead.maps.compiled import CompiledMap
from lead.maps.lane_geometry import LaneGeometry
from lead.maps.opendrive import RoadNetwork, parse

ELEVATION = '<elevation s="0" a="1" b="0.02" c="0" d="0"/><elevation s="30" a="1.6" b="0.02" c="0.001" d="0"/>'
SHAPES = {
    "line": "<line/>",
    "arc": '<arc curvature="0.02"/>',
    "spiral": '<spiral curvStart="-0.01" curvEnd="0.04"/>',
    "poly3": '<poly3 a="0" b="0" c="0.003" d="0.00002"/>',
    "paramPoly3 normalized": (
        '<paramPoly3 pRange="normalized" aU="0" bU="60" cU="-3" dU="-1" aV="0" bV="0" cV="14" dV="3"/>'
    ),
    "paramPoly3 arcLength": (
        '<paramPoly3 pRange="arcLength" aU="0" bU="1" cU="0" dU="-1e-5" aV="0" bV="0" cV="0.004" dV="1e-5"/>'
    ),
}
OTHER_TOWNS = ["Town02", "Town03", "Town05", "Town06", "Town07", "Town15", "Town11", "Town12", "Town13"]


def assert_agrees(network: RoadNetwork, client: carla.Map, samples: int) -> None:
    """Compares random points on lanes of all types."""
    rng = np.random.default_rng(7)
    # Sections of a micrometre have width polynomials without a usable slope.
    long_enough = (network.section_end - network.section_start > 1e-3)[network.lane_section]
    lane = rng.choice(np.flatnonzero(long_enough), samples)
    section = network.lane_section[lane]
    start, end = network.section_start[section], network.section_end[section]
    s = start + (end - start) * rng.uniform(0.001, 0.999, samples)
    pose = LaneGeometry(network).lane_pose(lane, s)
    compared = 0
    for i in range(samples):
        road_id = int(network.road_id[network.section_road[section[i]]])
        waypoint = client.get_waypoint_xodr(road_id, int(network.lane_id[lane[i]]), float(s[i]))
        if waypoint is None or abs(waypoint.s - s[i]) > 1e-3:
            continue
        compared += 1
        location, rotation = waypoint.transform.location, waypoint.transform.rotation
        where = f"road {road_id} lane {network.lane_id[lane[i]]} s {s[i]:.3f}"
        assert np.hypot(location.x - pose.x[i], location.y - pose.y[i]) < 0.02, where
        assert abs(location.z - pose.z[i]) < 0.005, where
        turn = (np.degrees(pose.yaw[i]) - rotation.yaw + 180.0) % 360.0 - 180.0
        assert abs(turn) < 0.1, where
        # The library hands out the slope as an angle; positive is uphill in driving direction.
        assert abs(np.radians((rotation.pitch + 180.0) % 360.0 - 180.0) - pose.slope[i]) < 1e-3, where
        assert abs(waypoint.lane_width - pose.width[i]) < 1e-3, where
    assert compared > 0.9 * samples


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_reference_line_agrees_with_the_client(shape: str) -> None:
    piece = geometry(0.0, 5.0, -3.0, 0.3, 60.0, SHAPES[shape])
    text = opendrive(road(7, 60.0, piece, elevation=ELEVATION), "+lat_0=0 +lon_0=0")
    assert_agrees(parse(text).network, carla.Map("shape", text), 60)


@pytest.mark.parametrize("name", ["Town01", "Town04", "Town10HD"])
def test_lane_poses_agree_with_the_client(name: str, town: Callable, client_map: Callable) -> None:
    compiled: CompiledMap = town(name)
    assert_agrees(parse(compiled.opendrive).network, client_map(compiled), 1000)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHER_TOWNS)
def test_lane_poses_agree_with_the_client_in_the_other_towns(name: str, town: Callable, client_map: Callable) -> None:
    compiled: CompiledMap = town(name)
    assert_agrees(parse(compiled.opendrive).network, client_map(compiled), 2000)


def test_grade_is_the_rise_along_the_driving_direction(town: Callable) -> None:
    network = parse(town("Town04").opendrive).network
    evaluate = LaneGeometry(network)
    lane = np.flatnonzero(network.section_end[network.lane_section] > network.section_start[network.lane_section] + 4)
    s = 0.5 * (network.section_start + network.section_end)[network.lane_section[lane]]
    forward = np.where(network.lane_id[lane] < 0, 0.05, -0.05)
    here, ahead = evaluate.lane_pose(lane, s - forward), evaluate.lane_pose(lane, s + forward)
    run = np.hypot(ahead.x - here.x, ahead.y - here.y)
    moved = run > 0.02
    grade = ((ahead.z - here.z) / run)[moved]
    assert np.abs(grade).max() > 0.05
    # Where an arc meets a line in between, the difference quotient is the mean of two values.
    error = np.abs(evaluate.lane_pose(lane, s).grade[moved] - grade)
    assert np.quantile(error, 0.99) < 2e-3
    heading = np.arctan2(ahead.y - here.y, ahead.x - here.x)[moved]
    turn = np.angle(np.exp(1j * (heading - evaluate.lane_pose(lane, s).yaw[moved])))
    assert np.quantile(np.abs(turn), 0.99) < 0.01
