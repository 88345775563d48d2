"""Opens checkpoint folders: ``config.json`` and the weights of one member per seed.

    <folder>/config.json
    <folder>/model_0030_0.pth  model_0030_1.pth  model_0030_2.pth

Members may also be stored as safetensors, whole or in shards (:mod:`lead.inference.weights`). Weights are read without
ever running code from the file. Which network they belong to is worked out from their shapes and checked against the
configuration, and every missing or unexpected tensor is named.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from lead.config.published import FILE_NAME, PublishedConfig, read_published_config
from lead.config.resolve import ConfigError
from lead.inference.errors import CheckpointError
from lead.inference.weights import WeightName, Weights
from lead.models.transfuser.architecture import Architecture, ArchitectureError
from lead.models.transfuser.describe import architecture_of_checkpoint
from lead.models.transfuser.network import Transfuser

LOG = logging.getLogger(__name__)

_NAMED_KEYS = 8


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder, opened.

    Attributes:
        directory: The folder.
        config: Its configuration.
        architecture: The network of all its members.
        files: Weights of the chosen members, by seed in rising order.
    """

    directory: Path
    config: PublishedConfig
    architecture: Architecture
    files: Mapping[int, Weights]

    def load_models(self, *, strict: bool = True) -> list[Transfuser]:
        """Load the members.

        Args:
            strict: Refuse files that lack a tensor or have one too many; otherwise only a warning names them.

        Returns:
            Networks on the CPU in float32 and evaluation mode, in the order of the seeds.

        Raises:
            CheckpointError: If a file is damaged or does not fit.
        """
        return [self.load_member(seed, strict=strict) for seed in self.files]

    def load_member(self, seed: int, *, strict: bool = True) -> Transfuser:
        """Load one member; arguments and errors as those of :meth:`load_models`."""
        return _load_model(self.files[seed], self.architecture, self.config, strict=strict)


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
    if config.use_navsim_data and config.use_carla_data:
        raise CheckpointError(
            f"{folder} is the log folder of a training on simulated and real data; its checkpoint is {folder / 'best'}"
        )
    files = choose_files(folder, seeds=seeds, max_models=max_models)
    first = next(iter(files.values()))
    try:
        architecture = architecture_of_checkpoint(first.shapes(), config, str(first))
    except ArchitectureError as error:
        raise CheckpointError(str(error)) from error
    return Checkpoint(folder, config, architecture, files)


def choose_files(
    folder: Path, *, seeds: Sequence[int] | None = None, max_models: int | None = None
) -> dict[int, Weights]:
    """Find the weights of a folder's last epoch.

    ``model_0030_2.pth`` is seed 2 of epoch 30, ``model_0030.pth`` the only seed, 0. Other names, such as
    ``_model_0030_2.pth``, are left out: renaming a file takes it out of the ensemble.

    Returns:
        Weights by seed, in rising order.

    Raises:
        CheckpointError: If there are none, a wanted one or a shard is missing, or one member is there twice.
    """
    epochs: dict[int, dict[int, list[Path]]] = {}
    for path in sorted(folder.iterdir()):
        name = WeightName.parse(path.name)
        if name and path.is_file():
            epochs.setdefault(name.epoch, {}).setdefault(name.seed, []).append(path)
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
    return {seed: Weights.gather(_without_links(paths)) for seed, paths in found.items()}


def _without_links(paths: Sequence[Path]) -> list[Path]:
    """Keep one name of each file, a real one before links: "model_0030.pth" beside its seed is no further member."""
    by_file = {path.resolve(): path for path in sorted(paths, key=lambda path: path.is_symlink(), reverse=True)}
    return sorted(by_file.values())


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the weights that a file belongs to (of all shards beside it if it is one), without running code.

    Raises:
        CheckpointError: If it is damaged, holds anything but tensors by name, or more than weights.
    """
    return Weights.of(path).read()


def _load_model(weights: Weights, architecture: Architecture, config: PublishedConfig, *, strict: bool) -> Transfuser:
    try:
        own = architecture_of_checkpoint(weights.shapes(), config, str(weights))
    except ArchitectureError as error:
        raise CheckpointError(str(error)) from error
    if own != architecture:
        raise CheckpointError(f"{weights} holds another network than the first file of its folder")
    state = weights.read()
    model = Transfuser(architecture)
    try:
        check_state_dict(weights, model.state_dict(), state)
    except CheckpointError as error:
        if strict:
            raise
        LOG.warning("%s", error)
    model.load_state_dict(state, strict=strict)
    return model.eval()


def check_state_dict(source: Path | Weights, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
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
        raise CheckpointError(f"{source} does not fit its network; {'; '.join(problems)}")
    broken = [
        name for name, tensor in found.items() if tensor.is_floating_point() and not bool(tensor.isfinite().all())
    ]
    if broken:
        raise CheckpointError(f"{source} holds numbers that are not finite, in {', '.join(broken[:_NAMED_KEYS])}")
