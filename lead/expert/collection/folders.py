"""The folders of a collection: every task keeps the one it has, however often it is driven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lead.dataset.acceptance import read_results, rejection
from lead.dataset.layout import RouteName, is_complete
from lead.evaluation.tasks import RouteTask
from lead.expert.collection.plan import scenario_folder
from lead.maps.towns import canonical_name
from lead.routes.reader import read_routes

DATA, RESULTS = "data", "results"


@dataclass(frozen=True)
class _Key:
    """What names a task's folder but for the moment of its start."""

    scenario: str
    town: str
    repetition: int
    stem: str
    index: int


class RecordingFolders:
    """Where the tasks of a collection are recorded.

    A task that was driven before goes into the folder that it had; others get a new one at their first start.
    """

    def __init__(self, root: Path, tasks: Sequence[RouteTask]) -> None:
        """Describe the collection; folders of earlier starts are looked for when the first one is asked for.

        Args:
            root: Root of the data set; routes lie in ``data/<scenario>/<name>``.
            tasks: The collection.
        """
        self.root = root
        self._folders: dict[str, Path] | None = None
        indices: dict[Path, dict[str, int]] = {}
        self._keys: dict[str, _Key] = {}
        for task in tasks:
            own = indices.setdefault(task.routes_file, {})
            if not own:
                own.update((route.id, number) for number, route in enumerate(read_routes(task.routes_file)))
            town = canonical_name(task.route.town)
            key = _Key(scenario_folder(task.route), town, task.repetition, task.routes_file.stem, own[task.route.id])
            self._keys[task.key] = key

    def of(self, task: RouteTask) -> Path:
        """Return the folder of a task; the name of a new one holds the present moment."""
        known = self._known()
        if task.key not in known:
            key = self._keys[task.key]
            name = RouteName.at(key.town, key.repetition, key.stem, key.index, datetime.now())
            known[task.key] = self.root / DATA / key.scenario / str(name)
        return known[task.key]

    def fresh(self, task: RouteTask) -> Path:
        """Return a folder for another drive of a task: its own, or a new one beside a complete recording."""
        if self.is_complete(task):
            del self._known()[task.key]
        return self.of(task)

    def is_complete(self, task: RouteTask) -> bool:
        """Tell whether a task was recorded to its end."""
        folder = self._known().get(task.key)
        return folder is not None and is_complete(folder)

    def rejection(self, task: RouteTask) -> str | None:
        """Say why a complete recording must not be learnt from; None if it may."""
        return rejection(read_results(self.of(task)))

    def _known(self) -> dict[str, Path]:
        if self._folders is None:
            found = _existing(self.root / DATA)
            self._folders = {name: found[key] for name, key in self._keys.items() if key in found}
        return self._folders


def _existing(data: Path) -> dict[_Key, Path]:
    """Find recorded routes; a complete one comes before an interrupted one of the same task."""
    found: dict[_Key, Path] = {}
    for folder in sorted(data.glob("*/*")):
        name = RouteName.parse(folder.name)
        if name is None or not folder.is_dir():
            continue
        key = _Key(folder.parent.name, name.town, name.repetition, name.stem, name.index)
        if key not in found or is_complete(folder):
            found[key] = folder
    return found
