"""Parked cars of a route, with a real client: which are spawned, what they are to sensors, and that they go again."""

import queue
import time

import carla
import numpy as np
import pytest

from lead.evaluation.parked_vehicles import ParkedVehicles, listed_slots, slots_near_route
from lead.maps.parked_cars import PARKED_CARS
from lead.maps.parking import SLOT_DTYPE, parking_slots
from lead.maps.towns import installed_towns
from lead.simulator.launch import LOOPBACK, EmbeddedServer, free_port

TOWN = "Town05"
CAR_TAG = 14

pytestmark = pytest.mark.skipif(TOWN not in installed_towns(), reason=f"{TOWN} is not installed")


@pytest.fixture(scope="module")
def client():
    with EmbeddedServer(free_port(), TOWN) as server:
        client = carla.Client(LOOPBACK, server.port)
        client.set_timeout(60.0)
        settings = client.get_world().get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        client.get_world().apply_settings(settings)
        yield client


@pytest.fixture(scope="module")
def slots():
    return parking_slots(TOWN)


@pytest.fixture
def world(client):
    world = client.get_world()
    before = {actor.id for actor in world.get_actors()}
    yield world
    for actor in world.get_actors():
        if actor.id not in before:
            actor.destroy()
    world.tick()


def line(xy, length_m=60.0):
    """A dense route through a point, along x."""
    along = np.arange(-length_m / 2, length_m / 2)
    return np.column_stack([xy[0] + along, np.full(len(along), xy[1]), np.zeros(len(along))])


def place(slot):
    return np.array([slot["x"], slot["y"], slot["z"]])


def test_only_the_recorded_towns_have_parked_cars():
    assert len(listed_slots("Town01")) == 0 and len(listed_slots("Carla/Maps/Town05")) == 0
    assert listed_slots("Town01").dtype == SLOT_DTYPE
    if "Town12" in installed_towns():
        assert len(listed_slots("Carla/Maps/Town12/Town12")) > 2000


def test_slots_of_a_route_are_those_within_a_hundred_metres(slots):
    route = line((0.0, 0.0), 300.0)
    made = np.zeros(4, SLOT_DTYPE)
    made["x"], made["y"] = [0.0, 0.0, 0.0, 400.0], [99.0, -99.0, 101.5, 0.0]
    assert len(slots_near_route(made, route)) == 2
    assert len(slots_near_route(made[:0], route)) == len(slots_near_route(made, route[:0])) == 0


def test_cars_are_spawned_near_the_ego_and_gone_after_the_route(client, world, slots):
    world.tick()
    before = len(world.get_actors())
    route = np.column_stack([slots["x"], slots["y"], slots["z"]])
    parked = ParkedVehicles(client, np.repeat(route, 10, axis=0), slots)
    assert len(parked.slots) == len(slots), "the scenery keeps parking lanes free"
    frame = world.get_snapshot().frame
    far = place(slots[0]) + [5000.0, 0.0, 0.0]
    parked.update(far)
    assert parked.actor_ids == []
    ego = place(slots[0])
    parked.update(ego)
    reach = np.hypot(slots["x"] - ego[0], slots["y"] - ego[1]) < 450.0
    assert len(parked.actor_ids) == reach.sum() > 0
    assert world.get_snapshot().frame == frame, "nothing has ticked"
    world.tick()
    for actor_id, slot in zip(parked.actor_ids, slots[reach], strict=True):
        actor = world.get_actor(actor_id)
        car = PARKED_CARS[int(slot["mesh"])]
        assert actor.type_id == "static.prop.mesh" and actor.attributes["mesh_path"] == car.mesh_path
        extent = actor.bounding_box.extent
        assert np.allclose((extent.x, extent.y, extent.z), 0.9 * np.array(car.half_extent), atol=1e-4)
        assert list(actor.semantic_tags) == [CAR_TAG]
        pose = actor.get_transform()
        assert np.allclose((pose.location.x, pose.location.y, pose.location.z), place(slot), atol=1e-3)
        assert abs((pose.rotation.yaw - slot["yaw_deg"] + 180.0) % 360.0 - 180.0) < 1e-3
    ids = parked.actor_ids
    parked.update(far)
    parked.update(ego)
    assert parked.actor_ids == ids, "they stay and are spawned once"
    parked.destroy()
    world.tick()
    assert len(world.get_actors()) == before
    parked.update(ego)
    assert parked.actor_ids == []


def test_claimed_places_are_left_free_and_made_free(client, world, slots):
    ego = place(slots[0])
    early = ParkedVehicles(client, line(ego), slots, [place(slots[0])])
    early.update(ego)
    late = ParkedVehicles(client, line(ego), slots)
    late.update(ego)
    claimed = np.hypot(late.slots["x"] - ego[0], late.slots["y"] - ego[1]) <= 10.0
    assert claimed.any() and not claimed.all()
    assert len(early.actor_ids) == (~claimed).sum()
    assert len(late.actor_ids) == len(claimed)
    for _ in range(2):
        late.update(ego, [place(slots[0])])
        assert len(late.actor_ids) == (~claimed).sum()
    early.destroy()
    late.destroy()


def test_slots_with_a_car_of_the_level_in_them_are_dropped(client, world, slots):
    box = world.get_level_bbs(carla.CityObjectLabel.Car)[0]
    made = slots[:2].copy()
    made["x"][0], made["y"][0], made["z"][0] = box.location.x, box.location.y, box.location.z - box.extent.z
    made["x"][1], made["y"][1], made["z"][1] = box.location.x + 30.0, box.location.y, box.location.z
    parked = ParkedVehicles(client, line((box.location.x, box.location.y)), made)
    assert len(parked.slots) == 1 and parked.slots["x"][0] == made["x"][1]


def spawn_sensor(world, name, pose, **attributes):
    blueprint = world.get_blueprint_library().find(name)
    for key, value in attributes.items():
        blueprint.set_attribute(key, str(value))
    sensor = world.spawn_actor(blueprint, pose)
    heard = queue.Queue()
    sensor.listen(heard.put)
    return sensor, heard


def at_frame(heard, frame):
    """What a sensor sent of a frame."""
    while (data := heard.get(timeout=20.0)).frame < frame:
        pass
    return data


def behind(slot, back_m, height_m):
    """A pose behind a slot that looks at it."""
    yaw = np.radians(slot["yaw_deg"])
    return carla.Transform(
        carla.Location(slot["x"] - back_m * np.cos(yaw), slot["y"] - back_m * np.sin(yaw), slot["z"] + height_m),
        carla.Rotation(0.0, float(slot["yaw_deg"]), 0.0),
    )


def test_sensors_see_a_car(client, world, slots):
    slot = slots[0]
    pose = behind(slot, 8.0, 1.0)
    camera, images = spawn_sensor(
        world, "sensor.camera.semantic_segmentation", pose, image_size_x=160, image_size_y=120
    )
    lidar, scans = spawn_sensor(
        world,
        "sensor.lidar.ray_cast_semantic",
        pose,
        range=30,
        channels=32,
        points_per_second=200000,
        rotation_frequency=20,
    )
    parked = ParkedVehicles(client, line(place(slot)), slots[:1])

    def look():
        frame = world.tick()
        return at_frame(images, frame), at_frame(scans, frame)

    def car_share(image):
        tags = np.frombuffer(image.raw_data, np.uint8).reshape(120, 160, 4)[..., 2]
        return (tags[40:80, 60:100] == CAR_TAG).mean()

    def hits(scan):
        points = np.frombuffer(
            scan.raw_data,
            np.dtype([("x", "f4"), ("y", "f4"), ("z", "f4"), ("cos", "f4"), ("object", "u4"), ("tag", "u4")]),
        )
        return points[(points["tag"] == CAR_TAG) & (points["object"] > 0)]

    image, scan = look()
    nothing = car_share(image)
    parked.update(place(slot))
    image, scan = look()
    assert nothing == 0.0 and car_share(image) > 0.15
    seen = hits(scan)
    assert len(seen) > 20 and set(seen["object"].tolist()) == set(parked.actor_ids)
    half_length = 0.9 * PARKED_CARS[int(slot["mesh"])].half_extent[0]
    assert seen["x"].min() == pytest.approx(8.0 - half_length, abs=0.5)
    for sensor in (camera, lidar):
        sensor.stop()
        sensor.destroy()
    parked.destroy()


def test_hitting_one_is_a_collision_with_something_static(client, world, slots):
    slot = slots[0]
    blueprint = world.get_blueprint_library().find("vehicle.lincoln.mkz_2020")
    vehicle = world.spawn_actor(blueprint, behind(slot, 9.0, 0.3))
    sensor = world.spawn_actor(
        world.get_blueprint_library().find("sensor.other.collision"), carla.Transform(), attach_to=vehicle
    )
    events = queue.Queue()
    sensor.listen(events.put)
    parked = ParkedVehicles(client, line(place(slot)), slots[:1])
    parked.update(place(slot))
    for _ in range(100):
        vehicle.apply_control(carla.VehicleControl(throttle=0.7))
        world.tick()
        time.sleep(0.005)
        if not events.empty():
            break
    event = events.get(timeout=10.0)
    assert event.other_actor.id == parked.actor_ids[0]
    assert event.other_actor.type_id == "static.prop.mesh"
    for _ in range(20):
        world.tick()
    reached = vehicle.get_transform().location
    assert np.hypot(reached.x - slot["x"], reached.y - slot["y"]) > 3.0, "the car stands like a wall"
    parked.destroy()
