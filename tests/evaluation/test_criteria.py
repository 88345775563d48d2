"""Criteria fed with made-up observations on a synthetic route."""

from types import SimpleNamespace

import numpy as np
import pytest

from lead.evaluation.criteria import (
    Blocked,
    Collision,
    RouteCompletion,
    RouteDeviation,
    RouteTimeout,
    _segments_cross,
)
from lead.evaluation.observation import ACTOR_DTYPE, EgoState, Observation
from lead.routes.planner import DenseRoute
from lead.scoring.penalties import EventType

TICK_S = 0.05


def straight_route(length=200):
    n = length + 1
    zeros = np.zeros(n)
    return DenseRoute(
        xyz=np.stack([np.arange(n, dtype=float), zeros, zeros], axis=1),
        yaw_rad=zeros,
        option=np.full(n, 4, dtype=np.int8),
        road_id=np.zeros(n, dtype=np.int32),
        section_id=np.zeros(n, dtype=np.int32),
        lane_id=np.full(n, -1, dtype=np.int32),
        s=np.arange(n, dtype=float),
        is_junction=np.zeros(n, dtype=bool),
        distance_m=np.arange(n, dtype=float),
        waypoints=(None,) * n,
    )


def at(x, y=0.0, time_s=0.0, speed=5.0):
    ego = EgoState(np.array([x, y, 0.0]), 0.0, speed, np.array([2.45, 0.92, 0.75]))
    return Observation(frame=int(time_s / TICK_S), time_s=time_s, ego=ego, actors=np.empty(0, dtype=ACTOR_DTYPE))


def drive(criterion, xs, y=0.0, dt=TICK_S):
    for step, x in enumerate(xs):
        criterion.update(at(x, y, time_s=step * dt))


def test_completion_grows_and_ends_at_the_goal():
    criterion = RouteCompletion(straight_route())
    drive(criterion, np.arange(0.5, 100.6, 0.25))
    assert criterion.percent == pytest.approx(50.0)
    assert not criterion.ends_episode
    drive(criterion, np.arange(100.5, 199.6, 0.25))
    assert criterion.ends_episode
    criterion.finish()
    assert criterion.events[-1].values["route_completed"] == 100.0


def test_completion_does_not_jump_over_the_route():
    criterion = RouteCompletion(straight_route())
    drive(criterion, [0.5, 150.0])
    assert criterion.percent < 5.0


def test_deviation_ends_far_off_but_tolerates_a_lane():
    near, far = RouteDeviation(straight_route()), RouteDeviation(straight_route())
    drive(near, np.arange(0.0, 190.0, 0.5), y=4.0)
    drive(far, np.arange(0.0, 20.0, 0.5), y=31.0)
    assert not near.ends_episode
    assert far.ends_episode
    assert [event.type for event in far.events] == [EventType.ROUTE_DEVIATION]


def test_deviation_ends_after_a_long_stretch_beside_the_route():
    criterion = RouteDeviation(straight_route())
    drive(criterion, np.arange(0.0, 55.0, 0.5), y=20.0)
    assert not criterion.ends_episode
    drive(criterion, np.arange(55.0, 70.0, 0.5), y=20.0)
    assert criterion.ends_episode


def test_blocked_after_the_limit_and_only_without_moving():
    criterion = Blocked(limit_s=10.0)
    for step in range(300):
        criterion.update(at(0.0, time_s=step * TICK_S, speed=0.0 if step < 150 or step > 160 else 1.0))
    assert not criterion.ends_episode
    for step in range(300, 380):
        criterion.update(at(0.0, time_s=step * TICK_S, speed=0.05))
    assert criterion.ends_episode
    assert len(criterion.events) == 1


def collide(criterion, actor_id, type_id):
    criterion.on_event(SimpleNamespace(other_actor=SimpleNamespace(id=actor_id, type_id=type_id)))


def test_collisions_are_counted_once_per_encounter():
    criterion = Collision()
    for time_s, x, actor in ((0.0, 0.0, 7), (0.1, 0.2, 7), (0.2, 1.0, 8), (1.0, 20.0, 7), (7.0, 40.0, 7)):
        collide(criterion, actor, "vehicle.audi.tt")
        criterion.update(at(x, time_s=time_s))
    # Counted: the first one and the last one; not the repeats in time (same actor) or in place (5 m).
    assert [event.frame for event in criterion.events] == [0, 140]


@pytest.mark.parametrize(
    ("type_id", "kind"),
    [
        ("vehicle.audi.tt", EventType.COLLISION_VEHICLE),
        ("walker.pedestrian.0001", EventType.COLLISION_PEDESTRIAN),
        ("static.prop.box", EventType.COLLISION_STATIC),
        ("traffic.traffic_light", EventType.COLLISION_STATIC),
        ("static.sidewalk", None),
    ],
)
def test_collision_kinds(type_id, kind):
    criterion = Collision()
    collide(criterion, 1, type_id)
    criterion.update(at(0.0))
    assert [event.type for event in criterion.events] == ([] if kind is None else [kind])


def test_standing_ego_is_not_to_blame():
    criterion = Collision()
    collide(criterion, 1, "vehicle.audi.tt")
    criterion.update(at(0.0, speed=0.05))
    assert criterion.events == []


def test_time_limit_grows_with_the_distance():
    route = straight_route()
    completion = RouteCompletion(route)
    ego = SimpleNamespace(get_speed_limit=lambda: 50.0)
    criterion = RouteTimeout(ego, route, completion)
    criterion.update(at(0.0, time_s=299.0))
    assert not criterion.ends_episode
    completion.index = 100
    criterion.update(at(100.0, time_s=371.0))
    assert not criterion.ends_episode
    criterion.update(at(100.0, time_s=373.0))
    assert criterion.ends_episode


def test_segments():
    a, b, c, d = (np.array(p, dtype=float) for p in ((0, 0), (2, 0), (1, -1), (1, 1)))
    assert _segments_cross(a, b, c, d)
    assert not _segments_cross(a, b, c + 5, d + 5)
