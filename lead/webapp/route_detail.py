"""Everything about one route, as the page of a route shows it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lead.evaluation.drive_log import FILE_NAME as DRIVE_LOG
from lead.evaluation.metric_log import FILE_NAME as METRICS
from lead.webapp.errors import NotFoundError
from lead.webapp.evaluation_routes import (
    RouteParts,
    is_being_driven,
    problems_of,
    recorded,
    route_parts,
    scenarios_of,
    title_of,
    town_of,
)
from lead.webapp.infraction_kinds import KINDS
from lead.webapp.root_folder import RootFolder
from lead.webapp.route_folders import Recording, ShownInfraction, all_infractions
from lead.webapp.route_results import FoundResult
from lead.webapp.video_files import clip_url, clips_of, probe, video_url, videos_of

SIMULATION_FPS = 20.0


def route_detail(root: RootFolder, evaluation: Path, name: str) -> dict[str, Any]:
    """Describe a route.

    Args:
        root: Folder that may be shown.
        evaluation: Folder of the evaluation, inside of it.
        name: Name of the route's row.

    Returns:
        JSON data.

    Raises:
        RequestError: If the evaluation has no such route.
    """
    part = find_route(root, evaluation, name)
    recording, facts = recorded(part)
    found = part.found
    result = found.result if found is not None else None
    place = root.relative(evaluation)
    infractions = all_infractions(recording, result.record if result is not None else None)
    return {
        "dir": place,
        "route": part.name,
        "title": title_of(part),
        "folder": str(part.folder or evaluation),
        "has_folder": part.folder is not None,
        "video_fps": recording.video_fps,
        "infractions": [_infraction_json(each) for each in infractions],
        "record": _record_json(found),
        "success": found.success if found is not None else None,
        "scenarios": list(scenarios_of(facts, found)),
        "town": town_of(facts, found),
        "is_live": is_being_driven(part),
        "infrastructure_failed": result is not None and result.infrastructure_failed,
        "has_drive_log": DRIVE_LOG in part.listing.files,
        "has_metrics": METRICS in part.listing.files,
        "videos": [] if part.folder is None else _videos_json(part.folder, recording, place, part.name),
        "clips": [] if part.folder is None else _clips_json(part.folder, place, part.name),
        "problems": problems_of(part, recording),
    }


def find_route(root: RootFolder, evaluation: Path, name: str) -> RouteParts:
    """Return a route of an evaluation.

    Raises:
        RequestError: If it has none of that name, or the name leaves the evaluation.
    """
    parts, _ = route_parts(root, evaluation)
    for part in parts:
        if part.name == name:
            return part
    root.folder(name, evaluation)  # says why not, for paths that must not or cannot be opened
    raise NotFoundError(f"there is no route {name!r} in {evaluation.name}")


def _infraction_json(each: ShownInfraction) -> dict[str, Any]:
    entry, kind = each.entry, KINDS[each.kind]
    return {
        "step": entry.step if each.has_step else None,
        "frame": entry.frame,
        "kind": each.kind,
        "label": kind.label,
        "counted": kind.counted,
        "infraction": entry.infraction,
        "event_type": entry.event_type,
        "message": entry.message,
        "meters_travelled": entry.meters_travelled if each.has_step else None,
    }


def _record_json(found: FoundResult | None) -> Mapping[str, Any] | None:
    if found is None or found.result is None:
        return None
    record = found.result.record.as_json()
    return record if found.has_scores else {**record, "scores": {}}


def _videos_json(folder: Path, recording: Recording, place: str, name: str) -> list[dict[str, Any]]:
    videos = []
    for kind, path in videos_of(folder):
        with contextlib.suppress(OSError):  # gone since the folder was listed
            status = path.stat()
            facts = probe(path)
            fps = facts.fps or recording.video_fps
            # The top-down video has a rate of its own.
            told = recording.ticks_per_frame if kind != "topdown" else None
            ticks = told or max(1, round(SIMULATION_FPS / fps) if fps else 1)
            videos.append(
                {
                    "kind": kind,
                    "file": path.name,
                    "url": video_url(kind, place, name),
                    "size": status.st_size,
                    "modified_s": status.st_mtime,
                    "fps": fps,
                    "duration_s": facts.duration_s,
                    "start_s": facts.start_s,
                    "width": facts.width,
                    "height": facts.height,
                    "codec": facts.codec,
                    "ticks_per_frame": ticks,
                    "problem": facts.problem,
                }
            )
    return videos


def _clips_json(folder: Path, place: str, name: str) -> list[dict[str, Any]]:
    clips = []
    for path in clips_of(folder):
        with contextlib.suppress(OSError):  # deleted since the folder was listed
            status = path.stat()
            url = clip_url(path.name, place, name)
            clips.append({"name": path.name, "url": url, "size": status.st_size, "modified_s": status.st_mtime})
    return clips
