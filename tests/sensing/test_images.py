"""Camera images: order of channels and cameras, and the JPEG round trip."""

import numpy as np
import pytest

from lead.sensing.errors import SensorError
from lead.sensing.images import jpeg_round_trip, reduce_fov, select_cameras, stitch
from lead.sensing.rigs import CARLA_1_CAMERA, CARLA_3_CAMERAS, CARLA_6_CAMERAS, RigError

CAMERAS = CARLA_3_CAMERAS.cameras


def frames(channels=4):
    images = [np.full((384, 384, channels), 10 * (index + 1), dtype=np.uint8) for index in range(3)]
    for image in images:
        image[..., 2] = 200  # red of BGR
    return images


@pytest.mark.parametrize("channels", [3, 4])
def test_cameras_stand_side_by_side_in_rgb(channels):
    image = stitch(frames(channels), CAMERAS)
    assert image.shape == (384, 1152, 3)
    assert image[0, [0, 383, 384, 1151]].tolist() == [[200, 10, 10], [200, 10, 10], [200, 20, 20], [200, 30, 30]]


def test_rows_below_the_models_are_cut():
    image = np.zeros((512, 1024, 4), dtype=np.uint8)
    image[384:] = 255
    assert stitch([image], CARLA_1_CAMERA.cameras).shape == (384, 1024, 3)
    assert stitch([image], CARLA_1_CAMERA.cameras).max() == 0


def noise():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (24, 72, 3), dtype=np.uint8)
    return np.repeat(np.repeat(coarse, 16, axis=0), 16, axis=1)


def test_encoder_takes_red_for_blue():
    """Brightness weighs green most and the first channel least: the error of a swapped pair differs by channel."""
    cv2 = pytest.importorskip("cv2")
    image = noise()
    expected = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(jpeg_round_trip(image), expected)
    right = jpeg_round_trip(np.ascontiguousarray(image[..., ::-1]))[..., ::-1]
    assert not np.array_equal(jpeg_round_trip(image), right)
    error = np.abs(jpeg_round_trip(image).astype(int) - image)
    assert 0 < error.mean() < 8
    assert np.abs(jpeg_round_trip(image, 30).astype(int) - image).mean() > error.mean()


def test_used_cameras_are_cut_out():
    stitched = np.arange(2304)[None, :, None] * np.ones((2, 1, 3), dtype=int)
    kept = select_cameras(stitched, CARLA_6_CAMERAS, [True, True, True, False, True, False])
    assert kept.shape == (2, 1536, 3)
    assert kept[0, [0, 1151, 1152, 1535], 0].tolist() == [0, 1151, 1536, 1919]
    assert select_cameras(stitched, CARLA_6_CAMERAS, None) is stitched
    with pytest.raises(RigError, match="6 cameras"):
        select_cameras(stitched, CARLA_6_CAMERAS, [True, False])
    with pytest.raises(SensorError, match="2304 pixels wide"):
        select_cameras(stitched[:, :100], CARLA_6_CAMERAS, None)


def test_field_of_view_is_cut_and_stretched():
    image = noise()
    assert reduce_fov(image, 0) is image
    reduced = reduce_fov(image, 96)
    assert reduced.shape == image.shape
    np.testing.assert_array_equal(reduced[:, 0], image[:, 96])
    with pytest.raises(SensorError, match="cannot be cut off"):
        reduce_fov(image, 600)


def test_bad_images_are_named():
    with pytest.raises(SensorError, match="3 cameras are mounted, but 2"):
        stitch(frames()[:2], CAMERAS)
    with pytest.raises(
        SensorError, match=r"rgb_2 must deliver 384 x 384 pixels .* but delivered uint8 \(200, 384, 4\)"
    ):
        stitch([frames()[0], frames()[1][:200], frames()[2]], CAMERAS)
    with pytest.raises(SensorError, match="delivered float32"):
        stitch([frames()[0].astype(np.float32), *frames()[1:]], CAMERAS)
