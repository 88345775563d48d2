"""Fail2Drive's pictures: on street furniture that the ego drives past, and before a stop sign."""

import carla
import numpy as np
import pytest
from passing_support import built, in_frame, passing
from roadside_support import driven_m
from scenario_support import ahead, autopilot, blind, drive, lane, make_stage, scenario

from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.roadside import roadside
from lead.scenarios.lane_tools import sink_point
from lead.scenarios.messages import HandleJunctionScenario
from lead.scoring.penalties import EventType

ROAD = (101.0, 133.0)
"""In Town01: more than 200 m straight ahead, with sidewalks on both sides."""
SIGN_TOWN = "Town07"


@pytest.fixture
def road(town):
    session = town("Town01")
    return session, lane(session.map, *ROAD)


def xyz(location):
    return location.x, location.y, location.z


def up_deg(actor):
    return actor.get_transform().rotation.roll


# -- ImageOnObject ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prop", "before_m"), [("busstop", 1.7), pytest.param("advertisement", 0.15, marks=pytest.mark.slow)]
)
def test_picture_hangs_on_furniture_beside_the_road(road, prop, before_m):
    session, start = road
    trigger = ahead(start, 25.0)
    config = scenario(
        "ImageOnObject",
        trigger,
        prop=f"static.prop.{prop}",
        image="static.prop.walkingkid",
        distance=40,
        offset_y=0.25,
        offset_z=0.15,
    )
    done = drive(session, [start, ahead(start, 110.0)], [config], ego=blind(10.0), max_s=20.0)
    name = "ImageOnObject_1"
    made, phases = done.scenario_of[name], done.phases[name]
    furniture, image = done.actors()
    assert done.kinds[furniture].type_id == f"static.prop.{prop}"
    assert done.kinds[image].type_id == "static.prop.creasedbox01", "the picture's substitute"
    edge = roadside(ahead(trigger, 40.0), left=False).waypoint.transform
    tracks = [dict(done.track(each)) for each in (furniture, image)]
    hidden, there, picture = tracks[0][phases.triggered - 1], *(track[phases.triggered + 5] for track in tracks)
    assert hidden.xyz[2] < -190.0
    assert in_frame(edge, there.xyz) == pytest.approx((0.0, 0.7, 0.0), abs=0.02)
    turn_deg = 180.0 if prop == "busstop" else 270.0
    assert (there.yaw_deg - edge.rotation.yaw) % 360.0 == pytest.approx(turn_deg, abs=0.1)
    half_m = done.kinds[furniture].actor.bounding_box.extent.z
    assert in_frame(edge, picture.xyz) == pytest.approx((-before_m, 0.95, half_m + 0.15), abs=0.02)
    assert made._hung[1][1].rotation.roll == 90.0
    assert driven_m(done, phases.triggered, phases.ended) == pytest.approx(50.0, abs=1.0)
    assert not made.is_shown
    assert not done.events, "there is nothing in the way"


@pytest.mark.slow
def test_a_driver_on_the_sidewalk_hits_the_furniture(road):
    session, start = road
    config = scenario("ImageOnObject", ahead(start, 25.0), prop="static.prop.busstop", image="none", distance=40)
    aside_m = in_frame(start.transform, xyz(roadside(ahead(start, 65.0), left=False).waypoint.transform.location))[1]
    done = drive(session, [start, ahead(start, 110.0)], [config], ego=passing((35.0, 95.0), aside_m), max_s=20.0)
    assert len(done.actors()) == 1, "no picture"
    assert EventType.COLLISION_STATIC in done.event_types


def test_defaults_of_a_picture(road):
    session, start = road
    with make_stage(session, start) as bench:
        made, _ = built(bench, scenario("ImageOnObject", start))
        assert [actor.type_id for actor, _ in made._hung] == ["static.prop.advertisement", "static.prop.barrel"]
        made.close()
        bench.step()


# -- ObscuredStopSign ------------------------------------------------------------------------------------------------


@pytest.fixture
def sign(town):
    """Session, the stop sign's actor, and a trigger 30 m before it."""
    session = town(SIGN_TOWN)
    signs = sorted(session.world.get_actors().filter("traffic.stop*"), key=lambda each: each.id)
    for actor in signs:
        center = actor.get_transform().transform(actor.trigger_volume.location)
        place = session.map.get_waypoint(center)
        for trigger in place.previous(30.0)[:1]:
            way = [trigger]
            while len(way) < 35 and not way[-1].is_junction and way[-1].next(1.0):
                way.append(way[-1].next(1.0)[0])
            arrives = any(point.transform.location.distance(place.transform.location) < 1.0 for point in way)
            if arrives and trigger.road_id == place.road_id and way[0].previous(8.0):
                return session, actor, trigger
    raise AssertionError("no stop sign with a straight road before it")


def test_cover_hangs_before_the_plate_until_the_ego_is_past(sign):
    session, actor, trigger = sign
    places = [trigger.previous(4.0)[0], ahead(trigger, 28.0), sink_point(trigger, 0, 40.0)[0]]
    config = scenario("ObscuredStopSign", trigger, prop="static.prop.snow", offset_z=0.1)
    ended = []

    def look(done):
        ended.append(done.phases["ObscuredStopSign_1"].ended is not None)
        return ended[-1]

    done = drive(session, places, [config], ego=autopilot, until=look, max_s=60.0)
    made, phases = done.scenario_of["ObscuredStopSign_1"], done.phases["ObscuredStopSign_1"]
    (cover,) = done.actors()
    boxes = session.world.get_level_bbs(carla.CityObjectLabel.TrafficSigns)
    plate = min(boxes, key=lambda box: box.location.distance(actor.get_location()))
    there = dict(done.track(cover))[phases.triggered + 5]
    facing = carla.Transform(plate.location, trigger.transform.rotation)
    along, _, up = in_frame(facing, there.xyz)
    assert up == pytest.approx(0.1, abs=0.02)
    assert -0.15 < along < -0.03, "on the side of the ego that comes"
    assert np.hypot(*np.subtract(there.xyz, xyz(plate.location))[:2]) < 0.12
    assert made._hung[0][1].rotation.roll == 90.0
    assert done.posted(HandleJunctionScenario) == [HandleJunctionScenario()]
    assert not made.is_shown
    assert EventType.STOP_INFRACTION not in done.event_types, "the autopilot stops all the same"
    assert ended[-1]


def test_a_driver_that_does_not_see_the_sign_is_punished(sign):
    session, _, trigger = sign
    places = [trigger.previous(4.0)[0], ahead(trigger, 28.0), sink_point(trigger, 0, 40.0)[0]]
    done = drive(session, places, [scenario("ObscuredStopSign", trigger, prop="none")], ego=blind(8.0), max_s=30.0)
    assert EventType.STOP_INFRACTION in done.event_types
    assert done.phases["ObscuredStopSign_1"].triggered is not None
    assert not done.actors()


def test_no_stop_sign_no_cover(road):
    session, start = road
    with (
        make_stage(session, start) as bench,
        pytest.raises(ScenarioError, match="no stop sign on the ego's way"),
    ):
        built(bench, scenario("ObscuredStopSign", start))
