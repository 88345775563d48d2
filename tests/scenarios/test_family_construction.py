"""Construction sites in the ego's lane, with a second lane beside it or only the opposite one."""

import carla
import numpy as np
import pytest
from passing_support import built, in_frame, passing, seconds_between
from scenario_support import ahead, blind, drive, lane, make_stage, scenario

from lead.scenarios.families.construction import site_poses
from lead.scenarios.lane_tools import forward, next_waypoint
from lead.scenarios.messages import ChangeOppositeBehavior, ReAddRoadLane, RemoveRoadLane, SetMaxSpeed
from lead.scoring.penalties import EventType

DISTANCE_M, RUN_UP_M = 60.0, 30.0
CONE = "static.prop.constructioncone"


@pytest.fixture
def highway(town):
    """Session, trigger on the second lane from the right of a motorway, and key points along it."""
    session = town("Town04")
    trigger = lane(session.map, -511.0, 197.3)
    return session, trigger, [trigger.previous(RUN_UP_M)[0], ahead(trigger, 200.0)]


@pytest.fixture
def street(town):
    """The same on a straight street with one lane per direction."""
    session = town("Town01")
    trigger = lane(session.map, 2.0, 275.0)
    return session, trigger, [trigger.previous(RUN_UP_M)[0], ahead(trigger, 170.0)]


@pytest.mark.parametrize(("left", "inner"), [(False, -1.0), (True, 1.0)])
def test_layout_of_a_site(left, inner):
    site = carla.Transform(carla.Location(10.0, 20.0, 3.0), carla.Rotation(yaw=30.0))
    poses = site_poses(site, 1.75, left=left)
    assert [name for name, _ in poses] == ["static.prop.trafficwarning", "static.prop.dirtdebris02", *[CONE] * 7]
    places = [in_frame(site, (pose.location.x, pose.location.y, pose.location.z)) for _, pose in poses]
    fence = inner * 0.85 * 1.75
    expected = [
        (-5.0, 0.0, 0.0),
        (2.0, 0.0, 1.0),
        *((ahead_m, fence, 0.1) for ahead_m in (2.0, 4.0, 6.0, 8.0)),
        *((8.0, fence - inner * across_m, 0.1) for across_m in (1.0, 2.0, 3.0)),
    ]
    assert np.allclose(places, expected, atol=1e-3)
    turns = [(pose.rotation.yaw - 30.0) % 360.0 for _, pose in poses]
    assert np.allclose(turns, [270.0, 90.0, *[0.0] * 4, *[270.0 if left else 90.0] * 3])


def test_site_is_built_at_the_trigger_and_passed_on_the_lane_beside(highway):
    session, trigger, places = highway
    config = scenario("ConstructionObstacle", trigger, distance=DISTANCE_M, speed=40)
    ego = passing((RUN_UP_M + 35.0, RUN_UP_M + 95.0), -3.6)
    done = drive(session, places, [config], ego=ego)
    made, phases = done.scenario_of["ConstructionObstacle_1"], done.phases["ConstructionObstacle_1"]
    site = next_waypoint(made.trigger_waypoint, DISTANCE_M)
    sign, *props = done.actors()
    assert done.kinds[sign].type_id == "static.prop.warningconstruction"
    laid_out = site_poses(site.transform, made.trigger_waypoint.lane_width / 2.0, left=False)
    assert [done.kinds[prop].type_id for prop in props] == [name for name, _ in laid_out]
    for prop, (_, pose) in zip(props, laid_out, strict=True):
        track = dict(done.track(prop))
        hidden, there = track[phases.triggered - 1], track[phases.triggered + 20]
        assert hidden.xyz[2] == pytest.approx(pose.location.z - 200.0, abs=0.1)
        assert np.allclose(there.xyz[:2], (pose.location.x, pose.location.y), atol=0.05)
        assert abs(there.xyz[2] - pose.location.z) < 1.1, "it may have fallen to the ground"
    assert [type(message) for _, message in done.messages] == [RemoveRoadLane, SetMaxSpeed, SetMaxSpeed, ReAddRoadLane]
    assert done.posted(RemoveRoadLane)[0].waypoint.lane_id == -3
    assert done.posted(SetMaxSpeed) == [SetMaxSpeed(40.0), SetMaxSpeed(0.0)]
    assert done.posted(ReAddRoadLane) == [ReAddRoadLane(0)]
    near = site.transform.location
    first_near = next(
        number
        for number, tick in enumerate(done.ticks, 1)
        if np.linalg.norm(np.subtract(tick.ego.xyz, (near.x, near.y, near.z))) < 30.0
    )
    assert 5.0 < seconds_between(done, first_near, done.messages[1][0]) < 5.15
    end = forward(site, 50.0)[0].transform
    assert in_frame(end, done.ticks[phases.ended - 1].ego.xyz)[0] > 0.0
    assert in_frame(end, done.ticks[phases.ended - 2].ego.xyz)[0] <= 0.0
    assert not done.events


def test_site_is_passed_on_the_opposite_lane(street):
    session, trigger, places = street
    config = scenario("ConstructionObstacleTwoWays", trigger, distance=DISTANCE_M, frequency=(30, 60))
    ego = passing((RUN_UP_M + 42.0, RUN_UP_M + 84.0), -3.8, 6.0, 6.0)
    done = drive(session, places, [config], ego=ego)
    phases = done.phases["ConstructionObstacleTwoWays_1"]
    assert [type(message) for _, message in done.messages] == [
        RemoveRoadLane,
        ChangeOppositeBehavior,
        ChangeOppositeBehavior,
        ReAddRoadLane,
    ]
    assert [message.active for message in done.posted(ChangeOppositeBehavior)] == [False, True]
    eased = done.messages[1][0]
    assert (eased, True, False) in done.switches
    assert done.switches[-1] == (phases.ended, False, True)
    flow = done.actors("vehicle.")
    assert flow and done.track(flow[0])[0][0] == eased
    opposite_yaw = trigger.get_left_lane().transform.rotation.yaw
    assert abs((done.track(flow[0])[-1][1].yaw_deg - opposite_yaw + 180.0) % 360.0 - 180.0) < 5.0
    assert done.event_types <= {EventType.OUTSIDE_ROUTE_LANES_INFRACTION}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ConstructionObstacle", "ConstructionObstacleTwoWays"])
def test_ego_that_does_not_look_hits_the_site(street, kind):
    session, trigger, places = street
    done = drive(session, places, [scenario(kind, trigger, distance=40)], ego=blind(10.0), max_s=15.0)
    assert EventType.COLLISION_STATIC in done.event_types


@pytest.mark.parametrize(("distance_m", "direction"), [(30, "left"), (200, "right")])
def test_both_ends_of_the_parameters(highway, distance_m, direction):
    session, trigger, _ = highway
    with make_stage(session, trigger.previous(RUN_UP_M)[0]) as bench:
        made, tree = built(
            bench, scenario("ConstructionObstacle", trigger, distance=distance_m, direction=direction, speed=30)
        )
        assert len(made.actors) == 10
        memory = made.record.memory
        assert (memory["direction"], len(memory["obstacles"])) == (direction, 9)
        assert made.record.first_actor.type_id == "static.prop.trafficwarning"
        assert made.record.last_actor.type_id == CONE
        place = made.record.first_actor.get_location()
        gap_m = in_frame(next_waypoint(made.trigger_waypoint, distance_m).transform, (place.x, place.y, 0.0))[0]
        assert gap_m == pytest.approx(-5.0, abs=0.1)
        tree.tick_once()
        assert isinstance(bench.messages[0], RemoveRoadLane)
        tree.stop()
        made.close()
