"""What the client computes from the map that the server sends: the queries that agents and scenarios make."""

from __future__ import annotations

import math

import carla
import pytest
from client_support import Stage, angle_between, planar_distance, straight_road

LaneType = carla.LaneType


def test_waypoints_project_to_lanes(stage: Stage) -> None:
    town = stage.map
    point = town.get_spawn_points()[0].location
    waypoint = town.get_waypoint(point, project_to_road=True, lane_type=LaneType.Driving)
    assert planar_distance(waypoint.transform.location, point) < 0.5
    assert str(waypoint.lane_type) == "Driving"
    assert town.get_waypoint(carla.Location(-5000.0, 0.0, 0.0), project_to_road=False) is None
    far = town.get_waypoint(carla.Location(-5000.0, 0.0, 0.0))
    assert far is not None
    sidewalk = town.get_waypoint(point, lane_type=LaneType.Sidewalk)
    assert sidewalk.lane_type == LaneType.Sidewalk
    again = town.get_waypoint_xodr(waypoint.road_id, waypoint.lane_id, waypoint.s)
    assert again.transform.location.distance(waypoint.transform.location) < 0.1


def test_next_and_previous_follow_the_lane(stage: Stage) -> None:
    start = straight_road(stage.map, 60.0)
    (far,) = start.next(30.0)
    assert planar_distance(far.transform.location, start.transform.location) == pytest.approx(30.0, abs=0.1)
    (back,) = far.previous(30.0)
    assert planar_distance(back.transform.location, start.transform.location) < 0.1
    assert start.lane_width == pytest.approx(4.0, abs=0.6)
    assert str(start.lane_change) in {"NONE", "Left", "Right", "Both"}
    assert str(start.left_lane_marking.type) and str(start.right_lane_marking.color)


def test_left_lane_of_a_two_way_road_is_the_opposite(stage: Stage) -> None:
    start = straight_road(stage.map, 60.0)
    left = start.get_left_lane()
    assert left.lane_id * start.lane_id < 0
    assert abs(angle_between(left.transform.rotation.yaw, start.transform.rotation.yaw)) == pytest.approx(180.0, abs=1)
    assert start.get_right_lane().lane_type != LaneType.Driving


def test_topology_connects(stage: Stage) -> None:
    segments = stage.map.get_topology()
    assert len(segments) > 100
    entries = {(entry.road_id, entry.lane_id) for entry, _ in segments}
    for entry, leave in segments[:50]:
        followers = leave.next(0.5)
        assert all((w.road_id, w.lane_id) in entries or w.road_id == leave.road_id for w in followers)
        ends = entry.next_until_lane_end(1.0)
        assert not ends or planar_distance(ends[-1].transform.location, leave.transform.location) < 1.5


def test_junction_waypoints_are_inside(stage: Stage) -> None:
    inside = next(w for w in stage.map.generate_waypoints(5.0) if w.is_junction)
    junction = inside.get_junction()
    assert junction.id == inside.junction_id
    pairs = junction.get_waypoints(LaneType.Driving)
    assert pairs
    box = junction.bounding_box
    reach = math.hypot(box.extent.x, box.extent.y) + 10.0
    for entry, leave in pairs:
        assert planar_distance(entry.transform.location, box.location) < reach
        assert planar_distance(leave.transform.location, box.location) < reach


def test_opendrive_text_and_geo_reference(stage: Stage) -> None:
    text = stage.map.to_opendrive()
    assert "<OpenDRIVE" in text[:500]
    offline = carla.Map("Town01", text)
    assert len(offline.get_topology()) == len(stage.map.get_topology())
    origin = stage.map.transform_to_geolocation(carla.Location(0.0, 0.0, 0.0))
    assert (origin.latitude, origin.longitude) == (pytest.approx(0.0, abs=1e-9), pytest.approx(0.0, abs=1e-9))


def test_landmarks_ahead(stage: Stage) -> None:
    light = stage.world.get_actors().filter("traffic.traffic_light")[0]
    before = light.get_stop_waypoints()[0].previous(10.0)[0]
    landmarks = before.get_landmarks(50.0, False)
    assert light.get_opendrive_id() in [landmark.id for landmark in landmarks if landmark.type == "1000001"]
    assert isinstance(before.get_landmarks(200.0, True), list)
    assert all(isinstance(landmark.value, float) for landmark in landmarks)
    assert before.get_landmarks_of_type(1.0, "1000001") == []


def test_crosswalks(stage: Stage) -> None:
    corners = stage.map.get_crosswalks()
    assert isinstance(corners, list)
