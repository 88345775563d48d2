"""Opens published checkpoint folders: ``config.json`` and one file of weights per seed.

    <folder>/config.json
    <folder>/model_0030_0.pth  model_0030_1.pth  model_0030_2.pth

Weights are read without ever running code from the file. Which network they belong to is worked out from their shapes
and checked against the configuration, and every missing or unexpected tensor is named.
"""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lead.config.published import FILE_NAME, PublishedConfig, read_published_config
from lead.config.resolve import ConfigError
from lead.inference.errors import CheckpointError
from lead.models.transfuser.architecture import Architecture, ArchitectureError
from lead.models.transfuser.describe import architecture_of_checkpoint
from lead.models.transfuser.network import Transfuser

LOG = logging.getLogger(__name__)

_NAME = re.compile(r"model_(\d{1,6})(?:_(\d{1,6}))?\.pth")
_NAMED_KEYS = 8


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder, opened.

    Attributes:
        directory: The folder.
        config: Its configuration.
        architecture: The network of all its members.
        files: Files of the chosen members, by seed in rising order.
    """

    directory: Path
    config: PublishedConfig
    architecture: Architecture
    files: Mapping[int, Path]

    def load_models(self, *, strict: bool = True) -> list[Transfuser]:
        """Load the members.

        Args:
            strict: Refuse files that lack a tensor or have one too many; otherwise only a warning names them.

        Returns:
            Networks on the CPU in float32 and evaluation mode, in the order of the seeds.

        Raises:
            CheckpointError: If a file is damaged or does not fit.
        """
        return [_load_model(path, self.architecture, self.config, strict=strict) for path in self.files.values()]


def open_checkpoint(
    directory: str | Path, *, seeds: Sequence[int] | None = None, max_models: int | None = None
) -> Checkpoint:
    """Open a checkpoint folder; of the weights only names and shapes are looked at.

    Args:
        directory: The folder.
        seeds: Members to use; all by default.
        max_models: Use at most so many, lowest seeds first.

    Raises:
        CheckpointError: If the folder, its configuration or its weights cannot be used, or a seed is not there.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise CheckpointError(f"the checkpoint folder {folder} does not exist")
    try:
        config = read_published_config(folder / FILE_NAME)
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
    files = choose_files(folder, seeds=seeds, max_models=max_models)
    first = next(iter(files.values()))
    shapes = {name: tuple(tensor.shape) for name, tensor in read_state_dict(first).items()}
    try:
        architecture = architecture_of_checkpoint(shapes, config, str(first))
    except ArchitectureError as error:
        raise CheckpointError(str(error)) from error
    return Checkpoint(folder, config, architecture, files)


def choose_files(folder: Path, *, seeds: Sequence[int] | None = None, max_models: int | None = None) -> dict[int, Path]:
    """Find the files of a folder's last epoch.

    ``model_0030_2.pth`` is seed 2 of epoch 30, ``model_0030.pth`` the only seed, 0. Other names, such as
    ``_model_0030_2.pth``, are left out: renaming a file takes it out of the ensemble.

    Returns:
        Files by seed, in rising order.

    Raises:
        CheckpointError: If there is none, or a wanted one is missing.
    """
    epochs: dict[int, dict[int, Path]] = {}
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match and path.is_file():
            # A link "model_0030.pth" beside the seed that it points to is no further member.
            epochs.setdefault(int(match[1]), {}).setdefault(int(match[2] or 0), path)
    if not epochs:
        raise CheckpointError(f"{folder} holds no weights: no file is called like model_0030_0.pth")
    epoch = max(epochs)
    if len(epochs) > 1:
        LOG.info("%s holds weights of %d epochs; the last one, %d, is used", folder, len(epochs), epoch)
    found = dict(sorted(epochs[epoch].items()))
    if seeds is not None:
        missing = sorted(set(seeds) - set(found))
        if missing or not seeds:
            wanted = ", ".join(map(str, missing)) or "none"
            raise CheckpointError(f"{folder} has the seeds {', '.join(map(str, found))}; asked for: {wanted}")
        found = {seed: found[seed] for seed in sorted(set(seeds))}
    if max_models is not None:
        if max_models < 1:
            raise CheckpointError(f"at least one model is needed, not {max_models}")
        found = dict(list(found.items())[:max_models])
    return found


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a file of weights, mapped into memory, without running code from it.

    Raises:
        CheckpointError: If it is damaged, holds anything but tensors by name, or more than weights.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist") from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than weights, possibly code, and is not read; only load weights from people you trust"
        ) from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged or no PyTorch file: {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise CheckpointError(f"{path} must hold tensors by name (a bare state dict), not a {type(state).__name__}")
    return dict(state)


def _load_model(path: Path, architecture: Architecture, config: PublishedConfig, *, strict: bool) -> Transfuser:
    state = read_state_dict(path)
    try:
        own = architecture_of_checkpoint(
            {name: tuple(tensor.shape) for name, tensor in state.items()}, config, str(path)
        )
    except ArchitectureError as error:
        raise CheckpointError(str(error)) from error
    if own != architecture:
        raise CheckpointError(f"{path} holds another network than the first file of its folder")
    model = Transfuser(architecture)
    try:
        check_state_dict(path, model.state_dict(), state)
    except CheckpointError as error:
        if strict:
            raise
        LOG.warning("%s", error)
    model.load_state_dict(state, strict=strict)
    return model.eval()


def check_state_dict(path: Path, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Compare names and shapes.

    Raises:
        CheckpointError: If anything differs; the text names the tensors.
    """
    problems = []
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    shapes = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in found and found[name].shape != tensor.shape
    ]
    for title, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes)):
        if names:
            more = f" and {len(names) - _NAMED_KEYS} more" if len(names) > _NAMED_KEYS else ""
            problems.append(f"{title}: {', '.join(names[:_NAMED_KEYS])}{more}")
    if problems:
        raise CheckpointError(f"{path} does not fit its network; {'; '.join(problems)}")
    broken = [
        name for name, tensor in found.items() if tensor.is_floating_point() and not bool(tensor.isfinite().all())
    ]
    if broken:
        raise CheckpointError(f"{path} holds numbers that are not finite, in {', '.join(broken[:_NAMED_KEYS])}")
