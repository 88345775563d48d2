"""The map under a drive for the page: driven way, planned route and the ground around both, as one JSON text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.errors import LeadError
from lead.maps.compiled import compile_map
from lead.maps.towns import TOWNS, TownError, canonical_name, read_opendrive, town_path
from lead.webapp.driven_track import DrivenTrack, read_track, track_state
from lead.webapp.evaluation_routes import read_evaluation
from lead.webapp.ground_layers import LAYERS, Polygons, TownGround
from lead.webapp.planned_routes import planned_routes
from lead.webapp.root_folder import RootFolder
from lead.webapp.state_cache import StateCache, file_state

TOWNS_KEPT = 2
LONGEST_TOWN = 60
_TOWN_IN_NAME = re.compile(r"Town\d\d(?:HD)?")

_GROUNDS: StateCache[TownGround] = StateCache(TOWNS_KEPT)
_LAYERS: StateCache[Polygons | None] = StateCache(8)
_TRACKS: StateCache[DrivenTrack] = StateCache(16)
_TEXTS: StateCache[str] = StateCache(16)


def map_text(root: RootFolder, evaluation: Path, route: Path) -> str:
    """Return the map of a route.

    Args:
        root: Folder that may be shown.
        evaluation: Folder of the evaluation.
        route: Folder of the route, the evaluation's own or one below it.

    Returns:
        JSON with ``town``, ``layers``, ``trajectory``, ``route``, ``bounds`` and ``note``; places in world metres.
        Without a known and installed town the layers are empty and the note says so.
    """
    key = (str(root.path), str(route))
    state = track_state(route)
    track = _TRACKS.get(key, state, lambda: read_track(root, route))
    town = track.town or _town_from_results(root, evaluation, route, track.route_id)
    known = canonical_name(town)
    town_state = file_state(town_path(known)) if known in TOWNS else None
    return _TEXTS.get(key, (state, town, town_state), lambda: _make(track, town))


def _town_from_results(root: RootFolder, evaluation: Path, route: Path, route_id: str) -> str:
    """Look for the town in the route's result, its route file and the name of its folder; empty if none tells."""
    name = route.relative_to(evaluation).as_posix()
    for row in read_evaluation(root, evaluation).rows:
        if row.name == name and row.town:
            return row.town
    planned = planned_routes(root, evaluation)[0].routes
    for route_key in (route_id, name):
        if route_key in planned:
            return planned[route_key].route.town
    towns = {expected.route.town for expected in planned.values()}
    if len(towns) == 1:
        return towns.pop()
    found = _TOWN_IN_NAME.search(route.name)
    return found[0] if found is not None else ""


def _make(track: DrivenTrack, town: str) -> str:
    notes = list(track.notes)
    layers: Polygons = {name: [] for name in LAYERS}
    places = np.concatenate([track.track_xy, track.route_xy])
    if not len(places):
        notes.append("no file tells where the ego drove")
    elif not town:
        notes.append("no file tells the town, so there is no ground")
    else:
        try:
            layers = _ground(track, town)
        except LeadError as error:
            notes.append(f"there is no ground: {error}")
    content: dict[str, Any] = {
        "town": canonical_name(town)[:LONGEST_TOWN],
        "layers": layers,
        "trajectory": {
            "step": track.step.tolist(),
            "x": _rounded(track.track_xy[:, 0], 2),
            "y": _rounded(track.track_xy[:, 1], 2),
            "speed": _rounded(track.speed_mps, 2),
        },
        "route": _rounded(track.route_xy, 1),
        "bounds": [*_rounded(places.min(axis=0), 1), *_rounded(places.max(axis=0), 1)] if len(places) else None,
        "note": "; ".join(notes),
    }
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


def _ground(track: DrivenTrack, town: str) -> Polygons:
    """Return the ground around a drive.

    Raises:
        TownError: If the town is unknown, not installed or damaged, or if too much of it would have to be drawn.
        OpenDriveError: If the map cannot be used.
    """
    known = canonical_name(town)
    if known not in TOWNS:  # A name from a file, which must not become the path of another one.
        raise TownError(f"unknown town {town[:LONGEST_TOWN]!r}; `lead towns list` shows all")
    state = file_state(town_path(known))
    ground = _GROUNDS.get(known, state, lambda: TownGround(compile_map(known, read_opendrive(known))))
    touched = ground.touched(track.route_xy, track.track_xy)
    layers = _LAYERS.get((known, touched.tobytes()), state, lambda: ground.layers(touched))
    if layers is None:
        raise TownError("the drive is all over town, too much to draw")
    return layers


def _rounded(values: NDArray[np.float64], digits: int) -> Any:
    """Return numbers as (nested) lists; adding 0 turns -0 into 0."""
    return (np.round(values, digits) + 0.0).tolist()
