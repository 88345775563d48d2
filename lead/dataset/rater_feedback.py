"""The rater feedback score of the Waymo end-to-end driving challenge, after its public definition, in plain NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

POINTS = 20
"""Five seconds at 4 Hz."""
TIMES = (11, 19)
"""Points at 3 s and 5 s, at which a prediction is compared."""
LATERAL_M = np.array([1.0, 1.8])
"""Half width of the trust region at these times; its half length is four times as much."""
LENGTH_RATIO = 4.0
SLOW_MPS, FAST_MPS = 1.4, 11.0
SLOW_SCALE = 0.5
"""Trust regions shrink to this share for slow vehicles."""
FLOOR = 4.0
DECAY = 0.1
"""A prediction that is twice as far away as the trust region reaches keeps this share of the score."""


def rater_feedback_scores(
    predictions: NDArray[np.floating],
    raters: Sequence[Sequence[NDArray[np.floating]]],
    scores: NDArray[np.floating],
    speeds_mps: NDArray[np.floating],
    probabilities: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    """Score predictions against trajectories that people rated.

    Args:
        predictions: (scenes, guesses, 20, 2) x, y in metres, ego frame, at 4 Hz.
        raters: For each scene its rated trajectories, (n, 2) each, at 4 Hz; longer ones are cut, shorter ones stay at
            their last point.
        scores: (scenes, rated trajectories) from 0 to 10.
        speeds_mps: (scenes,) speed at the start.
        probabilities: (scenes, guesses) weights of the guesses; None for ones.

    Returns:
        float64 (scenes,), from 0 to 10: of each guess the mean over 3 s and 5 s of the best rating that it earns, at
        least 4 if it does not stay inside one trust region at both times; weighted by the probabilities.
    """
    rated = np.stack([np.stack([_of_length(np.asarray(path, np.float64)) for path in scene]) for scene in raters])
    forward = _directions(rated)[:, None, :, list(TIMES)]
    offset = np.asarray(predictions, np.float64)[:, :, None, list(TIMES)] - rated[:, None, :, list(TIMES)]
    along = np.abs((offset * forward).sum(-1))
    across = np.abs(offset[..., 0] * -forward[..., 1] + offset[..., 1] * forward[..., 0])
    lateral = LATERAL_M * _speed_scale(np.asarray(speeds_mps, np.float64))[:, None, None, None]
    distance = np.maximum(across / lateral, along / (lateral * LENGTH_RATIO))
    earned = np.asarray(scores, np.float64)[:, None, :, None] * DECAY ** np.maximum(distance - 1.0, 0.0)
    quality = earned.max(axis=2).mean(axis=-1)
    is_trusted = (distance <= 1.0).all(axis=-1).any(axis=-1)
    quality = np.where(is_trusted, quality, np.maximum(quality, FLOOR))
    weights = np.ones(quality.shape) if probabilities is None else np.asarray(probabilities, np.float64)
    return np.asarray((quality * weights).sum(axis=1) / weights.sum(axis=1))


def at_four_hz(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Double the rate of trajectories (..., n, 2) at 2 Hz by midpoints; the last point is repeated."""
    points = np.asarray(points, np.float64)
    doubled = np.repeat(points, 2, axis=-2)
    doubled[..., 1:-1:2, :] = (points[..., :-1, :] + points[..., 1:, :]) / 2.0
    return doubled


def _of_length(path: NDArray[np.float64]) -> NDArray[np.float64]:
    missing = max(POINTS - len(path), 0)
    return np.concatenate([path, np.repeat(path[-1:], missing, axis=0)])[:POINTS]


def _directions(paths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (scenes, paths, 20, 2) along each path, that starts at the origin; where it stands, the last one."""
    steps = np.diff(paths, axis=2, prepend=0.0)
    lengths = np.linalg.norm(steps, axis=-1)
    last_move = np.maximum.accumulate(np.where(lengths > 0.0, np.arange(POINTS), -1), axis=2)
    units = steps / np.where(lengths > 0.0, lengths, 1.0)[..., None]
    kept = np.take_along_axis(units, np.maximum(last_move, 0)[..., None], axis=2)
    return np.where(last_move[..., None] < 0, np.array([1.0, 0.0]), kept)


def _speed_scale(speeds_mps: NDArray[np.float64]) -> NDArray[np.float64]:
    grown = SLOW_SCALE + (1.0 - SLOW_SCALE) * (speeds_mps - SLOW_MPS) / (FAST_MPS - SLOW_MPS)
    return np.clip(grown, SLOW_SCALE, 1.0)
