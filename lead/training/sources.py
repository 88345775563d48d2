"""From a configuration to batches: which samples to train and to validate on, and who loads them."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lead.config.legacy import with_clouds
from lead.config.training import COLLECTIONS, HELD_OUT, TrainingConfig
from lead.dataset.cache.published import CACHE_FOLDER, PublishedStore, read_buckets
from lead.dataset.cache.settings import RecordSettings
from lead.dataset.cache.shard import SUFFIX
from lead.dataset.cache.store import RecordStore, default_folder
from lead.dataset.carla_sample import PLAIN, CarlaSamples
from lead.dataset.collections import Group, everything, summary, town_held_out
from lead.dataset.loading.loader import BatchLoader
from lead.dataset.loading.sampling import EpochPlan, equal_shares, sim_to_real_shares
from lead.dataset.loading.source import SampleSource
from lead.dataset.mining import BALANCED_RULES, NAVSIM_RULES, WAYMO_RULES, mine
from lead.dataset.navsim_sample import NavsimSamples
from lead.dataset.rig_detection import rig_of
from lead.dataset.route_index import FrameIndex, build_index
from lead.dataset.sim_to_real import SimToRealSamples
from lead.models.transfuser.architecture import Architecture
from lead.sensing.rigs import NAVSIM_4_CAMERAS, SensorRig
from lead.training.distributed import Ranks
from lead.training.errors import TrainingError
from lead.training.model_types import RIG_NUMBERS, architecture_of

LOG = logging.getLogger(__name__)

VALIDATION_WORKERS = 4
_RULES = {"balanced": BALANCED_RULES, "navsim": NAVSIM_RULES, "waymo": WAYMO_RULES}


@dataclass(frozen=True)
class Part:
    """What a training reads of one source.

    Attributes:
        train: Samples to train on.
        groups: Which of them, how often.
        validation: Samples to measure on; None for none.
    """

    train: SampleSource
    groups: list[Group]
    validation: SampleSource | None


@dataclass(frozen=True)
class DataSet:
    """What a training reads, opened.

    Attributes:
        config: The configuration, completed by what the data were recorded with: the rig, and the kind of clouds.
        parts: Its sources; in a mixture the simulated one first.
    """

    config: TrainingConfig
    parts: tuple[Part, ...]

    @property
    def validation(self) -> tuple[SampleSource, ...]:
        """Samples to measure on; none if a source has none."""
        sources = tuple(part.validation for part in self.parts if part.validation is not None)
        return sources if len(sources) == len(self.parts) else ()


def open_data(config: TrainingConfig) -> DataSet:
    """Open the data of a configuration.

    Raises:
        DatasetError: If there is none.
        TrainingError: If it was recorded with another rig than the configuration says, with clouds of two kinds, or no
            network learns from it.
    """
    if config.use_waymo_e2e_data:
        raise TrainingError("there is no network for Waymo's data: train on CARLA, NAVSIM or both")
    parts = []
    if config.use_navsim_data:
        config = dataclasses.replace(config, target_dataset=RIG_NUMBERS[NAVSIM_4_CAMERAS.name])
    if config.use_carla_data:
        config, part = _open_carla(config)
        parts.append(part)
    if config.use_navsim_data:
        parts.append(_open_navsim(config))
    for part in parts:
        if not any(len(group.indices) * group.rate >= 1.0 for group in part.groups):
            raise TrainingError(
                f"none of {len(part.train)} samples of {part.train.name} are drawn:\n{summary(part.groups)}"
            )
        LOG.info("training on %s:\n%s", part.train.name, summary(part.groups))
    data = DataSet(config, tuple(parts))
    if data.validation:
        LOG.info("validation on %d held-out samples", min(sum(map(len, data.validation)), config.validation_samples))
    elif config.validation_fraction > 0.0:
        LOG.warning("the data set is so small that nothing is left for validation")
    return data


def _open_carla(config: TrainingConfig) -> tuple[TrainingConfig, Part]:
    skip_first, skip_last = config.skip_first, config.skip_last
    assert skip_first is not None and skip_last is not None
    root = Path(config.carla_root)
    index = _index(config, root)
    LOG.info("%s: %s", root, index.summary())
    rig = rig_of(index)
    if config.target_dataset == 0:
        config = dataclasses.replace(config, target_dataset=RIG_NUMBERS[rig.name])
    architecture = architecture_of(config)
    if architecture.domain.rig.name != rig.name:
        raise TrainingError(
            f"{root} was recorded with the rig {rig.name}, but the network is one for {architecture.domain.rig.name}"
            + ("; record data for a mixture with target_dataset=4" if config.is_mixed else "")
        )
    held_out: FrameIndex | None = None
    if config.validation_root is not None and not config.is_mixed:
        held_out = build_index(Path(config.validation_root), skip_first=skip_first, skip_last=skip_last)
    elif config.validation_fraction > 0.0:
        index, held_out = index.split(config.validation_fraction)
    if not config.LTF:
        config = _with_clouds_of((index,) if held_out is None else (index, held_out), config)
    train = _carla(index, rig, config, architecture, is_training=True)
    validation = None
    if held_out is not None and len(held_out):
        validation = _carla(held_out, rig, config, architecture, is_training=False)
    return config, Part(train, _groups(config, index), validation)


def _with_clouds_of(indices: Sequence[FrameIndex], config: TrainingConfig) -> TrainingConfig:
    """Let the network drive with clouds as the data have them, whatever weights it starts from."""
    kinds = {entry.exact_clouds for index in indices for entry in index.routes}
    if len(kinds) > 1:
        roots = " and ".join(sorted({str(index.root) for index in indices}))
        raise TrainingError(
            f"some routes of {roots} were recorded with exact_clouds=true and others without, but a network drives with"
            " one kind of clouds; train on one of them, or without LiDAR (LTF=true)"
        )
    switches = with_clouds(config.switches, exact=kinds == {True})
    if config.load_file is not None and switches != config.switches:
        LOG.warning("%s has learnt from another kind of LiDAR clouds than the data have", config.load_file)
    return dataclasses.replace(config, legacy=dataclasses.asdict(switches))


def _index(config: TrainingConfig, root: Path) -> FrameIndex:
    """List the samples: those of a published index file, or those that lie in the folder."""
    collection = config.chosen_collection
    if collection.endswith(".gz"):
        buckets = read_buckets(Path(collection))
        if len(buckets.buckets) != 1:
            raise TrainingError(
                f"{collection} has {len(buckets.buckets)} groups and does not say how often each is drawn; use a"
                f" collection by its name: {', '.join(COLLECTIONS)}"
            )
        return buckets.index(0, root)
    assert config.skip_first is not None and config.skip_last is not None
    return build_index(root, skip_first=config.skip_first, skip_last=config.skip_last)


def _groups(config: TrainingConfig, index: FrameIndex) -> list[Group]:
    """Put the samples of a collection into groups."""
    rules = _RULES.get(config.chosen_collection)
    if rules is not None:
        return mine(index, rules, default_folder(index.root), workers=max(1, _cores(config)))
    return town_held_out(index) if config.chosen_collection == HELD_OUT else everything(len(index))


def _open_navsim(config: TrainingConfig) -> Part:
    samples = NavsimSamples(Path(config.navsim_data_root), config.switches)
    if config.validation_root is not None:
        train, held_out = samples, NavsimSamples(Path(config.validation_root), config.switches)
    else:
        train, held_out = samples.split(config.validation_fraction)
    return Part(train, everything(len(train)), held_out if len(held_out) else None)


def training_batches(data: DataSet, ranks: Ranks) -> BatchLoader:
    """Return the loader of a rank's batches.

    Raises:
        LoaderError: If the batch cannot be shared by the ranks.
        PlanError: If there are fewer samples than in a batch.
    """
    config = data.config
    number = config.carla_num_samples
    plan = EpochPlan(
        [part.groups for part in data.parts],
        config.batch_size,
        config.seed,
        sim_to_real_shares if config.schedule_carla_num_samples else equal_shares,
        samples_per_epoch=number if number > 0 else None,
        epochs=config.epochs or 0,
    )
    return BatchLoader(
        [part.train for part in data.parts],
        plan,
        rank=ranks.rank,
        world=ranks.world,
        workers=_workers(config, ranks),
        prefetch=config.prefetch_factor,
        pin=ranks.device.type == "cuda",
        max_bad_fraction=config.max_bad_fraction,
    )


def validation_batches(data: DataSet, ranks: Ranks) -> BatchLoader | None:
    """Return the loader for validation: samples spread evenly over the held-out routes, always the same.

    In a mixture all sources have equal shares of it.
    """
    sources, config = data.validation, data.config
    if not sources:
        return None
    wanted = config.validation_samples // len(sources)
    groups = [_spread(source, wanted) for source in sources]
    number = sum(len(group.indices) for group in groups)
    step = ranks.world * len(sources)
    batch = min(config.batch_size, number) // step * step
    if not batch:
        LOG.warning("%d held-out samples are too few for %d ranks: no validation", number, ranks.world)
        return None
    plan = EpochPlan([[group] for group in groups], batch, config.seed, is_shuffled=False)
    return BatchLoader(
        sources,
        plan,
        rank=ranks.rank,
        world=ranks.world,
        workers=min(_workers(config, ranks), VALIDATION_WORKERS),
        prefetch=config.prefetch_factor,
        pin=ranks.device.type == "cuda",
        max_bad_fraction=config.max_bad_fraction,
    )


def _spread(source: SampleSource, wanted: int) -> Group:
    """Take so many samples of a source, or all, at equal distances."""
    indices = np.linspace(0, len(source) - 1, min(len(source), wanted)).astype(np.int64)
    return Group("validation", indices)


def _carla(
    index: FrameIndex, rig: SensorRig, config: TrainingConfig, architecture: Architecture, *, is_training: bool
) -> SampleSource:
    assert config.use_sensor_perburtation_prob is not None and config.use_color_aug_prob is not None
    options = dataclasses.replace(
        PLAIN,
        used_cameras=architecture.used_cameras,
        has_lidar=not config.LTF,
        has_radar=config.use_radars and bool(architecture.domain.rig.radars),
        has_depth=not config.is_mixed,
        horizontal_fov_reduction=config.horizontal_fov_reduction,
        needs_plan=is_training and config.use_planning_decoder,
        lidar_ticks=config.training_used_lidar_steps,
        legacy=config.switches,
    )
    if is_training:
        options = dataclasses.replace(
            options,
            twin_share=config.use_sensor_perburtation_prob if config.use_sensor_perburtation else 0.0,
            augmentation=config.use_color_aug_prob if config.use_color_aug else 0.0,
            target_point_noise_m=config.target_point_noise_m,
            random_speed_share=config.random_speed_share,
        )
    settings = RecordSettings(rig.name, options.lidar_ticks, options.legacy.door_in_ego_frame)
    cache = _cache(index.root, settings) if config.use_persistent_cache else None
    samples = CarlaSamples(index, rig, options, cache)
    return SimToRealSamples(samples, has_plan=config.use_planning_decoder) if config.is_mixed else samples


def _cache(root: Path, settings: RecordSettings) -> RecordStore | PublishedStore | None:
    """Open the cache of a data set: ours, or else a published one."""
    folder = default_folder(root)
    if next(folder.rglob(f"*{SUFFIX}"), None) is not None:
        return RecordStore(folder, settings)
    if (root / CACHE_FOLDER).is_dir():
        LOG.warning("%s has a published cache only: open doors are as published, and loading takes longer", root)
        return PublishedStore(settings)
    LOG.warning("%s has no cache: loading is several times slower; make one with lead cache build", root)
    return None


def _cores(config: TrainingConfig) -> int:
    return len(os.sched_getaffinity(0)) if config.assigned_cpu_cores is None else config.assigned_cpu_cores


def _workers(config: TrainingConfig, ranks: Ranks) -> int:
    cores = _cores(config)
    return cores // ranks.local_world if cores < ranks.local_world else max(1, cores // ranks.local_world)
