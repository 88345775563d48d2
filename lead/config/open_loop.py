"""How the members of an ensemble are combined into one prediction; keys and variable are the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lead.config.resolve import ConfigError, resolve

VARIABLE = "LEAD_OPEN_LOOP_CONFIG"


@dataclass(frozen=True)
class OpenLoopConfig:
    """Settings of open-loop prediction.

    Attributes:
        lower_target_speed: Multiply the target speed by ``lower_target_speed_factor``.
        lower_target_speed_factor: That factor.
        brake_threshold: The target speed is 0 where the probability of standing exceeds this.
        strict_weight_load: Refuse weights that lack a tensor or have one too many.
    """

    lower_target_speed: bool = False
    lower_target_speed_factor: float = 0.8
    brake_threshold: float = 0.9
    strict_weight_load: bool = True

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        if not 0.0 < self.brake_threshold <= 1.0:
            raise ConfigError(f"brake_threshold must lie in (0, 1], not {self.brake_threshold}")
        if not 0.0 < self.lower_target_speed_factor <= 1.0:
            raise ConfigError(f"lower_target_speed_factor must lie in (0, 1], not {self.lower_target_speed_factor}")


def resolve_open_loop(arguments: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> OpenLoopConfig:
    """Work out the settings from ``key=value`` arguments and the environment.

    Raises:
        ConfigError: If a key is unknown or a value impossible.
    """
    return resolve(OpenLoopConfig, arguments, variable=VARIABLE, environ=environ)
