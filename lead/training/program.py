"""A training from its settings to its end; what ``lead train`` and ``python lead/training/train.py`` run."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence

import torch

from lead.config.published import FILE_NAME
from lead.config.training import TrainingConfig, resolve_training
from lead.dataset.files import write_file
from lead.training.distributed import Ranks, joined
from lead.training.engine import Engine
from lead.training.errors import TrainingError
from lead.training.model_types import make_model, saved_config
from lead.training.reporting import Reporter
from lead.training.run_log import RunLog
from lead.training.sources import open_data, training_batches, validation_batches
from lead.training.stopping import EXIT_STOPPED, listening
from lead.training.trainer import Trainer

LOG = logging.getLogger(__name__)


def train(arguments: Sequence[str]) -> int:
    """Train.

    Args:
        arguments: ``key=value`` words.

    Returns:
        Exit code: 0 at the end of the training, :data:`~lead.training.stopping.EXIT_STOPPED` if it was told to stop
        and saved itself.

    Raises:
        LeadError: If it cannot begin or go on.
    """
    config = resolve_training(arguments)
    with joined(config.device) as ranks:
        logging.getLogger("lead").setLevel(logging.INFO if ranks.is_first else logging.WARNING)
        return _train(config, ranks)


def _train(config: TrainingConfig, ranks: Ranks) -> int:
    with listening() as stop:
        # The first rank reads for all what a collection depends on; the others find it on the disk.
        data = open_data(config) if ranks.is_first else None
        ranks.gather(None)
        data = data or open_data(config)
        config = data.config
        torch.manual_seed(config.seed)
        model = make_model(config)
        description = saved_config(config)
        _refuse_overwriting(config)
        log: RunLog | None = None
        if ranks.is_first:
            config.folder.mkdir(parents=True, exist_ok=True)
            write_file(config.folder / FILE_NAME, json.dumps(description, indent=4).encode())
            log = RunLog.of(config, description)
        engine = Engine(model, config, ranks)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        LOG.info("%.1f million parameters on %s, %d process(es)", parameters / 1e6, ranks.device, ranks.world)
        reporter = Reporter(config, model.architecture, engine.module.weights, log)
        batches, validation = training_batches(data, ranks), validation_batches(data, ranks)
        try:
            trainer = Trainer(config, engine, ranks, batches, validation, reporter)
            if config.resume and not trainer.resume():
                LOG.info("%s has no checkpoint yet: a new training begins", config.folder)
            is_done = trainer.run(stop)
        finally:
            for loader in (batches, validation):
                if loader is not None:
                    loader.close()
            if log is not None:
                log.close()
    if not is_done:
        LOG.warning("stopped and saved at step %d; go on with resume=true", trainer.position.step)
        return EXIT_STOPPED
    LOG.info("the training is complete: %s", config.folder)
    return 0


def _refuse_overwriting(config: TrainingConfig) -> None:
    """Refuse to mix two trainings in one folder.

    Raises:
        TrainingError: If a new training would write where another one has checkpoints.
    """
    if config.resume or not config.folder.is_dir():
        return
    found = sorted(name for name in os.listdir(config.folder) if name.startswith(("model_", "midway_", "state_")))
    if found:
        raise TrainingError(
            f"{config.folder} holds the checkpoints of another training ({found[-1]}): go on with it by resume=true, or"
            " choose another logdir"
        )
