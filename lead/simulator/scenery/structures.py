"""Everything that stands in a tile, as one mesh: level objects by row, so that each can be hidden and identified."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap
from lead.maps.ground import GroundIndex
from lead.maps.layout import SignalKind
from lead.simulator.scenery.bodies.vehicles import parked_car
from lead.simulator.scenery.buildings import add_building
from lead.simulator.scenery.furniture import SMALL_THINGS, add_static_box, garden_edge, street_lamp
from lead.simulator.scenery.level import Level
from lead.simulator.scenery.mesh import Mesh, MeshBuilder, merge
from lead.simulator.scenery.rails import RAIL_HEIGHT_M, rail_grade
from lead.simulator.scenery.signals import add_light_post, add_sign, approach_yaws
from lead.simulator.scenery.strips import TILE_M, sorted_by_tile
from lead.simulator.scenery.things import BUILDINGS, EDGE_SHAPES, EDGE_SIZES, Thing
from lead.simulator.scenery.vegetation import SHAPES, plant

Array = NDArray[np.float64]

_PLANTS = (Thing.BROADLEAF, Thing.CONIFER, Thing.BUSH)


class Structures:
    """Makes the standing things of tiles.

    Args:
        level: The town's objects.
        town: The map.
        ground: Height of its lanes.
    """

    def __init__(self, level: Level, town: CompiledMap, ground: GroundIndex) -> None:
        self._level, self._town = level, town
        self._yaws = approach_yaws(town)
        signals = town.signals
        spots = np.stack([signals["x"], signals["y"], signals["z"]], axis=1)
        self._feet = np.column_stack([spots[:, :2], ground.query(spots).z])
        # A signal's post stands at the actor, wherever its head hangs.
        places = np.stack([level.boxes["x"], level.boxes["y"]], axis=1)
        places[level.first_signal : level.first_thing] = spots[:, :2]
        self.tile_of: NDArray[np.int64] = np.floor(places / TILE_M).astype(np.int64)
        order, ranges = sorted_by_tile(self.tile_of)
        self._rows = {key: np.sort(order[low:high]) for key, (low, high) in ranges.items()}

    def tile(self, tile: tuple[int, int], hidden: NDArray[np.bool_]) -> Mesh:
        """Mesh of a tile, relative to its low corner at height 0.

        Args:
            tile: Which.
            hidden: bool (n,), level objects that are not shown.
        """
        rows = self._rows.get(tile, np.zeros(0, np.int64))
        rows = rows[~hidden[rows]]
        level = self._level
        shift = np.array([TILE_M * tile[0], TILE_M * tile[1], 0.0])
        builder = MeshBuilder()
        for row in rows[rows < level.first_lamp].tolist():
            if not self._is_signal_post(row):
                builder.object_id = row + 1
                add_static_box(builder, self._shifted_box(row, shift))
        for row in rows[(rows >= level.first_signal) & (rows < level.first_thing)].tolist():
            builder.object_id = row + 1
            self._add_signal(builder, row - level.first_signal, shift)
        lamps = rows[(rows >= level.first_lamp) & (rows < level.first_signal)]
        things = rows[rows >= level.first_thing]
        meshes = self._copies(lamps, things, shift)
        self._add_things(builder, things, shift)
        return merge([builder.build(), *meshes])

    def _is_signal_post(self, row: int) -> bool:
        """Whether a static box is the post of a signal, which is drawn with the signal."""
        box = self._level.boxes[row]
        if box["ext_x"] > 0.25 or not len(self._feet):
            return False
        return bool((np.abs(self._feet[:, :2] - [box["x"], box["y"]]).max(axis=1) < 0.3).any())

    def _shifted_box(self, row: int, shift: Array) -> NDArray[np.void]:
        box: NDArray[np.void] = self._level.boxes[row].copy()
        box["x"], box["y"] = box["x"] - shift[0], box["y"] - shift[1]
        return box

    def _add_signal(self, builder: MeshBuilder, signal: int, shift: Array) -> None:
        kind = SignalKind(int(self._town.signals["kind"][signal]))
        foot = self._feet[signal] - shift
        if kind == SignalKind.TRAFFIC_LIGHT:
            heads = self._level.heads[self._level.heads["signal"] == signal].copy()
            heads["x"], heads["y"] = heads["x"] - shift[0], heads["y"] - shift[1]
            add_light_post(builder, foot, heads)
        else:
            add_sign(builder, foot, float(self._yaws[signal]), kind, float(self._town.signals["value"][signal]))

    def _copies(self, lamps: NDArray[np.int64], rows: NDArray[np.int64], shift: Array) -> list[Mesh]:
        """Street lamps, plants and small things, which are copies of a few shapes."""
        level = self._level
        feet = level.lamps[lamps - level.first_lamp].copy()
        feet[:, 2] = level.boxes["z"][lamps] - level.boxes["ext_z"][lamps]
        yaw = level.lamp_yaw[lamps - level.first_lamp]
        meshes = [copies(street_lamp(), feet - shift, yaw, np.ones(len(lamps)), lamps + 1)]
        things = level.things[rows - level.first_thing]
        spots = np.stack([things["x"], things["y"], things["z"]], axis=1) - shift
        shapes = things["seed"] % SHAPES
        for kind in _PLANTS:
            for shape in range(SHAPES):
                pick = (things["kind"] == kind) & (shapes == shape)
                scale = things["height"][pick].astype(np.float64)
                meshes.append(copies(plant(kind, shape), spots[pick], things["yaw"][pick], scale, rows[pick] + 1))
        for kind, mesh in SMALL_THINGS.items():
            pick = things["kind"] == kind
            meshes.append(copies(mesh(), spots[pick], things["yaw"][pick], np.ones(pick.sum()), rows[pick] + 1))
        for kind in EDGE_SIZES:
            for shape in range(EDGE_SHAPES):
                pick = (things["kind"] == kind) & (things["seed"] % EDGE_SHAPES == shape)
                ones = np.ones(pick.sum())
                meshes.append(copies(garden_edge(kind, shape), spots[pick], things["yaw"][pick], ones, rows[pick] + 1))
        return [mesh for mesh in meshes if len(mesh)]

    def _add_things(self, builder: MeshBuilder, rows: NDArray[np.int64], shift: Array) -> None:
        level = self._level
        for row in rows.tolist():
            thing = level.things[row - level.first_thing]
            builder.object_id = row + 1
            cos, sin = np.cos(thing["yaw"]), np.sin(thing["yaw"])
            frame = np.eye(4)
            frame[:2, :2] = [[cos, -sin], [sin, cos]]
            frame[:3, 3] = np.array([thing["x"], thing["y"], thing["z"]]) - shift
            if thing["kind"] in BUILDINGS:
                add_building(builder, thing, frame)
            elif thing["kind"] == Thing.RAIL:
                box = self._shifted_box(row, shift)
                box["ext_z"] = 0.5 * RAIL_HEIGHT_M
                add_static_box(builder, box, rail_grade(thing))
            elif thing["kind"] == Thing.CAR:
                builder.mesh(parked_car(int(thing["seed"]), float(thing["half_x"]), float(thing["half_y"])), frame)


def copies(mesh: Mesh, spots: Array, yaw: Array, scale: Array, object_id: NDArray[np.int64]) -> Mesh:
    """One mesh at many places.

    Args:
        mesh: Standing at the origin.
        spots: (k, 3) where.
        yaw: (k,) turned by, rad.
        scale: (k,) enlarged by.
        object_id: (k,) numbers of the copies' triangles.
    """
    count = len(spots)
    cos, sin = np.cos(yaw), np.sin(yaw)
    zero, one = np.zeros(count), np.ones(count)
    turn = np.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], axis=1).reshape(count, 3, 3)
    vertices = np.einsum("kij,nj->kni", turn, mesh.vertices) * scale[:, None, None] + spots[:, None]
    normals = np.einsum("kij,nj->kni", turn, mesh.normals)
    first = (len(mesh.vertices) * np.arange(count))[:, None, None]
    return Mesh(
        vertices=vertices.reshape(-1, 3).astype(np.float32),
        normals=normals.reshape(-1, 3).astype(np.float32),
        uv=np.tile(mesh.uv, (count, 1)),
        triangles=(mesh.triangles[None] + first).reshape(-1, 3).astype(np.int32),
        color=np.tile(mesh.color, (count, 1)),
        material=np.tile(mesh.material, count),
        label=np.tile(mesh.label, count),
        channel=np.tile(mesh.channel, count),
        object_id=np.repeat(object_id, len(mesh)).astype(np.int32),
    )
