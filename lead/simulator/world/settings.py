"""Episode settings as CARLA's clients read and write them."""

from dataclasses import dataclass


@dataclass(slots=True)
class EpisodeSettings:
    """World settings, in wire order, with CARLA's defaults."""

    synchronous: bool = False
    no_rendering: bool = False
    fixed_delta_s: float | None = None
    substepping: bool = True
    max_substep_delta_s: float = 0.01
    max_substeps: int = 10
    max_culling_distance_m: float = 0.0
    deterministic_ragdolls: bool = True
    tile_stream_distance_m: float = 3000.0
    actor_active_distance_m: float = 2000.0
    spectator_as_ego: bool = True
