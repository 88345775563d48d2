"""A network in training: its losses, its optimiser, its average and its place among the ranks; and one step of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lead.config.training import TrainingConfig
from lead.models.transfuser.network import Transfuser
from lead.models.transfuser.outputs import TransfuserOutput
from lead.training.distributed import Ranks
from lead.training.errors import TrainingError
from lead.training.goals import with_foreign_goals
from lead.training.losses.total import total_loss
from lead.training.metrics import MetricSums, quotients
from lead.training.network import LossModule, set_precision, use_fast_layout, widen_groups
from lead.training.optimisation import Average, Optimiser, OptimiserSettings, StepOutcome
from lead.training.sync_norm import synchronise_norms

Batch = Mapping[str, Tensor]
_OPTIONS = inspect.signature(nn.parallel.DistributedDataParallel).parameters
_BUFFERS = "forward_sync_buffers" if "forward_sync_buffers" in _OPTIONS else "broadcast_buffers"
"""The option that makes ranks share running statistics before each step, by its new or its old name."""
RANK_SEEDS = 1000
"""Distance between the seeds of two ranks."""


@dataclass(frozen=True)
class StepResult:
    """What a step found, on the device.

    Attributes:
        loss: Weighted sum, averaged over the parts of the step.
        losses: Losses by name, of the last part.
        out: Predictions of the last part.
        batch: The last part, with labels of images for as many samples as there are such predictions.
        outcome: What the optimiser did.
    """

    loss: Tensor
    losses: Mapping[str, Tensor]
    out: TransfuserOutput
    batch: Batch
    outcome: StepOutcome


class Engine:
    """Everything that changes during training, and how.

    Attributes:
        model: The network, whose state dict is what is published.
        module: The network with its losses.
        optimiser: Changes its weights.
        average: Moving average of its weights; None without.
    """

    def __init__(self, model: Transfuser, config: TrainingConfig, ranks: Ranks) -> None:
        """Prepare a network with its first weights.

        Args:
            model: The network, on the CPU.
            config: Settings.
            ranks: This process among the others.

        Raises:
            TrainingError: If batches cannot be split as the settings want it.
        """
        per_rank, rest = divmod(config.batch_size, ranks.world * config.accumulation_steps)
        if rest or not per_rank:
            raise TrainingError(
                f"batch_size={config.batch_size} cannot be split into {ranks.world} ranks times"
                f" {config.accumulation_steps} parts"
            )
        self._config, self._ranks = config, ranks
        device = ranks.device
        is_gpu = device.type == "cuda"
        self.model = model.to(device)
        if is_gpu:
            set_precision()
            if config.channel_last:
                use_fast_layout(model)
            if config.group_width:
                widen_groups(model, config.group_width)
        if config.sync_batchnorm and ranks.world > 1:
            synchronise_norms(model)
        self.module = LossModule(
            model,
            half=is_gpu and config.use_mixed_precision_training,
            first_point_weight=config.first_path_point_weight,
        )
        if config.cuda_graph:
            if not is_gpu or config.accumulation_steps > 1:
                raise TrainingError("cuda_graph=true needs a GPU and accumulation_steps=1")
            if config.sync_batchnorm and ranks.world > 1:
                raise TrainingError("cuda_graph=true cannot replay what sync_batchnorm=true exchanges between ranks")
            self.module.use_graph()
            ranks.align(self.module)
        if config.compile if config.compile is not None else is_gpu:
            self.module.compile_parts(dynamic=False)
        settings = OptimiserSettings(config.lr, config.weight_decay, config.clip_norm, uses_zero=self._uses_zero)
        self.optimiser = Optimiser(model, settings)
        self.average = Average(self.optimiser.parameters, config.ema_decay) if config.ema_decay else None
        self._callable: nn.Module = self.module
        if ranks.world > 1 and not config.cuda_graph:
            buffers: dict[str, Any] = {_BUFFERS: False}
            self._callable = nn.parallel.DistributedDataParallel(
                self.module,
                device_ids=[device.index] if is_gpu else None,
                bucket_cap_mb=config.bucket_cap_mb,
                gradient_as_bucket_view=config.gradient_as_bucket_view,
                **buffers,
            )
        self.train_mode()

    @property
    def _uses_zero(self) -> bool:
        return self._config.use_zero_redundancy and self._ranks.world > 1

    def train_mode(self) -> None:
        """Switch dropout and batch statistics on, but those of a frozen backbone."""
        self._callable.train()
        if self._config.freeze_backbone:
            self.model.backbone.eval()

    def step(self, batch: Batch, learning_rate: float) -> StepResult:
        """Learn from this rank's share of a batch, on the device."""
        self.optimiser.begin()
        batch = with_foreign_goals(batch, self._config.foreign_goal_share)
        parts = list(_split(batch, self._config.accumulation_steps))
        sums: list[Tensor] = []
        for index, part in enumerate(parts):
            with self._without_exchange(is_last=index == len(parts) - 1):
                total, losses, out = self._callable(part)
                (total / len(parts)).backward()
            sums.append(total.detach())
        if self._config.cuda_graph:
            self._ranks.average_gradients(self.optimiser.parameters)
        outcome = self.optimiser.step(learning_rate)
        if self.average is not None:
            self.average.update()
        return StepResult(torch.stack(sums).mean(), losses, out, self.module.comparable(part), outcome)

    @torch.no_grad()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Measure the network, with averaged weights where there are some, on batches on the device.

        All ranks must call it, each with its share.

        Returns:
            Metrics by name; ``loss`` is the weighted sum of the losses.
        """
        self._callable.eval()
        if self.average is not None:
            self.average.swap()
        sums = MetricSums()
        try:
            for batch in batches:
                out = self.module.predict(batch, is_eager=True)
                losses = self.module.losses(out, batch, is_eager=True)
                total = total_loss(losses, self.module.weights)
                size = float(batch["rgb"].shape[0])
                sums.add({"loss": (total * size, total.new_tensor(size))})
                sums.add(quotients(out, batch, self.model.architecture))
        finally:
            if self.average is not None:
                self.average.swap()
            self.train_mode()
        return sums.values(self._ranks)

    def best_weights(self) -> dict[str, Tensor]:
        """Return the weights to use: the averaged ones where there are some."""
        if self.average is None:
            return self.model.state_dict()
        self.average.swap()
        try:
            return {name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()}
        finally:
            self.average.swap()

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]]:
        """Return the state dicts of network and optimiser, and the rest; all ranks must call it."""
        rest: dict[str, Any] = {"average": None if self.average is None else list(self.average.values)}
        return self.model.state_dict(), self.optimiser.state_dict(), rest

    def load(self, model: Mapping[str, Tensor], optimizer: dict[str, Any], rest: Mapping[str, Any]) -> None:
        """Go on from what :meth:`save` returned.

        Raises:
            TrainingError: If it belongs to another network.
        """
        try:
            self.model.load_state_dict(model)
            self.optimiser.load_state_dict(optimizer)
        except (RuntimeError, ValueError) as error:
            raise TrainingError(f"the checkpoint does not fit the network: {str(error).splitlines()[0]}") from error
        saved = rest.get("average")
        if self.average is not None and saved is not None:
            for value, kept in zip(self.average.values, saved, strict=True):
                value.copy_(kept)

    def _without_exchange(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Let ranks exchange gradients in the last part of a step only."""
        if isinstance(self._callable, nn.parallel.DistributedDataParallel) and not is_last:
            return self._callable.no_sync()
        return nullcontext()


def _split(batch: Batch, parts: int) -> Iterator[Batch]:
    """Take every n-th sample, as ranks do: samples of a source are neighbours, and all parts shall have the mixture."""
    if parts == 1:
        yield batch
        return
    for index in range(parts):
        yield {name: tensor[index::parts] for name, tensor in batch.items()}
