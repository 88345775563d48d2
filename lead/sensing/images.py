"""Camera images: side by side, in RGB, and with the traces of JPEG that training images have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lead.sensing.errors import SensorError
from lead.sensing.rigs import Camera, SensorRig

Image = NDArray[np.uint8]


def stitch(images: Sequence[Image], cameras: Sequence[Camera]) -> Image:
    """Put camera images side by side.

    Args:
        images: One (rows, columns, 3 or 4) uint8 BGR(A) array per camera.
        cameras: The cameras in the same order; rows below their ``height_px`` are cut off.

    Returns:
        (rows, columns, 3) uint8 RGB, contiguous.

    Raises:
        SensorError: If an image is missing, has another shape or is not uint8.
    """
    import cv2

    if len(images) != len(cameras):
        raise SensorError(f"{len(cameras)} cameras are mounted, but {len(images)} images were delivered")
    stitched = np.empty((cameras[0].height_px, sum(camera.width_px for camera in cameras), 3), dtype=np.uint8)
    column = 0
    for image, camera in zip(images, cameras, strict=True):
        expected = (camera.recorded_height_px, camera.width_px)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[:2] != expected or image.shape[2] not in (3, 4):
            raise SensorError(
                f"camera {camera.name} must deliver {expected[0]} x {expected[1]} pixels of 8-bit BGR or BGRA, "
                f"but delivered {image.dtype} {image.shape}"
            )
        order = cv2.COLOR_BGRA2RGB if image.shape[2] == 4 else cv2.COLOR_BGR2RGB
        cv2.cvtColor(image[: camera.height_px], order, dst=stitched[:, column : column + camera.width_px])
        column += camera.width_px
    return stitched


def jpeg_round_trip(image: Image, quality: int = 90) -> Image:
    """Compress and decompress an RGB image as the published agent does: the encoder takes red for blue.

    Args:
        image: (rows, columns, 3) uint8 RGB.
        quality: JPEG quality, 1 to 100.

    Returns:
        (rows, columns, 3) uint8 RGB.
    """
    import cv2

    is_done, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not is_done:
        raise SensorError(f"an image of shape {image.shape} cannot be compressed")
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), dtype=np.uint8)


def reduce_fov(image: Image, pixels: int) -> Image:
    """Cut ``pixels`` columns off both sides of an image (rows, columns, 3) and stretch the rest to the old size."""
    import cv2

    if pixels == 0:
        return image
    if not 0 < 2 * pixels < image.shape[1]:
        raise SensorError(f"{pixels} pixels cannot be cut off both sides of an image {image.shape[1]} pixels wide")
    cut = np.ascontiguousarray(image[:, pixels:-pixels])
    return np.asarray(cv2.resize(cut, (image.shape[1], image.shape[0])), dtype=np.uint8)


def select_cameras(
    image: NDArray[np.generic], rig: SensorRig, used_cameras: Sequence[bool] | None
) -> NDArray[np.generic]:
    """Keep the used cameras' columns of a stitched image.

    Args:
        image: (rows, columns, ...) of all cameras of the rig.
        rig: The rig.
        used_cameras: One flag per camera; None for all.

    Returns:
        The image itself or a copy of the used columns.

    Raises:
        SensorError: If the image has another width than the rig's cameras together.
        RigError: If the flags do not fit the rig.
    """
    width = sum(camera.width_px for camera in rig.cameras)
    if image.shape[1] != width:
        raise SensorError(f"the stitched image of the rig {rig.name} is {width} pixels wide, not {image.shape[1]}")
    if used_cameras is None or all(used_cameras):
        return image
    rig.used(used_cameras)
    edges = np.cumsum([0] + [camera.width_px for camera in rig.cameras])
    return np.concatenate(
        [image[:, edges[i] : edges[i + 1]] for i, is_used in enumerate(used_cameras) if is_used], axis=1
    )
