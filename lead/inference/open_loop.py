"""Three lines from a checkpoint folder to predictions, for notebooks, agents and wrappers alike.

from lead.inference.open_loop import OpenLoopInference
inference = OpenLoopInference("outputs/checkpoints/tfv6_resnet34")
prediction = inference.predict(batch)
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lead.config.open_loop import OpenLoopConfig, resolve_open_loop
from lead.inference.checkpoint import Checkpoint, open_checkpoint
from lead.inference.devices import choose_devices, members_that_fit, precision
from lead.inference.engine import CudaGraphEngine, Engine, FastCpuEngine, PlainEngine
from lead.inference.ensemble import Prediction, to_predictions
from lead.inference.errors import InferenceError
from lead.models.transfuser.architecture import Architecture
from lead.models.transfuser.network import BatchError
from lead.models.transfuser.outputs import DRIVING_HEADS, Head

LOG = logging.getLogger(__name__)


class OpenLoopInference:
    """An ensemble of networks, ready to predict.

    Attributes:
        checkpoint: The folder it was loaded from.
        architecture: The network of its members.
        devices: Where it runs.
        dtype: Its computing precision.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        seeds: Sequence[int] | None = None,
        max_models: int | None = None,
        device: str | None = None,
        heads: Collection[Head] = DRIVING_HEADS,
        plain: bool = False,
        fit_memory: bool = False,
        config: OpenLoopConfig | None = None,
    ) -> None:
        """Load an ensemble.

        Args:
            directory: Checkpoint folder.
            seeds: Members to use; all by default.
            max_models: Use at most so many.
            device: ``cpu``, ``cuda``, ``cuda:1`` or several GPUs as ``cuda:0,cuda:1``; the best by default.
            heads: What to predict.
            plain: Run the networks layer by layer as they were trained, slower.
            fit_memory: Use fewer members where a GPU has too little memory for all.
            config: How outputs are combined; from the environment by default.

        Raises:
            CheckpointError: If the folder or a file cannot be used.
            InferenceError: If the device is missing or too small.
        """
        self._config = config or resolve_open_loop()
        self.devices = choose_devices(device)
        self.checkpoint = self._fit(open_checkpoint(directory, seeds=seeds, max_models=max_models), fit_memory)
        self.architecture: Architecture = self.checkpoint.architecture
        self.dtype = precision(self.devices[0])
        self._engine = self._make_engine(frozenset(heads), plain)

    def predict(self, batch: Mapping[str, Tensor | NDArray[np.generic]]) -> Prediction:
        """Predict for one sample.

        Args:
            batch: Inputs by their published names with a batch axis of length 1; more keys are ignored, and nothing
                of it is changed.

        Raises:
            BatchError: If an input is missing or has a wrong shape, or the batch has not one sample.
            InferenceError: If an input or an output is not finite.
        """
        predictions = self.predict_batch(batch)
        if len(predictions) != 1:
            raise BatchError(f"predict() takes one sample, not {len(predictions)}; use predict_batch()")
        return predictions[0]

    def predict_batch(self, batch: Mapping[str, Tensor | NDArray[np.generic]]) -> list[Prediction]:
        """Predict for several samples; arguments and errors as those of :meth:`predict`."""
        tensors = {
            key: value if isinstance(value, Tensor) else torch.from_numpy(np.ascontiguousarray(value))
            for key, value in batch.items()
            if isinstance(value, (Tensor, np.ndarray)) and value.dtype != np.object_
        }
        _check_finite(tensors, "the input")
        try:
            combined = self._engine.run(tensors)
        except torch.cuda.OutOfMemoryError as error:
            raise InferenceError(self._too_large()) from error
        _check_finite(combined, "the prediction")
        return to_predictions(combined, self.architecture, self._config)

    def _fit(self, checkpoint: Checkpoint, fit_memory: bool) -> Checkpoint:
        if self.devices[0].type != "cuda":
            return checkpoint
        wanted = len(checkpoint.files)
        sizes = [weights.float32_bytes() for weights in checkpoint.files.values()]
        fitting = members_that_fit(sizes, self.devices)
        if fitting >= wanted:
            return checkpoint
        if not fit_memory or fitting == 0:
            raise InferenceError(
                f"{', '.join(map(str, self.devices))} has memory for {fitting} of {wanted} models: use --max-models "
                f"{fitting or 1}, more GPUs, or the CPU"
            )
        LOG.warning(
            "only %d of %d models fit into the GPU's memory; predictions differ from the full ensemble's",
            fitting,
            wanted,
        )
        return open_checkpoint(checkpoint.directory, seeds=list(checkpoint.files)[:fitting])

    def _make_engine(self, heads: frozenset[Head], plain: bool) -> Engine:
        models = self.checkpoint.load_models(strict=self._config.strict_weight_load)
        try:
            if plain:
                uses_half = self.dtype is torch.bfloat16 and self.checkpoint.config.use_mixed_precision_training
                return PlainEngine(models, heads, self.devices[0], autocast=uses_half)
            if self.devices[0].type == "cpu":
                return FastCpuEngine(models, heads)
            return CudaGraphEngine(models, heads, self.devices, self.dtype)
        except torch.cuda.OutOfMemoryError as error:
            raise InferenceError(self._too_large()) from error

    def _too_large(self) -> str:
        return (
            f"{', '.join(map(str, self.devices))} has too little free memory for {len(self.checkpoint.files)} models; "
            "use --max-models with a smaller number, more GPUs, or the CPU"
        )


def _check_finite(tensors: Mapping[str, Tensor], what: str) -> None:
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        # Both are NaN if any number is: one pass over an image instead of six.
        ends = torch.stack(tensor.aminmax())
        if not bool(ends.isfinite().all()):
            raise InferenceError(f"{what} {name!r} holds numbers that are not finite")
