"""From a configuration to batches: which samples to train and to validate on, and who loads them."""

from __future__ import annotations

import dataclasses
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lead.config.training import TrainingConfig
from lead.dataset.cache.settings import RecordSettings
from lead.dataset.cache.store import RecordStore, default_folder
from lead.dataset.carla_sample import PLAIN, CarlaSamples, SampleOptions
from lead.dataset.collections import Group, everything, summary, town_held_out
from lead.dataset.loading.loader import BatchLoader
from lead.dataset.loading.sampling import EpochPlan
from lead.dataset.loading.source import SampleSource
from lead.dataset.navsim_sample import NavsimSamples
from lead.dataset.rig_detection import rig_of
from lead.dataset.route_index import FrameIndex, build_index
from lead.models.transfuser.architecture import Architecture
from lead.sensing.rigs import NAVSIM_4_CAMERAS, SensorRig
from lead.training.distributed import Ranks
from lead.training.errors import TrainingError
from lead.training.model_types import RIG_NUMBERS, architecture_of

LOG = logging.getLogger(__name__)

VALIDATION_WORKERS = 4


@dataclass(frozen=True)
class DataSet:
    """What a training reads, opened.

    Attributes:
        config: The configuration, completed by the rig that the data were recorded with.
        train: Samples to train on.
        groups: Which of them, how often.
        validation: Samples to measure on; None for no validation.
    """

    config: TrainingConfig
    train: SampleSource
    groups: list[Group]
    validation: SampleSource | None


def open_data(config: TrainingConfig) -> DataSet:
    """Open the data of a configuration.

    Raises:
        DatasetError: If there is none.
        TrainingError: If it was recorded with another rig than the configuration says, or no network learns from it.
    """
    if config.use_navsim_data:
        return _open_navsim(config)
    if config.use_waymo_e2e_data:
        raise TrainingError("there is no network for Waymo's data yet: train on CARLA or NAVSIM")
    return _open_carla(config)


def _open_carla(config: TrainingConfig) -> DataSet:
    skip_first, skip_last = config.skip_first, config.skip_last
    assert skip_first is not None and skip_last is not None
    root = Path(config.carla_root)
    index = build_index(root, skip_first=skip_first, skip_last=skip_last)
    LOG.info("%s: %s", root, index.summary())
    rig = rig_of(index)
    if config.target_dataset == 0:
        config = dataclasses.replace(config, target_dataset=RIG_NUMBERS[rig.name])
    architecture = architecture_of(config)
    if architecture.domain.rig.name != rig.name:
        raise TrainingError(
            f"{root} was recorded with the rig {rig.name}, but the configuration is of {architecture.domain.rig.name}"
        )
    held_out: FrameIndex | None = None
    if config.validation_root is not None:
        held_out = build_index(Path(config.validation_root), skip_first=skip_first, skip_last=skip_last)
    elif config.validation_fraction > 0.0:
        index, held_out = index.split(config.validation_fraction)
    train = _carla(index, rig, config, architecture, is_training=True)
    validation = None
    if held_out is not None and len(held_out):
        validation = _carla(held_out, rig, config, architecture, is_training=False)
    groups = town_held_out(index) if config.hold_out_town13_routes else everything(len(index))
    return _opened(config, train, groups, validation)


def _open_navsim(config: TrainingConfig) -> DataSet:
    samples = NavsimSamples(Path(config.navsim_data_root), config.switches)
    if config.validation_root is not None:
        train, held_out = samples, NavsimSamples(Path(config.validation_root), config.switches)
    else:
        train, held_out = samples.split(config.validation_fraction)
    config = dataclasses.replace(config, target_dataset=RIG_NUMBERS[NAVSIM_4_CAMERAS.name])
    return _opened(config, train, everything(len(train)), held_out if len(held_out) else None)


def _opened(
    config: TrainingConfig, train: SampleSource, groups: list[Group], validation: SampleSource | None
) -> DataSet:
    LOG.info("training on %s", summary(groups))
    if validation is not None:
        LOG.info("validation on %d held-out samples", min(len(validation), config.validation_samples))
    elif config.validation_fraction > 0.0:
        LOG.warning("the data set is so small that nothing is left for validation")
    return DataSet(config, train, groups, validation)


def training_batches(data: DataSet, ranks: Ranks) -> BatchLoader:
    """Return the loader of a rank's batches.

    Raises:
        LoaderError: If the batch cannot be shared by the ranks.
        PlanError: If there are fewer samples than in a batch.
    """
    config = data.config
    number = config.carla_num_samples
    plan = EpochPlan([data.groups], config.batch_size, config.seed, samples_per_epoch=number if number > 0 else None)
    return BatchLoader(
        [data.train],
        plan,
        rank=ranks.rank,
        world=ranks.world,
        workers=_workers(config, ranks),
        prefetch=config.prefetch_factor,
        pin=ranks.device.type == "cuda",
        max_bad_fraction=config.max_bad_fraction,
    )


def validation_batches(data: DataSet, ranks: Ranks) -> BatchLoader | None:
    """Return the loader for validation: samples spread evenly over the held-out routes, always the same."""
    source, config = data.validation, data.config
    if source is None:
        return None
    number = min(len(source), config.validation_samples)
    batch = min(config.batch_size, number) // ranks.world * ranks.world
    if not batch:
        LOG.warning("%d held-out samples are too few for %d ranks: no validation", number, ranks.world)
        return None
    indices = np.linspace(0, len(source) - 1, number).astype(np.int64)
    plan = EpochPlan([[Group("validation", indices)]], batch, config.seed, is_shuffled=False)
    return BatchLoader(
        [source],
        plan,
        rank=ranks.rank,
        world=ranks.world,
        workers=min(_workers(config, ranks), VALIDATION_WORKERS),
        prefetch=config.prefetch_factor,
        pin=ranks.device.type == "cuda",
        max_bad_fraction=config.max_bad_fraction,
    )


def _carla(
    index: FrameIndex, rig: SensorRig, config: TrainingConfig, architecture: Architecture, *, is_training: bool
) -> CarlaSamples:
    options = SampleOptions(
        used_cameras=architecture.used_cameras,
        twin_share=config.use_sensor_perburtation_prob if config.use_sensor_perburtation else 0.0,
        augmentation=config.use_color_aug_prob if config.use_color_aug else 0.0,
        has_lidar=not config.LTF,
        has_radar=config.use_radars,
        needs_plan=config.use_planning_decoder,
        lidar_ticks=config.training_used_lidar_steps,
        legacy=config.switches,
    )
    if not is_training:
        options = dataclasses.replace(
            options, twin_share=PLAIN.twin_share, augmentation=PLAIN.augmentation, needs_plan=False
        )
    cache: RecordStore | None = None
    folder = default_folder(index.root)
    if config.use_persistent_cache and folder.is_dir():
        cache = RecordStore(folder, RecordSettings(rig.name, options.lidar_ticks, options.legacy.door_in_ego_frame))
    elif config.use_persistent_cache:
        LOG.warning("%s has no cache: loading is several times slower; make one with lead cache build", index.root)
    return CarlaSamples(index, rig, options, cache)


def _workers(config: TrainingConfig, ranks: Ranks) -> int:
    cores = config.assigned_cpu_cores
    if cores is None:
        cores = len(os.sched_getaffinity(0))
    return cores // ranks.local_world if cores < ranks.local_world else max(1, cores // ranks.local_world)
