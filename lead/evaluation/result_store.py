"""The output folder of an evaluation: one file per route as the truth, a summary made from them, safe to copy.

``eval/<stem>.json`` is a complete public result file with the one record of its route, written whole once the route
has its result. ``checkpoint_endpoint.json`` is made from these files and can be made again at any time. Nothing in the
folder holds an absolute path that matters, so a copy of it, also of a running evaluation, can be resumed.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lead.errors import LeadError
from lead.evaluation.tasks import RouteTask, TaskResult
from lead.files import is_leftover, write_json
from lead.routes.bench2drive import save_name, scenario_name, weather_id
from lead.scoring.endpoint import FILE_NAME, SENSOR_ICONS, endpoint, route_endpoint
from lead.scoring.profiles import BenchmarkProfile
from lead.scoring.provenance import BLOCK, Provenance, checkpoint_block, provenance_from_json
from lead.scoring.records import RouteLabels, RouteRecord, route_record
from lead.scoring.schema import ResultError, record_from_json

LOG = logging.getLogger(__name__)

EVAL_FOLDER = "eval"
MANIFEST = "manifest.json"
SPACE_WAIT_S = float(os.environ.get("LEAD_SPACE_WAIT_S", "60"))
"""How long a full disk is waited for; an environment variable, because a test must not wait a minute."""
SPACE_POLL_S = 2.0


class StoreError(LeadError):
    """The output folder cannot be used; the text says why and what to do."""


class ResultStore:
    """Results of one evaluation in one folder.

    Attributes:
        folder: The output folder.
        records: Record, circumstances and sensors by task key, of every route that has a result.
    """

    def __init__(self, folder: Path, profile: BenchmarkProfile, tasks: Sequence[RouteTask]) -> None:
        """Describe the store; :meth:`open` prepares the folder."""
        self.folder = folder
        self.records: dict[str, tuple[RouteRecord, Provenance]] = {}
        self._sensors: list[str] = []
        self._profile = profile
        self._tasks = {task.key: task for task in tasks}

    def open(self, *, resume: bool) -> None:
        """Prepare the folder: read finished routes, or put old results aside.

        Args:
            resume: Continue what is there; otherwise an existing folder is renamed, never deleted.

        Raises:
            StoreError: If the folder cannot be written, or holds results of another profile.
        """
        if not resume:
            _put_aside(self.folder)
        try:
            (self.folder / EVAL_FOLDER).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the output folder {self.folder} cannot be made: {error.strerror}") from error
        for path in (self.folder / EVAL_FOLDER).iterdir():
            if is_leftover(path.name):
                path.unlink(missing_ok=True)
        for task in self._tasks.values():
            self._read(task)

    def is_done(self, task: RouteTask) -> bool:
        """Tell whether a route has a result that need not be driven again."""
        found = self.records.get(task.key)
        return found is not None and not found[1].infrastructure_failure

    @property
    def is_complete(self) -> bool:
        """True if every route was driven to a result."""
        return all(self.is_done(task) for task in self._tasks.values())

    def ordered_records(self) -> list[RouteRecord]:
        """Records in the order of the tasks."""
        return [self.records[key][0] for key in self._tasks if key in self.records]

    def add(self, result: TaskResult) -> RouteRecord:
        """Keep the result of a route and write it.

        Waits a minute for space if the disk is full; the result stays in memory and in the summary meanwhile.

        Raises:
            StoreError: If it cannot be written; results written before are not touched.
        """
        task, run = result.task, result.run
        if self._profile.bench2drive_records:
            run = replace(
                run,
                labels=RouteLabels(
                    scenario_name=scenario_name(task.route),
                    weather_id=weather_id(task.route),
                    save_name=save_name(run.route_id, task.route, result.started),
                    town_name=task.route.town,
                ),
            )
        record = route_record(run, task.index, self._profile.penalties)
        provenance = Provenance(
            profile=self._profile.key,
            infrastructure_failure=result.infrastructure_failure,
            attempts=result.attempts,
            scenarios=result.scenarios,
            traffic_manager_seed=task.seed,
            simulator=result.simulator,
        )
        self.records[task.key] = (record, provenance)
        self._sensors = sorted({*self._sensors, *result.sensor_types})
        path = self.folder / EVAL_FOLDER / f"{task.stem}.json"
        self._write(path, route_endpoint(record, provenance, result.sensor_types))
        self.write_summary(finished=len(self.records) == len(self._tasks))
        return record

    def write_summary(self, *, finished: bool) -> None:
        """Write ``checkpoint_endpoint.json`` from what is known.

        Raises:
            StoreError: If it cannot be written.
        """
        done = [self.records[key] for key in self._tasks if key in self.records]
        block = checkpoint_block(self._profile.key, {record.route_id: facts for record, facts in done})
        content = endpoint(
            [record for record, _ in done], len(self._tasks), self._sensors, finished=finished, lead=block
        )
        self._write(self.folder / FILE_NAME, content)

    def write_manifest(self, content: dict[str, Any]) -> None:
        """Write the manifest of this run; earlier ones of a resumed evaluation stay in its list.

        Raises:
            StoreError: If it cannot be written.
        """
        path = self.folder / MANIFEST
        runs = []
        if path.is_file():
            try:
                runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
            except (OSError, ValueError, KeyError, TypeError):
                LOG.warning("%s is not readable; it is written anew", path)
        self._write(path, {"runs": [*runs, content]})

    def _read(self, task: RouteTask) -> None:
        """Take over the result of a finished route; an unreadable file counts as missing."""
        path = self.folder / EVAL_FOLDER / f"{task.stem}.json"
        if not path.is_file():
            return
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            record = record_from_json(data["_checkpoint"]["records"][0], str(path))
            facts = provenance_from_json(data[BLOCK], f"{path}: {BLOCK}")
        except (OSError, ValueError, KeyError, IndexError, TypeError, ResultError) as error:
            LOG.warning("%s is not a result (%s); the route is driven again", path, error)
            return
        if facts.profile != self._profile.key:
            raise StoreError(
                f"{path} was driven under {facts.profile}, not {self._profile.key}; choose another --output-dir"
            )
        if record.route_id != task.route_id:
            raise StoreError(f"{path} holds {record.route_id}, not {task.route_id}; choose another --output-dir")
        self.records[task.key] = (record, facts)
        types = {icon: name for name, icon in SENSOR_ICONS.items()}
        self._sensors = sorted({*self._sensors, *(types[icon] for icon in data.get("sensors", []) if icon in types)})

    def _write(self, path: Path, content: dict[str, Any]) -> None:
        _with_space(lambda: write_json(path, content), path)


def _with_space(write: Callable[[], None], path: Path) -> None:
    """Write; on a full disk try again for a while."""
    deadline_s = time.monotonic() + SPACE_WAIT_S
    warned = False
    while True:
        try:
            write()
            return
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or time.monotonic() > deadline_s:
                raise StoreError(
                    f"{path} cannot be written: {error.strerror}; results written before are complete, continue with "
                    "--resume"
                ) from error
            if not warned:
                LOG.warning("the disk of %s is full; waiting %.0f s for space", path, SPACE_WAIT_S)
                warned = True
            time.sleep(SPACE_POLL_S)


def _put_aside(folder: Path) -> None:
    """Rename a folder that holds results of an earlier evaluation; an empty one stays."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise StoreError(f"the output folder {folder} is a file; choose another --output-dir")
    if not (folder / EVAL_FOLDER).exists() and not (folder / FILE_NAME).exists():
        return
    stamp = datetime.fromtimestamp(folder.stat().st_mtime)
    target = folder.with_name(f"{folder.name}.{stamp:%y%m%d_%H%M%S}")
    number = 1
    while target.exists():
        number += 1
        target = folder.with_name(f"{folder.name}.{stamp:%y%m%d_%H%M%S}_{number}")
    try:
        shutil.move(folder, target)
    except OSError as error:
        raise StoreError(f"the earlier results in {folder} cannot be put aside: {error.strerror}") from error
    LOG.warning("earlier results of %s were put aside as %s", folder, target.name)
