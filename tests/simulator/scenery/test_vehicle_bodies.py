"""Bodies of four-wheeled vehicles: they fill their boxes, stand on their wheels, and have their lamps and doors."""

from __future__ import annotations

import numpy as np
import pytest

from lead.simulator.scenery.bodies.catalogue import vehicle_key, vehicle_mesh
from lead.simulator.scenery.bodies.vehicle_plan import STYLES, VehiclePlan
from lead.simulator.scenery.bodies.vehicles import parked_car, vehicle_body
from lead.simulator.scenery.materials import Label, LampChannel, Material
from lead.simulator.scenery.mesh import Mesh
from lead.simulator.world.actors import Actor, ActorKind
from lead.simulator.world.blueprints import Blueprint, BlueprintLibrary

BLUEPRINTS = {
    name.removeprefix("vehicle."): blueprint
    for name, blueprint in BlueprintLibrary("0.9.16").by_id.items()
    if blueprint.physics is not None and blueprint.physics.number_of_wheels == 4
}
LABELS = {"truck": Label.TRUCK, "bus": Label.BUS}
# Every third one for the fast suite.
each_blueprint = pytest.mark.parametrize(
    "name",
    [name if not i % 3 else pytest.param(name, marks=pytest.mark.slow) for i, name in enumerate(BLUEPRINTS)],
)


def actor_of(blueprint: Blueprint, open_doors: int = 0) -> Actor:
    return Actor(
        7,
        ActorKind.VEHICLE,
        blueprint.id,
        box_center=blueprint.box_center,
        extent=blueprint.extent,
        semantic_tag=blueprint.semantic_tag,
        vehicle=blueprint.physics,
        open_doors=open_doors,
    )


def body(name: str, open_doors: int = 0) -> Mesh:
    return vehicle_mesh(actor_of(BLUEPRINTS[name], open_doors))


def corners(mesh: Mesh, chosen: np.ndarray) -> np.ndarray:
    """Corners (n, 3) of chosen triangles."""
    return mesh.vertices[mesh.triangles[chosen]].reshape(-1, 3).astype(np.float64)


def lamp(mesh: Mesh, channel: LampChannel) -> np.ndarray:
    """Corners of the lamps of a channel."""
    return corners(mesh, (mesh.material == Material.LAMP) & (mesh.channel == channel))


def tyres(mesh: Mesh, name: str) -> np.ndarray:
    """Corners of the tyres that reach down to the road, not of a spare one."""
    points = corners(mesh, mesh.material == Material.RUBBER)
    physics = BLUEPRINTS[name].physics
    return points[np.abs(points[:, 0]) < 0.5 * physics.wheelbase_m + 1.4 * physics.wheel_radius_m]


def test_all_stock_vehicles_are_here() -> None:
    assert len(BLUEPRINTS) == 34
    assert {"tesla.model3", "carlamotors.firetruck", "mitsubishi.fusorosa", "micro.microlino"} < set(BLUEPRINTS)


@each_blueprint
def test_the_box_is_filled(name: str) -> None:
    blueprint, mesh = BLUEPRINTS[name], body(name)
    used = mesh.vertices[np.unique(mesh.triangles)]
    middle, half = np.array(blueprint.box_center), np.array(blueprint.extent)
    np.testing.assert_allclose(used.min(axis=0), middle - half, atol=1e-3)
    np.testing.assert_allclose(used.max(axis=0), middle + half, atol=1e-3)


@each_blueprint
def test_meshes_are_sound_and_of_one_class(name: str) -> None:
    mesh = body(name)
    assert 600 < len(mesh) < 3000
    assert mesh.triangles.min() >= 0 and mesh.triangles.max() < len(mesh.vertices)
    assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.uv).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-4)
    base_type = BLUEPRINTS[name].physics.base_type
    assert set(mesh.label.tolist()) == {LABELS.get(base_type, BLUEPRINTS[name].semantic_tag)}
    assert (mesh.material[mesh.channel > 0] == Material.LAMP).all()


@each_blueprint
def test_four_wheels_touch_the_road(name: str) -> None:
    physics, mesh = BLUEPRINTS[name].physics, body(name)
    points = tyres(mesh, name)
    foot = BLUEPRINTS[name].box_center[2] - BLUEPRINTS[name].extent[2]
    axle = 0.5 * (points[:, 0].min() + points[:, 0].max())
    radii = []
    for front in (True, False):
        for right in (True, False):
            wheel = points[((points[:, 0] > axle) == front) & ((points[:, 1] > 0.0) == right)]
            assert wheel[:, 2].min() == pytest.approx(foot, abs=1e-3)
            radii.append(0.5 * np.ptp(wheel[:, 2]))
            assert 0.9 * np.ptp(wheel[:, 2]) < np.ptp(wheel[:, 0]) < 1.15 * np.ptp(wheel[:, 2]), "they are round"
    np.testing.assert_allclose(radii, physics.wheel_radius_m, rtol=0.1)
    base = np.ptp(points[:, 0]) - 2.0 * np.mean(radii)
    assert base == pytest.approx(physics.wheelbase_m, rel=0.06)
    assert mesh.vertices[:, 2].min() == pytest.approx(points[:, 2].min(), abs=1e-6), "nothing reaches lower"


@each_blueprint
def test_lamps_are_at_their_ends_and_sides(name: str) -> None:
    mesh, half_x = body(name), BLUEPRINTS[name].extent[0]
    for channel in (LampChannel.LOW_BEAM, LampChannel.HIGH_BEAM, LampChannel.FOG):
        assert lamp(mesh, channel)[:, 0].min() > 0.75 * half_x, channel.name
    for channel in (LampChannel.BRAKE, LampChannel.REVERSE, LampChannel.POSITION):
        assert lamp(mesh, channel)[:, 0].max() < -0.75 * half_x, channel.name
    for channel in (LampChannel.LOW_BEAM, LampChannel.BRAKE):
        across = lamp(mesh, channel)[:, 1]
        assert across.min() < -0.3 and across.max() == pytest.approx(-across.min(), abs=0.02), channel.name
    for channel, side in ((LampChannel.RIGHT_BLINKER, 1.0), (LampChannel.LEFT_BLINKER, -1.0)):
        points = lamp(mesh, channel)
        assert (side * points[:, 1] > 0.4).all(), "right is +y"
        assert points[:, 0].min() < -0.75 * half_x and points[:, 0].max() > 0.75 * half_x, "at both ends"


@each_blueprint
def test_lamps_can_be_seen_from_outside(name: str) -> None:
    """A lamp's outermost face is not inside the body: nothing else lies before it."""
    mesh = body(name)
    lamps = (mesh.material == Material.LAMP) & (mesh.channel != 0)
    for channel, way in ((LampChannel.LOW_BEAM, 1.0), (LampChannel.BRAKE, -1.0)):
        spot = lamp(mesh, channel)
        spot = spot[spot[:, 1] > 0.0]
        face, (_, y, z) = (way * spot[:, 0]).max(), spot.mean(axis=0)
        points = mesh.vertices[mesh.triangles[~lamps]].astype(np.float64)
        low, high = points[..., 1:].min(axis=1), points[..., 1:].max(axis=1)
        around = (low <= [y, z]).all(axis=1) & (high >= [y, z]).all(axis=1)
        for corner in points[around]:
            # Where the triangle meets the line through the lamp along x.
            a, b, c = corner
            system = np.array([[b[1] - a[1], c[1] - a[1]], [b[2] - a[2], c[2] - a[2]]])
            if abs(np.linalg.det(system)) > 1e-9:
                u, v = np.linalg.solve(system, [y - a[1], z - a[2]])
                if u >= 0.0 and v >= 0.0 and u + v <= 1.0:
                    assert way * (a[0] + u * (b[0] - a[0]) + v * (c[0] - a[0])) < face + 1e-3, channel.name


@each_blueprint
def test_services_flash_and_others_do_not(name: str) -> None:
    mesh = body(name)
    emergency = BLUEPRINTS[name].physics.special_type == "emergency"
    for channel in (LampChannel.SPECIAL_1, LampChannel.SPECIAL_2):
        points = lamp(mesh, channel)
        assert (len(points) > 0) == emergency
        if emergency:
            assert points[:, 2].min() > 0.65 * 2.0 * BLUEPRINTS[name].extent[2], "on the roof"


@each_blueprint
def test_there_is_paint_glass_and_a_plate_at_both_ends(name: str) -> None:
    mesh = body(name)
    assert (mesh.color[mesh.material == Material.PAINT] == 255).all(), "it takes the colour of the vehicle"
    assert (mesh.material == Material.PAINT).sum() > 30 and (mesh.material == Material.GLASS).sum() > 5
    faces = mesh.normals[mesh.triangles[mesh.material == Material.FACE][:, 0]]
    assert (faces[:, 0] > 0.9).any() and (faces[:, 0] < -0.9).any()


@each_blueprint
def test_both_sides_are_alike(name: str) -> None:
    mesh = body(name)
    own = corners(mesh, np.isin(mesh.material, (Material.PAINT, Material.GLASS, Material.RUBBER)))
    seen = {tuple(row) for row in np.round(own, 2).tolist()}
    near = np.round(own * [1.0, -1.0, 1.0], 2)
    mirrored = [tuple(row) in seen for row in (near + 0.0).tolist()]
    assert np.mean(mirrored) > 0.8


@pytest.mark.parametrize("name", [name for name, found in BLUEPRINTS.items() if found.physics.has_dynamic_doors])
@pytest.mark.parametrize("bit", range(4))
def test_an_opened_door_swings_out_on_its_side_and_nothing_else_moves(name: str, bit: int) -> None:
    shut, opened = body(name), body(name, 1 << bit)
    extra = len(opened) - len(shut)
    assert 20 < extra < 50
    np.testing.assert_array_equal(
        corners(opened, np.arange(len(shut))), corners(shut, np.arange(len(shut))), "the body stays as it was"
    )
    door = corners(opened, np.arange(len(shut), len(opened)))
    half_x, half_y, half_z = BLUEPRINTS[name].extent
    side = 1.0 if bit % 2 else -1.0
    assert (side * door[:, 1] > 0.5 * half_y).all(), "bits are front left, front right, rear left, rear right"
    assert half_y + 0.2 < (side * door[:, 1]).max() < half_y + 1.3
    assert np.abs(door[:, 0]).max() < half_x and 0.1 < door[:, 2].min() < door[:, 2].max() < 2.0 * half_z
    rear = corners(body(name, 1 << (bit | 2)), np.arange(len(shut), len(opened)))
    assert rear[:, 0].max() <= door[:, 0].max()


@pytest.mark.parametrize("name", ["lincoln.mkz_2020", "nissan.patrol_2021", "mercedes.sprinter"])
def test_open_doors_are_painted_outside_glazed_and_leave_a_dark_opening(name: str) -> None:
    shut, opened = body(name), body(name, 1)
    new = np.arange(len(opened)) >= len(shut)
    door = new & (mesh_middles(opened)[:, 1] < -BLUEPRINTS[name].extent[1] - 0.05)
    assert (opened.material[door] == Material.PAINT).any() and (opened.color[door] == 255).all(axis=1).any()
    glass = corners(opened, door & (opened.material == Material.GLASS))
    paint = corners(opened, door & (opened.material == Material.PAINT))
    assert len(glass) and glass[:, 2].mean() > paint[:, 2].max() - 0.1, "the window is above the panel"
    hole = corners(opened, new & ~door & (opened.material == Material.PLAIN))
    assert np.ptp(hole[:, 2]) > 0.5 * BLUEPRINTS[name].extent[2] * 2.0 * 0.8, "from the sill to the roof"
    assert hole[:, 0].max() == pytest.approx(paint[:, 0].max(), abs=0.15), "it hinges at the front of its opening"


def mesh_middles(mesh: Mesh) -> np.ndarray:
    """Middles (n, 3) of all triangles."""
    return mesh.vertices[mesh.triangles].mean(axis=1)


@each_blueprint
def test_nothing_hides_the_wheels_from_the_side(name: str) -> None:
    """Bodies have wheel arches: no paint covers the middle of a tyre's wall or its rim."""
    mesh, physics = body(name), BLUEPRINTS[name].physics
    points = tyres(mesh, name)
    for front in (True, False):
        wheel = points[(points[:, 0] > 0.0) == front]
        x, radius = 0.5 * (wheel[:, 0].min() + wheel[:, 0].max()), physics.wheel_radius_m
        outer, foot = wheel[:, 1].max(), wheel[:, 2].min()
        spots = np.array([[x + 0.8 * radius * np.cos(a), foot + radius * (1.0 + 0.8 * np.sin(a))] for a in range(6)])
        others = mesh.vertices[mesh.triangles[mesh.material == Material.PAINT]].astype(np.float64)
        others = others[others[..., 1].max(axis=1) > outer - 0.005]
        for spot in spots:
            assert not covers(others[..., [0, 2]], spot).any()


def covers(triangles: np.ndarray, spot: np.ndarray) -> np.ndarray:
    """Which flat triangles (n, 3, 2) have a point inside."""
    a, b, c = (triangles[:, index] - spot for index in range(3))
    turns = np.stack([u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0] for u, v in ((a, b), (b, c), (c, a))])
    return (turns > 1e-9).all(axis=0) | (turns < -1e-9).all(axis=0)


def test_silhouettes_tell_the_classes_apart() -> None:
    """The roof of a van reaches the rear, that of a saloon does not, and that of a hatch lies between."""

    def rear_of_roof(name: str) -> float:
        mesh = body(name)
        high = mesh.vertices[mesh.vertices[:, 2] > 0.85 * BLUEPRINTS[name].extent[2] * 2.0]
        return float(high[:, 0].min() / BLUEPRINTS[name].extent[0])

    saloon, hatch, van = (rear_of_roof(name) for name in ("lincoln.mkz_2020", "seat.leon", "mercedes.sprinter"))
    assert -0.6 < saloon < -0.3 and -0.9 < hatch < -0.65 and van < -0.93


def test_every_set_of_doors_has_a_key_and_a_body() -> None:
    blueprint = BLUEPRINTS["lincoln.mkz_2020"]
    keys = {vehicle_key(actor_of(blueprint, doors)) for doors in range(16)}
    shapes = {vehicle_mesh(actor_of(blueprint, doors)).vertices.tobytes() for doors in range(16)}
    assert len(keys) == len(shapes) == 16
    assert vehicle_key(actor_of(blueprint, 1 << 4)) == vehicle_key(actor_of(blueprint)), "hoods are not drawn"


@pytest.mark.parametrize("style", STYLES)
def test_every_style_makes_the_same_body_every_time(style: str) -> None:
    plan = VehiclePlan(style, 5.0, 2.0, 1.9, 0.15, -0.05, 2.9, 0.36, Label.CAR)
    first = vehicle_body(plan)
    vehicle_body.cache_clear()
    second = vehicle_body(plan)
    assert first is not second
    for field, values in vars(first).items():
        np.testing.assert_array_equal(values, getattr(second, field))
    np.testing.assert_allclose(first.vertices.min(axis=0), [-2.35, -1.0, -0.05], atol=1e-3)
    np.testing.assert_allclose(first.vertices.max(axis=0), [2.65, 1.0, 1.85], atol=1e-3)


def test_styles_differ() -> None:
    plans = [VehiclePlan(style, 5.0, 2.0, 1.9, 0.0, 0.0, 2.9, 0.36, Label.CAR) for style in STYLES]
    assert len({vehicle_body(plan).vertices.tobytes() for plan in plans}) == len(STYLES)


def test_unknown_vehicles_get_a_body_of_their_type() -> None:
    known = BLUEPRINTS["mercedes.sprinter"]
    actor = actor_of(known)
    actor.type_id = "vehicle.some.novelty"
    np.testing.assert_array_equal(vehicle_mesh(actor).vertices, vehicle_mesh(actor_of(known)).vertices)


@pytest.mark.parametrize("seed", range(8))
def test_parked_cars_fill_their_place_in_colours_of_their_own(seed: int) -> None:
    mesh = parked_car(seed, 2.31, 0.95)
    used = mesh.vertices[np.unique(mesh.triangles)]
    np.testing.assert_allclose(used.min(axis=0), [-2.31, -0.95, 0.0], atol=1e-3)
    np.testing.assert_allclose(used.max(axis=0)[:2], [2.31, 0.95], atol=1e-3)
    assert 1.3 < used[:, 2].max() < 1.8
    assert set(mesh.label.tolist()) == {Label.CAR}
    np.testing.assert_array_equal(parked_car(seed, 2.31, 0.95).color, mesh.color)


def test_parked_cars_are_of_several_colours() -> None:
    cars = [parked_car(seed, 2.3, 0.94) for seed in range(40)]
    assert len({tuple(car.color[car.material == Material.PAINT][0].tolist()) for car in cars}) > 5
