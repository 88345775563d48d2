"""Pictures of boxes on flat ground, rendered from the pinhole's definition, for tests of what is read from them."""

import math

import numpy as np

from lead.expert.recording.camera_view import CameraView
from lead.geometry.boxes import ray_box_distances
from lead.geometry.frames import rotation_matrices
from lead.sensing.rigs import Camera

FAR_M = 500.0
CAMERA = Camera("rgb_1", 0.3, -0.2, 2.0, 40.0, 96, 64, 70.0, 64, -5.0, 3.0)


def rays(camera):
    """World directions (h, w, 3) whose length along the optical axis is 1, written from the pinhole's definition."""
    focal_px = camera.width_px / 2 / math.tan(math.radians(camera.fov_deg / 2))
    column, row = np.meshgrid(np.arange(camera.width_px), np.arange(camera.recorded_height_px))
    local = np.stack(
        [
            np.ones(column.shape),
            (column - camera.width_px / 2) / focal_px,
            -(row - camera.recorded_height_px / 2) / focal_px,
        ],
        axis=-1,
    )
    return local @ rotation_matrices(camera.pitch_deg, camera.yaw_deg, camera.roll_deg).T


def picture(camera, boxes):
    """Depth and instance pictures of upright boxes (center, half, yaw, class, id) over flat ground at z = 0."""
    direction = rays(camera).reshape(-1, 3)
    place = np.array([camera.x_m, camera.y_m, camera.z_m])
    with np.errstate(divide="ignore"):
        ground = np.where(direction[:, 2] < 0.0, -place[2] / direction[:, 2], FAR_M)
    depth, label, number = np.minimum(ground, FAR_M), np.full(len(direction), 1), np.zeros(len(direction), int)
    for center, half, yaw, kind, own in boxes:
        entry, _ = ray_box_distances(
            np.broadcast_to(place, direction.shape), direction, np.array([center]), np.array([yaw]), np.array([half])
        )
        hit = entry[:, 0] < depth
        depth = np.where(hit, entry[:, 0], depth)
        label[hit], number[hit] = kind, own
    shape = (camera.recorded_height_px, camera.width_px)
    instance = np.zeros((*shape, 4), np.uint8)
    instance[..., 2] = label.reshape(shape)
    instance[..., 1], instance[..., 0] = (number % 256).reshape(shape), (number // 256).reshape(shape)
    return depth.reshape(shape).astype(np.float32), instance


def view(camera, boxes):
    return CameraView(camera, *picture(camera, boxes))
