"""Opens checkpoints for driving and refuses those that cannot drive, each with one sentence."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch

from lead.config.model_choice import ModelChoice
from lead.errors import MachineError
from lead.inference.checkpoint import Checkpoint, open_checkpoint
from lead.inference.devices import choose_devices
from lead.inference.errors import CheckpointError
from lead.inference.open_loop import OpenLoopInference
from lead.models.transfuser.architecture import Planner
from lead.models.transfuser.network import input_shapes
from lead.models.transfuser.outputs import Head
from lead.sensing.lidar import FULL_COUNT
from lead.sensing.radar import POINTS_PER_SENSOR


def check_model(choice: ModelChoice) -> None:
    """Find out before anything is started whether a model can drive; weights are not loaded.

    Raises:
        CheckpointError: If the checkpoint is broken or not made for driving in CARLA.
        InferenceError: If the device does not exist.
    """
    choose_devices(choice.device)
    _check(open_checkpoint(choice.checkpoint, seeds=choice.seeds, max_models=choice.max_models))


def load_model(choice: ModelChoice, heads: Collection[Head]) -> OpenLoopInference:
    """Load a model for driving; on a GPU one prediction is made, so that the first tick is as fast as all others.

    Raises:
        CheckpointError: If the checkpoint is broken or not made for driving in CARLA.
        InferenceError: If the device is missing or too small.
        MachineError: If the device does not work at the moment.
    """
    _check(open_checkpoint(choice.checkpoint, seeds=choice.seeds, max_models=choice.max_models))
    try:
        return _start(choice, heads)
    except torch.AcceleratorError as error:
        # Such as a GPU of which too many processes want a part.
        raise MachineError(
            f"the GPU does not work at the moment ({str(error).splitlines()[0]}); fewer --workers may be the cure"
        ) from error


def _start(choice: ModelChoice, heads: Collection[Head]) -> OpenLoopInference:
    inference = OpenLoopInference(
        choice.checkpoint,
        seeds=choice.seeds,
        max_models=choice.max_models,
        device=choice.device,
        heads=heads,
        fit_memory=choice.fit_memory,
    )
    if inference.devices[0].type == "cuda":
        shapes = input_shapes(inference.architecture)
        inference.predict({key: np.zeros((1, *shape), dtype=np.float32) for key, shape in shapes.items()})
    return inference


def _check(checkpoint: Checkpoint) -> None:
    folder, architecture, config = checkpoint.directory, checkpoint.architecture, checkpoint.config
    if architecture.domain.name != "carla":
        raise CheckpointError(
            f"the checkpoint {folder} was trained for {architecture.domain.name.upper()}, whose sensors and commands "
            "CARLA does not have; it cannot be driven here, only asked by OpenLoopInference"
        )
    if architecture.planner is Planner.NONE:
        raise CheckpointError(f"the checkpoint {folder} is a pre-trained one without a planner; it cannot be driven")
    for key, value, known in (
        ("num_radar_points_per_sensor", config.num_radar_points_per_sensor, POINTS_PER_SENSOR),
        ("hist_max_per_pixel", config.hist_max_per_pixel, FULL_COUNT),
    ):
        if value != known:
            raise CheckpointError(f"the checkpoint {folder} has {key} {value}; the sensor agent knows only {known}")
