"""Fail2Drive's people: a crowd that stands beside the road, and walkers on it; and animals in the stock crossings."""

from dataclasses import replace

import numpy as np
import pytest
from passing_support import built, in_frame
from roadside_support import driven_m
from scenario_support import ahead, blind, drive, lane, make_stage, scenario, standing

from lead.scenarios.messages import ChangeRoadBehavior, LeaveSpaceInFront
from lead.scoring.penalties import EventType

ROAD = (101.0, 133.0)
"""In Town01: more than 200 m straight ahead, with sidewalks on both sides."""


@pytest.fixture
def road(town):
    session = town("Town01")
    return session, lane(session.map, *ROAD)


def walkers_on_road(trigger, *kinds, **parameters):
    config = scenario("PedestriansOnRoad", trigger, **parameters)
    listed = {letter: kind for letter, kind in zip("abc", kinds, strict=False)}
    return replace(config, parameters={**config.parameters, "pedestrians": listed}) if kinds else config


def test_crowd_stands_on_the_sidewalk_and_does_not_move(road):
    session, start = road
    trigger = ahead(start, 25.0)
    config = scenario("PedestrianCrowd", trigger, pedestrian_center=40, pedestrian_radius=10, pedestrians=12)
    done = drive(session, [start, ahead(start, 130.0)], [config], ego=blind(10.0), max_s=30.0)
    phases, crowd = done.phases["PedestrianCrowd_1"], done.actors("walker.pedestrian.")
    middle = ahead(trigger, 40.0)
    assert 6 <= len(crowd) <= 12
    for walker in crowd:
        track = dict(done.track(walker))
        hidden, there, later = (track[phases.triggered + step] for step in (-1, 20, 60))
        assert hidden.xyz[2] < -190.0
        forward_m, right_m, _ = in_frame(middle.transform, there.xyz)
        assert abs(forward_m) < 10.1 and 2.0 < right_m < 9.0
        assert np.allclose(there.xyz, later.xyz, atol=0.02)
    assert driven_m(done, phases.triggered, phases.ended) == pytest.approx(40.0 + 10.0 + 20.0, abs=1.0)
    assert not done.scenario_of["PedestrianCrowd_1"].is_shown
    assert not done.events, "nobody stands in the way"


def test_crowd_on_the_other_side(road):
    session, start = road
    with make_stage(session, start) as bench:
        config = scenario("PedestrianCrowd", start, pedestrian_center=70, side="left", pedestrians=30)
        made, _ = built(bench, config)
        middle = ahead(start, 70.0).transform
        across = [in_frame(middle, (pose.location.x, pose.location.y, pose.location.z))[1] for _, pose in made._crowd]
        assert 15 <= len(across) <= 30 and max(across) < -5.0
        made.close()
        bench.step()


def test_the_same_seed_gives_the_same_crowd(road):
    session, start = road
    places = []
    for _ in range(2):
        with make_stage(session, start, seed=3) as bench:
            made, _ = built(bench, scenario("PedestrianCrowd", start, pedestrian_center=1, pedestrians=5))
            places.append([(actor.type_id, pose.location.x, pose.location.y) for actor, pose in made._crowd])
            made.close()
            bench.step()
    assert places[0] == places[1]


def test_three_people_walk_away_on_the_lane_and_stand(road):
    session, start = road
    trigger = ahead(start, 20.0)
    kinds = ("walker.pedestrian.0006", "walker.pedestrian.0042", "walker.pedestrian.0051")
    config = walkers_on_road(trigger, *kinds, distance=30, walker_duration=10, walker_speed=2)
    done = drive(session, [start, ahead(start, 150.0)], [config], ego=standing(6.0, 30.0), max_s=20.0)
    phases, site = done.phases["PedestriansOnRoad_1"], ahead(trigger, 30.0).transform
    assert [done.kinds[each].type_id for each in done.actors("walker.")] == list(kinds)
    assert done.posted(LeaveSpaceInFront) == [LeaveSpaceInFront(80.0)]
    assert [message.extra_space_m for message in done.posted(ChangeRoadBehavior)] == [80.0, 0.0]
    for walker, start_m in zip(done.actors("walker."), ((0.5, 0.5), (0.0, 0.0), (1.0, -0.5)), strict=True):
        track = dict(done.track(walker))
        first, last = (in_frame(site, track[index].xyz) for index in (phases.triggered + 5, phases.ended - 2))
        assert first[:2] == pytest.approx(start_m, abs=0.45), "he has just set off"
        assert last[0] - start_m[0] == pytest.approx(2.0 * 5.0, abs=0.3), "for 5 s less than the duration"
        assert last[1] == pytest.approx(start_m[1], abs=0.1)
    seconds = done.ticks[phases.ended - 1].time_s - done.ticks[phases.triggered - 1].time_s
    assert seconds == pytest.approx(10.3, abs=0.2)
    assert not done.events


@pytest.mark.slow
def test_a_driver_that_does_not_look_runs_into_them(road):
    session, start = road
    done = drive(
        session,
        [start, ahead(start, 120.0)],
        [walkers_on_road(ahead(start, 20.0), distance=20)],
        ego=blind(9.0),
        max_s=14.0,
    )
    assert len(done.actors("walker.pedestrian.")) == 1, "anybody, if the file names nobody"
    assert EventType.COLLISION_PEDESTRIAN in done.event_types


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("DynamicObjectCrossing", {"walker": "walker.animal.1006", "distance": 40, "blocker_z": 0.5}),
        ("ParkingCrossingPedestrian", {"walker": "walker.animal.1003", "distance": 40, "offset_x": -1}),
    ],
)
def test_somebody_stands_in_for_an_animal_that_the_simulator_lacks(road, kind, parameters, caplog):
    session, start = road
    with make_stage(session, start) as bench:
        made, _ = built(bench, scenario(kind, start, **parameters))
        assert made.record.first_actor.type_id == "walker.pedestrian.0048"
        assert f"the simulator lacks {parameters['walker']}" in caplog.text
        made.close()
        bench.step()
