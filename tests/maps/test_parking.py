"""Parking slots: the rule on a small map, and what real towns get from it."""

import numpy as np
import pytest
import xodr_support as xodr

from lead.geometry.boxes import box_corners, box_overlap_depth
from lead.maps.compiled import compile_map
from lead.maps.layout import LaneType
from lead.maps.parked_cars import PARKED_CARS, parked_car_of
from lead.maps.parking import _load, overlapping, parking_slots, slot_boxes

LENGTH_M = 120.0
LANES = """
<lanes><laneSection s="0">
  <left>
    <lane id="2" type="{left}"><width sOffset="0" a="{left_width}" b="0" c="0" d="0"/></lane>
    <lane id="1" type="{left_driving}"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane>
  </left>
  <center><lane id="0" type="none"/></center>
  <right>
    <lane id="-1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane>
    <lane id="-2" type="parking"><width sOffset="0" a="{width}" b="{taper}" c="0" d="0"/></lane>
  </right>
</laneSection></lanes>
"""


def street(width=2.5, taper=0.0, speed="", junction=-1, extra="", elevation="", **left):
    lanes = LANES.format(
        width=width, taper=taper, **{"left": "sidewalk", "left_width": 2.0, "left_driving": "driving"} | left
    )
    kind = f'<type s="0" type="town">{speed}</type>' if speed else ""
    body = (
        f'<road name="r" length="{LENGTH_M}" id="7" junction="{junction}">{kind}'
        f"<planView>{xodr.straight(LENGTH_M)}</planView><elevationProfile>{elevation}</elevationProfile>{lanes}{extra}</road>"
    )
    return compile_map("Street", xodr.opendrive(body), use_cache=False)


def slots_of(town):
    return parking_slots(town, use_cache=False)


def crosswalk(s):
    corners = "".join(f'<cornerLocal u="{u}" v="{v}" z="0"/>' for u, v in ((-1.5, -7), (1.5, -7), (1.5, 7), (-1.5, 7)))
    return (
        f'<objects><object id="c" name="crosswalk" type="crosswalk" s="{s}" t="0" zOffset="0" hdg="0">'
        f"<outline>{corners}</outline></object></objects>"
    )


def test_slots_lie_on_the_pitch_along_the_lane():
    slots = slots_of(street())
    assert 5 <= len(slots) <= 19, "20 slots fit between the margins, about 0.6 of them are taken"
    assert np.allclose(slots["x"], 5.0 + 5.5 * (slots["number"] + 0.5))
    assert np.allclose(slots["y"], 3.5 + 1.25)
    assert np.allclose(slots["yaw_deg"], 0.0)
    assert np.all(slots["lane_id"] == -2) and np.all(slots["road_id"] == 7)
    assert len(np.unique(slots["number"])) == len(slots)


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 1.9},
        {"junction": 3},
        {"speed": '<speed max="50" unit="mph"/>'},
        {"speed": '<speed max="25"/>'},
    ],
    ids=["too narrow", "in a junction", "too fast", "too fast, in m/s"],
)
def test_lanes_that_are_no_good_get_none(settings):
    assert len(slots_of(street(**settings))) == 0


def test_slow_roads_keep_theirs():
    assert len(slots_of(street(speed='<speed max="40" unit="mph"/>'))) == len(slots_of(street()))


def test_a_taper_ends_the_row_where_the_lane_gets_narrow():
    slots = slots_of(street(width=2.5, taper=-0.01))
    assert len(slots) and slots["x"].max() + 0.5 * 5.5 <= 50.5


def test_wide_lanes_get_bays_across():
    slots = slots_of(street(width=5.5))
    assert np.allclose(slots["x"], 5.0 + 2.8 * (slots["number"] + 0.5))
    assert set(np.round(slots["yaw_deg"])) == {-90.0, 90.0}
    assert len(slots) > 10


def test_crosswalks_are_kept_clear():
    town = street(extra=crosswalk(60.0))
    assert len(town.crosswalks) == 1
    center, _, half = slot_boxes(slots_of(town))
    assert len(center)
    gap = np.abs(center[:, 0] - 60.0) - half[:, 0]
    assert gap.min() >= 1.5 + 5.0 - 0.3


def test_stop_lines_are_kept_clear():
    stop = xodr.signal("S", "206", 60.0, -8.0, inner='<validity fromLane="-1" toLane="-1"/>').replace(
        'orientation="-"', 'orientation="+"'
    )
    town = street(extra=f"<signals>{stop}</signals>")
    center, _, half = slot_boxes(slots_of(town))
    line = float(town.signal_boxes["x"][0]) + 3.0
    assert (np.abs(center[:, 0] - line) - half[:, 0]).min() >= 5.0
    assert np.abs(center[:, 0] - line).min() < 15.0


def test_cars_follow_the_slope_and_face_with_the_traffic_beside_them():
    ramp = '<elevation s="0" a="0" b="0.05" c="0" d="0"/>'
    slots = slots_of(street(elevation=ramp))
    assert np.allclose(slots["z"], 0.05 * slots["x"], atol=0.01)
    assert np.allclose(slots["pitch_deg"], np.degrees(np.arctan(0.05)), atol=0.01) and np.allclose(
        slots["roll_deg"], 0.0, atol=1e-9
    )
    bays = slots_of(street(width=5.5, elevation=ramp))
    assert np.allclose(bays["roll_deg"], np.sign(bays["yaw_deg"]) * np.degrees(np.arctan(0.05)), atol=0.01)
    both = slots_of(street(left="parking", left_width=2.5))
    assert np.allclose(np.abs(both["yaw_deg"][both["lane_id"] > 0]), 180.0)
    one_way = slots_of(street(left="parking", left_width=2.5, left_driving="shoulder"))
    assert np.allclose(one_way["yaw_deg"], 0.0) and (one_way["lane_id"] > 0).any()


def test_a_solid_thing_keeps_its_place():
    free = slots_of(street())
    rail = (
        f'<objects><object id="g" name="GuardRail" type="barrier" s="0" t="-5.9" zOffset="0" hdg="0" length="0">'
        f'<repeat s="0" length="{LENGTH_M}" distance="0" tStart="-5.5" tEnd="-5.5" heightStart="1" zOffsetStart="0"/>'
        "</object></objects>"
    )
    town = street(extra=rail)
    assert len(town.static_boxes) and len(free)
    assert len(slots_of(town)) == 0


def test_slots_are_drawn_one_by_one():
    alone, both = slots_of(street()), slots_of(street(left="parking", left_width=2.5))
    assert np.array_equal(alone, both[both["lane_id"] < 0])
    other = compile_map("Elsewhere", street().opendrive, use_cache=False)
    assert not np.array_equal(alone["number"], slots_of(other)["number"])


def test_the_cache_gives_the_same_slots_and_survives_damage(empty_cache):
    town = street()
    first = parking_slots(town)
    (path,) = (empty_cache / "parking").iterdir()
    assert np.array_equal(first, parking_slots(town)) and np.array_equal(first, _load(path))
    path.write_bytes(b"nonsense")
    assert np.array_equal(first, parking_slots(town))
    assert np.array_equal(first, _load(path))
    with pytest.raises(ValueError, match="read-only"):
        first["x"] = 0.0


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Town01", 0),
        ("Town15", 168),
        pytest.param("Town12", 2291, marks=pytest.mark.slow),
        pytest.param("Town13", 13531, marks=pytest.mark.slow),
    ],
)
def test_towns(town, name, expected):
    compiled = town(name)
    slots = slots_of(compiled)
    assert len(slots) == expected
    if not expected:
        return
    center, yaw, half = slot_boxes(slots)
    i, j = (
        np.triu_indices(len(slots), 1) if len(slots) < 3000 else (np.arange(len(slots) - 1), np.arange(1, len(slots)))
    )
    near = np.hypot(*(center[i] - center[j]).T) < 6.0
    i, j = i[near], j[near]
    assert box_overlap_depth(center[i], yaw[i], half[i], center[j], yaw[j], half[j]).max(initial=-1.0) <= 0.0
    corners = box_corners(center, yaw, half - 0.1).reshape(-1, 2)
    ground = compiled.ground_index()
    hits = ground.query(np.column_stack([corners, np.repeat(slots["z"], 4)]))
    assert not ground.is_on(hits, LaneType.DRIVING).any()
    shares = np.bincount(slots["mesh"], minlength=len(PARKED_CARS)) / len(slots)
    assert shares.min() > 0.05 and shares.max() < 0.2
    below = ground.query(np.column_stack([center, slots["z"]]))
    assert np.abs(below.z - slots["z"]).max() < 0.05


def test_overlaps_with_boxes_on_another_level_do_not_count():
    slots = slots_of(street())
    spot = np.array([[slots["x"][0], slots["y"][0]]])
    half = np.ones((1, 2))
    assert overlapping(slots, spot, np.zeros(1), half, np.zeros(1)).tolist() == [True] + [False] * (len(slots) - 1)
    assert not overlapping(slots, spot, np.zeros(1), half, np.array([8.0])).any()
    assert not overlapping(slots, spot[:0], np.zeros(0), half[:0], np.zeros(0)).any()


def test_meshes_are_known_by_their_asset():
    lincoln = next(car for car in PARKED_CARS if car.name == "Lincoln")
    assert parked_car_of(lincoln.mesh_path) is lincoln
    assert parked_car_of(lincoln.mesh_path.replace("Static/Car", "Static/Vehicles")) is lincoln
    assert parked_car_of("") is None
    assert parked_car_of("/Game/Carla/Static/Dynamic/Garden/SM_Table.SM_Table") is None
