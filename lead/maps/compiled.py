"""The compiled map: everything the simulator needs of a town, as arrays, cached between runs.

Compiling reads 90 MB of XML for the largest town and takes seconds; a compiled map loads in a fraction of
one. The cache is keyed by the content of the OpenDRIVE text, so a changed file or a town of another source
never meets a stale entry, and by a version of the layout below.
"""

from __future__ import annotations

import hashlib
import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lead.maps.array_cache import save_arrays
from lead.maps.ground import GroundGrid, GroundIndex, build_grid
from lead.maps.lane_geometry import LaneGeometry
from lead.maps.lane_topology import LaneTopology
from lead.maps.layout import BOX_DTYPE, CONTROLLER_DTYPE, LANE_DTYPE, ROAD_MARK_DTYPE, SIGNAL_DTYPE
from lead.maps.opendrive import OpenDriveError, parse
from lead.maps.sampling import find_spawn_points, sample_lanes
from lead.maps.signals import build_signals
from lead.maps.static_boxes import build_static_boxes, find_crosswalks
from lead.maps.towns import cache_dir

logger = logging.getLogger(__name__)

CACHE_VERSION = 4
"""Raised whenever the meaning or the layout of a compiled map changes."""

_RECORDS = {
    "lanes": LANE_DTYPE,
    "signals": SIGNAL_DTYPE,
    "signal_boxes": BOX_DTYPE,
    "controllers": CONTROLLER_DTYPE,
    "static_boxes": BOX_DTYPE,
    "road_marks": ROAD_MARK_DTYPE,
}


@dataclass(frozen=True, eq=False, repr=False)
class CompiledMap:
    """A map as arrays, all in CARLA's world frame (left-handed, metres).

    Attributes:
        name: Short name of the town.
        opendrive: The OpenDRIVE text it was compiled from.
        digest: SHA-256 of that text; names everything that is derived from the map.
        latitude_deg: Latitude of the origin.
        longitude_deg: Longitude of the origin.
        lanes: LANE_DTYPE, centre lines of all lanes sampled every 2 m.
        spawn_points: float64 [n, 6], x, y, z (0.5 m above the road), pitch, yaw, roll in degrees.
        signals: SIGNAL_DTYPE, traffic actors in order of creation.
        signal_boxes: BOX_DTYPE, places where a signal takes effect, in order of their owners.
        controllers: CONTROLLER_DTYPE, traffic light controllers in order of group and cycle.
        static_boxes: BOX_DTYPE, solid things that can be hit.
        road_marks: ROAD_MARK_DTYPE, painted lines along the edges of lanes.
        crosswalks: Outlines, float64 [k, 3] each.
        ground_grid: Grid of the ground index, see `ground_index`.
    """

    name: str
    opendrive: str
    digest: str
    latitude_deg: float
    longitude_deg: float
    lanes: NDArray[np.void]
    spawn_points: NDArray[np.float64]
    signals: NDArray[np.void]
    signal_boxes: NDArray[np.void]
    controllers: NDArray[np.void]
    static_boxes: NDArray[np.void]
    road_marks: NDArray[np.void]
    crosswalks: list[NDArray[np.float64]]
    ground_grid: GroundGrid

    def ground_index(self) -> GroundIndex:
        """Index for height queries; much faster than building one from the lanes of a large town."""
        return GroundIndex(self.lanes, self.ground_grid)


def compile_map(name: str, opendrive: str, *, use_cache: bool = True) -> CompiledMap:
    """Compiles a map or loads it from the cache.

    Args:
        name: Short name, only carried along.
        opendrive: OpenDRIVE text.
        use_cache: Whether to read and write `cache_dir()/compiled`.

    Raises:
        OpenDriveError: The text is not a usable OpenDRIVE road network.
    """
    digest = hashlib.sha256(opendrive.encode("utf-8")).hexdigest()
    if not use_cache:
        return _compile(name, opendrive, digest)
    path = cache_dir() / "compiled" / f"{digest[:16]}-v{CACHE_VERSION}.npz"
    compiled = _load(path, name, opendrive, digest)
    if compiled is None:
        compiled = _compile(name, opendrive, digest)
        _save(path, compiled)
    return compiled


def _compile(name: str, opendrive: str, digest: str) -> CompiledMap:
    source = parse(opendrive)
    geometry = LaneGeometry(source.network)
    lanes = sample_lanes(source.network, geometry)
    try:
        grid = build_grid(lanes)
    except ValueError as error:
        raise OpenDriveError(str(error)) from error
    traffic = build_signals(source, geometry, LaneTopology(source.network))
    return CompiledMap(
        name=name,
        opendrive=opendrive,
        digest=digest,
        latitude_deg=source.latitude_deg,
        longitude_deg=source.longitude_deg,
        lanes=lanes,
        spawn_points=find_spawn_points(source.network, geometry),
        signals=traffic.signals,
        signal_boxes=traffic.boxes,
        controllers=traffic.controllers,
        static_boxes=build_static_boxes(source, geometry, traffic.signals, GroundIndex(lanes, grid)),
        road_marks=source.road_marks,
        crosswalks=find_crosswalks(source, geometry),
        ground_grid=grid,
    )


def _save(path: Path, compiled: CompiledMap) -> None:
    """Writes a cache entry whole or not at all; a cache that cannot be written costs time, nothing else."""
    arrays = {name: getattr(compiled, name) for name in _RECORDS}
    arrays["origin"] = np.array([compiled.latitude_deg, compiled.longitude_deg])
    arrays["spawn_points"] = compiled.spawn_points
    arrays["crosswalk_points"] = np.concatenate([np.zeros((0, 3)), *compiled.crosswalks])
    arrays["crosswalk_sizes"] = np.array([len(outline) for outline in compiled.crosswalks], dtype=np.int64)
    arrays["grid_low"] = compiled.ground_grid.low
    arrays["grid_pages"] = compiled.ground_grid.pages
    arrays["grid_candidates"] = compiled.ground_grid.candidates
    save_arrays(path, arrays, "the compiled map")


def _load(path: Path, name: str, opendrive: str, digest: str) -> CompiledMap | None:
    """Reads a cache entry; None if there is none or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
            records = {key: arrays[key] for key in _RECORDS}
            if any(records[key].dtype != dtype for key, dtype in _RECORDS.items()):
                raise ValueError("its layout is another one")
            ends = np.cumsum(arrays["crosswalk_sizes"])
            return CompiledMap(
                name=name,
                opendrive=opendrive,
                digest=digest,
                latitude_deg=float(arrays["origin"][0]),
                longitude_deg=float(arrays["origin"][1]),
                spawn_points=arrays["spawn_points"],
                crosswalks=np.split(arrays["crosswalk_points"], ends[:-1]) if len(ends) else [],
                ground_grid=GroundGrid(arrays["grid_low"], arrays["grid_pages"], arrays["grid_candidates"]),
                **records,
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("The cached map %s is damaged (%s) and will be made again.", path, error)
        return None
