"""The autopilot's view of what lies ahead, and its path, on made-up scenes."""

import numpy as np
import pytest

from lead.agents.driving_path import STEP_M, DrivingPath
from lead.agents.registry import AGENTS, AgentError, create_agent
from lead.agents.traffic_rules import NO_LIMIT_MPS, crossing_speed, leading_speed, light_speed, path_ahead
from lead.evaluation.observation import ACTOR_DTYPE, ActorKind, EgoState, Observation
from lead.routes.planner import DenseRoute, RoadOption


def route_of(points, option=None):
    points = np.asarray(points, dtype=float)
    n = len(points)
    tangent = np.gradient(points, axis=0)
    return DenseRoute(
        xyz=np.concatenate([points, np.zeros((n, 1))], axis=1),
        yaw_rad=np.arctan2(tangent[:, 1], tangent[:, 0]),
        option=np.full(n, RoadOption.LANEFOLLOW, dtype=np.int8) if option is None else option,
        road_id=np.zeros(n, dtype=np.int32),
        section_id=np.zeros(n, dtype=np.int32),
        lane_id=np.zeros(n, dtype=np.int32),
        s=np.zeros(n),
        is_junction=np.zeros(n, dtype=bool),
        distance_m=np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))]),
        waypoints=(None,) * n,
    )


STRAIGHT = DrivingPath(route_of([(x, 0.0) for x in range(200)]))


def observation(*actors, speed=8.0):
    ego = EgoState(np.array([20.0, 0.0, 0.0]), 0.0, speed, np.array([2.4, 0.9, 0.75]))
    return Observation(0, 0.0, ego, np.array(list(actors), dtype=ACTOR_DTYPE))


def actor(x, y, vx=0.0, vy=0.0, kind=ActorKind.VEHICLE, yaw=None, half=(2.3, 0.95)):
    heading = np.arctan2(vy, vx) if yaw is None else yaw
    return (1, kind, x, y, 0.0, heading, vx, vy, *half)


def limits(*actors, speed=8.0):
    seen = observation(*actors, speed=speed)
    ahead = path_ahead(STRAIGHT, STRAIGHT.locate(seen.ego.location[:2], 150), seen)
    return leading_speed(ahead, seen), crossing_speed(ahead, seen)


def test_free_road_sets_no_limit():
    assert limits() == (NO_LIMIT_MPS, NO_LIMIT_MPS)


def test_standing_vehicle_ahead_forces_a_stop_in_time():
    near, _ = limits(actor(30.0, 0.0))
    far, _ = limits(actor(60.0, 0.0))
    assert near < 1.0
    assert 5.0 < far < 16.0


def test_moving_leader_is_followed_at_its_speed():
    leader, _ = limits(actor(40.0, 0.0, vx=8.0))
    assert leader > 8.0


def test_neighbouring_lanes_and_the_rear_do_not_matter():
    assert limits(actor(30.0, 3.5), actor(40.0, -3.5, vx=-8.0), actor(10.0, 0.0, vx=5.0)) == (
        NO_LIMIT_MPS,
        NO_LIMIT_MPS,
    )


def test_a_long_vehicle_across_the_road_is_seen():
    limit, _ = limits(actor(40.0, 0.0, yaw=np.pi / 2, half=(8.0, 1.3)))
    assert limit < 10.0


def test_crossing_vehicle_is_given_way_only_if_the_times_meet():
    _, meeting = limits(actor(36.0, -12.0, vy=7.0))
    _, gone = limits(actor(36.0, 12.0, vy=7.0))
    _, late = limits(actor(24.0, -24.0, vy=8.0))
    assert meeting < 10.0
    assert gone == NO_LIMIT_MPS
    assert late == NO_LIMIT_MPS


def test_walker_stepping_onto_the_road_is_given_way():
    _, limit = limits(actor(34.0, -3.0, vy=1.5, kind=ActorKind.WALKER, half=(0.2, 0.2)))
    assert limit < 10.0


def test_red_light_stops_before_the_line_and_yellow_only_if_possible():
    assert light_speed(1.0, 3.0, is_yellow=False) == 0.0
    assert light_speed(30.0, 10.0, is_yellow=False) == pytest.approx(np.sqrt(2 * 2.5 * 28.5))
    assert light_speed(5.0, 12.0, is_yellow=True) == NO_LIMIT_MPS
    assert light_speed(-3.0, 5.0, is_yellow=False) == NO_LIMIT_MPS


def test_path_is_sampled_evenly_and_slows_down_for_curves():
    angle = np.linspace(0.0, np.pi / 2, 12)
    corner = [(100 + 7 * np.sin(a), 7 - 7 * np.cos(a)) for a in angle]
    points = [(x, 0.0) for x in range(100)] + corner + [(107.0, 7.0 + y) for y in range(1, 60)]
    path = DrivingPath(route_of(points))
    steps = np.hypot(*np.diff(path.xy, axis=0).T)
    assert np.abs(steps - STEP_M).max() < 0.02
    speed = path.speed_profile(2.2, 2.0)
    corner_index = path.locate(np.array([102.0, 0.3]), 1000)
    assert 2.5 < speed[corner_index] < 5.5
    assert speed[corner_index - 200] < 12.0
    slowdown = np.diff(speed**2) / (2 * STEP_M)
    assert slowdown.min() > -2.6


def test_lane_change_becomes_a_smooth_curve():
    points = [(x, 0.0) for x in range(50)] + [(55.0 + x, 3.5) for x in range(50)]
    option = np.full(100, RoadOption.LANEFOLLOW, dtype=np.int8)
    option[49:51] = RoadOption.CHANGELANERIGHT
    path = DrivingPath(route_of(points, option))
    heading = np.degrees(np.abs(path.yaw_rad))
    assert heading.max() < 20.0
    assert path.xy[:, 1].min() > -0.3
    assert path.xy[:, 1].max() < 3.8


def test_agents_are_found_by_name():
    assert type(create_agent("autopilot", "127.0.0.1", 2000)).__name__ == AGENTS["autopilot"].split(":")[1]
    with pytest.raises(AgentError, match="nearest name is 'autopilot'"):
        create_agent("autopilto", "127.0.0.1", 2000)
