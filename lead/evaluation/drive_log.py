"""``drive_log.jsonl``: where ego and traffic were and what the agent had in mind, tick by tick.

The dashboard draws the drive from it. The first line says what stays the same, every other line is one moment. Lines
are only ever appended and reach the file at least once per second of driving, so that a drive can be followed while it
lasts, and a kill costs one second. No carla here: the dashboard imports the reader.
"""

from __future__ import annotations

import io
import json
import logging
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.errors import LeadError
from lead.visualization.agent_view import AgentView

LOG = logging.getLogger(__name__)

FILE_NAME = "drive_log.jsonl"
VERSION = 1
TICKS_PER_ROW = 2
ROUTE_GAP_M = 2.0
"""Points of the route are left out as long as the gap stays below this."""
ACTOR_DISTANCE_M = 60.0
"""Actors farther from the ego are left out."""
LARGEST_FILE_BYTES = 256 * 2**20
"""Two hours of dense traffic; more is a defect."""

_GAP_SLACK_M = 0.01
"""The planner's steps of one metre are a little longer."""
_FLUSH_S = 1.0
_MOST_PLACES = 1000
"""An agent that shows more places per tick has not understood the field."""
_FARTHEST_M = 1e6
_ACTOR_FIELDS = ("x", "y", "yaw", "extent_x", "extent_y")
_ACTOR_SCALE = np.array([100.0, 100.0, 1000.0, 100.0, 100.0])
_BOX_COLUMNS, _BOX_SCORE, _BOX_FIELDS = (0, 1, 2, 3, 4, 7, 8), 8, 9
_BOX_SCALE = np.array([100.0, 100.0, 100.0, 100.0, 1000.0, 1.0, 100.0])
_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class DriveLogError(LeadError):
    """A drive log cannot be read."""


@dataclass(frozen=True)
class DriveFacts:
    """What stays the same during a drive.

    Attributes:
        town: Short town name.
        route_id: Id of the route in its file.
        scenarios: Classes of the route's scenarios in file order.
        tick_s: Simulated time of one tick.
        ego_half_size_m: Half length and half width of the ego.
        route_xyz: (n, 2 or more) dense route, world frame, metres.
    """

    town: str
    route_id: str
    scenarios: Sequence[str]
    tick_s: float
    ego_half_size_m: tuple[float, float]
    route_xyz: NDArray[np.float64]


@dataclass(frozen=True)
class DriveMoment:
    """State of a drive in one tick.

    Attributes:
        step: Step of the agent, from 1.
        frame: Simulator frame.
        time_s: Simulated time since the start.
        ego: Place x and y (world, metres), heading (rad), speed (m/s).
        control: Steering, throttle, brake.
        driven_m: Way of the ego so far.
        percent: Share of the route driven.
        penalty: Penalty factor so far.
        actors: (n,) structured array with the fields kind, x, y (world, metres), yaw (rad), extent_x and extent_y
            (half sizes, metres).
        view: What the agent shows, None for nothing. Whatever it holds, it costs at most its part of the row.
    """

    step: int
    frame: int
    time_s: float
    ego: tuple[float, float, float, float]
    control: tuple[float, float, float]
    driven_m: float
    percent: float
    penalty: float
    actors: NDArray[np.void]
    view: AgentView | None


class DriveLog:
    """Writes the file of one route; a failing disk is reported once and does not end the drive."""

    def __init__(self, path: Path, facts: DriveFacts, min_box_score: float = 0.0) -> None:
        """Start the file anew; its first line is written at once.

        Args:
            path: File to write.
            facts: Content of the first line.
            min_box_score: An agent's boxes with a lower score are left out.
        """
        self._path = path
        self._min_box_score = min_box_score
        self._flush_rows = max(1, int(_FLUSH_S / (facts.tick_s * TICKS_PER_ROW)))
        self._rows = 0
        self._pending = bytearray()
        self._file: io.FileIO | None = None
        self._warned: set[str] = set()
        self._append(_header(facts))
        self._flush()

    def wants(self, step: int) -> bool:
        """Tell whether a step is one of those that are kept: the first one and every second after it."""
        return (step - 1) % TICKS_PER_ROW == 0

    def add(self, moment: DriveMoment) -> None:
        """Append a row; one with a number that is none (a simulation gone wrong) is left out with a warning."""
        row = {
            "step": moment.step,
            "frame": moment.frame,
            "t": round(float(moment.time_s), 3),
            "ego": [round(float(value), digits) for value, digits in zip(moment.ego, (2, 2, 3, 2), strict=True)],
            "control": [_rounded_or_none(value) for value in moment.control],
            "driven_m": round(float(moment.driven_m), 2),
            "percent": round(float(moment.percent), 2),
            "penalty": round(float(moment.penalty), 4),
            "actors": _nearby(moment.actors, moment.ego[0], moment.ego[1]),
        }
        if moment.view is not None:
            view = self._shown(moment.view)
            if view:
                row["view"] = view
        try:
            self._append(row)
        except ValueError as error:
            self._warn("row", "step %d has no place in %s: %s", moment.step, self._path, error)
            return
        self._rows += 1
        if self._rows % self._flush_rows == 0:
            self._flush()

    def close(self) -> None:
        """Write what is not written yet."""
        self._flush()
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError as error:
            self._warn("disk", "%s may lack its end: %s", self._path, error)
        self._file = None

    def _append(self, row: dict[str, Any]) -> None:
        self._pending += _ENCODE(row).encode() + b"\n"

    def _flush(self) -> None:
        """Write the pending rows. What a full disk does not take stays pending, so that no line is ever torn."""
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("wb", buffering=0)
            while self._pending:
                del self._pending[: self._file.write(self._pending)]
        except OSError as error:
            self._warn("disk", "%s cannot be written, the drive goes on: %s", self._path, error)

    def _shown(self, view: AgentView) -> dict[str, Any]:
        """Return the parts of a view that can be written."""
        shown = {}
        for key, name, convert in self._view_parts():
            try:
                value = getattr(view, name)
                if value is not None:
                    shown[key] = convert(value)
            except Exception as error:  # Agents are strangers' code: what they show may raise anything.
                self._warn("view", "the agent's view cannot be recorded (%s): %s", name, error)
        return shown

    def _view_parts(self) -> tuple[tuple[str, str, Callable[[Any], Any]], ...]:
        return (
            ("waypoints", "waypoints_ego", _places),
            ("route", "route_ego", _places),
            ("targets", "target_points_ego", _places),
            ("target_speed", "target_speed_mps", _speed),
            ("boxes", "boxes", lambda boxes: _boxes(boxes, self._min_box_score)),
        )

    def _warn(self, topic: str, text: str, *values: object) -> None:
        if topic not in self._warned:
            LOG.warning(text, *values)
        self._warned.add(topic)


def _header(facts: DriveFacts) -> dict[str, Any]:
    return {
        "version": VERSION,
        "town": facts.town,
        "route_id": facts.route_id,
        "scenarios": list(facts.scenarios),
        "tick_s": facts.tick_s,
        "ticks_per_row": TICKS_PER_ROW,
        "ego_half_size_m": [round(float(value), 2) for value in facts.ego_half_size_m],
        "route": _scaled(_thinned(facts.route_xyz[:, :2]), 100.0).tolist(),
    }


def _thinned(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leave out points of an (n, 2) line while the way between neighbours stays short; both ends are kept."""
    if len(line) < 3:
        return line
    way_m = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    kept = [0]
    for index in range(1, len(line) - 1):
        if way_m[index + 1] - way_m[kept[-1]] > ROUTE_GAP_M + _GAP_SLACK_M:
            kept.append(index)
    return line[[*kept, len(line) - 1]]


def _scaled(values: NDArray[np.float64], scale: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Round to 1 / scale, with a division at the end so that the numbers print short; adding 0 turns -0 into 0."""
    return np.rint(values * scale) / scale + 0.0


def _rounded_or_none(value: float) -> float | None:
    """Round an agent's control value; agents may hand out NaN, which JSON does not know."""
    return round(float(value), 3) if math.isfinite(value) else None


def _nearby(actors: NDArray[np.void], x_m: float, y_m: float) -> list[list[float]]:
    """Return kind, x, y, yaw, half length and half width of the actors around a place."""
    near = actors[np.hypot(actors["x"] - x_m, actors["y"] - y_m) <= ACTOR_DISTANCE_M]
    values = _scaled(np.stack([near[name] for name in _ACTOR_FIELDS], axis=1), _ACTOR_SCALE)
    is_whole = np.isfinite(values).all(axis=1)
    kinds: list[int] = near["kind"][is_whole].tolist()
    return [[kind, *row] for kind, row in zip(kinds, values[is_whole].tolist(), strict=True)]


def _places(value: Any) -> list[list[float]]:
    """Return (n, 2) places as lists; raises ValueError or whatever the array raises."""
    places = np.asarray(value, dtype=np.float64)
    if not places.size:
        return []
    if places.ndim != 2 or places.shape[1] != 2:
        raise ValueError(f"the shape is {places.shape} instead of (n, 2)")
    _check_range(places)
    rows: list[list[float]] = _scaled(places, 100.0).tolist()
    return rows


def _boxes(value: Any, min_score: float) -> list[list[float]]:
    """Return x, y, half length, half width, yaw, class and score of the boxes of a view."""
    boxes = np.asarray(value, dtype=np.float64)
    if not boxes.size:
        return []
    if boxes.ndim != 2 or boxes.shape[1] != _BOX_FIELDS:
        raise ValueError(f"the shape is {boxes.shape} instead of (n, {_BOX_FIELDS})")
    boxes = boxes[boxes[:, _BOX_SCORE] >= min_score][:, _BOX_COLUMNS]
    _check_range(boxes)
    return [[*row[:5], int(row[5]), row[6]] for row in _scaled(boxes, _BOX_SCALE).tolist()]


def _check_range(places: NDArray[np.float64]) -> None:
    if len(places) > _MOST_PLACES:
        raise ValueError(f"{len(places)} places are more than the {_MOST_PLACES} that are kept")
    if not (np.abs(places) < _FARTHEST_M).all():  # NaN is not.
        raise ValueError("it holds numbers that are no places")


def _speed(value: Any) -> float:
    speed_mps = float(value)
    if not abs(speed_mps) < _FARTHEST_M:
        raise ValueError(f"{speed_mps} is no speed")
    return round(speed_mps, 2)


# -- reading -----------------------------------------------------------------------------------------------------------


def read_drive_log(path: Path, keys: Collection[str] | None = None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read a drive log, also one that is still written or was torn by a kill.

    Args:
        path: The file.
        keys: Keys of the rows to keep, to save memory; all by default.

    Returns:
        Header: the first line; ``town`` is text and ``route`` a list of finite [x, y] wherever they are there. Empty if
        the file has no such line.
        Rows: in file order; each has a whole ``step`` and an ``ego`` of four finite numbers (unless ``keys`` drop
        them), all else is as it was written. Other lines are skipped.

    Raises:
        DriveLogError: If the file cannot be read or is larger than any drive.
    """
    header: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise DriveLogError(f"{path} is larger than {LARGEST_FILE_BYTES // 2**20} MiB and is not read")
        with path.open("rb") as file:
            for number, line in enumerate(file):
                content = _parsed(line)
                if content is None:
                    continue
                if number == 0 and "version" in content:
                    header = _checked_header(content)
                elif _is_row(content):
                    rows.append(content if keys is None else {key: content[key] for key in keys if key in content})
    except OSError as error:
        raise DriveLogError(f"{path} cannot be read: {error.strerror}") from error
    return header, rows


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _is_row(content: dict[str, Any]) -> bool:
    return type(content.get("step")) is int and _are_numbers(content.get("ego"), 4)


def _are_numbers(values: Any, count: int) -> bool:
    """Tell whether something is a list of so many finite numbers."""
    if not isinstance(values, list) or len(values) != count:
        return False
    return all(type(value) in (int, float) and abs(value) < float("inf") for value in values)


def _checked_header(content: dict[str, Any]) -> dict[str, Any]:
    """Leave out what readers could stumble over."""
    header = dict(content)
    if not isinstance(header.get("town"), str):
        header.pop("town", None)
    route = header.get("route")
    if isinstance(route, list) and all(_are_numbers(point, 2) for point in route):
        return header
    header.pop("route", None)
    return header
