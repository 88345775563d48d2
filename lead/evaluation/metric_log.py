"""``metric_info.json``: the ego's motion tick by tick, from which Bench2Drive computes comfort and efficiency."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from lead.files import write_whole

LOG = logging.getLogger(__name__)

FILE_NAME = "metric_info.json"
ROWS_PER_WRITE = 200
"""Ten seconds of driving: the whole file is rewritten each time, and a killed drive loses no more than this."""


class MetricLog:
    """Keeps the file of one route; a failing disk is reported once and does not end the drive."""

    def __init__(self, path: Path) -> None:
        """Start an empty file.

        Args:
            path: File to write.
        """
        self._path = path
        self._rows: list[str] = []
        self._warned = False
        self._write()

    def add(self, row: Mapping[str, list[float]]) -> None:
        """Append the values of the next tick; the first one has the number 1."""
        self._rows.append(f'"{len(self._rows) + 1}": {json.dumps(dict(row))}')
        if len(self._rows) % ROWS_PER_WRITE == 0:
            self._write()

    def close(self) -> None:
        """Write what is not written yet."""
        self._write()

    def _write(self) -> None:
        try:
            write_whole(self._path, "{" + ",\n".join(self._rows) + "}\n")
        except OSError as error:
            if not self._warned:
                LOG.warning("%s cannot be written, the drive goes on: %s", self._path, error)
            self._warned = True
