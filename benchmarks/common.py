"""What all benchmark scripts share: options, the machine line, a table, a JSON file."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lead.files import write_whole


def parse_options(description: str) -> argparse.Namespace:
    """``--quick`` (smaller, same meaning, under 50 s) and ``--json FILE``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="smaller run, under 50 s on 2 cores")
    parser.add_argument("--json", type=Path, help="write metric name to number, plus the machine")
    return parser.parse_args()


def machine() -> str:
    """Processor, cores and Python in a few words."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def report(title: str, rows: Mapping[str, tuple[float, str]], json_path: Path | None, **texts: str) -> None:
    """Print metrics as a table and write them as one flat JSON object.

    Args:
        title: Heading of the table.
        rows: Metric name to value and a remark (unit, comparison).
        json_path: File to write, or None.
        texts: Further entries of the file that are no numbers.
    """
    table = Table("metric", "value", "", title=f"{title} on {machine()}")
    for name, (value, remark) in rows.items():
        table.add_row(name, f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}", remark)
    Console().print(table)
    if json_path is None:
        return
    content = {name: value for name, (value, _) in rows.items()} | texts | {"machine": machine()}
    write_whole(json_path, json.dumps(content, indent=1))
