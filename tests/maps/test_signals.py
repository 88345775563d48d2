"""Traffic actors: who is created, who controls them, and which lanes they are for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import carla
import numpy as np
import pytest
from xodr_support import junction_town, opendrive, reference, road, signal, straight

from lead.maps.compiled import CompiledMap, compile_map
from lead.maps.layout import SignalKind

LANE_SIGNALS = (SignalKind.TRAFFIC_LIGHT, SignalKind.STOP)


def to_junction(waypoint: carla.Waypoint) -> tuple[int, int]:
    """Road and lane of the last way point before the next junction, as scenario code finds it."""
    for _ in range(500):
        ahead = waypoint.next(0.5)
        if waypoint.is_junction or not ahead or ahead[0].is_junction:
            break
        waypoint = ahead[0]
    return waypoint.road_id, waypoint.lane_id


def walked_lanes(record: np.void, client: carla.Map) -> set[tuple[int, int]]:
    """Lanes that clients derive from a trigger volume: points along the actor's x axis, 1 m apart."""
    yaw = np.radians(float(record["yaw_deg"]))
    center = np.asarray(record["trigger_center"], dtype=float)
    x = record["x"] + center[0] * np.cos(yaw) - center[1] * np.sin(yaw)
    y = record["y"] + center[0] * np.sin(yaw) + center[1] * np.cos(yaw)
    reach = 0.9 * float(record["trigger_extent"][0])
    return {
        to_junction(
            client.get_waypoint(
                carla.Location(x + v * np.cos(yaw), y + v * np.sin(yaw), float(record["z"] + center[2]))
            )
        )
        for v in np.arange(-reach, reach, 1.0)
    }


def boxed_lanes(boxes: np.ndarray, client: carla.Map) -> set[tuple[int, int]]:
    """Lanes that the effect boxes lie on."""
    return {
        to_junction(client.get_waypoint(carla.Location(float(box["x"]), float(box["y"]), float(box["z"]))))
        for box in boxes
    }


def trigger_agreement(compiled: CompiledMap, client: carla.Map) -> tuple[int, int]:
    """Number of lights and stop signs with lanes, and of those whose trigger volume means exactly these lanes."""
    total = agreeing = 0
    for row, record in enumerate(compiled.signals):
        boxes = compiled.signal_boxes[compiled.signal_boxes["owner"] == row]
        if record["kind"] in LANE_SIGNALS and len(boxes):
            total += 1
            agreeing += walked_lanes(record, client) == boxed_lanes(boxes, client)
    return total, agreeing


def test_trigger_volumes_mean_the_lanes_that_obey(town: Callable, client_map: Callable) -> None:
    for name in ("Town01", "Town10HD", "Town04"):
        compiled = town(name)
        total, agreeing = trigger_agreement(compiled, client_map(compiled))
        assert total >= 20
        assert agreeing >= 0.95 * total, name


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["Town02", "Town03", "Town05", "Town06", "Town07", "Town11", "Town12", "Town13", "Town15"]
)
def test_trigger_volumes_mean_the_lanes_that_obey_elsewhere(name: str, town: Callable, client_map: Callable) -> None:
    compiled = town(name)
    total, agreeing = trigger_agreement(compiled, client_map(compiled))
    assert agreeing >= 0.97 * total


@pytest.mark.parametrize(
    ("name", "counts", "groups"),
    [
        ("Town01", {SignalKind.TRAFFIC_LIGHT: 36, SignalKind.SPEED_LIMIT: 22}, 12),
        ("Town10HD", {SignalKind.TRAFFIC_LIGHT: 17, SignalKind.STOP: 3, SignalKind.YIELD: 1}, 5),
    ],
)
def test_actors_and_groups_of_a_town(name: str, counts: dict[SignalKind, int], groups: int, town: Callable) -> None:
    compiled = town(name)
    assert Counter(compiled.signals["kind"].tolist()) == counts
    assert len(set(compiled.signals["signal_id"].tolist())) == len(compiled.signals)
    controllers = compiled.controllers
    assert sorted(set(controllers["group"].tolist())) == list(range(groups))
    for group in range(groups):
        members = controllers[controllers["group"] == group]
        assert members["order"].tolist() == list(range(len(members)))
    lights = compiled.signals[compiled.signals["kind"] == SignalKind.TRAFFIC_LIGHT]
    assert set(lights["controller"].tolist()) == set(range(len(controllers)))
    others = compiled.signals[compiled.signals["kind"] != SignalKind.TRAFFIC_LIGHT]
    assert (others["controller"] == -1).all()


def test_poses_follow_the_landmarks(town: Callable, client_map: Callable) -> None:
    compiled = town("Town01")
    landmarks = {landmark.id: landmark for landmark in client_map(compiled).get_all_landmarks()}
    for record in compiled.signals[compiled.signals["kind"] == SignalKind.TRAFFIC_LIGHT]:
        pose = landmarks[record["signal_id"].decode()].transform
        assert pose.location.distance(carla.Location(record["x"], record["y"], record["z"])) < 0.01
        assert abs((record["yaw_deg"] - pose.rotation.yaw - 90.0 + 180.0) % 360.0 - 180.0) < 0.1


def compile_text(text: str) -> CompiledMap:
    return compile_map("tiny", text, use_cache=False)


CONTROLLER = (
    '<controller id="7" name="c" sequence="0">'
    '<control signalId="L" type=""/><control signalId="L" type=""/></controller>'
)


def test_light_box_lies_before_the_junction() -> None:
    compiled = compile_text(junction_town(controllers=CONTROLLER, junction_controllers='<controller id="7"/>'))
    assert compiled.signals["signal_id"].tolist() == [b"L"]
    (box,) = compiled.signal_boxes
    # Road 1 ends at x = 60, its lane -1 is 3 m + 1 % wide; the box is moved 3 m upstream.
    width = 3.0 + 0.01 * 57.0
    # Its heading is that of its centre line, which drifts outwards by half of the widening.
    np.testing.assert_allclose([box["x"], box["y"], box["yaw"]], [57.0, width / 2.0, 0.005], atol=1e-6)
    np.testing.assert_allclose([box["ext_x"], box["ext_y"], box["ext_z"]], [1.5, 0.25 * width, 1.0], atol=1e-6)
    (light,) = compiled.signals
    np.testing.assert_allclose([light["x"], light["y"], light["yaw_deg"]], [61.25, 6.0, 90.0], atol=1e-6)
    # In the frame of the actor, whose x axis points to the right of the road and whose y axis points upstream.
    np.testing.assert_allclose(light["trigger_center"][:2], [width / 2.0 - 6.0, 4.25], atol=1e-5)
    assert 0.2 * width < light["trigger_extent"][0] < 0.5 * width
    (controller,) = compiled.controllers
    assert (controller["controller_id"], controller["group"], controller["order"]) == (7, 0, 0)
    assert controller["red_s"] == 2.0


def test_lights_without_a_controller() -> None:
    same_lane = signal("S", "1000001", 1.0, -6.0) + reference("S", 0.5, -1)
    other_lane = signal("O", "1000011", 1.0, -6.0, inner='<validity fromLane="1" toLane="1"/>')
    text = junction_town(same_lane + other_lane, CONTROLLER, '<controller id="7"/>')
    compiled = compile_text(text)
    rows = dict(zip(compiled.signals["signal_id"].tolist(), compiled.signals["controller"].tolist(), strict=True))
    controllers = compiled.controllers
    assert rows[b"S"] == rows[b"L"]
    assert controllers["controller_id"][rows[b"O"]] == -2
    assert controllers["group"].tolist() == [0, 0]
    assert controllers["order"].tolist() == [0, 1]
    # A controller that no junction owns does not count.
    lone = compile_text(junction_town(controllers=CONTROLLER))
    assert lone.controllers["controller_id"].tolist() == [-2]
    assert lone.controllers["red_s"].tolist() == [10.0]


def test_signs_and_painted_marks() -> None:
    signals = "".join(
        [
            signal("1", "206", 30.0, -5.0, inner='<validity fromLane="-1" toLane="-1"/>'),
            signal("2", "206", 30.0, -5.0, attributes='name="Stencil_STOP"'),
            signal("3", "205", 40.0, -5.0),
            signal("4", "-1", 40.0, -5.0),
            signal("5", "274", 50.0, -5.0).replace('subtype="-1"', 'subtype="40"'),
        ]
    )
    objects = "".join(
        f'<object id="{number}" name="{name}" s="20" t="-5" zOffset="0" hdg="0" orientation="-" type="-1"/>'
        for number, name in (("5", "Speed_30"), ("9", "SppedLimit40Assembly"), ("10", "Stencil_SpeedLimit_30"))
    )
    body = road(1, 60.0, straight(60.0), extra=f"<objects>{objects}</objects><signals>{signals}</signals>")
    compiled = compile_text(opendrive(body))
    found = [(s["signal_id"].decode(), SignalKind(s["kind"]).name, float(s["value"])) for s in compiled.signals]
    assert found == [
        ("1", "STOP", 0.0),
        ("3", "YIELD", 0.0),
        ("5", "SPEED_LIMIT", 40.0),
        ("object_5", "SPEED_LIMIT", 30.0),
        ("9", "SPEED_LIMIT", 40.0),
    ]
    boxes = compiled.signal_boxes
    assert boxes["owner"].tolist() == [0, 1, 2, 3, 4]
    speed = boxes[3]
    half = 0.35 * 3.2
    np.testing.assert_allclose([speed["ext_x"], speed["ext_y"], speed["ext_z"]], half, atol=1e-6)
    np.testing.assert_allclose(speed["x"], 20.0 - half, atol=1e-6)


def test_signal_without_lanes_has_no_effect() -> None:
    lonely = signal("1", "1000001", 30.0, -5.0, inner='<validity fromLane="0" toLane="0"/>')
    compiled = compile_text(opendrive(road(1, 60.0, straight(60.0), extra=f"<signals>{lonely}</signals>")))
    assert len(compiled.signal_boxes) == 0
    # Clients find no lane in an empty trigger volume.
    assert compiled.signals["trigger_extent"].tolist() == [[0.0, 0.0, 0.0]]
    assert compiled.controllers["red_s"].tolist() == [10.0]
