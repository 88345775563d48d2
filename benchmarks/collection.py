"""Measure a collection: saved frames per second with one and with more workers, size of a frame.

Run from the project root: ``python benchmarks/collection.py [--quick] [--json FILE]``. Routes of our
own suites are driven as users collect, by ``lead collect`` with all modalities of the published rig and its twin. The
rate counts from the first to the last saved frame of all workers, so that starting is left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from common import parse_options, report

from lead.dataset.layout import find_routes
from lead.routes.reader import read_routes

SUITE = Path("data/routes/suites/smoke.xml")
TOWNS = ("Town01", "Town02", "Town03", "Town05")
ROUTES_PER_WORKER = 3
QUICK_S = 40.0
LIMIT_S = 240.0
MAX_WORKERS = 16


def write_routes(folder: Path, count: int) -> Path:
    """Write one file per route of the smoke suite, towns mixed."""
    text = SUITE.read_text(encoding="utf-8")
    names = [route.id for route in read_routes(SUITE) if route.town in TOWNS]
    folder.mkdir()
    for name in names[:: max(len(names) // count, 1)][:count]:
        start = text.index(f'<route id="{name}"')
        end = text.index("</route>", start) + len("</route>")
        (folder / f"{name}.xml").write_text(f"<routes>{text[start:end]}</routes>", encoding="utf-8")
    return folder


class Rate(NamedTuple):
    """What a collection achieved."""

    frames: int
    frames_per_s: float
    mb_per_frame: float


def collect(routes: Path, out: Path, workers: int, limit_s: float) -> Rate:
    """Collect and measure; after the limit the collection is stopped, complete or not."""
    command = [sys.executable, "-m", "lead", "collect", str(routes), "--out", str(out), "--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.terminate()
    places = find_routes(out)
    pictures = sorted(path.stat().st_mtime for place in places for path in (place.folder / "rgb").glob("*.jpg"))
    size = sum(path.stat().st_size for place in places for path in place.folder.rglob("*.*") if path.is_file())
    return Rate(len(pictures), (len(pictures) - 1) / (pictures[-1] - pictures[0]), size / len(pictures) / 1e6)


def main() -> None:
    """Run the benchmark."""
    options = parse_options(__doc__ or "")
    counts = [1] if options.quick else sorted({1, 2, min(os.cpu_count() or 1, MAX_WORKERS)})
    rows: dict[str, tuple[float, str]] = {}
    for count in counts:
        with tempfile.TemporaryDirectory() as scratch:
            routes = write_routes(Path(scratch) / "routes", ROUTES_PER_WORKER * count)
            found = collect(routes, Path(scratch) / "out", count, QUICK_S if options.quick else LIMIT_S)
        rows[f"saved_frames_per_s_{count}"] = found.frames_per_s, f"{found.frames} frames, all modalities"
        rows["mb_per_frame"] = found.mb_per_frame, "MB on disk"
    report("Collection", rows, options.json)


if __name__ == "__main__":
    main()
