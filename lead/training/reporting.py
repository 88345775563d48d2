"""How a training says how it goes: a line on the terminal, numbers and pictures in the log, a summary per epoch."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from lead.config.training import TrainingConfig
from lead.dataset.loading.report import LoadReport
from lead.models.transfuser.architecture import Architecture
from lead.training.engine import StepResult
from lead.training.loss_watch import WatchState
from lead.training.metrics import MetricSums, quotients
from lead.training.run_log import RunLog

LOG = logging.getLogger(__name__)
_LINE_EVERY_S = 60.0


class Reporter:
    """Says how a training goes; does nothing on ranks but the first."""

    def __init__(
        self,
        config: TrainingConfig,
        architecture: Architecture,
        weights: Mapping[str, float],
        log: RunLog | None,
    ) -> None:
        """Prepare.

        Args:
            config: Settings.
            architecture: The network.
            weights: Weight of each loss.
            log: Where numbers and pictures go; None to be silent.
        """
        self._config, self._architecture, self._weights, self._log = config, architecture, weights, log
        self._bar: Any = None
        self._task: Any = None
        self._since, self._samples, self._wait_s = time.perf_counter(), 0, 0.0
        self._next_line_s = self._since + _LINE_EVERY_S
        self._total = 0

    @contextmanager
    def progress(self, total: int, done: int) -> Iterator[None]:
        """Show the progress while the context lasts: as a bar on a terminal, elsewhere as lines of the log."""
        self._since, self._total = time.perf_counter(), total
        if self._log is None or not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as self._bar:
            self._task = self._bar.add_task("training", total=total, completed=done)
            yield
        self._bar = None

    def step(
        self,
        step: int,
        epoch: int,
        result: StepResult,
        watch: WatchState,
        *,
        rate: float,
        wait_s: float,
    ) -> None:
        """Report a step."""
        if self._log is None:
            return
        self._samples += self._config.batch_size
        self._wait_s += wait_s
        is_due = step % self._config.log_scalars_frequency == 0
        if self._bar is not None:
            self._bar.update(self._task, completed=step, description=f"epoch {epoch}, loss {watch.loss:.4f}")
        elif time.perf_counter() > self._next_line_s:
            self._next_line_s = time.perf_counter() + _LINE_EVERY_S
            speed = self._samples / max(time.perf_counter() - self._since, 1e-9)
            LOG.info("epoch %d, step %d of %d, loss %.4f, %.1f samples/s", epoch, step, self._total, watch.loss, speed)
        if is_due:
            self._scalars(step, epoch, result, watch, rate)
        if self._config.visualize_training and (step - 1) % self._config.log_images_frequency == 0:
            from lead.training.pictures import draw_sides

            for name, picture in draw_sides(result.out, result.batch, self._architecture).items():
                self._log.picture(name, picture, step)

    def epoch(self, epoch: int, step: int, metrics: Mapping[str, float] | None, loaded: LoadReport) -> None:
        """Report the end of an epoch."""
        if self._log is None:
            return
        LOG.info("epoch %d: %s", epoch, loaded)
        if metrics is not None:
            self._log.scalars({f"validation/{name}": value for name, value in metrics.items()}, step)
            LOG.info("epoch %d, validation: %s", epoch, ", ".join(f"{k} {v:.4g}" for k, v in sorted(metrics.items())))

    def _scalars(self, step: int, epoch: int, result: StepResult, watch: WatchState, rate: float) -> None:
        assert self._log is not None
        seconds = max(time.perf_counter() - self._since, 1e-9)
        sums = MetricSums()
        sums.add(quotients(result.out, result.batch, self._architecture))
        losses = {name: float(loss) for name, loss in result.losses.items()}
        values = {f"unscaled_loss/{name}": value for name, value in losses.items()}
        values |= {f"scaled_loss/{name}": self._weights[name] * value for name, value in losses.items()}
        values |= {f"metric/{name}": value for name, value in sums.values().items()}
        values |= {
            "debug/loss": float(result.loss),
            "debug/loss_mean": watch.mean,
            "debug/epoch": float(epoch),
            "debug/lr_g": rate,
            "debug/gradient_norm": watch.gradient_norm,
            "debug/steps_skipped": float(watch.skipped),
            "debug/samples_per_s": self._samples / seconds,
            "debug/data_wait_share": self._wait_s / seconds,
        }
        if result.loss.is_cuda:
            values["debug/gpu_gib"] = torch.cuda.max_memory_allocated() / 2**30
        self._log.scalars(values, step)
        LOG.info(
            "step %d, epoch %d: loss %.4f, %.1f samples/s, waited for data %.0f %%",
            *(step, epoch, values["debug/loss"], values["debug/samples_per_s"]),
            100.0 * values["debug/data_wait_share"],
        )
        self._since, self._samples, self._wait_s = time.perf_counter(), 0, 0.0
