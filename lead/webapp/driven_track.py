"""Where the ego drove on a route: from its drive log or, in results of other tools, from Bench2Drive's motion file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.evaluation.drive_log import FILE_NAME as DRIVE_LOG_NAME
from lead.evaluation.drive_log import DriveLogError, read_drive_log
from lead.scoring.bench2drive.report import METRIC_NAME
from lead.scoring.schema import ResultError, is_number, read_json
from lead.webapp.result_files import LARGEST_METRIC_FILE
from lead.webapp.root_folder import RootFolder
from lead.webapp.state_cache import FileState, file_state

MOST_POINTS = 5_000
FARTHEST_M = 1e6
METRIC_ROW_S = 0.05
_LONGEST_KEY = 9


@dataclass(frozen=True)
class DrivenTrack:
    """A driven way and what its files tell about the route.

    Attributes:
        step: (n,) int64 steps of the agent, rising.
        track_xy: (n, 2) float64 places, world frame, metres.
        speed_mps: (n,) float64.
        route_xy: (m, 2) float64 planned route, world frame, metres; empty if no file tells.
        town: Town as written in the drive log, empty if unknown.
        route_id: Id of the route in its file, empty if unknown.
        notes: Sentences on files that could not be read.
    """

    step: NDArray[np.int64]
    track_xy: NDArray[np.float64]
    speed_mps: NDArray[np.float64]
    route_xy: NDArray[np.float64]
    town: str = ""
    route_id: str = ""
    notes: Sequence[str] = ()


def track_state(folder: Path) -> tuple[FileState, FileState]:
    """Return the state of the files a track is read from."""
    return file_state(folder / DRIVE_LOG_NAME), file_state(folder / METRIC_NAME)


def read_track(root: RootFolder, folder: Path) -> DrivenTrack:
    """Read where the ego drove; never fails, a track without points says so in its notes.

    Args:
        root: Folder that may be shown.
        folder: Folder of the route inside of it.
    """
    notes: list[str] = []
    header: Mapping[str, Any] = {}
    table = np.zeros((0, 4))
    log_path, metric_path = folder / DRIVE_LOG_NAME, folder / METRIC_NAME
    if _is_readable(root, log_path):
        try:
            header, rows = read_drive_log(log_path, keys=("step", "ego"))
            table = _checked([(row["step"], row["ego"][0], row["ego"][1], row["ego"][3]) for row in rows])
        except DriveLogError as error:
            notes.append(str(error))
    if not len(table) and _is_readable(root, metric_path):
        try:
            table = _with_speed(_checked(_metric_rows(metric_path)))
        except ResultError as error:
            notes.append(str(error))
    table = table[:: max(1, -(-len(table) // MOST_POINTS))]
    route = header.get("route", [])
    return DrivenTrack(
        step=table[:, 0].astype(np.int64),
        track_xy=table[:, 1:3],
        speed_mps=table[:, 3],
        route_xy=_checked([(0, point[0], point[1], 0.0) for point in route], is_sorted=True)[:, 1:3],
        town=header.get("town", ""),
        route_id=str(header.get("route_id", "")),
        notes=notes,
    )


def _is_readable(root: RootFolder, path: Path) -> bool:
    return path.is_file() and root.contains(path)


def _metric_rows(path: Path) -> list[tuple[Any, Any, Any, Any]]:
    """Return step, x, y and 0 of every row that has a place.

    Raises:
        ResultError: If the file is too large, no JSON, for example because it is just being written, or no object.
    """
    if path.stat().st_size > LARGEST_METRIC_FILE:
        raise ResultError(f"{path} is larger than {LARGEST_METRIC_FILE >> 20} MiB and is not read")
    data = read_json(path)
    if not isinstance(data, dict):
        raise ResultError(f"{path} is not an object of rows")
    rows = []
    for key, row in data.items():
        place = row.get("location") if isinstance(row, dict) else None
        if isinstance(place, list) and len(place) >= 2 and key.isascii() and key.isdigit() and len(key) <= _LONGEST_KEY:
            rows.append((int(key), place[0], place[1], 0.0))
    return rows


def _checked(rows: Sequence[tuple[Any, Any, Any, Any]], *, is_sorted: bool = False) -> NDArray[np.float64]:
    """Return the rows of step, x, y and speed that are places on Earth, (n, 4), in order of their steps."""
    kept = [row for row in rows if all(is_number(value) and abs(value) < FARTHEST_M * 1e3 for value in row)]
    table = np.array(kept, dtype=np.float64).reshape(-1, 4)
    table = table[(np.abs(table[:, 1:3]) < FARTHEST_M).all(axis=1)]
    return table if is_sorted else table[np.argsort(table[:, 0], kind="stable")]


def _with_speed(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fill in the speed from the way between rows, which are ticks."""
    if len(table) > 1:
        ticks = np.maximum(np.diff(table[:, 0]), 1.0)
        speed = np.hypot(*np.diff(table[:, 1:3], axis=0).T) / (ticks * METRIC_ROW_S)
        table[1:, 3] = speed
        table[0, 3] = speed[0]
    return table
