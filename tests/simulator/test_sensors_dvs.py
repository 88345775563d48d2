"""Event cameras: where and when brightness changes, which way, and how often that makes an event."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from sensor_support import STEP_S, STRAIGHT, Mover, Pose, Stage, camera, image, take, wall

from lead.simulator.scenery.materials import Label
from lead.simulator.sensors.cameras import Camera
from lead.simulator.sensors.events_camera import EVENT_DTYPE

SIZE = {"image_size_x": 40, "image_size_y": 30, "fov": 60}
LEFT = Stage(wall(30.0, color=(230, 230, 230)), [Mover((10.0, -2.0, 2.5), (0.5, 1.0, 1.0), tint=(0.02, 0.02, 0.02))])
RIGHT = Stage(LEFT.level, [Mover((10.0, 2.0, 2.5), (0.5, 1.0, 1.0), tint=(0.02, 0.02, 0.02))])
GREY, WHITE = (Stage(wall(6.0, color=(level,) * 3)) for level in (90, 200))


def events(sensor: Camera, stage: Stage, frame: int, pose: Pose = STRAIGHT) -> NDArray[np.void]:
    return np.frombuffer(take(sensor, stage, pose, frame=frame), EVENT_DTYPE)


def luminance(stage: Stage) -> NDArray[np.float64]:
    """Brightness 0 to 1 of what a colour camera in the place of the event camera sees."""
    return image(camera("rgb", **SIZE), stage) @ [0.299, 0.587, 0.114] / 255.0


def log_change(before: Stage, after: Stage) -> NDArray[np.float64]:
    return np.log(0.001 + luminance(after)) - np.log(0.001 + luminance(before))


def counts(found: NDArray[np.void], positive: bool) -> NDArray[np.int64]:
    """Events (h, w) of one polarity."""
    chosen = found[found["positive"] == positive]
    place = chosen["y"].astype(np.int64) * 40 + chosen["x"]
    return np.bincount(place, minlength=1200).reshape(30, 40)


def test_records_are_13_bytes_and_the_first_picture_makes_none() -> None:
    sensor = camera("dvs", **SIZE)
    assert EVENT_DTYPE.itemsize == 13
    assert len(events(sensor, LEFT, 1)) == 0
    assert len(events(sensor, RIGHT, 2)) > 100


def test_nothing_happens_while_nothing_changes() -> None:
    sensor = camera("dvs", **SIZE)
    assert [len(events(sensor, LEFT, frame)) for frame in range(1, 5)] == [0, 0, 0, 0]


def test_a_dark_thing_makes_negative_events_where_it_comes_and_positive_ones_where_it_goes() -> None:
    sensor = camera("dvs", **SIZE)
    events(sensor, LEFT, 1)
    found = events(sensor, RIGHT, 2)
    before, after = (
        image(camera("semantic_segmentation", **SIZE), stage)[..., 0] == Label.CAR for stage in (LEFT, RIGHT)
    )
    darker, brighter = counts(found, False), counts(found, True)
    came, went = after & ~before, before & ~after
    assert came.sum() > 40
    assert went.sum() > 40
    assert (darker[came] > 0).all()
    assert (brighter[came] == 0).all()
    assert (brighter[went] > 0).all()
    assert (darker[went] == 0).all()


def test_every_threshold_that_the_logarithm_passes_is_an_event() -> None:
    sensor = camera("dvs", **SIZE, positive_threshold=0.2, negative_threshold=0.35)
    events(sensor, LEFT, 1)
    found = events(sensor, RIGHT, 2)
    change = log_change(LEFT, RIGHT)
    np.testing.assert_array_equal(counts(found, True), np.floor(np.maximum(change, 0.0) / 0.2))
    np.testing.assert_array_equal(counts(found, False), np.floor(np.maximum(-change, 0.0) / 0.35))


def test_small_changes_add_up_until_they_are_an_event() -> None:
    stages = [Stage(wall(6.0, color=(level,) * 3)) for level in (90, 93, 96, 99, 102, 105)]
    steps = [log_change(*pair)[15, 20] for pair in pairwise(stages)]
    threshold = float(sum(steps[:4]) * 0.95)
    assert max(steps) < threshold < sum(steps) < 2.0 * threshold
    sensor = camera("dvs", **SIZE, positive_threshold=threshold)
    numbers = [len(events(sensor, stage, frame)) for frame, stage in enumerate(stages, start=1)]
    assert numbers[:4] == [0, 0, 0, 0]
    assert sum(numbers) == 1200


def test_moments_are_in_order_and_interpolated_within_the_tick() -> None:
    sensor = camera("dvs", **SIZE, positive_threshold=0.15)
    events(sensor, GREY, 4)
    found = events(sensor, WHITE, 5)
    moment = found["t_ns"]
    assert (np.diff(moment) >= 0).all()
    assert 4 * STEP_S * 1e9 < moment.min() < moment.max() <= 5 * STEP_S * 1e9
    change = log_change(GREY, WHITE)[15, 20]
    one = moment[(found["x"] == 20) & (found["y"] == 15)]
    assert len(one) == int(change / 0.15) > 2
    expected = (4.0 + 0.15 * np.arange(1, len(one) + 1) / change) * STEP_S * 1e9
    np.testing.assert_allclose(one, expected, atol=2e3)


def test_without_logarithm_brightness_itself_is_compared() -> None:
    sensor = camera("dvs", **SIZE, use_log="false", positive_threshold=0.1)
    events(sensor, GREY, 1)
    found = events(sensor, WHITE, 2)
    change = luminance(WHITE) - luminance(GREY)
    np.testing.assert_array_equal(counts(found, True), np.floor(change / 0.1))


def test_a_pixel_rests_after_an_event() -> None:
    sensor = camera("dvs", **SIZE, positive_threshold=0.1, refractory_period_ns=int(0.9 * STEP_S * 1e9))
    events(sensor, GREY, 1)
    found = events(sensor, WHITE, 2)
    assert log_change(GREY, WHITE).min() > 0.3
    np.testing.assert_array_equal(counts(found, True), 1)


def test_noise_of_thresholds_is_seeded() -> None:
    def run(sigma: float, **how: int) -> bytes:
        sensor = camera("dvs", **SIZE, positive_threshold=0.2, sigma_positive_threshold=sigma, **how)
        events(sensor, GREY, 1)
        return events(sensor, WHITE, 2).tobytes()

    assert run(0.05) == run(0.05)
    assert run(0.05) != run(0.05, actor_id=8)
    assert run(0.05) != run(0.0)
    numbers = counts(np.frombuffer(run(0.05), EVENT_DTYPE), True)
    assert numbers.std() > 0.3, "pixels of one brightness have thresholds of their own"


def test_brightening_and_darkening_again_gives_as_many_events_of_both_kinds() -> None:
    sensor = camera("dvs", **SIZE)
    events(sensor, GREY, 1)
    up, down = events(sensor, WHITE, 2), events(sensor, GREY, 3)
    assert up["positive"].all()
    assert not down["positive"].any()
    # The last rise stops within a threshold above its last event, so the way back may miss one crossing of it.
    assert np.abs(counts(up, True) - counts(down, False)).max() <= 1


@pytest.mark.parametrize("attributes", [{"positive_threshold": 0}, {"log_eps": 0}, {"refractory_period_ns": -1}])
def test_nonsense_is_refused(attributes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(attributes))):
        camera("dvs", **attributes)
