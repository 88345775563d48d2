"""Reads the ``config.json`` of published checkpoints: some 200 keys, most of them derived, of which a few matter.

Keys that are not known are tolerated here, and only here, because published files contain many that follow from others.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lead.config.network import NetworkConfig
from lead.config.resolve import ConfigError

FILE_NAME = "config.json"
_SIX_CAMERA_FOLDERS = ("carla_leaderboard2_360", "carla_leaderboad2_v10")
_ONE_CAMERA_DATASETS = (3, 6)
_SIX_CAMERA_DATASET = 2


@dataclass(frozen=True)
class PublishedConfig(NetworkConfig):
    """What a model's behaviour depends on; names and defaults are the published ones.

    Those of the network are in :class:`lead.config.network.NetworkConfig`.

    Attributes:
        used_cameras: One flag per camera of the rig, empty for all.
        use_kalman_filter_for_gps: Route points are popped at the filtered position.
        num_radar_points_per_sensor: Rows per radar in the radar input.
        hist_max_per_pixel: Points per pixel at which the LiDAR histogram is clipped.
        legacy: Which public quirks the weights were trained with; empty in published files.
        unknown: Keys of the file that are none of the above.
    """

    used_cameras: tuple[bool, ...] = ()
    use_kalman_filter_for_gps: bool = True
    num_radar_points_per_sensor: int = 75
    hist_max_per_pixel: int = 5
    legacy: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @property
    def is_navsim(self) -> bool:
        """Trained on NAVSIM alone."""
        return self.use_navsim_data and not self.use_carla_data

    @property
    def rig_name(self) -> str:
        """Name of the sensor rig.

        The public code looks for parts of the data folder's name, by which its six-camera set is taken for the one with
        three; here whole folder names count, after the number of the data set.
        """
        if self.is_navsim:
            return "navsim_4_cameras"
        folders = PurePosixPath(self.carla_root.replace("\\", "/")).parts
        if self.target_dataset == _SIX_CAMERA_DATASET or any(name in folders for name in _SIX_CAMERA_FOLDERS):
            return "carla_6_cameras"
        if self.target_dataset in _ONE_CAMERA_DATASETS:
            return "carla_1_camera"
        return "carla_6_cameras" if len(self.used_cameras) == 6 else "carla_3_cameras"


def read_published_config(path: Path) -> PublishedConfig:
    """Read a ``config.json``.

    Raises:
        ConfigError: If the file is missing, no JSON object, or a value of a known key has a wrong type.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist; a checkpoint folder holds {FILE_NAME} beside its weights") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold a JSON object, not a {type(data).__name__}")
    known = {entry.name: entry for entry in dataclasses.fields(PublishedConfig) if entry.name != "unknown"}
    values = {key: _cast(path, key, value) for key, value in data.items() if key in known}
    return PublishedConfig(**values, unknown=tuple(sorted(set(data) - set(known))))


def _cast(path: Path, key: str, value: Any) -> Any:
    """Check a value against the default of its key."""
    default = getattr(PublishedConfig(), key)
    if key == "used_cameras":
        if isinstance(value, list) and all(isinstance(entry, bool) for entry in value):
            return tuple(value)
    elif key == "legacy":
        if isinstance(value, dict):
            return value
    elif type(value) is type(default):
        return value
    raise ConfigError(f"{path}: the value of {key!r} must be like {default!r}, not {json.dumps(value)[:80]}")
