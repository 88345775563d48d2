"""Surfaces of lanes: asphalt, sidewalks with kerbs, medians, verges down to the terrain, bridges.

Heights come in thin layers, so that nothing lies in the plane of anything else: lanes of different roads, which
overlap in junctions, differ by fractions of a millimetre up to a centimetre; paint lies above all of them.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lead.maps.ground import GroundIndex
from lead.maps.layout import LaneType
from lead.simulator.scenery.height_grid import PLAZA_COLOR
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Look, MeshBuilder
from lead.simulator.scenery.paving import Paving
from lead.simulator.scenery.strips import Pieces, add_quads
from lead.simulator.scenery.terrain import Terrain

Array = NDArray[np.float64]

LAYER_M, LAYERS = 0.0006, 12
SIDEWALK_RISE_M = 0.05
"""Walkers stand at the height that the map gives, so the drawn sidewalk rises only as much as shoes hide."""
_KERB_WIDTH_M, _KERB_DEPTH_M = 0.15, 0.12
_BRIDGE_FROM_M, _DECK_M, _PIER_SPACING_M = 2.2, 0.9, 24.0
_VERGE = ((0.0, -0.02), (1.3, -0.28), (2.4, -1.2), (3.6, -2.3))
"""Profile from a road's edge outwards: way and height, metres."""
_VERGE_CHECKS_M, _SAME_LEVEL_M = (0.3, 1.0, 1.8), 1.5
_OVERLAP_M, _WIDER_M = 0.01, 0.05
_WIDE_HALF_M = 0.9

_ASPHALT = Look((88, 88, 91), Material.ASPHALT, Label.ROADS)
_SHOULDER = Look((100, 100, 101), Material.ASPHALT, Label.ROADS)
_PARKING = Look((80, 80, 84), Material.ASPHALT, Label.ROADS)
_BIKING = Look((112, 82, 76), Material.ASPHALT, Label.ROADS)
_SIDEWALK = Look((146, 143, 138), Material.PAVING, Label.SIDEWALKS)
_MEDIAN = Look((88, 98, 58), Material.GRASS, Label.TERRAIN)
_BORDER = Look((118, 116, 112), Material.CONCRETE, Label.GROUND)
_KERB = Look((158, 156, 150), Material.CONCRETE, Label.SIDEWALKS)
_VERGE_LOOK = Look((92, 102, 60), Material.GRASS, Label.TERRAIN)
_PAVED_VERGE = Look(PLAZA_COLOR, Material.PAVING, Label.GROUND)
_DECK = Look((138, 136, 131), Material.CONCRETE, Label.BRIDGE)

_SURFACES = {
    LaneType.DRIVING: (_ASPHALT, 0.0),
    LaneType.SHOULDER: (_SHOULDER, -0.004),
    LaneType.PARKING: (_PARKING, -0.003),
    LaneType.BIKING: (_BIKING, -0.002),
    LaneType.SIDEWALK: (_SIDEWALK, SIDEWALK_RISE_M),
    LaneType.MEDIAN: (_MEDIAN, -0.006),
    LaneType.BORDER: (_BORDER, -0.005),
    LaneType.NONE: (_VERGE_LOOK, -0.03),
    LaneType.OTHER: (_BORDER, -0.008),
}

_PAVED = (LaneType.DRIVING, LaneType.SHOULDER, LaneType.PARKING, LaneType.BIKING)


def layer_m(lanes: NDArray[np.void]) -> Array:
    """Small height by which a lane is lifted, the same along its whole length."""
    mixed = lanes["road_id"].astype(np.int64) * 7 + lanes["lane_id"].astype(np.int64) * 3
    return np.asarray((mixed % LAYERS) * LAYER_M)


def is_outermost(lanes: NDArray[np.void]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For every lane sample, whether its lane is the road's last one on its side, and whether it starts the road.

    A lane starts the road if it is the innermost and there is none on the other side of the reference line.
    """
    road = lanes["road_id"].astype(np.int64) << 20 | lanes["section"].astype(np.int64) << 1
    side = road | (lanes["lane_id"] > 0)
    rank = np.abs(lanes["lane_id"].astype(np.int64))
    unique, place = np.unique(side, return_inverse=True)
    last = np.zeros(len(unique), np.int64)
    np.maximum.at(last, place, rank)
    alone = ~np.isin(side ^ 1, unique)
    return rank == last[place], alone & (rank == 1)


class RoadSurfaces:
    """Draws the lanes of tiles.

    Args:
        lanes: LANE_DTYPE, all samples of the town.
        ground: Finds what lies at a place.
        terrain: Height of the ground off the roads.
        paving: Where roads are bordered by stone instead of grass.
    """

    def __init__(self, lanes: NDArray[np.void], ground: GroundIndex, terrain: Terrain, paving: Paving) -> None:
        self._lanes, self._ground, self._terrain, self._paving = lanes, ground, terrain, paving
        self._layer = layer_m(lanes)
        self._outermost, self._starts_road = is_outermost(lanes)

    def draw(self, builder: MeshBuilder, pieces: Pieces) -> None:
        """Add the surfaces of some pieces, with kerbs, verges and bridges."""
        lane_type = self._lanes["lane_type"][pieces.row]
        layer = self._layer[pieces.row]
        high = self._height_above_terrain(pieces)
        # Wide lanes without a type are aprons and closed lanes; narrow ones are strips of grass.
        wide = (lane_type == LaneType.NONE) & (0.5 * (pieces.start_half + pieces.end_half) > _WIDE_HALF_M)
        lane_type = np.where(wide, LaneType.SHOULDER, lane_type)
        for kind, (look, lift) in _SURFACES.items():
            chosen = np.flatnonzero(lane_type == kind)
            if not len(chosen):
                continue
            part, lifted = pieces.take(chosen), layer[chosen] + lift
            if kind == LaneType.SIDEWALK:
                lifted = np.where(self._on_driving_lane(part), -0.02, lifted)
                self._kerbs(builder, part, lifted)
            add_surface(builder, part, look, lifted, 0.0 if kind == LaneType.SIDEWALK else _WIDER_M)
        for edge, side in ((self._outermost[pieces.row], 1.0), (self._starts_road[pieces.row], -1.0)):
            self._verges(builder, pieces.take(edge & (high < _BRIDGE_FROM_M)), side)
            self._deck_sides(builder, pieces.take(edge & (high >= _BRIDGE_FROM_M)), side)
        on_bridge = pieces.take(high >= _BRIDGE_FROM_M)
        add_surface(builder, on_bridge, _DECK, np.full(len(on_bridge), -_DECK_M))
        self._piers(builder, on_bridge)

    def _height_above_terrain(self, pieces: Pieces) -> Array:
        """How far the middle of each piece is above the ground, metres."""
        middle = 0.5 * (pieces.start + pieces.end)
        return np.asarray(middle[:, 2] - self._terrain.height(middle[:, :2]))

    def _on_driving_lane(self, pieces: Pieces) -> NDArray[np.bool_]:
        """Sidewalks that cross a driving lane, which they must not cover."""
        middle = 0.5 * (pieces.start + pieces.end)
        return self._ground.is_on(self._ground.query(middle), LaneType.DRIVING)

    def _kerbs(self, builder: MeshBuilder, pieces: Pieces, lift: Array) -> None:
        """Edge stones with a vertical face on both sides of sidewalks."""
        for side, inset in ((-1.0, _KERB_WIDTH_M), (1.0, -_KERB_WIDTH_M)):
            outer = pieces.edge(side, 0.0, lift + 0.004)
            inner = pieces.edge(side, inset, lift + 0.004)
            foot = pieces.edge(side, 0.0, lift - _KERB_DEPTH_M)
            add_quads(builder, (outer[0], outer[1], inner[1], inner[0]), _KERB)
            add_quads(builder, (outer[0], outer[1], foot[1], foot[0]), _KERB, normals=_sideways(pieces, side))

    def _verges(self, builder: MeshBuilder, pieces: Pieces, side: float) -> None:
        """Grass, or stone in towns, from the road's edge down into the terrain."""
        beyond = np.concatenate([spot for way in _VERGE_CHECKS_M for spot in pieces.edge(side, side * way)])
        hits = self._ground.query(beyond)
        other_road = np.any([self._ground.is_on(hits, kind) for kind in _PAVED], axis=0)
        other_road &= np.abs(hits.z - beyond[:, 2]) < _SAME_LEVEL_M
        pieces = pieces.take(~other_road.reshape(2 * len(_VERGE_CHECKS_M), len(pieces)).any(axis=0))
        paved = self._paving.at(pieces.edge(side, side * _VERGE_CHECKS_M[0])[0][:, :2])
        for chosen, look in ((paved, _PAVED_VERGE), (~paved, _VERGE_LOOK)):
            part = pieces.take(chosen)
            for (near, high), (far, low) in pairwise(_VERGE):
                first, second = part.edge(side, side * near, high), part.edge(side, side * far, low)
                add_quads(builder, (first[0], first[1], second[1], second[0]), look)

    def _deck_sides(self, builder: MeshBuilder, pieces: Pieces, side: float) -> None:
        """Sides of a bridge."""
        top, foot = pieces.edge(side, 0.0, 0.0), pieces.edge(side, 0.0, -_DECK_M)
        add_quads(builder, (top[0], top[1], foot[1], foot[0]), _DECK, normals=_sideways(pieces, side))

    def _piers(self, builder: MeshBuilder, pieces: Pieces) -> None:
        """Columns under bridges, where no road is below."""
        lanes = self._lanes
        inner = np.abs(lanes["lane_id"][pieces.row]) == 1
        turn = np.floor(pieces.end_s / _PIER_SPACING_M) != np.floor(pieces.start_s / _PIER_SPACING_M)
        for index in np.flatnonzero(inner & turn).tolist():
            spot = 0.5 * (pieces.start[index] + pieces.end[index])
            foot = float(self._terrain.height(spot[None, :2])[0]) - 0.5
            below = self._ground.query(np.array([[spot[0], spot[1], foot]]))
            lane = int(below.lane[0])
            clear = lane < 0 or abs(float(below.z[0]) - foot) > 2.0 or below.offset[0] > lanes["half_width"][lane] + 2.0
            if clear:
                builder.cylinder([*spot[:2], foot], [*spot[:2], spot[2] - _DECK_M], 0.7, _DECK, sides=12, caps=False)


def add_surface(builder: MeshBuilder, pieces: Pieces, look: Look, lift: Array, wider_m: float = 0.0) -> None:
    """The whole width of pieces, lifted by (k,) metres.

    Neighbours overlap a little, so that no ray slips between. Along the lanes it is more, `wider_m`, because a flat ray
    goes far in the gap between surfaces of different height.
    """
    share = _OVERLAP_M / np.maximum(pieces.end_s - pieces.start_s, 0.05)
    pieces = pieces.clipped(-share, 1.0 + share)
    inner, outer = pieces.edge(-1.0, -wider_m, lift), pieces.edge(1.0, wider_m, lift)
    add_quads(builder, (inner[0], inner[1], outer[1], outer[0]), look)


def _sideways(pieces: Pieces, side: float) -> Array:
    """Level unit normals (k, 3) away from the lane."""
    right = 0.5 * side * (pieces.start_right + pieces.end_right)
    return np.column_stack([right, np.zeros(len(right))])
