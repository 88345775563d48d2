"""Where a training's numbers and pictures go: TensorBoard always, WandB on request, only from the first rank."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lead.config.training import TrainingConfig
from lead.training.errors import TrainingError

Picture = NDArray[np.uint8]


class Sink(Protocol):
    """A place for numbers and pictures."""

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Note numbers of a step by name."""
        ...

    def picture(self, name: str, picture: Picture, step: int) -> None:
        """Note a picture, (H, W, 3) RGB."""
        ...

    def close(self) -> None:
        """Write what is not yet written."""
        ...


class TensorBoardSink:
    """Event files for TensorBoard."""

    def __init__(self, folder: Path) -> None:
        """Write into a folder.

        Raises:
            TrainingError: If TensorBoard is not installed.
        """
        if importlib.util.find_spec("tensorboard") is None:
            raise TrainingError("trainings are logged with TensorBoard: pip install tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder))

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Note numbers."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def picture(self, name: str, picture: Picture, step: int) -> None:
        """Note a picture."""
        self._writer.add_image(name, picture, step, dataformats="HWC")

    def close(self) -> None:
        """Write everything."""
        self._writer.close()


class WandbSink:
    """A run at WandB."""

    def __init__(self, config: TrainingConfig, saved_config: Mapping[str, Any]) -> None:
        """Begin or go on with the run.

        Raises:
            TrainingError: If WandB is not installed.
        """
        if importlib.util.find_spec("wandb") is None:
            raise TrainingError("log_wandb=true needs WandB: pip install wandb")
        import wandb  # type: ignore[import-not-found, unused-ignore]

        self._wandb: Any = wandb
        self._run: Any = wandb.init(
            project=config.wandb_project_name,
            name=config.description or None,
            id=config.wandb_id,
            resume=config.wandb_resume,
            config=dict(saved_config),
            dir=str(config.folder),
        )

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Note numbers."""
        self._run.log(dict(values), step=step)

    def picture(self, name: str, picture: Picture, step: int) -> None:
        """Note a picture."""
        self._run.log({name: self._wandb.Image(picture)}, step=step)

    def close(self) -> None:
        """Send everything."""
        self._run.finish()


class RunLog:
    """All sinks of a training together; none on ranks but the first."""

    def __init__(self, sinks: list[Sink]) -> None:
        """Write to some sinks."""
        self._sinks = sinks

    @classmethod
    def of(cls, config: TrainingConfig, saved_config: Mapping[str, Any]) -> RunLog:
        """Open the sinks that a configuration wants.

        Raises:
            TrainingError: If one of them is not installed.
        """
        sinks: list[Sink] = [TensorBoardSink(config.folder)]
        if config.log_wandb:
            sinks.append(WandbSink(config, saved_config))
        return cls(sinks)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Note numbers of a step by name."""
        for sink in self._sinks:
            sink.scalars(values, step)

    def picture(self, name: str, picture: Picture, step: int) -> None:
        """Note a picture, (H, W, 3) RGB."""
        for sink in self._sinks:
            sink.picture(name, picture, step)

    def close(self) -> None:
        """Write what is not yet written."""
        for sink in self._sinks:
            sink.close()
