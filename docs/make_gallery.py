"""Renders the contact sheets of ``docs/gallery.md``: towns, weathers, blueprints, sensors.

Run from the project root: ``.venv/bin/python docs/make_gallery.py [SHEET ...] [--out FOLDER]``; without names, all
sheets are made. Pictures come from the same renderer as the sensors', so a flaw here is a flaw there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from bodies_sheet import blueprint_sheets
from gallery_support import Image, save, sheet, titled
from numpy.typing import NDArray
from town_views import typical_places

from lead.geometry.frames import rotation_matrices
from lead.maps.layout import LaneType
from lead.maps.towns import TOWNS
from lead.simulator.rendering.renderer import RenderOptions
from lead.simulator.rendering.scene import ColorStyle, GroundTruth, RayBundle, View
from lead.simulator.scenery.materials import Label
from lead.simulator.server import load_town
from lead.simulator.world.actors import WorldError
from lead.simulator.world.weather import presets
from lead.simulator.world.world import World

OUT = Path("docs/images/gallery")
WEATHERS = (
    "ClearNoon",
    "CloudyNoon",
    "WetNoon",
    "HardRainNoon",
    "ClearSunset",
    "ClearNight",
    "HardRainNight",
    "DustStorm",
)
VIEW_PX = (448, 336)
EYE_M = np.array([-6.0, 0.0, 3.0])
LABEL_COLORS = np.random.default_rng(4).integers(60, 255, (256, 3), dtype=np.uint8)
LABEL_COLORS[[Label.ROADS, Label.SIDEWALKS, Label.ROAD_LINES, Label.SKY, Label.VEGETATION, Label.TERRAIN]] = (
    (128, 64, 128),
    (232, 35, 244),
    (50, 234, 157),
    (180, 130, 70),
    (35, 142, 107),
    (152, 251, 152),
)


def view_from(location: NDArray[np.float64], rotation_deg: tuple[float, float, float], fov_deg: float = 80.0) -> View:
    """A view of the sheets' size; rotation is pitch, yaw, roll."""
    return View(np.asarray(location, np.float64), rotation_matrices(*rotation_deg), *VIEW_PX, fov_deg)


def picture(world: World, view: View) -> Image:
    """BGR colour image of a view."""
    world.renderer.prepare(world, view.location[None, :2])
    bgra = world.renderer.render([view]).color(ColorStyle())[0]
    return np.ascontiguousarray(bgra[..., :3])


def ground_truth(world: World, view: View) -> GroundTruth:
    """Depth, classes and objects of a view."""
    world.renderer.prepare(world, view.location[None, :2])
    return world.renderer.render([view]).ground_truth()[0]


def people_the_surroundings(world: World, row: NDArray[np.float64], vehicles: int, walkers: int) -> None:
    """Vehicles at the spawn points around a pose and walkers on the sidewalks there."""
    kinds = [name for name in world.library.by_id if name.startswith("vehicle.")]
    points = world.town.spawn_points
    gap = np.linalg.norm(points[:, :2] - row[:2], axis=1)
    for turn, index in enumerate(np.argsort(gap)[: 2 * vehicles]):
        if gap[index] > 9.0:
            spawn(world, kinds[(7 * turn) % len(kinds)], points[index, :3], points[index, 3:])
    lanes = world.town.lanes
    walks = lanes[lanes["lane_type"] == LaneType.SIDEWALK]
    near = walks[np.hypot(walks["x"] - row[0], walks["y"] - row[1]) < 60.0]
    persons = [name for name in world.library.by_id if name.startswith("walker.pedestrian.")]
    for turn in range(min(walkers, len(near))):
        spot = near[(turn * 37) % len(near)]
        place = np.array([spot["x"], spot["y"], spot["z"] + 1.0])
        spawn(world, persons[(5 * turn) % len(persons)], place, np.array([0.0, np.degrees(spot["yaw"]), 0.0]))
    for _ in range(12):
        world.tick(0.05)


def spawn(world: World, type_id: str, location: NDArray[np.float64], rotation_deg: NDArray[np.float64]) -> None:
    """Spawn unless the spot is taken."""
    try:
        world.spawn(type_id, [], location.copy(), rotation_deg.copy())
    except WorldError:
        return


def clear(world: World) -> None:
    """Destroy everything that can be."""
    for actor_id in list(world.actors):
        world.destroy(actor_id)


def driver_view(row: NDArray[np.float64]) -> View:
    """From behind and above a pose, as a chase camera sees it."""
    turn = rotation_matrices(0.0, row[4], 0.0)
    return view_from(row[:3] + turn @ EYE_M, (-6.0, float(row[4]), 0.0))


def town_sheet(name: str, out: Path) -> None:
    """Typical places of a town: a junction, a curve, a bridge if any, houses, the centre, and from above."""
    world = World(load_town(name), render_options=RenderOptions(antialias=True))
    world.weather = presets()["ClearNoon"]
    images = []
    for caption, row, (back_m, up_m) in typical_places(world):
        people_the_surroundings(world, row, 10, 8)
        turn = rotation_matrices(0.0, row[4], 0.0)
        pitch = -48.0 if back_m > 20.0 else -1.5 * up_m
        view = view_from(row[:3] + turn @ np.array([-back_m, 0.0, up_m]), (pitch, float(row[4]), 0.0))
        images.append(titled(picture(world, view), f"{name}  {caption}  x {row[0]:.0f}  y {row[1]:.0f}"))
        clear(world)
    save(f"town_{name}", sheet(images, 3), out)
    world.renderer.close()


def weather_sheet(out: Path) -> None:
    """One street in eight weathers."""
    world = World(load_town("Town10HD"), render_options=RenderOptions(antialias=True))
    row = world.town.spawn_points[12]
    people_the_surroundings(world, row, 12, 14)
    for actor in world.fleet.table.actors:
        world.fleet.table.records["control"]["brake"][actor.row] = float(actor.row % 2)
        actor.light_flags = 3
    images = []
    for name in WEATHERS:
        world.weather = presets()[name]
        world.tick(0.05)
        images.append(titled(picture(world, driver_view(row)), name))
    save("weathers", sheet(images, 4), out)
    world.renderer.close()


def sensor_sheet(out: Path) -> None:
    """All camera kinds and a LiDAR sweep of one scene."""
    world = World(load_town("Town03"), render_options=RenderOptions(antialias=True))
    row = world.town.spawn_points[40]
    people_the_surroundings(world, row, 12, 10)
    view = driver_view(row)
    truth = ground_truth(world, view)
    frame = world.renderer.render([view])
    depth = np.log1p(truth.depth) / np.log1p(1000.0)
    ids = truth.object_id
    instance = np.stack([(ids * 37) % 255, (ids * 101) % 255, (ids * 211) % 255], axis=-1).astype(np.uint8)
    instance[ids == 0] = 40
    normals = ((frame.normals()[0][..., ::-1] + 1.0) * 127.5).astype(np.uint8)
    images = [
        titled(picture(world, view), "rgb"),
        titled(cv2.applyColorMap((255 * (1.0 - depth)).astype(np.uint8), cv2.COLORMAP_INFERNO), "depth"),
        titled(np.ascontiguousarray(LABEL_COLORS[truth.label]), "semantic segmentation"),
        titled(np.ascontiguousarray(instance), "instance segmentation"),
        titled(normals, "normals"),
        titled(lidar_plan(world, row), "LiDAR from above"),
    ]
    save("sensors", sheet(images, 3), out)
    world.renderer.close()


def lidar_plan(world: World, row: NDArray[np.float64]) -> Image:
    """Hits of 64 channels x 1800 azimuths from above, coloured by class; 80 m across."""
    azimuth, elevation = np.meshgrid(np.linspace(0, 2 * np.pi, 1800), np.radians(np.linspace(10, -30, 64)))
    directions = np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=-1
    ).reshape(-1, 3)
    eye = row[:3] + np.array([0.0, 0.0, 2.0])
    hits = world.renderer.cast([RayBundle(eye, directions.astype(np.float32), 85.0)])[0]
    seen = np.isfinite(hits.distance)
    points = directions[seen] * hits.distance[seen, None]
    width, height = VIEW_PX
    turned = points @ rotation_matrices(0.0, float(row[4]), 0.0)
    column = (width / 2 + turned[:, 1] * height / 80.0).astype(int)
    line = (height / 2 - turned[:, 0] * height / 80.0).astype(int)
    inside = (column >= 0) & (column < width) & (line >= 0) & (line < height)
    image = np.full((height, width, 3), 20, np.uint8)
    image[line[inside], column[inside]] = LABEL_COLORS[hits.label[seen][inside]]
    return image


def main() -> None:
    """Make the sheets that were asked for."""
    sheets = {f"town_{name}": (lambda out, name=name: town_sheet(name, out)) for name in TOWNS}
    sheets |= {"weathers": weather_sheet, "sensors": sensor_sheet, "blueprints": blueprint_sheets}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sheets", nargs="*", help=f"of {', '.join(sheets)}; all if none is named")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    if unknown := set(options.sheets) - set(sheets):
        parser.error(f"there is no sheet {', '.join(sorted(unknown))}")
    for name in options.sheets or sheets:
        sheets[name](options.out)


if __name__ == "__main__":
    main()
