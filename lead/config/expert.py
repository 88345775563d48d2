"""Settings of the expert and of what it records, under the published keys of ``LEAD_EXPERT_CONFIG``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lead.config.resolve import ConfigError, resolve

VARIABLE = "LEAD_EXPERT_CONFIG"
TARGET_DATASETS = range(7)


@dataclass(frozen=True)
class ExpertConfig:
    """Settings of the expert.

    Attributes:
        target_dataset: Which sensors are mounted: 0 unknown, 1 three cameras (the published data set), 2 six cameras,
            3 one camera, 4 NAVSIM, 5 Waymo, 6 the rig of 123D logs.
        perturbate_sensors: Record every camera and radar a second time from a pose beside the ego.
        max_x_meter: Front end of the bird's-eye view, m.
        eval_expert: Only measure the expert: no perturbation, a camera from above.
        save_3rd_person_camera: Record the camera from above.
        use_radars: Mount the radars.
        lidar_stack_size: Sweeps in a stored cloud.
        save_only_non_ground_lidar: Leave points of the ground out.
        save_lidar_only_inside_bev: Leave points outside the bird's-eye view out.
        py123d_data_format: Write 123D logs instead.
        nice_weather: Drive at ClearNoon.
        visualize_route: Published, for pictures of the public code; without effect here, as all ``visualize_`` keys.
        visualize_boxes: As ``visualize_route``.
        visualize_lights: As ``visualize_route``.
        hesitate: Hold the car now and then for a moment when the expert wants to drive, and record what it wants; not
            published.
        swerve: Steer the car off its path now and then on a free road; not published.
        novice: Checkpoint folder of a policy that drives stretches, while what the expert would do is recorded; not
            published.
        exact_clouds: Record clouds with what is straight ahead, behind and beside the ego, and older sweeps where they
            were; published clouds lack the one and are a little off in the other. Not published.
        know_scenarios: The expert may look at the records of the running scenarios.
    """

    target_dataset: int = 1
    perturbate_sensors: bool = True
    max_x_meter: float = 64.0
    eval_expert: bool = False
    save_3rd_person_camera: bool = False
    use_radars: bool = True
    lidar_stack_size: int = 5
    save_only_non_ground_lidar: bool = True
    save_lidar_only_inside_bev: bool = True
    py123d_data_format: bool = False
    nice_weather: bool = False
    visualize_route: bool = False
    visualize_boxes: bool = False
    visualize_lights: bool = False
    hesitate: bool = False
    swerve: bool = False
    novice: str = ""
    exact_clouds: bool = False
    know_scenarios: bool = True

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: If one is impossible.
        """
        if self.target_dataset not in TARGET_DATASETS:
            raise ConfigError(f"target_dataset is {self.target_dataset}; it must be one of 0 to {TARGET_DATASETS[-1]}")
        if self.lidar_stack_size < 1:
            raise ConfigError(f"lidar_stack_size is {self.lidar_stack_size}; at least one sweep is needed")


def resolve_expert(arguments: Sequence[str] = ()) -> ExpertConfig:
    """Work out the settings from ``key=value`` words and the environment variable.

    Raises:
        ConfigError: If a key is unknown (names the nearest) or a value is impossible.
    """
    return resolve(ExpertConfig, arguments, variable=VARIABLE)
