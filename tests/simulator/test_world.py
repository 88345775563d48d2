"""The world without sockets: driving, ground, contacts, signals, attachments, snapshots."""

import numpy as np
import pytest

from lead.simulator.world.actors import Actor, AttachmentType, WorldError
from lead.simulator.world.layout import (
    LIGHT_RECORD,
    PLAIN_RECORD,
    RECORD_SIZE,
    SIGN_RECORD,
    SNAPSHOT_HEADER_DTYPE,
    VEHICLE_RECORD,
    WALKER_RECORD,
    LightState,
)
from lead.simulator.world.world import World

MKZ = "vehicle.lincoln.mkz_2020"
MKZ_HALF_WIDTH_M = 0.92


def spawn_at(world: World, index: int, type_id: str = MKZ, ahead_m: float = 0.0) -> Actor:
    """Spawn at a spawn point, or some metres ahead of it."""
    row = world.town.spawn_points[index].copy()
    yaw = np.radians(row[4])
    row[:2] += ahead_m * np.array([np.cos(yaw), np.sin(yaw)])
    return world.spawn(type_id, [], row[:3], row[3:])


def control(world: World, actor: Actor, throttle: float = 0.0, steer: float = 0.0, brake: float = 0.0) -> None:
    record = world.fleet.table.records["control"][actor.row]
    record["throttle"], record["steer"], record["brake"] = throttle, steer, brake


def position(world: World, actor: Actor) -> np.ndarray:
    return world.fleet.column("position")[actor.row].copy()


def straight_index(world: World, length_m: float = 40.0) -> int:
    """A spawn point whose lane runs straight and level for a while."""
    for index, row in enumerate(world.town.spawn_points):
        yaw = np.radians(row[4])
        steps = np.arange(0.0, length_m, 4.0)[:, None]
        points = row[:3] + steps * np.array([np.cos(yaw), np.sin(yaw), 0.0])
        hits = world.ground.query(points)
        if (np.abs(hits.offset) < 0.3).all() and (hits.lane >= 0).all():
            return index
    raise AssertionError("no straight lane in this town")


def test_layouts_have_the_sizes_of_the_wire() -> None:
    records = (VEHICLE_RECORD, WALKER_RECORD, LIGHT_RECORD, SIGN_RECORD, PLAIN_RECORD)
    assert {record.itemsize for record in records} == {RECORD_SIZE}
    assert SNAPSHOT_HEADER_DTYPE.itemsize == 36
    assert VEHICLE_RECORD.fields["speed_limit_kmh"][1] == 84
    assert VEHICLE_RECORD.fields["failure_state"][1] == 94


def test_vehicle_falls_onto_the_road_and_rests(town01: World) -> None:
    car = spawn_at(town01, 0)
    road = town01.town.spawn_points[0, 2] - 0.5
    for _ in range(30):
        town01.tick(0.05)
    assert position(town01, car)[2] == pytest.approx(road, abs=0.01)
    assert np.allclose(town01.fleet.table.records["velocity"][car.row], 0.0)


def test_throttle_drives_ahead_and_brake_stops(town01: World) -> None:
    index = straight_index(town01)
    car = spawn_at(town01, index)
    start = position(town01, car)
    control(town01, car, throttle=0.7)
    for _ in range(60):
        town01.tick(0.05)
    yaw = np.radians(town01.town.spawn_points[index, 4])
    travelled = (position(town01, car) - start)[:2]
    assert travelled @ [np.cos(yaw), np.sin(yaw)] > 5.0
    control(town01, car, brake=1.0)
    for _ in range(60):
        town01.tick(0.05)
    assert np.linalg.norm(town01.fleet.table.records["velocity"][car.row]) == 0.0


def test_positive_steer_turns_right(town01: World) -> None:
    car = spawn_at(town01, straight_index(town01))
    yaw = float(town01.fleet.column("yaw")[car.row])
    control(town01, car, throttle=0.5, steer=0.5)
    for _ in range(30):
        town01.tick(0.05)
    assert float(town01.fleet.column("yaw")[car.row]) - yaw > 0.05, "yaw grows clockwise seen from above"
    assert town01.fleet.table.records["angular_velocity_deg"][car.row, 2] > 0.0


def test_cars_follow_the_slope_they_stand_on(town04: World) -> None:
    lanes = town04.town.lanes
    steep = np.flatnonzero((lanes["grade"] > 0.04) & (lanes["lane_type"] == 1) & (lanes["junction_id"] < 0))
    lane = lanes[steep[len(steep) // 2]]
    spot = np.array([lane["x"], lane["y"], lane["z"] + 0.5])
    up = town04.spawn(MKZ, [], spot, np.array([0.0, np.degrees(lane["yaw"]), 0.0]))
    for _ in range(20):
        town04.tick(0.05)
    pitch, _, roll = town04.fleet.table.records["rotation_deg"][up.row]
    assert pitch == pytest.approx(np.degrees(np.arctan(lane["grade"])), abs=0.3), "nose up when driving uphill"
    assert abs(roll) < 1.0
    assert town04.destroy(up.id)
    across = town04.spawn(MKZ, [], spot, np.array([0.0, np.degrees(lane["yaw"]) + 90.0, 0.0]))
    for _ in range(20):
        town04.tick(0.05)
    pitch, _, roll = town04.fleet.table.records["rotation_deg"][across.row]
    assert abs(pitch) < 1.0
    assert roll == pytest.approx(np.degrees(np.arctan(lane["grade"])), abs=0.3), "left side uphill rolls right"


def test_rear_end_crash_reports_both_sides_and_never_overlaps(town01: World) -> None:
    index = straight_index(town01)
    back, front = spawn_at(town01, index), spawn_at(town01, index, ahead_m=15.0)
    control(town01, back, throttle=1.0)
    control(town01, front, brake=1.0)
    hits = []
    for _ in range(80):
        town01.tick(0.05)
        hits += [(event.actor.id, event.other.id) for event in town01.collision_events if event.other]
        gap = np.linalg.norm((position(town01, front) - position(town01, back))[:2])
        assert gap > 2.0 * front.extent[0] - 0.05
    assert (back.id, front.id) in hits and (front.id, back.id) in hits


def test_walker_is_pushed_aside_and_the_car_drives_on(town01: World) -> None:
    index = straight_index(town01)
    car = spawn_at(town01, index)
    walker = spawn_at(town01, index, "walker.pedestrian.0002", ahead_m=12.0)
    control(town01, car, throttle=0.8)
    touched = False
    for _ in range(60):
        town01.tick(0.05)
        touched |= any(event.other is walker for event in town01.collision_events)
    assert touched
    assert np.linalg.norm(town01.fleet.table.records["velocity"][car.row]) > 3.0


def test_contacts_in_a_bend_never_make_a_car_faster(town01: World) -> None:
    car = spawn_at(town01, straight_index(town01))
    control(town01, car, throttle=0.8)
    for _ in range(40):
        town01.tick(0.05)
    spot, yaw = position(town01, car), float(town01.fleet.column("yaw")[car.row])
    crowd = []
    for ahead, right in ((3.5, 0.8), (4.6, 1.6), (5.4, 2.6)):
        x = ahead * np.cos(yaw) - right * np.sin(yaw)
        y = ahead * np.sin(yaw) + right * np.cos(yaw)
        crowd.append(town01.spawn("walker.pedestrian.0002", [], spot + np.array([x, y, 0.9]), np.zeros(3)))
    control(town01, car, steer=0.5)
    speeds = [float(np.linalg.norm(town01.fleet.column("velocity")[car.row, :2]))]
    touches = 0
    for _ in range(9):
        town01.tick(0.05)
        touches += sum(event.actor is car and event.other in crowd for event in town01.collision_events)
        speeds.append(float(np.linalg.norm(town01.fleet.table.records["velocity"][car.row, :2])))
    assert touches >= 3
    assert max(np.diff(speeds)) < 0.0


def test_impulses_of_one_tick_add_up_and_keep_a_climbing_car_on_the_road(town04: World) -> None:
    lane = town04.town.lanes[np.argmax(np.where(town04.town.lanes["lane_type"] == 1, town04.town.lanes["grade"], 0))]
    start = np.array([lane["x"], lane["y"], lane["z"] + 0.3])
    car = town04.spawn(MKZ, [], start, np.array([0.0, np.degrees(lane["yaw"]), 0.0]))
    control(town04, car, throttle=0.8)
    for _ in range(30):
        town04.tick(0.05)
    fleet = town04.fleet
    before = fleet.column("velocity")[car.row].copy()
    assert before[2] > 0.1 and fleet.column("grounded")[car.row]
    aside = np.array([-before[1], before[0], 0.0]) / np.linalg.norm(before[:2])
    for _ in range(2):
        fleet.add_velocity(car, aside)
    assert fleet.column("grounded")[car.row]
    assert fleet.column("velocity")[car.row] - before == pytest.approx(2.0 * aside)
    town04.tick(0.05)
    assert fleet.column("velocity")[car.row] @ aside == pytest.approx(2.0, abs=0.2)


def test_flat_debris_is_driven_over_but_a_barrier_is_not(town01: World) -> None:
    index = straight_index(town01)
    car = spawn_at(town01, index)
    row = town01.town.spawn_points[index]
    yaw = np.radians(row[4])
    ahead = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    town01.spawn("static.prop.dirtdebris02", [], row[:3] + 6.0 * ahead - [0, 0, 0.5], row[3:].copy())
    barrier = town01.spawn("static.prop.streetbarrier", [], row[:3] + 20.0 * ahead - [0, 0, 0.5], row[3:].copy())
    control(town01, car, throttle=0.8)
    others = set()
    for _ in range(100):
        town01.tick(0.05)
        others |= {event.other.id for event in town01.collision_events if event.actor is car and event.other}
    assert others == {barrier.id}


def test_spawn_on_top_of_another_car_is_refused_with_carlas_text(town01: World) -> None:
    spawn_at(town01, 0)
    with pytest.raises(WorldError, match="Spawn failed because of collision at spawn position"):
        spawn_at(town01, 0, ahead_m=1.0)
    with pytest.raises(WorldError, match="invalid actor description"):
        town01.spawn("vehicle.no.such", [], np.zeros(3), np.zeros(3))


def test_every_spawn_point_of_the_town_is_usable(town10: World) -> None:
    for index in range(len(town10.town.spawn_points)):
        spawn_at(town10, index)
    assert len(town10.fleet) == len(town10.town.spawn_points)


def test_car_at_a_red_light_knows_it_and_forgets_it_behind_the_box(town10: World) -> None:
    boxes = town10.town.signal_boxes
    light_rows = np.flatnonzero(town10.town.signals["kind"] == 0)
    box = boxes[np.isin(boxes["owner"], light_rows)][0]
    actor = town10.lights.table.actors[int(np.searchsorted(light_rows, box["owner"]))]
    town10.lights.freeze_all(True)
    town10.lights.set_state(actor, LightState.RED)
    spot = np.array([box["x"], box["y"], 0.0])
    spot[2] = town10.ground.query(spot[None]).z[0] + 0.3
    car = town10.spawn(MKZ, [], spot, np.array([0.0, np.degrees(box["yaw"]), 0.0]))
    town10.tick(0.05)
    record = town10.fleet.table.records[car.row]
    assert (record["has_light"], record["light_id"], record["light_state"]) == (1, actor.id, LightState.RED)
    back = spot - 15.0 * np.array([np.cos(box["yaw"]), np.sin(box["yaw"]), 0.0])
    town10.set_pose(car, back, None)
    town10.tick(0.05)
    record = town10.fleet.table.records[car.row]
    assert (record["has_light"], record["light_state"]) == (0, LightState.GREEN)


def test_attached_sensor_moves_rigidly_with_its_parent(town01: World) -> None:
    car = spawn_at(town01, straight_index(town01))
    mount = np.array([1.5, -0.5, 2.0])
    sensor = town01.spawn("sensor.other.gnss", [], mount, np.array([0.0, 30.0, 0.0]), parent_id=car.id)
    control(town01, car, throttle=0.6, steer=0.3)
    for _ in range(40):
        town01.tick(0.05)
    record = town01.props.table.records[sensor.row]
    yaw = float(town01.fleet.column("yaw")[car.row])
    turned = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]]) @ mount
    assert record["location"] == pytest.approx(position(town01, car) + turned, abs=0.01)
    assert record["rotation_deg"][1] == pytest.approx(np.degrees(yaw) + 30.0, abs=0.1)
    assert town01.destroy(car.id)
    town01.tick(0.05)
    assert sensor.alive and sensor.parent_id == 0, "children outlive their parent"


def test_spring_arm_lags_behind_and_catches_up(town01: World) -> None:
    car = spawn_at(town01, straight_index(town01))
    mount = np.array([-6.0, 0.0, 3.0])
    camera = "sensor.camera.rgb"
    arm = town01.spawn(camera, [], mount, np.zeros(3), car.id, AttachmentType.SPRING_ARM)
    rigid = town01.spawn(camera, [], mount, np.zeros(3), car.id)

    def lag() -> float:
        poses = town01.props.table.records["location"]
        return float(np.linalg.norm(poses[arm.row] - poses[rigid.row]))

    assert lag() < 1e-3, "it starts in place"
    control(town01, car, throttle=0.8)
    for _ in range(40):
        town01.tick(0.05)
    assert 0.2 < lag() < 2.0
    control(town01, car, brake=1.0)
    for _ in range(60):
        town01.tick(0.05)
    assert lag() < 0.01


def test_snapshot_carries_every_actor_exactly_once(town01: World) -> None:
    spawn_at(town01, 0)
    spawn_at(town01, 5, "walker.pedestrian.0001")
    gone = spawn_at(town01, 9)
    town01.destroy(gone.id)
    town01.tick(0.05)
    body = town01.snapshot()
    records = np.frombuffer(body[SNAPSHOT_HEADER_DTYPE.itemsize :], PLAIN_RECORD)
    assert sorted(records["id"].tolist()) == sorted(town01.actors)
    header = np.frombuffer(body[: SNAPSHOT_HEADER_DTYPE.itemsize], SNAPSHOT_HEADER_DTYPE)[0]
    assert header["flags"] == 1, "the first snapshot of an episode says that the map changed"
    town01.tick(0.05)
    assert np.frombuffer(town01.snapshot()[:36], SNAPSHOT_HEADER_DTYPE)[0]["flags"] == 0


def test_reload_starts_a_new_episode_but_ids_and_frames_go_on(town01: World) -> None:
    car = spawn_at(town01, 0)
    frame = town01.tick(0.05)
    episode = town01.episode_id
    town01.load(town01.town)
    assert town01.episode_id == episode + 1
    assert car.id not in town01.actors and min(town01.actors) > car.id
    assert town01.tick(0.05) == frame + 1


def test_destroyed_actor_still_answers_its_box_and_level_actors_stay(town01: World) -> None:
    car = spawn_at(town01, 0)
    assert town01.destroy(car.id) and not town01.destroy(car.id)
    assert town01.actor_or_tombstone(car.id).extent == car.extent
    assert not town01.destroy(town01.spectator.id)
    assert not town01.destroy(town01.lights.table.actors[0].id)


def test_speed_sign_changes_the_limit_for_good(town01: World) -> None:
    boxes, signals = town01.town.signal_boxes, town01.town.signals
    limits = boxes[signals["kind"][boxes["owner"]] == 3]
    box = limits[0]
    value = float(signals["value"][box["owner"]])
    z = town01.ground.query(np.array([[box["x"], box["y"], 0.0]])).z[0] + 0.3
    car = town01.spawn(MKZ, [], np.array([box["x"], box["y"], z]), np.array([0.0, np.degrees(box["yaw"]), 0.0]))
    assert town01.fleet.table.records["speed_limit_kmh"][car.row] == 30.0
    town01.tick(0.05)
    assert town01.fleet.table.records["speed_limit_kmh"][car.row] == value
    town01.set_pose(car, town01.town.spawn_points[0, :3], town01.town.spawn_points[0, 3:])
    town01.tick(0.05)
    assert town01.fleet.table.records["speed_limit_kmh"][car.row] == value


def test_physics_off_freezes_and_constant_velocity_ignores_controls(town01: World) -> None:
    index = straight_index(town01)
    car = spawn_at(town01, index)
    for _ in range(15):
        town01.tick(0.05)
    town01.fleet.set_physics(car, False)
    control(town01, car, throttle=1.0)
    before = position(town01, car)
    for _ in range(20):
        town01.tick(0.05)
    assert np.array_equal(position(town01, car), before)
    town01.fleet.set_physics(car, True)
    town01.fleet.column("constant_velocity")[car.row] = (7.0, 0.0, 0.0)
    town01.fleet.column("constant_speed")[car.row] = True
    control(town01, car, brake=1.0)
    for _ in range(20):
        town01.tick(0.05)
    assert np.linalg.norm((position(town01, car) - before)[:2]) == pytest.approx(7.0, abs=0.1)


@pytest.mark.parametrize("type_id", [MKZ, "walker.pedestrian.0001", "static.prop.trafficcone01", "sensor.other.gnss"])
def test_angles_beyond_half_a_turn_are_reported_as_the_server_names_them(town01: World, type_id: str) -> None:
    location = np.array([100.0, 50.0, -100.0])
    actor = town01.spawn(type_id, [], location, np.array([360.0, 270.0, -360.0]))
    assert actor.table is not None
    record = actor.table.records[actor.row]
    assert record["rotation_deg"].tolist() == [0.0, -90.0, 0.0]
    town01.set_pose(actor, location, np.array([359.0, -190.0, 180.0]))
    town01.tick()
    assert record["rotation_deg"] == pytest.approx([-1.0, 170.0, 180.0], abs=1e-4)
    assert record["location"].tolist() == location.tolist()


def test_a_prop_with_physics_falls_to_the_road_and_stays(town01: World) -> None:
    x, y, z = town01.town.spawn_points[0, :3]
    road = z - 0.5
    cone = town01.spawn("static.prop.constructioncone", [], np.array([x, y, road + 1.0]), np.zeros(3))
    for _ in range(20):
        town01.tick(0.05)
    assert town01.props.table.records["location"][cone.row, 2] == pytest.approx(road + 1.0), (
        "without physics it hangs in the air"
    )
    town01.props.set_physics(cone, True)
    town01.tick(0.05)
    assert road + 0.9 < town01.props.table.records["location"][cone.row, 2] < road + 1.0, "it has only begun to fall"
    for _ in range(20):
        town01.tick(0.05)
    foot = town01.props.table.records["location"][cone.row, 2] + cone.box_center[2] - cone.extent[2]
    assert foot == pytest.approx(road, abs=0.02)
    town01.props.set_pose(cone, np.array([x, y, road - 200.0]), None)
    town01.tick(0.05)
    assert town01.props.table.records["location"][cone.row, 2] == pytest.approx(road - 200.0), (
        "what is buried stays buried"
    )


def test_an_open_door_stops_a_car_that_would_have_passed(town01: World) -> None:
    for doors, hit in ((0, False), (0b0001, True), (0b0010, False)):
        parked = spawn_at(town01, straight_index(town01), "vehicle.audi.tt", ahead_m=25.0)
        yaw = float(town01.fleet.column("yaw")[parked.row])
        # To the right of the lane, so that the passing car has a hand's breadth of room.
        aside = MKZ_HALF_WIDTH_M + parked.extent[1] + 0.4
        place = position(town01, parked) + aside * np.array([-np.sin(yaw), np.cos(yaw), 0.0])
        town01.set_pose(parked, place, None)
        parked.open_doors = doors
        car = spawn_at(town01, straight_index(town01))
        town01.fleet.add_velocity(car, 12.0 * np.array([np.cos(yaw), np.sin(yaw), 0.0]))
        events = []
        for _ in range(60):
            town01.tick(0.05)
            events += [event for event in town01.collision_events if event.actor is car]
        assert {event.other for event in events} == ({parked} if hit else set())
        for actor in (parked, car):
            town01.destroy(actor.id)
