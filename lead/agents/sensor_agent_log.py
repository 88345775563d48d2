"""Saves the tensors that go into the networks, tick by tick, without stopping the drive."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lead.config.resolve import ConfigError
from lead.files import written_whole
from lead.visualization.background import BackgroundWorker

FOLDER_VARIABLE = "SAVE_PATH"
FOLDER = "input_log"
QUEUED_TICKS = 8
STALL_S = 12.0
CLOSE_S = 30.0
Batch = Mapping[str, NDArray[np.generic]]


class InputLog:
    """Writes ``input_log/NNNNN.pth`` per tick: float32 tensors by their published names, with a batch axis of 1.

    A disk that fails ends the log with one warning, not the drive.
    """

    def __init__(self, folder: Path) -> None:
        """Prepare the folder; files of a former drive in it are removed."""
        self.folder = folder
        self._worker: BackgroundWorker[tuple[int, Batch]] = BackgroundWorker(
            f"input log {folder}", self._save, capacity=QUEUED_TICKS, stall_s=STALL_S
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("[0-9]*.pth"):
                old.unlink()
        except OSError as error:
            self._worker.fail(str(error))

    @classmethod
    def of_environment(cls) -> InputLog:
        """Log into the folder of the route's artefacts, which evaluations name by a variable.

        Raises:
            ConfigError: If they do not.
        """
        if not os.environ.get(FOLDER_VARIABLE):
            raise ConfigError(f"produce_input_log needs the environment variable {FOLDER_VARIABLE}: a folder")
        return cls(Path(os.environ[FOLDER_VARIABLE]) / FOLDER)

    def write(self, tick: int, batch: Batch) -> None:
        """Save the inputs of a tick; waits while the disk is behind."""
        self._worker.put((tick, batch))

    def close(self) -> None:
        """Wait for the last files."""
        self._worker.finish(CLOSE_S)

    def _save(self, item: tuple[int, Batch]) -> None:
        tick, batch = item
        # A copy of the published files: they hold float32 throughout, images too.
        tensors = {key: torch.from_numpy(np.array(array, dtype=np.float32)) for key, array in batch.items()}
        with written_whole(self.folder / f"{tick:05d}.pth") as temporary:
            torch.save(tensors, temporary)
