"""The quirks of the public code that published weights were trained with, in one place.

Weights learn whatever their inputs do, right or wrong. A published checkpoint therefore needs :data:`PUBLISHED`; a new
training starts from :data:`TRAINED` and stores what it used with its checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Legacy:
    """Switches for behaviour that is odd but was trained with.

    Attributes:
        radar_sampling_transposed: Radar tokens fetch their bird's-eye-view features at (y, x) instead of (x, y).
        ego_removal_strips: LiDAR points with a small |x| OR a small |y| are removed: two whole strips; corrected,
            only those inside the ego's box.
        lidar_alignment_rotates_offset: An older cloud p is aligned as R(p + d) instead of R p + d.
        gps_reference_extra_factor: The reference of the GNSS fixes has a latitude as an extra factor of x.
        smoother_control_lag: While its history is not full, the smoother pairs every state with the control before it.
        depth_labels_floored: Training compares depths with whole metres.
        phantom_target: Fillers of the list of boxes become a box of size 0 in the first cell of the box targets.
        door_in_ego_frame: In labels, an open door moves a car's box along the ego's y axis, away from the door's side.
        radar_near_repeats: How many more times radar points nearer than 32 m are put into the LiDAR cloud.
    """

    radar_sampling_transposed: bool = True
    ego_removal_strips: bool = True
    lidar_alignment_rotates_offset: bool = True
    gps_reference_extra_factor: bool = True
    smoother_control_lag: bool = True
    depth_labels_floored: bool = True
    phantom_target: bool = True
    door_in_ego_frame: bool = True
    radar_near_repeats: int = 5


PUBLISHED = Legacy()
CORRECTED = Legacy(
    radar_sampling_transposed=False,
    ego_removal_strips=False,
    lidar_alignment_rotates_offset=False,
    gps_reference_extra_factor=False,
    smoother_control_lag=False,
    depth_labels_floored=False,
    phantom_target=False,
    door_in_ego_frame=False,
)


def with_clouds(legacy: Legacy, *, exact: bool) -> Legacy:
    """Change the quirks of clouds to those of a recording, by whether its clouds are exact or as published."""
    return replace(legacy, ego_removal_strips=not exact, lidar_alignment_rotates_offset=not exact)


TRAINED = with_clouds(CORRECTED, exact=False)
"""What a new training starts from; how its clouds were cleaned and aligned is up to the data."""
