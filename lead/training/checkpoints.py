"""Checkpoints: the published files of each epoch, and beside them all that a training needs to go on bit by bit.

    <logdir>/config.json
    <logdir>/model_0007.pth  optimizer_0007.pth  scheduler_0007.pth  state_0007.pt     after epoch 7
    <logdir>/midway_00012345.pt                                                        within an epoch, all in one
    <logdir>/best/config.json, model_0005.pth                                          best so far by validation

Each file is written under another name first. ``state_*.pt`` is the last of its epoch: where it is, the others are.
"""

from __future__ import annotations

import json
import logging
import pickle
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lead.config.published import FILE_NAME
from lead.dataset.files import write_file
from lead.files import written_whole
from lead.training.errors import TrainingError

LOG = logging.getLogger(__name__)

BEST = "best"
_PARTS = ("model", "optimizer", "scheduler")
FINISHED_EPOCH = "finished_epoch"
"""The only entry of the state of a published checkpoint."""
_MODEL = re.compile(r"model_(\d{4,6})(?:_\d{1,6})?\.pth")
_STATE = re.compile(r"state_(\d{4,6})\.pt")
_MIDWAY = re.compile(r"midway_(\d{8,12})\.pt")


@dataclass(frozen=True)
class Saved:
    """All of a training at one moment.

    Attributes:
        model: The network's state dict.
        optimizer: The optimiser's.
        scheduler: Step and learning rate, as published schedulers save them.
        state: Everything else; plain values and tensors only.
    """

    model: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]
    scheduler: Mapping[str, Any]
    state: Mapping[str, Any]


class CheckpointFolder:
    """The checkpoints of a log folder."""

    def __init__(self, folder: Path, *, keep: int = 1, keep_for_good: tuple[int, ...] = ()) -> None:
        """Use a folder, which is made if need be.

        Args:
            folder: The log folder.
            keep: Newest epochs to keep.
            keep_for_good: Epochs whose weights are never deleted.
        """
        self.folder = folder
        self._keep, self._keep_for_good = keep, frozenset(keep_for_good)
        folder.mkdir(parents=True, exist_ok=True)

    def save_epoch(self, saved: Saved, epoch: int) -> None:
        """Save after an epoch, and delete what is older than wanted."""
        for part in _PARTS:
            save(self.folder / f"{part}_{epoch:04d}.pth", getattr(saved, part))
        save(self.folder / f"state_{epoch:04d}.pt", dict(saved.state))
        self._delete_old()
        for _, path in self._midways():
            path.unlink(missing_ok=True)

    def save_midway(self, saved: Saved, step: int) -> None:
        """Save within an epoch; the one before is deleted."""
        path = self.folder / f"midway_{step:08d}.pt"
        save(path, {part: dict(getattr(saved, part)) for part in (*_PARTS, "state")})
        for _, other in self._midways():
            if other != path:
                other.unlink(missing_ok=True)

    def save_best(self, model: Mapping[str, Tensor], epoch: int, config: Mapping[str, Any] | None = None) -> None:
        """Save the best weights so far as a checkpoint folder of their own.

        Args:
            model: The weights.
            epoch: Their epoch.
            config: Content of its ``config.json``; None for that of the log folder.
        """
        best = self.folder / BEST
        best.mkdir(exist_ok=True)
        if config is None:
            shutil.copyfile(self.folder / FILE_NAME, best / FILE_NAME)
        else:
            write_file(best / FILE_NAME, json.dumps(config, indent=4).encode())
        path = best / f"model_{epoch:04d}.pth"
        save(path, model)
        for other in best.glob("model_*.pth"):
            if other != path:
                other.unlink()

    def newest(self) -> Saved | None:
        """Read the newest checkpoint that can be read; None if there is none.

        Raises:
            TrainingError: If there are some and none can be read.
        """
        candidates: list[tuple[int, Path]] = [*self._midways()]
        for _, path in self._epochs():
            try:
                candidates.append((int(read(path)["step"]), path))
            except (TrainingError, KeyError) as error:
                LOG.warning("%s is passed over: %s", path, error)
        faults = []
        for _, path in sorted(candidates, reverse=True):
            try:
                return self._read(path)
            except TrainingError as error:
                LOG.warning("%s is passed over", error)
                faults.append(str(error))
        if faults:
            raise TrainingError(f"no checkpoint in {self.folder} can be read: {faults[0]}")
        return self._published()

    def _published(self) -> Saved | None:
        """Read what the public trainer leaves after an epoch: no state, so the next epoch begins from its weights.

        Raises:
            TrainingError: If there are weights but no optimiser beside them.
        """
        epochs = _numbered(self.folder, _MODEL)
        if not epochs:
            return None
        epoch, path = epochs[-1]
        LOG.warning("%s has no state beside it: going on after its epoch, with other random numbers", path)
        ending = path.stem.removeprefix("model_")
        return Saved(read(path), read(self.folder / f"optimizer_{ending}.pth"), {}, {FINISHED_EPOCH: epoch})

    def _read(self, path: Path) -> Saved:
        if _MIDWAY.fullmatch(path.name):
            parts = read(path)
            return Saved(**{part: parts[part] for part in (*_PARTS, "state")})
        ending = path.stem.removeprefix("state_")
        parts = {part: read(self.folder / f"{part}_{ending}.pth") for part in _PARTS}
        return Saved(**parts, state=read(path))

    def _epochs(self) -> list[tuple[int, Path]]:
        return _numbered(self.folder, _STATE)

    def _midways(self) -> list[tuple[int, Path]]:
        return _numbered(self.folder, _MIDWAY)

    def _delete_old(self) -> None:
        for epoch, path in self._epochs()[: -self._keep]:
            path.unlink(missing_ok=True)  # first: what has no state is no checkpoint to go on from
            for part in _PARTS:
                if part != "model" or epoch not in self._keep_for_good:
                    (self.folder / f"{part}_{epoch:04d}.pth").unlink(missing_ok=True)


def save(path: Path, content: Any) -> None:
    """Write a file whole or not at all; tensors are saved on the CPU and without what they are views of.

    Raises:
        TrainingError: If the disk refuses.
    """
    try:
        with written_whole(path, sync=True) as temporary, temporary.open("wb") as file:
            torch.save(_detached(content), file)
    except (OSError, RuntimeError) as error:  # a full disk is a RuntimeError in torch's writer
        raise TrainingError(f"{path} cannot be written: {str(error).splitlines()[0]}") from error


def read(path: Path) -> dict[str, Any]:
    """Read a file that :func:`save` wrote, without running code from it.

    Raises:
        TrainingError: If it is damaged or missing.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise TrainingError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise TrainingError(f"{path} holds no checkpoint")
    return content


def _numbered(folder: Path, pattern: re.Pattern[str]) -> list[tuple[int, Path]]:
    found = ((pattern.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)


def _detached(content: Any) -> Any:
    if isinstance(content, Tensor):
        on_cpu = content.detach().to("cpu")
        return on_cpu.clone() if on_cpu.untyped_storage().nbytes() != on_cpu.nbytes else on_cpu
    if isinstance(content, Mapping):
        return {key: _detached(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(_detached(value) for value in content)
    return content
