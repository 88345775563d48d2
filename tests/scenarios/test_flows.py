"""Flows of cars and bicycles: where they appear, how they drive, what a contact changes, and that nothing is left."""

import carla
import pytest
from py_trees.common import Status
from scenario_support import ahead, lane, make_stage

from lead.scenarios.families.bicycle_flow import bicycle_plan
from lead.scenarios.nodes.contact_watch import COLLISION_SENSOR
from lead.scenarios.nodes.flows import ActorFlow, BicycleFlow, InvadingActorFlow, OppositeActorFlow

STRAIGHT = (-85.2, -120.0)
"""A road of Town03 with two lanes per direction: 100 m straight on without a junction."""


@pytest.fixture
def straight(town):
    """A source on the street."""
    session = town("Town03")
    source = lane(session.map, *STRAIGHT)
    return session, source


def run(bench, flow, ticks, look=lambda: None):
    def act():
        flow.tick_once()
        look()

    bench.step(ticks, act)
    assert flow.status is Status.RUNNING


def beside(session):
    """Place for an ego that is near, so that the Traffic Manager moves its cars with physics, but not in the way."""
    return ahead(lane(session.map, *STRAIGHT), 30.0).get_left_lane()


def test_actor_flow_spawns_at_the_source_with_random_gaps_and_constant_speed(straight):
    session, source = straight
    sink = ahead(source, 40.0)
    with make_stage(session, beside(session)) as bench:
        flow = ActorFlow(bench.stage, source, sink, (12.0, 18.0), 2.0, 8.0)
        seen, gaps, speeds, ends = {}, [], [], []

        def look():
            for actor in flow.actors:
                place = bench.stage.pool.location(actor)
                if actor.id not in seen:
                    assert place.distance(source.transform.location) < 1.0
                    if seen:
                        before = flow.actors[-2]
                        gaps.append(bench.stage.pool.location(before).distance(source.transform.location))
                elif seen[actor.id] >= 10:
                    speeds.append(bench.stage.speed_mps(actor))
                    ends.append(place.distance(sink.transform.location))
                seen[actor.id] = seen.get(actor.id, -1) + 1

        run(bench, flow, 220, look)
        assert len(seen) >= 5
        assert all(12.0 < gap < 18.0 + 2 * 0.4 for gap in gaps)
        assert len({round(gap, 1) for gap in gaps}) > 1
        assert all(abs(speed - 8.0) < 0.1 for speed in speeds)
        assert min(ends) >= 2.0
        assert len(flow.actors) <= 4, "cars vanish at the sink"
        flow.stop(Status.INVALID)
        bench.step()
        assert not flow.actors
        assert not bench.stage.pool.actors


def test_actor_flow_begins_with_cars_on_the_whole_way_outside_junctions(straight):
    session, source = straight
    with make_stage(session, beside(session)) as bench:
        flow = ActorFlow(bench.stage, source, ahead(source, 60.0), (10.0, 12.0), 2.0, 5.0, initial=True)
        flow.tick_once()
        places = [bench.stage.pool.location(actor) for actor in flow.actors]
        distances = [place.distance(source.transform.location) for place in places]
        assert len(distances) >= 5
        assert distances[:-1] == sorted(distances[:-1])
        assert distances[-1] < 1.0, "the next one comes at the source at once"
        steps = [places[i].distance(places[i + 1]) for i in range(len(places) - 2)]
        assert all(9.9 <= step <= 14.1 for step in steps)
        flow.stop(Status.INVALID)


@pytest.mark.timeout(120)
def test_cars_pass_a_place_on_their_way_where_the_traffic_manager_alone_would_go_in_circles(town):
    """With nothing but the sink, which lies behind a second junction, the Traffic Manager never returns from a tick."""
    session = town("Town03")
    source, way_out, sink = (lane(session.map, *place) for place in ((-77.7, 70.7), (-97.8, -3.1), (-148.1, 1.5)))
    with make_stage(session, lane(session.map, -88.4, -14.4)) as bench:
        flow = ActorFlow(bench.stage, source, sink, (200.0, 200.0), 2.0, 20.0, via=[way_out])
        nearest_m = 1e9

        def look():
            nonlocal nearest_m
            for actor in flow.actors:
                nearest_m = min(nearest_m, bench.stage.pool.location(actor).distance(way_out.transform.location))

        run(bench, flow, 150, look)
        assert nearest_m < 2.0
        assert not flow.actors or bench.stage.pool.location(flow.actors[0]).y > 50.0, "the first one reached the sink"
        flow.stop(Status.INVALID)


def test_cars_that_start_behind_a_place_on_the_way_do_not_turn_back(straight):
    session, source = straight
    with make_stage(session, beside(session)) as bench:
        flow = ActorFlow(
            bench.stage,
            source,
            ahead(source, 60.0),
            (10.0, 12.0),
            2.0,
            5.0,
            via=[ahead(source, 25.0), ahead(source, 45.0)],
        )
        asked = [len(flow._places_ahead(ahead(source, metres).transform)) for metres in (10.0, 20.0, 30.0, 40.0, 50.0)]
        assert asked == [2, 2, 1, 1, 0]


def test_actor_flow_lets_go_of_all_cars_when_one_touches_something(straight):
    session, source = straight
    with make_stage(session, ahead(source, 35.0)) as bench:
        bench.stage.ego.apply_control(carla.VehicleControl(hand_brake=True))
        flow = ActorFlow(bench.stage, source, ahead(source, 80.0), (14.0, 16.0), 2.0, 8.0)
        run(bench, flow, 60)
        assert flow.is_imposed
        run(bench, flow, 60)
        assert not flow.is_imposed
        run(bench, flow, 100)
        assert len(flow.actors) >= 2
        assert all(bench.stage.speed_mps(actor) < 0.5 for actor in flow.actors[:2]), "they stand behind the ego"
        sensors = [actor for actor in bench.stage.pool.actors if actor.type_id == COLLISION_SENSOR]
        assert not sensors, "sensors are only needed until the first contact"
        flow.stop(Status.INVALID)


def test_same_seed_same_flow(straight):
    session, source = straight
    tracks = []
    for _ in range(2):
        with make_stage(session, beside(session), seed=3) as bench:
            flow = ActorFlow(bench.stage, source, ahead(source, 50.0), (8.0, 20.0), 2.0, 7.0, initial=True)
            track = []

            def look(flow=flow, bench=bench, track=track):
                places = [bench.stage.pool.location(actor) for actor in flow.actors]
                track.append([(round(p.x, 4), round(p.y, 4)) for p in places])

            run(bench, flow, 80, look)
            flow.stop(Status.INVALID)
            tracks.append(track)
    assert tracks[0] == tracks[1]


def test_opposite_flow_reaches_as_far_as_the_speed_limit_says(town):
    session = town("Town03")
    reference = ahead(lane(session.map, *STRAIGHT), 20.0)
    with make_stage(session, beside(session)) as bench:
        flow = OppositeActorFlow(bench.stage, reference, (20.0, 30.0))
        run(bench, flow, 120)
        limit_kmh = bench.stage.ego.get_speed_limit()
        reach_m = 1.5 * limit_kmh + 30.0
        source = flow._source.transform.location
        walked = reference.transform.location.distance(source)
        assert walked <= reach_m + 1.0
        assert flow._source.previous(1.0)[0].is_junction or abs(walked - reach_m) < 1.5
        assert len(flow.actors) >= 1
        first = flow.actors[0]
        assert 2.0 < bench.stage.speed_mps(first) * 3.6 < limit_kmh + 3.0
        flow.stop(Status.INVALID)


def test_invading_flow_keeps_its_gap_and_its_offset(town):
    session = town("Town03")
    source = lane(session.map, *STRAIGHT)
    sink = ahead(source, 80.0)
    with make_stage(session, beside(session)) as bench:
        flow = InvadingActorFlow(bench.stage, source, sink, 25.0, -0.8)
        run(bench, flow, 160)
        first, second = flow.actors[:2]
        place = bench.stage.pool.location(first)
        right = source.transform.get_right_vector()
        line = ahead(source, source.transform.location.distance(place)).transform.location
        offset = (place.x - line.x) * right.x + (place.y - line.y) * right.y
        assert offset == pytest.approx(-0.8, abs=0.3)
        assert place.distance(bench.stage.pool.location(second)) > 20.0
        flow.stop(Status.INVALID)


def test_bicycle_flow_rides_its_plan(town):
    session = town("Town03")
    source = lane(session.map, *STRAIGHT)
    plan = [source, *(ahead(source, 2.0 * number) for number in range(1, 40))]
    with make_stage(session, beside(session)) as bench:
        flow = BicycleFlow(bench.stage, plan, (10.0, 14.0), 2.0, 5.0)
        kinds = set()
        run(bench, flow, 1)
        assert len(flow.actors) >= 4, "the way is full from the beginning"
        start = {actor.id: bench.stage.pool.location(actor) for actor in flow.actors}
        first = flow.actors[0]
        run(bench, flow, 60)
        kinds |= {actor.attributes["base_type"] for actor in flow.actors}
        assert kinds == {"bicycle"}
        moved = bench.stage.pool.location(flow.actors[1]).distance(start[flow.actors[1].id])
        assert 3.0 * 0.6 * 5.0 < moved < 3.0 * 1.2 * 5.0
        assert first.attributes["role_name"] == "scenario no lights"
        flow.stop(Status.INVALID)


def test_bicycle_plan_needs_a_junction_and_goes_on_behind_it(town):
    session = town("Town03")
    source = ahead(lane(session.map, *STRAIGHT), 10.0)
    plan = bicycle_plan(source)
    inside = [waypoint.is_junction for waypoint in plan]
    last_inside = len(inside) - 1 - inside[::-1].index(True)
    exit_place = plan[last_inside + 1].transform.location
    assert 40.0 < exit_place.distance(plan[-1].transform.location) <= 42.1
    assert isinstance(exit_place, carla.Location)
