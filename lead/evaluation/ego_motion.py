"""The ego's motion in the form of Bench2Drive's metrics, read from the simulator."""

from __future__ import annotations

import carla


def motion_row(ego: carla.Vehicle) -> dict[str, list[float]]:
    """Return the values of one tick, as Bench2Drive's agents record them.

    Args:
        ego: The vehicle.

    Returns:
        ``acceleration`` (m/s²), ``angular_velocity`` (deg/s), ``forward_vector``, ``right_vector`` and ``location``
        (m) as [x, y, z] in the world frame, ``rotation`` as [roll, pitch, yaw] in degrees.
    """
    pose = ego.get_transform()
    vectors = {
        "acceleration": ego.get_acceleration(),
        "angular_velocity": ego.get_angular_velocity(),
        "forward_vector": pose.get_forward_vector(),
        "right_vector": pose.get_right_vector(),
        "location": pose.location,
    }
    row = {name: [vector.x, vector.y, vector.z] for name, vector in vectors.items()}
    row["rotation"] = [pose.rotation.roll, pose.rotation.pitch, pose.rotation.yaw]
    return row
