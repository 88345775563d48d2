"""Each operator does what it is for, within its range, and the same again for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from lead.dataset import augmentation

GREY = np.full((96, 288, 3), 100, np.uint8)


def noisy_image() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (96, 288, 3), dtype=np.uint8)


def test_the_same_seed_gives_the_same_image_and_another_one_another() -> None:
    image = noisy_image()
    first, again, other = (
        augmentation.augment(image, np.random.default_rng(seed), 0.6) for seed in ([1, 2], [1, 2], [1, 3])
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(image, noisy_image())


def test_no_probability_leaves_the_image() -> None:
    image = noisy_image()
    assert augmentation.augment(image, np.random.default_rng(0), 0.0) is image


def test_operators_come_with_their_probability_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def note(number: int) -> object:
        return lambda image, rng: (calls.append(number), image)[1]

    monkeypatch.setattr(augmentation, "_OPERATORS", tuple(note(number) for number in range(6)))
    starts = set()
    for seed in range(2000):
        before = len(calls)
        augmentation.augment(GREY, np.random.default_rng(seed))
        starts.add(tuple(calls[before : before + 2]))
    assert np.bincount(calls) / 2000 == pytest.approx([0.2] * 6, abs=0.04)
    assert {(0, 5), (5, 0)} <= starts


def test_noise_has_no_mean_and_at_most_the_published_scale() -> None:
    scales, are_grey = [], []
    for seed in range(40):
        change = augmentation.noise(GREY, np.random.default_rng(seed)).astype(float) - 100.0
        assert abs(change.mean()) < 0.6
        scales.append(change.std())
        are_grey.append(bool((np.ptp(change, axis=2) == 0).all()))
    assert max(scales) <= 0.05 * 255 * 1.05
    assert max(scales) > 9.0 and min(scales) < 3.0
    assert {True, False} == set(are_grey)


def test_drops_blacken_the_published_share() -> None:
    shares = [float((augmentation.drop(GREY, np.random.default_rng(seed)) == 0).mean()) for seed in range(60)]
    assert 0.008 < min(shares) < 0.02 and 0.08 < max(shares) < 0.105


@pytest.mark.parametrize("operator", [augmentation.brighten, augmentation.contrast])
def test_factors_stay_in_their_range(operator) -> None:  # type: ignore[no-untyped-def]
    middle = 128.0 if operator is augmentation.contrast else 0.0
    factors = [
        (operator(GREY, np.random.default_rng(seed)).reshape(-1, 3)[0] - middle) / (100.0 - middle)
        for seed in range(60)
    ]
    assert 1 / 1.2 - 0.02 <= np.min(factors) < 0.9 and 1.1 < np.max(factors) <= 1.2 + 0.02
    assert {len(set(row.tolist())) > 1 for row in factors} == {True, False}


def test_contrast_keeps_the_middle() -> None:
    image = np.full((8, 8, 3), 128, np.uint8)
    assert (augmentation.contrast(image, np.random.default_rng(1)) == 128).all()


def test_blur_smooths() -> None:
    image = noisy_image()
    blurred = [augmentation.blur(image, np.random.default_rng(seed)) for seed in range(20)]
    contrasts = [float(one.std() / image.std()) for one in blurred]
    assert min(contrasts) < 0.5 and max(contrasts) > 0.95
    assert all(one.mean() == pytest.approx(image.mean(), abs=1.0) for one in blurred)


def test_distortion_shifts_by_no_more_than_two_pixels() -> None:
    columns = np.broadcast_to(np.arange(288, dtype=np.uint8)[None, :250, None], (96, 250, 3)).copy()
    shifted = augmentation.distort(columns, np.random.default_rng(1)).astype(int)[4:-4, 4:-4]
    change = shifted - columns[4:-4, 4:-4]
    assert np.abs(change).mean() > 0.2 and np.abs(change).max() <= 2
    assert abs(change.mean()) < 0.05
