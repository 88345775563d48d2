"""A training so small that it takes seconds, on samples made up on the spot; also a program, to be killed or spread.

python tests/training/tiny_training.py LOGDIR key=value ...
"""

import dataclasses
import json
import logging
import sys

import numpy as np
import torch

from lead.config.legacy import CORRECTED
from lead.config.training import TrainingConfig, resolve_training
from lead.dataset.collections import everything
from lead.dataset.loading.loader import BatchLoader
from lead.dataset.loading.sampling import EpochPlan
from lead.models.transfuser import architecture as architecture_module
from lead.models.transfuser.architecture import CARLA, ENCODERS, Architecture, Sizes
from lead.models.transfuser.network import Transfuser, input_shapes
from lead.sensing.rigs import CARLA_3_CAMERAS, BevWindow
from lead.training.distributed import Ranks, joined
from lead.training.engine import Engine
from lead.training.labels import label_specs
from lead.training.network import set_dropout
from lead.training.reporting import Reporter
from lead.training.stopping import listening
from lead.training.trainer import Trainer

ENCODER = "test_resnet"
"""timm's network for tests, of ten layers."""
architecture_module.ENCODERS = {**ENCODERS, ENCODER: 96}
RIG = dataclasses.replace(
    CARLA_3_CAMERAS,
    cameras=tuple(
        dataclasses.replace(camera, width_px=32, height_px=32, recorded_height_px=32)
        for camera in CARLA_3_CAMERAS.cameras
    ),
    bev=BevWindow(-8.0, 16.0, -8.0, 8.0),
)
TINY = Architecture(
    dataclasses.replace(CARLA, rig=RIG),
    image_encoder=ENCODER,
    lidar_encoder=ENCODER,
    token_dim=16,
    sizes=Sizes(1, 16, 16, 16),
    legacy=CORRECTED,
)
ONE = Ranks(0, 1, 0, 1, torch.device("cpu"))


class TinySamples:
    """Random samples: the index decides about one half of a sample, the loader's generator about the other."""

    name = "carla"

    def __init__(self, length: int = 8, architecture: Architecture = TINY) -> None:
        self.length, self.architecture = length, architecture

    def __len__(self) -> int:
        return self.length

    def load(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        own = np.random.default_rng(index)
        sample = {name: own.random(shape, np.float32) for name, shape in input_shapes(self.architecture).items()}
        sample["rgb"] = rng.integers(0, 256, sample["rgb"].shape, np.uint8)
        if "radar" in sample:
            sample["radar"][..., 4] = np.arange(len(sample["radar"])) // 75
        for name, spec in label_specs(self.architecture).items():
            if spec.dtype is torch.float32:
                sample[name] = own.random(spec.shape, np.float32)
            else:
                sample[name] = own.integers(0, 2, spec.shape).astype(str(spec.dtype).removeprefix("torch."))
        for name, value in sample.items():
            if name.endswith("avg_factor"):
                sample[name] = np.array(20)
            if name.endswith("heatmap"):
                sample[name] = (value > 0.99).astype(np.float32)
        if "radar_detections" in sample:
            sample["radar_detections"][..., 3] = np.arange(20) < 7
        sample["source_dataset"] = np.array(1)
        return sample

    def tags(self, index: int) -> str:
        return f"sample {index}"


def tiny_config(folder, *words: str) -> TrainingConfig:
    base = (
        "batch_size=2 epochs=2 warm_up_steps=3 lr=1e-3 clip_norm=1 checkpoint_every_steps=2 use_planning_decoder=true"
    )
    return resolve_training([*base.split(), f"logdir={folder}", *words], environ={})


def tiny_model(config: TrainingConfig, architecture: Architecture = TINY) -> Transfuser:
    torch.manual_seed(config.seed)
    model = Transfuser(architecture)
    set_dropout(model, config.dropout)
    return model


def tiny_trainer(
    config: TrainingConfig, ranks: Ranks = ONE, *, samples=None, model=None, validation: bool = False, log=None
) -> Trainer:
    source = samples or TinySamples()
    model = model or tiny_model(config)
    engine = Engine(model, config, ranks)

    def loader(seed: int, is_shuffled: bool) -> BatchLoader:
        plan = EpochPlan([everything(len(source))], config.batch_size, seed, is_shuffled=is_shuffled)
        return BatchLoader([source], plan, rank=ranks.rank, world=ranks.world)

    reporter = Reporter(config, model.architecture, engine.module.weights, log)
    held_out = loader(99, False) if validation else None
    config.folder.mkdir(parents=True, exist_ok=True)
    (config.folder / "config.json").write_text("{}")
    return Trainer(config, engine, ranks, loader(config.seed, True), held_out, reporter)


def write_trace(trainer: Trainer) -> None:
    """Write the length of the gradient at every step into ``trace.jsonl``."""
    original = trainer.engine.step

    def tracing(*args):
        result = original(*args)
        entry = {"step": trainer.position.step, "norm": float(result.outcome.gradient_norm)}
        with (trainer.config.folder / "trace.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")
        return result

    trainer.engine.step = tracing


def main() -> int:
    folder, *words = sys.argv[1:]
    logging.basicConfig(level=logging.INFO)
    config = tiny_config(folder, *words)
    torch.set_num_threads(1)
    with joined(config.device or "cpu") as ranks, listening() as stop:
        trainer = tiny_trainer(config, ranks, validation=True)
        if config.resume:
            trainer.resume()
        if ranks.is_first:
            write_trace(trainer)
        return 0 if trainer.run(stop) else 75


if __name__ == "__main__":
    sys.exit(main())
