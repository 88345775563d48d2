"""A simulated route recorded with NAVSIM's cameras, as `lead collect` with target_dataset=4 records it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from recording_support import PERFECT, make_boxes, make_frame
from sample_support import ROUTE, plan_meta

from lead.dataset.frame import Frame
from lead.dataset.route_writer import RouteWriter

ROWS, COLUMNS = 280, 1920
FRAMES = 20
"""One before the first sample, three samples, and 16 that the last of them looks ahead."""


def stored_semantics() -> np.ndarray:
    """Classes by row, but the lowest ten rows, which networks do not see, of a class of their own."""
    rows = np.arange(ROWS, dtype=np.uint8)[:, None] // 35
    rows[270:] = 9
    return np.ascontiguousarray(np.broadcast_to(rows, (ROWS, COLUMNS)))


def navsim_frame(seed: int) -> Frame:
    """A frame with pictures of NAVSIM's cameras."""
    semantics = stored_semantics()
    rgb = np.repeat(semantics[..., None] * np.uint8(20), 3, axis=2)
    depth = np.full((ROWS // 4, COLUMNS // 4), 51, np.uint8)
    pictures = {"rgb": rgb, "semantics": semantics, "depth": depth}
    return dataclasses.replace(
        make_frame(seed), **pictures, **{f"{name}_perturbated": picture for name, picture in pictures.items()}
    )


def record_for_mixture(root: Path, route: str = ROUTE, frames: int = FRAMES) -> Path:
    """Record a route below a root."""
    with RouteWriter(root / route) as writer:
        for step in range(5 * frames - 4):
            writer.append(step, make_boxes(step), plan_meta(step))
            if step % 5 == 0:
                writer.save(step, navsim_frame(step))
        writer.finish(PERFECT)
    return root / route
