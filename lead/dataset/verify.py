"""Checks recorded routes: what is missing, cut off or does not fit together; each finding is one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from lead.dataset.acceptance import read_results
from lead.dataset.decode import read_content, read_labels
from lead.dataset.errors import DatasetError
from lead.dataset.frame import Content, PointCloud
from lead.dataset.journal import is_being_written
from lead.dataset.layout import (
    BOXES,
    FOLDERS,
    JOURNAL_NAME,
    LABELS,
    METAS,
    MODALITIES,
    PERTURBATED,
    RESULTS_NAME,
    frame_path,
    is_complete,
    numbered_frames,
)
from lead.dataset.schema import box_faults, meta_faults

Kind = Literal["incomplete", "missing", "damaged", "inconsistent"]
CLASSES, MAP_VALUES = 10, frozenset(range(9))


@dataclass(frozen=True)
class Finding:
    """Something wrong with a route.

    Attributes:
        kind: "incomplete": not recorded to its end, everything that is there is whole; "missing": a file that must be
            there is not; "damaged": a file cannot be read; "inconsistent": files do not fit together or the format.
        place: File or folder.
        text: One sentence without the place.
    """

    kind: Kind
    place: Path
    text: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.place}: {self.text} [{self.kind}]"


def verify_route(route_dir: Path, *, strict: bool = False, deep: bool = True) -> list[Finding]:
    """Check one route.

    Args:
        route_dir: Its folder.
        strict: Whether labels must have every key of the format, not only those that a loader cannot do without.
        deep: Whether every file is read; otherwise only names are compared and the first frame is read.

    Returns:
        Findings; none for a complete and faultless route.
    """
    findings = list(_check_end(route_dir))
    findings += _check_frames(route_dir, complete=is_complete(route_dir))
    shapes: dict[str, tuple[int, ...]] = {}
    for folder in FOLDERS:
        frames = numbered_frames(route_dir, folder)
        for frame in frames if deep else frames[:1]:
            findings += _check_file(route_dir, folder, frame, strict, shapes)
    return findings


def verify_routes(
    routes: list[Path], *, strict: bool = False, deep: bool = True, workers: int = 1
) -> Iterator[tuple[Path, list[Finding]]]:
    """Check routes one after the other, or several at once; yields them in order."""
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(verify_route, route, strict=strict, deep=deep) for route in routes]
        try:
            for route, job in zip(routes, jobs, strict=True):
                yield route, job.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _check_end(route_dir: Path) -> Iterator[Finding]:
    if is_complete(route_dir):
        try:
            read_results(route_dir)
        except DatasetError as error:
            yield Finding("damaged", route_dir / RESULTS_NAME, _without_place(error, route_dir / RESULTS_NAME))
        return
    journal = route_dir / JOURNAL_NAME
    if is_being_written(journal):
        yield Finding("incomplete", route_dir, "the route is still being recorded")
    elif journal.exists():
        yield Finding(
            "incomplete", route_dir, "its recording was interrupted; `lead dataset recover` saves the labels so far"
        )
    else:
        yield Finding("incomplete", route_dir, f"it has no {RESULTS_NAME}")


def _check_frames(route_dir: Path, *, complete: bool) -> Iterator[Finding]:
    """Compare the numbers of the frames in all folders."""
    frames = {folder: set(numbered_frames(route_dir, folder)) for folder in FOLDERS}
    if not complete:
        return  # folders grow one after the other, and labels come last
    wanted = set().union(*frames.values())
    if not wanted:
        yield Finding("missing", route_dir, "it has no frames")
    if wanted and wanted != set(range(max(wanted) + 1)):
        gap = min(set(range(max(wanted) + 1)) - wanted)
        yield Finding("missing", route_dir, f"frame {gap} is missing in all folders")
    has_twin = any(present for folder, present in frames.items() if folder.endswith(PERTURBATED))
    for folder, present in frames.items():
        if lacking := sorted(wanted - present):
            if not present and folder in MODALITIES:
                if has_twin and (partner := _partner(folder)) is not None and frames[partner]:
                    yield Finding("missing", route_dir / folder, f"it is empty, but {partner} has files")
                continue  # a sensor that was not recorded
            more = f" and {len(lacking) - 1} more are" if len(lacking) > 1 else " is"
            yield Finding("missing", frame_path(route_dir, folder, lacking[0]), f"this file{more} missing")


def _partner(folder: str) -> str | None:
    """Return the folder of the other rig, if the modality has two."""
    other = folder.removesuffix(PERTURBATED) if folder.endswith(PERTURBATED) else folder + PERTURBATED
    return other if other in MODALITIES else None


def _check_file(
    route_dir: Path, folder: str, frame: int, strict: bool, shapes: dict[str, tuple[int, ...]]
) -> Iterator[Finding]:
    path = frame_path(route_dir, folder, frame)
    try:
        if folder in LABELS:
            labels = read_labels(path)
            faults = {METAS: meta_faults, BOXES: box_faults}[folder](labels, strict=strict)
        else:
            faults = _content_faults(folder, read_content(path, folder), shapes)
        yield from (Finding("inconsistent", path, fault) for fault in faults)
    except DatasetError as error:
        yield Finding("damaged", path, _without_place(error, path))


def _content_faults(folder: str, content: Content, shapes: dict[str, tuple[int, ...]]) -> Iterator[str]:
    """Say what is wrong with something that could be read."""
    if isinstance(content, PointCloud):
        if not np.isfinite(content.points_ego).all():
            yield "it has points without a place"
        return
    if not isinstance(content, np.ndarray):
        for name, points in content.items():
            if points.dtype != np.float16 or points.ndim != 2 or points.shape[1] != 4:
                yield f"{name} is {points.dtype} {points.shape}, not float16 (n, 4)"
        return
    first = shapes.setdefault(folder.removesuffix(PERTURBATED), content.shape)
    if content.shape != first:
        yield f"the image is {content.shape}, others of the route are {first}"
    if folder.startswith("semantics") and content.max(initial=0) >= CLASSES:
        yield f"it has pixels of class {content.max()}; there are {CLASSES}"
    if folder.startswith("hdmap") and not MAP_VALUES.issuperset(np.unique(content).tolist()):
        yield f"it has pixels of value {content.max()}; there are {len(MAP_VALUES)}"


def _without_place(error: DatasetError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ").removeprefix(f"{path} ")
