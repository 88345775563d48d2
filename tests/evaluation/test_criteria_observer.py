"""The observer against what the actors themselves say, on a running simulator."""

import carla
import numpy as np
import pytest

from lead.evaluation.observation import ActorKind, WorldObserver
from lead.maps.towns import installed_towns
from lead.simulator.launch import LOOPBACK, EmbeddedServer, free_port

pytestmark = pytest.mark.skipif(
    "Town01" not in installed_towns(), reason="Town01 is not installed (lead towns install Town01)"
)


@pytest.fixture(scope="module")
def world():
    with EmbeddedServer(free_port(), "Town01") as process:
        client = carla.Client(LOOPBACK, process.port)
        client.set_timeout(30.0)
        world = client.get_world()
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        world.apply_settings(settings)
        yield world


def spawn(world, type_id, place, role):
    blueprint = world.get_blueprint_library().find(type_id)
    blueprint.set_attribute("role_name", role)
    return world.spawn_actor(blueprint, place)


def planar_speed(vehicle):
    velocity = vehicle.get_velocity()
    return np.hypot(velocity.x, velocity.y)


def test_observations_are_what_the_actors_say(world):
    places = world.get_map().get_spawn_points()
    ego = spawn(world, "vehicle.lincoln.mkz_2020", places[0], "hero")
    traffic = [spawn(world, "vehicle.audi.tt", place, "background") for place in places[10:50:10]]
    other = spawn(world, "vehicle.audi.tt", places[60], "scenario")
    world.tick()
    observer = WorldObserver(world, ego)
    assert observer.latest.background_speed_mps == pytest.approx(0.0, abs=0.5)
    for throttle, vehicle in zip((0.6, 0.2, 0.4, 0.8, 0.3, 1.0), [ego, *traffic, other], strict=True):
        vehicle.apply_control(carla.VehicleControl(throttle=throttle, steer=0.1))
    for _ in range(30):
        world.tick()
    seen = observer.read()

    speeds = [planar_speed(vehicle) for vehicle in traffic]
    assert max(speeds) > 1.0
    assert seen.background_speed_mps == pytest.approx(np.mean(speeds))
    assert seen.ego.planar_speed_mps == pytest.approx(planar_speed(ego))
    pose = ego.get_transform()
    forward = pose.get_forward_vector()
    np.testing.assert_allclose(seen.ego.forward, (forward.x, forward.y, forward.z), atol=1e-5)
    assert list(seen.actors["id"]) == sorted(vehicle.id for vehicle in [*traffic, other])
    row = seen.actors[list(seen.actors["id"]).index(other.id)]
    assert row["kind"] == ActorKind.VEHICLE
    center = other.get_transform().transform(other.bounding_box.location)
    np.testing.assert_allclose((row["x"], row["y"]), (center.x, center.y), atol=1e-3)

    # One leaves and another comes in the same tick: the number of actors stays the same.
    traffic[0].destroy()
    fresh = spawn(world, "vehicle.audi.tt", places[70], "background")
    for _ in range(25):
        world.tick()
        seen = observer.read()
        assert traffic[0].id not in seen.actors["id"]
    assert fresh.id in seen.actors["id"]
    assert seen.background_speed_mps == pytest.approx(np.mean([planar_speed(each) for each in [*traffic[1:], fresh]]))

    for vehicle in [*traffic[1:], other, fresh]:
        vehicle.destroy()
    world.tick()
    assert observer.read().background_speed_mps is None
    ego.destroy()
    world.tick()
    with pytest.raises(RuntimeError, match="ego vehicle disappeared"):
        observer.read()
