"""Settings of a training, under the published keys where there are some, and how they come together.

From the strongest: words of the command line, ``LEAD_TRAINING_CONFIG``, the recipe that one of the two names, the
``config.json`` beside ``load_file``, the defaults. From that file only what belongs to network and data is taken over:
where the former training ran and what it was called is no matter of the next one.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lead.config.legacy import PUBLISHED, TRAINED, Legacy
from lead.config.network import NetworkConfig
from lead.config.published import FILE_NAME
from lead.config.recipes import RECIPES
from lead.config.resolve import ConfigError, nearest, resolve

VARIABLE = "LEAD_TRAINING_CONFIG"
MODEL_TYPES = ("tfv6", "plant")
HELD_OUT = "town13_held_out"
COLLECTIONS = ("all", HELD_OUT, "balanced", "navsim", "waymo")
"""Names of collections of simulated samples: ``balanced`` draws frames that stand less often, the last two draw what is
rare in those real logs more often."""
_OF_ONE_RUN = frozenset(
    """
    recipe device logdir load_file continue_failed_training resume skip_first skip_last compile
    log_wandb wandb_id wandb_resume wandb_project_name id description prefetch_factor assigned_cpu_cores
    limit_steps group_width cuda_graph perspective_every checkpoint_every_steps keep_checkpoints epoch_checkpoints_keep
    save_model_checkpoint log_scalars_frequency log_images_frequency validation_root validation_fraction
    validation_samples
    """.split()  # noqa: SIM905  # a table of words
)
"""Keys that the next training does not take over from the ``config.json`` of the one before."""
_NEVER_TAKEN = frozenset({"recipe", "device", "resume", "continue_failed_training", "assigned_cpu_cores"})
"""Keys that even the same training does not take over when it goes on."""


@dataclass(frozen=True)
class TrainingConfig(NetworkConfig):
    """Settings of a training; published keys have their published names, spelling mistakes included.

    Those of the network are in :class:`lead.config.network.NetworkConfig`.

    Attributes:
        model_type: What is trained, one of :data:`MODEL_TYPES`.
        recipe: Name of a set of values, one of :data:`lead.config.recipes.RECIPES`; empty for none.
        logdir: Where everything is written; None for ``outputs/local_training/<pretrain or posttrain>``.
        load_file: Weights to start from beside their ``config.json``: a ``model_*.pth``, or safetensors (any shard).
        continue_failed_training: Go on with the training that wrote ``load_file``; as ``resume`` in its folder.
        resume: Go on with the newest checkpoint of ``logdir``; a new training where there is none.
        device: ``cpu`` or ``cuda``; None for a GPU where there is one.
        seed: Of weights, order and everything random.
        description: What the training is about; its name in WandB.
        id: Another name for it.
        use_waymo_e2e_data: Train on Waymo's end-to-end set; refused, there is no network for it.
        schedule_carla_num_samples: In a mixture, fade from simulated to real samples; otherwise equal shares.
        navsim_data_root: Folder of NAVSIM's training cache.
        carla_num_samples: Samples of an epoch, of all sources together; -1 for all.
        collection: Which simulated samples, how often: one of :data:`COLLECTIONS`, or a published index file
            (``*.gz``); None for ``town13_held_out`` where ``hold_out_town13_routes`` says so, ``navsim`` in a mixture,
            else ``all``.
        hold_out_town13_routes: Leave Town13 out.
        skip_first: Frames left out at a route's begin; None for 1 in pre-training, else 8.
        skip_last: The same at its end; 16 where four seconds ahead are learnt, as on NAVSIM.
        use_sensor_perburtation: Train on the shifted and turned view, too.
        use_sensor_perburtation_prob: Share of samples that are; None for 0.5, with NAVSIM 0.8.
        use_color_aug: Change images at random.
        use_color_aug_prob: Probability of each of the six changes; None for 0.2, with NAVSIM 0.1.
        use_persistent_cache: Read from the cache where it has a sample.
        max_bad_fraction: Share of an epoch's samples that may be unusable.
        assigned_cpu_cores: Cores for loading, shared by all ranks of a machine; None for all there are, 0 to load in
            the trainer itself.
        prefetch_factor: Batches that each loading process makes ahead.
        used_cameras: One flag per camera of the rig; None for all.
        dropout: Rate of all dropouts.
        target_point_gain: Factor on the random weights that a new planner's encoder of target points begins with; 1 as
            published. Scaled to 200 m, near target points are faint beside the other tokens.
        planner_residual_gain: Factor on the random weights of what a new planner's layers add to their queries; 1 as
            published. With less, queries are told apart from the beginning.
        target_point_noise_m: Error of the position from which target points are seen, drawn anew for each sample; 0 as
            published. Driving takes the position from the GNSS sensor, 0.56 m off along each axis, unless
            ``use_kalman_filter`` is on.
        first_path_point_weight: How much more the first point of the path counts, where the last counts 1 more; 0 as
            published. At low speeds the car steers by the first.
        random_speed_share: Share of samples whose speed is drawn at random; 0 as published. An expert's target speed
            hardly differs from its speed, so a planner that may rely on it learns to go on as it does.
        foreign_goal_share: Share of a step's samples that have the goals of each other; 0 as published. Otherwise a
            planner may know by heart where each of its scenes is left, and drives straight on in new ones.
        pretrained_encoder: Start the image encoder from ImageNet; not where ``load_file`` is given.
        perspective_every: Depth and semantics of images are learnt from every n-th sample of a step; 1 as published.
            Their maps have the size of the images, which are most of a small network's step.
        freeze_backbone: Leave the backbone as it is.
        legacy: Public quirks to train with, by the names of :class:`lead.config.legacy.Legacy`; the rest is corrected.
        epochs: Length; None for 31, on NAVSIM 61, on Waymo 20.
        batch_size: Samples per step, over all ranks.
        accumulation_steps: Parts in which a rank computes its share of a step, to save memory.
        lr: Highest learning rate.
        weight_decay: Of all parameters.
        use_cosine_annealing_with_restarts: Cycles of 1, 2, 4 ... epochs; None for that, on Waymo one cosine.
        warm_up_steps: Steps over which the learning rate grows; the published code has 0.
        clip_norm: Longest gradient; 0, as published, for any.
        ema_decay: Average weights over time; 0 for no average.
        sync_batchnorm: Batch normalisations look at all ranks' samples.
        use_zero_redundancy: Share the optimiser's state out over the ranks.
        compile: Compile the network; None for that on GPUs.
        cuda_graph: Record a step of the network once and replay it: for networks so small that the GPU would wait
            for the host.
        channel_last: Memory layout of convolutions on GPUs.
        group_width: Channels up to which narrow groups of convolutions are computed together on GPUs; 0 for never.
        bucket_cap_mb: Gradients that ranks exchange at once.
        gradient_as_bucket_view: Save a copy of the gradients.
        max_skipped_steps: Steps without a finite gradient, one after the other, that end the training.
        divergence_factor: The loss, averaged over time, may grow to so many times its least before training ends.
        limit_steps: End after so many steps; None for all.
        save_model_checkpoint: Write checkpoints.
        checkpoint_every_steps: Also within an epoch; 0 for only at its end.
        keep_checkpoints: Newest epochs that are kept.
        epoch_checkpoints_keep: Epochs whose weights are kept for good.
        validation_root: Data set to validate on, in a mixture NAVSIM's; None to take routes of the training's own away.
        validation_fraction: Share of the routes that is taken away; 0 for no validation.
        validation_samples: Most samples of a validation.
        log_scalars_frequency: Steps between two entries.
        log_images_frequency: Steps between two pictures.
        visualize_training: Draw pictures.
        log_wandb: Also log to WandB.
        wandb_id: Run there.
        wandb_resume: WandB's rule for runs that exist.
        wandb_project_name: Project there; None for ``lead_pretrain`` or ``lead_posttrain``.
    """

    model_type: str = "tfv6"
    recipe: str = ""
    logdir: str | None = None
    load_file: str | None = None
    continue_failed_training: bool = False
    resume: bool = False
    device: str | None = None
    seed: int = 0
    description: str = ""
    id: str = ""
    use_waymo_e2e_data: bool = False
    schedule_carla_num_samples: bool = False
    navsim_data_root: str = "data/navsim_training_cache/navtrain"
    carla_num_samples: int = -1
    collection: str | None = None
    hold_out_town13_routes: bool = False
    skip_first: int | None = None
    skip_last: int | None = None
    use_sensor_perburtation: bool = True
    use_sensor_perburtation_prob: float | None = None
    use_color_aug: bool = True
    use_color_aug_prob: float | None = None
    use_persistent_cache: bool = True
    max_bad_fraction: float = 0.05
    assigned_cpu_cores: int | None = None
    prefetch_factor: int = 2
    used_cameras: list[bool] | None = None
    dropout: float = 0.1
    target_point_gain: float = 1.0
    planner_residual_gain: float = 1.0
    target_point_noise_m: float = 0.0
    first_path_point_weight: float = 0.0
    random_speed_share: float = 0.0
    foreign_goal_share: float = 0.0
    pretrained_encoder: bool = True
    perspective_every: int = 1
    freeze_backbone: bool = False
    legacy: dict[str, Any] = field(default_factory=dict)
    epochs: int | None = None
    batch_size: int = 64
    accumulation_steps: int = 1
    lr: float = 3e-4
    weight_decay: float = 0.01
    use_cosine_annealing_with_restarts: bool | None = None
    warm_up_steps: int = 200
    clip_norm: float = 10.0
    ema_decay: float = 0.0
    sync_batchnorm: bool = False
    use_zero_redundancy: bool = False
    compile: bool | None = None
    cuda_graph: bool = False
    channel_last: bool = True
    group_width: int = 0
    bucket_cap_mb: int = 256
    gradient_as_bucket_view: bool = False
    max_skipped_steps: int = 20
    divergence_factor: float = 10.0
    limit_steps: int | None = None
    save_model_checkpoint: bool = True
    checkpoint_every_steps: int = 1000
    keep_checkpoints: int = 1
    epoch_checkpoints_keep: list[int] = field(default_factory=list)
    validation_root: str | None = None
    validation_fraction: float = 0.02
    validation_samples: int = 1024
    log_scalars_frequency: int = 50
    log_images_frequency: int = 5000
    visualize_training: bool = True
    log_wandb: bool = False
    wandb_id: str | None = None
    wandb_resume: str = "never"
    wandb_project_name: str | None = None

    def __post_init__(self) -> None:
        """Complete what depends on other values, and check all.

        Raises:
            ConfigError: If a value is impossible.
        """
        if self.model_type not in MODEL_TYPES:
            raise ConfigError(f"model_type is {self.model_type!r}; it must be one of {', '.join(MODEL_TYPES)}")
        if self.radar_detection and not self.use_radars:
            raise ConfigError("radar_detection=true needs use_radars=true: the radar head would get no input")
        self._check_sources()
        skipped = 8 if self.use_planning_decoder else 1
        self._complete("skip_first", skipped)
        self._complete("skip_last", 16 if self.use_planning_decoder and self.use_navsim_data else skipped)
        self._complete("use_sensor_perburtation_prob", 0.8 if self.use_navsim_data else 0.5)
        self._complete("use_color_aug_prob", 0.1 if self.use_navsim_data else 0.2)
        self._complete("epochs", 61 if self.use_navsim_data else 20 if self.use_waymo_e2e_data else 31)
        self._complete("use_cosine_annealing_with_restarts", not self.use_waymo_e2e_data)
        self._complete("logdir", f"outputs/local_training/{self.stage}")
        self._complete("wandb_project_name", f"lead_{self.stage}")
        self._check_numbers()
        known = {entry.name for entry in dataclasses.fields(Legacy)}
        for name in self.legacy:
            if name not in known:
                raise ConfigError(f"legacy has no switch {name!r}; did you mean {nearest(name, known)!r}?")

    @property
    def stage(self) -> str:
        """``pretrain`` or ``posttrain``."""
        return "posttrain" if self.use_planning_decoder else "pretrain"

    @property
    def switches(self) -> Legacy:
        """Quirks to train with."""
        return dataclasses.replace(TRAINED, **self.legacy)

    @property
    def folder(self) -> Path:
        """Where everything is written."""
        assert self.logdir is not None
        return Path(self.logdir)

    def _complete(self, name: str, value: Any) -> None:
        if getattr(self, name) is None:
            object.__setattr__(self, name, value)

    @property
    def chosen_collection(self) -> str:
        """Which simulated samples are drawn, and how often."""
        return self.collection or (HELD_OUT if self.hold_out_town13_routes else "navsim" if self.is_mixed else "all")

    @property
    def is_mixed(self) -> bool:
        """Whether one network is trained on simulated and real data together."""
        return self.use_carla_data and self.use_navsim_data

    def _check_sources(self) -> None:
        """Refuse data that no network learns from together, and complete what depends on them.

        Raises:
            ConfigError: If the choices do not fit together.
        """
        if not (self.use_carla_data or self.use_navsim_data or self.use_waymo_e2e_data):
            raise ConfigError(
                "none of use_carla_data, use_navsim_data and use_waymo_e2e_data is true: nothing to learn"
            )
        if self.use_waymo_e2e_data and (self.use_carla_data or self.use_navsim_data):
            raise ConfigError(
                "use_waymo_e2e_data=true cannot be mixed: there is no network for Waymo's data, alone or with others"
            )
        if self.is_mixed and (self.radar_detection or not self.LTF):
            raise ConfigError(
                "use_carla_data and use_navsim_data are both true: NAVSIM has neither LiDAR nor radar, so a network on"
                " both needs LTF=true use_radars=false radar_detection=false use_radar_detection=false; to train on one"
                " of the two, set the other to false"
            )
        if self.is_mixed and self.perspective_every > 1:
            raise ConfigError("perspective_every must be 1 where use_carla_data and use_navsim_data are both true")
        if self.is_mixed and self.foreign_goal_share > 0.0:
            raise ConfigError("foreign_goal_share must be 0 where use_carla_data and use_navsim_data are both true")
        if self.schedule_carla_num_samples and not self.is_mixed:
            raise ConfigError("schedule_carla_num_samples=true needs use_carla_data=true and use_navsim_data=true")
        if self.chosen_collection not in COLLECTIONS and not self.chosen_collection.endswith(".gz"):
            raise ConfigError(
                f"collection is {self.collection!r}; it must be one of {', '.join(COLLECTIONS)}, or an index file *.gz"
            )
        if self.hold_out_town13_routes and self.chosen_collection != HELD_OUT:
            raise ConfigError(f"hold_out_town13_routes=true is another collection than collection={self.collection}")

    def _check_numbers(self) -> None:
        at_least = {
            0: "skip_first skip_last assigned_cpu_cores warm_up_steps clip_norm weight_decay checkpoint_every_steps "
            "validation_samples group_width seed horizontal_fov_reduction target_point_noise_m",
            1: "epochs batch_size accumulation_steps keep_checkpoints prefetch_factor log_scalars_frequency "
            "log_images_frequency perspective_every max_skipped_steps divergence_factor limit_steps "
            "training_used_lidar_steps",
        }
        for least, names in at_least.items():
            for name in names.split():
                value = getattr(self, name)
                if value is not None and value < least:
                    raise ConfigError(f"{name} is {value}; it must be at least {least}")
        shares = (
            "use_sensor_perburtation_prob use_color_aug_prob validation_fraction max_bad_fraction ema_decay dropout "
            "random_speed_share foreign_goal_share"
        )
        for name in shares.split():
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be from 0 to 1")
        for name in ("lr", "target_point_gain", "planner_residual_gain"):
            if getattr(self, name) <= 0.0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be positive")
        if not 0.0 <= self.first_path_point_weight < math.inf:
            raise ConfigError(f"first_path_point_weight is {self.first_path_point_weight}; it must be at least 0")


def resolve_training(arguments: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> TrainingConfig:
    """Work out the settings of a new training.

    Args:
        arguments: ``key=value`` words of the command line.
        environ: Environment to read; the process's own by default.

    Raises:
        ConfigError: If a key is unknown (names the nearest), a value impossible, or ``load_file`` has no configuration.
    """
    environ = os.environ if environ is None else environ
    words = [*environ.get(VARIABLE, "").split(), *arguments]
    named = {key: value for key, sign, value in (word.partition("=") for word in words) if sign}
    base = _base(named)
    recipe = named.get("recipe", "")
    if recipe:
        if recipe not in RECIPES:
            raise ConfigError(f"there is no recipe {recipe!r}; did you mean {nearest(recipe, RECIPES)!r}?")
        base |= RECIPES[recipe]()
    config = resolve(TrainingConfig, arguments, variable=VARIABLE, environ=environ, base=base)
    if config.continue_failed_training:
        # The same training goes on: its newest checkpoint has the weights.
        folder = named.get("logdir", str(Path(named["load_file"]).parent))
        config = dataclasses.replace(config, resume=True, load_file=None, logdir=folder)
    return config


def _base(named: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the file that the words point to: of the training to go on with, or of the one before."""
    load_file = named.get("load_file", "null")
    start = None if load_file in ("null", "") else Path(load_file)
    if named.get("continue_failed_training", "").lower() == "true":
        if start is None:
            raise ConfigError("continue_failed_training=true needs load_file=..., a file of the training to go on with")
        return read_base(start.parent / FILE_NAME, whole=True)
    if named.get("resume", "").lower() == "true" and "logdir" in named:
        path = Path(named["logdir"]) / FILE_NAME
        if path.is_file():
            return read_base(path, whole=True)
    return {} if start is None else read_base(start.parent / FILE_NAME)


def read_base(path: Path, *, whole: bool = False) -> dict[str, Any]:
    """Read what a training takes over from the ``config.json`` of another one.

    Args:
        path: The file; keys that are not known are left out, as published files have many.
        whole: Take over everything, to go on with the same training.

    Raises:
        ConfigError: If the file cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}, the configuration of the weights to start from, cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold a JSON object")
    known = {entry.name for entry in dataclasses.fields(TrainingConfig)}
    taken = known - (_NEVER_TAKEN if whole else _OF_ONE_RUN)
    base = {key: value for key, value in content.items() if key in taken}
    # Published weights were trained with every quirk, and their files do not say so.
    base.setdefault("legacy", dataclasses.asdict(PUBLISHED))
    return base
