"""The loop of a training: batches in order, steps, checkpoints, validation, and an end that can always be gone on from.

A checkpoint holds everything that the next step depends on, so that a training that was cut off and resumed writes the
same weights, bit by bit, as one that never was.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lead.config.training import TrainingConfig
from lead.dataset.loading.loader import BatchLoader
from lead.models.transfuser.architecture import Architecture
from lead.training.checkpoints import FINISHED_EPOCH, CheckpointFolder, Saved
from lead.training.distributed import Ranks
from lead.training.engine import RANK_SEEDS, Engine
from lead.training.errors import DivergenceError, TrainingError
from lead.training.labels import check_training_batch, training_names
from lead.training.loss_watch import LossWatch
from lead.training.mixed_network import without_simulator
from lead.training.model_types import real_config
from lead.training.optimisation import Schedule
from lead.training.random_state import get_random_state, set_random_state
from lead.training.reporting import Reporter
from lead.training.sides import MixedArchitecture
from lead.training.stopping import StopRequest
from lead.training.transfer import DeviceBatches

LOG = logging.getLogger(__name__)

GO_ON, STOP, DIVERGED = 0.0, 1.0, 2.0


@dataclass
class Position:
    """Where a training is.

    Attributes:
        step: Steps taken since its begin.
        epoch: Number of the present epoch.
        step_in_epoch: Steps taken in it.
        best_loss: Least validation loss; None before the first.
        best_epoch: Its epoch.
        history: Validation metrics by epoch.
    """

    step: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    best_loss: float | None = None
    best_epoch: int = -1
    history: dict[int, dict[str, float]] = field(default_factory=dict)


class Trainer:
    """Trains a network to its end, or until it is told to stop.

    Attributes:
        position: Where it is.
        engine: The network and what changes it.
    """

    def __init__(
        self,
        config: TrainingConfig,
        engine: Engine,
        ranks: Ranks,
        train: BatchLoader,
        validation: BatchLoader | None,
        reporter: Reporter,
    ) -> None:
        """Put a training together.

        Args:
            config: Settings.
            engine: The network.
            ranks: This process among the others.
            train: Batches of this rank, ``config.batch_size`` over all ranks.
            validation: Batches to measure on after each epoch.
            reporter: Says and logs how it goes.
        """
        assert config.epochs is not None and config.use_cosine_annealing_with_restarts is not None
        self.config, self.engine, self.position = config, engine, Position()
        self._epochs = config.epochs
        self._ranks, self._train, self._validation, self._reporter = ranks, train, validation, reporter
        self._schedule = Schedule(
            config.lr, train.steps, self._epochs, config.use_cosine_annealing_with_restarts, config.warm_up_steps
        )
        self._watch = LossWatch(max_skipped=config.max_skipped_steps, divergence_factor=config.divergence_factor)
        self._folder = CheckpointFolder(
            config.folder, keep=config.keep_checkpoints, keep_for_good=tuple(config.epoch_checkpoints_keep)
        )
        torch.manual_seed(config.seed + RANK_SEEDS * ranks.rank)

    @property
    def _architecture(self) -> Architecture:
        return self.engine.model.architecture

    def run(self, stop: StopRequest) -> bool:
        """Train.

        Args:
            stop: Asked after every step; with a request everything is saved.

        Returns:
            True at the end of the training, False if it was stopped before.

        Raises:
            DivergenceError: If the loss grows or gradients are no numbers any more.
            LeadError: If data cannot be loaded or checkpoints not be written.
        """
        total = min(self._epochs * self._train.steps, self.config.limit_steps or self._epochs * self._train.steps)
        with self._reporter.progress(total, self.position.step):
            while self.position.step < total:
                if not self._epoch(stop, total):
                    return False
        return True

    def resume(self) -> bool:
        """Go on from the newest checkpoint of the log folder; False if there is none.

        Raises:
            TrainingError: If it cannot be read, or belongs to another training.
        """
        saved = self._folder.newest()
        if saved is None:
            return False
        state = saved.state
        if FINISHED_EPOCH in state:
            epoch = int(state[FINISHED_EPOCH]) + 1
            self.engine.load(saved.model, dict(saved.optimizer), {})
            self.position = Position(step=epoch * self._train.steps, epoch=epoch)
            return True
        if state["steps_per_epoch"] != self._train.steps:
            raise TrainingError(
                f"the checkpoint's epochs have {state['steps_per_epoch']} steps, those of this training"
                f" {self._train.steps}: data set or batch size have changed"
            )
        self.engine.load(saved.model, dict(saved.optimizer), state["rest"])
        self._watch.load(dict(state["watch"]))
        self.position = Position(**state["position"])
        if len(state["random"]) == self._ranks.world:
            set_random_state(state["random"][self._ranks.rank], self._ranks.device)
        else:
            LOG.warning(
                "the checkpoint is of %d processes, this is one of %d: the training goes on with other random numbers",
                len(state["random"]),
                self._ranks.world,
            )
        LOG.info("going on after step %d, in epoch %d", self.position.step, self.position.epoch)
        return True

    def save(self, *, is_epoch_end: bool) -> None:
        """Write a checkpoint; all ranks must call it."""
        self._watch.flush()
        model, optimizer, rest = self.engine.save()
        random = self._ranks.gather(get_random_state(self._ranks.device))
        if not (self._ranks.is_first and self.config.save_model_checkpoint):
            return
        rate = self._schedule.at(max(0, self.position.step - 1))
        state = {
            "step": self.position.step,
            "steps_per_epoch": self._train.steps,
            "position": vars(self.position),
            "watch": self._watch.save(),
            "rest": rest,
            "random": random,
        }
        saved = Saved(model, optimizer, {"last_epoch": self.position.step, "_last_lr": [rate]}, state)
        if is_epoch_end:
            self._folder.save_epoch(saved, self.position.epoch - 1)
        else:
            self._folder.save_midway(saved, self.position.step)

    def _epoch(self, stop: StopRequest, total: int) -> bool:
        """Train to the end of the epoch; False if stopped before."""
        position = self.position
        self._train.go_to(position.epoch, position.step_in_epoch)
        batches = DeviceBatches(self._checked(self._train), self._ranks.device, training_names(self._architecture))
        waited = self._train.total_wait_s
        for batch in batches:
            rate = self._schedule.at(position.step)
            result = self.engine.step(batch, rate)
            self._watch.push(result.loss, result.outcome)
            position.step += 1
            position.step_in_epoch += 1
            wait_s, waited = self._train.total_wait_s - waited, self._train.total_wait_s
            self._reporter.step(position.step, position.epoch, result, self._watch.state, rate=rate, wait_s=wait_s)
            is_end = position.step_in_epoch == self._train.steps
            if not self._may_go_on(stop, is_end=is_end):
                return False
            if position.step == total and not is_end:
                self.save(is_epoch_end=False)
                return True
        self._end_epoch()
        return True

    def _end_epoch(self) -> None:
        position = self.position
        position.epoch, position.step_in_epoch = position.epoch + 1, 0
        metrics = self._validate()
        is_best = metrics is not None and (position.best_loss is None or metrics["loss"] < position.best_loss)
        if metrics is not None:
            position.history[position.epoch - 1] = metrics
            if is_best:
                position.best_loss, position.best_epoch = metrics["loss"], position.epoch - 1
        elif isinstance(self._architecture, MixedArchitecture):
            is_best = True  # Its log folder is no checkpoint to drive with, and without validation the last is as good.
        self.save(is_epoch_end=True)
        if is_best and self._ranks.is_first and self.config.save_model_checkpoint:
            self._save_best(position.epoch - 1)
        self._reporter.epoch(position.epoch - 1, position.step, metrics, self._train.report)

    def _save_best(self, epoch: int) -> None:
        weights = self.engine.best_weights()
        if isinstance(self._architecture, MixedArchitecture):
            self._folder.save_best(without_simulator(weights), epoch, real_config(self.config))
        else:
            self._folder.save_best(weights, epoch)

    def _may_go_on(self, stop: StopRequest, *, is_end: bool) -> bool:
        """Agree with the other ranks on what is next; save if it is to stop, or if it is time to.

        Raises:
            DivergenceError: If any rank's loss has diverged.
        """
        complaint = self._watch.complaint()
        wish = DIVERGED if complaint is not None else STOP if stop.is_set else GO_ON
        decision = self._ranks.maximum(wish)
        if decision == DIVERGED:
            raise DivergenceError(
                f"the training has diverged at step {self.position.step}: {complaint or 'another rank says so'};"
                " the last checkpoint stays. Try a lower lr, clip_norm=1, use_mixed_precision_training=false, or look"
                " at the samples"
            )
        every = self.config.checkpoint_every_steps
        if is_end:
            if decision == STOP:
                self._end_epoch()
            return decision != STOP
        if decision == STOP or (every and self.position.step % every == 0):
            self.save(is_epoch_end=False)
        return decision != STOP

    def _checked(self, batches: BatchLoader) -> Iterator[Mapping[str, Tensor]]:
        """Check batches, and keep the loader from drawing on the training's random numbers."""
        iterator = iter(batches)
        while True:
            state = torch.get_rng_state()
            try:
                batch = next(iterator, None)
            finally:
                torch.set_rng_state(state)
            if batch is None:
                return
            check_training_batch(self._architecture, batch)
            yield batch

    def _validate(self) -> dict[str, float] | None:
        if self._validation is None:
            return None
        self._validation.go_to(0)
        names = training_names(self._architecture)
        return self.engine.validate(DeviceBatches(self._checked(self._validation), self._ranks.device, names))
