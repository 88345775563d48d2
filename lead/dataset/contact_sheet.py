"""Many moments of a route on one page, with everything that sensors of both rigs saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import DatasetError
from lead.dataset.files import write_file
from lead.dataset.frame_view import draw_boxes_in_cameras, draw_map
from lead.dataset.layout import PERTURBATED
from lead.dataset.reader import RouteReader
from lead.visualization import style
from lead.visualization.debug_view import colorize
from lead.visualization.palettes import SEMANTIC_COLORS
from lead.visualization.text import draw_text

ROWS = 6
STRIP_WIDTH_PX, MAP_HEIGHT_PX = 576, 192
GAP_PX, HEAD_PX, LABEL_PX = 6, 40, 20


def draw_contact_sheet(reader: RouteReader, rows: int = ROWS) -> NDArray[np.uint8]:
    """Draw moments evenly spread over a route, one per row.

    A row shows, for the ego and below it for the twin rig: cameras (with boxes), classes, depth, map.

    Args:
        reader: The route.
        rows: Moments to show.

    Returns:
        (h, w, 3) uint8 RGB.

    Raises:
        DatasetError: If the route has no labelled frame, or a file is damaged.
    """
    if not reader.frames:
        raise DatasetError(f"{reader.route_dir} has no labelled frames; `lead dataset recover` may save some")
    chosen = np.unique(np.linspace(0, len(reader.frames) - 1, min(rows, len(reader.frames))).round().astype(int))
    bands = [_band(reader, reader.frames[int(index)]) for index in chosen]
    width = max(band.shape[1] for band in bands)
    head = np.full((HEAD_PX, width, 3), style.PANEL, np.uint8)
    draw_text(head, f"{reader.scenario} / {reader.route_dir.name}", GAP_PX, 12, 13, style.TEXT, weight=1.4)
    page: list[NDArray[np.uint8]] = [head]
    for band in bands:
        filler = np.full((band.shape[0], width - band.shape[1], 3), style.PANEL, np.uint8)
        page.append(np.concatenate([band, filler], axis=1))
    return np.concatenate(page)


def write_contact_sheet(reader: RouteReader, path: Path, rows: int = ROWS) -> None:
    """Draw a contact sheet into a PNG or JPEG file.

    Raises:
        DatasetError: As :func:`draw_contact_sheet`, or if the file cannot be written.
    """
    page = draw_contact_sheet(reader, rows)
    try:
        is_done, data = cv2.imencode(path.suffix or ".png", cv2.cvtColor(page, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise DatasetError(f"{path} has no ending of a picture; write .png or .jpg") from error
    if not is_done:
        raise DatasetError(f"the contact sheet of {reader.route_dir} cannot be encoded")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{path.parent} cannot be made ({error.strerror})") from error
    write_file(path, data.tobytes())


def _band(reader: RouteReader, frame: int) -> NDArray[np.uint8]:
    meta, boxes = reader.meta(frame), reader.boxes(frame)
    views = [view for view in ("", PERTURBATED) if reader.has(f"rgb{view}", frame)] or [""]
    lines = [_line(reader, frame, view, meta, boxes) for view in views]
    width = max(line.shape[1] for line in lines)
    label = np.full((LABEL_PX, width, 3), style.PANEL_LINE, np.uint8)
    speed, aim = float(meta.get("speed", 0.0)), float(meta.get("target_speed", 0.0))
    text = f"frame {frame}   {meta.get('weather_setting')}   {speed:.1f} m/s, aims at {aim:.1f}   {len(boxes)} boxes"
    draw_text(label, text, GAP_PX, 5, 10, style.TEXT)
    padded = [np.pad(line, ((0, GAP_PX), (0, width - line.shape[1]), (0, 0))) for line in lines]
    return np.concatenate([label, *padded])


def _line(
    reader: RouteReader, frame: int, view: str, meta: dict[str, Any], boxes: Sequence[dict[str, Any]]
) -> NDArray[np.uint8]:
    """Pictures of one rig side by side, all of the height of the camera strip."""
    pictures = []
    for folder in ("rgb", "semantics", "depth"):
        if reader.has(folder + view, frame):
            picture = np.asarray(reader.read(folder + view, frame))
            if folder == "semantics":
                picture = colorize(picture, SEMANTIC_COLORS)
            elif folder == "depth":
                shade = (picture if picture.dtype == np.uint8 else picture >> 8).astype(np.uint8)
                picture = np.asarray(cv2.applyColorMap(255 - shade, cv2.COLORMAP_TURBO)[..., ::-1])
            elif not view:
                picture = picture.copy()
                draw_boxes_in_cameras(picture, boxes, meta)
            height = round(STRIP_WIDTH_PX * picture.shape[0] / picture.shape[1])
            kind = cv2.INTER_NEAREST if folder == "semantics" else cv2.INTER_AREA
            pictures.append(np.asarray(cv2.resize(picture, (STRIP_WIDTH_PX, height), interpolation=kind), np.uint8))
    height = max((picture.shape[0] for picture in pictures), default=MAP_HEIGHT_PX)
    ground = draw_map(reader, frame, view)
    if ground is not None:
        width = round(ground.shape[1] * height / ground.shape[0])
        pictures.append(np.asarray(cv2.resize(ground, (width, height), interpolation=cv2.INTER_AREA), np.uint8))
    gap = np.zeros((height, GAP_PX, 3), np.uint8)
    return np.concatenate([part for picture in pictures for part in (picture, gap)] or [gap], axis=1)
