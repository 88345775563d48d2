"""Writes ``catalogue.json`` from the public route files; run it when a benchmark publishes new ones.

    python -m lead.routes.make_catalogue FOLDER

FOLDER holds ``bench2drive/``, ``longest6/``, ``longest6.xml``, ``Town13/``, ``Town13.xml`` and ``fail2drive/`` (or
``fail2drive_split/``), as in ``data/benchmark_routes``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from lead.files import write_whole
from lead.routes.catalogue import CATALOGUE_PATH, FOLDERS, content_digest, route_fingerprint
from lead.routes.model import RouteError
from lead.routes.reader import read_routes


def build_catalogue(folder: Path) -> dict[str, Any]:
    """Read all files of all benchmarks.

    Args:
        folder: Folder in the layout of ``data/benchmark_routes``.

    Returns:
        The content of ``catalogue.json``.

    Raises:
        RouteError: If a benchmark is missing, or a file of it does not hold exactly one route.
    """
    return {name: _entry(folder, folders) for name, folders in FOLDERS.items()}


def write_catalogue(data: dict[str, Any], path: Path) -> None:
    """Write the catalogue whole or not at all, one route per line so that changes can be reviewed."""
    blocks = []
    for name, entry in data.items():
        rows = ",\n".join(f"   {json.dumps(stem)}: {json.dumps(row)}" for stem, row in entry["routes"].items())
        rest = f'"combined": {json.dumps(entry["combined"])},\n  "more_fingerprints": '
        rest += json.dumps(entry["more_fingerprints"])
        blocks.append(f' {json.dumps(name)}: {{\n  "routes": {{\n{rows}\n  }},\n  {rest}\n }}')
    write_whole(path, "{\n" + ",\n".join(blocks) + "\n}\n")


def _entry(folder: Path, names: tuple[str, ...]) -> dict[str, Any]:
    home = next((folder / name for name in names if (folder / name).is_dir()), None)
    if home is None:
        raise RouteError(f"{folder} has no folder {' or '.join(names)}")
    rows: dict[str, list[str]] = {}
    for path in sorted(home.glob("*.xml")):
        routes = read_routes(path)
        if len(routes) != 1:
            raise RouteError(f"{path} holds {len(routes)} routes; a benchmark's files hold one each")
        rows[path.stem] = [route_fingerprint(routes[0]), content_digest(routes)]
    combined = folder / f"{names[0]}.xml"
    together = read_routes(combined) if combined.is_file() else []
    known = {fingerprint for fingerprint, _ in rows.values()}
    return {
        "routes": rows,
        "combined": {combined.name: content_digest(together)} if together else {},
        "more_fingerprints": sorted({route_fingerprint(route) for route in together} - known),
    }


def main() -> None:
    """Read the folder given on the command line and replace the catalogue."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder in the layout of data/benchmark_routes")
    try:
        write_catalogue(build_catalogue(parser.parse_args().folder), CATALOGUE_PATH)
    except RouteError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
