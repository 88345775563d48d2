"""The rater feedback score against recorded values and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lead.dataset.rater_feedback import at_four_hz, rater_feedback_scores

GOLDEN = Path(__file__).parents[3] / "shared" / "golden" / "functions" / "rater_feedback_score.json"


@pytest.mark.skipif(not GOLDEN.is_file(), reason="the recorded values are not there")
@pytest.mark.parametrize("case", range(2))
def test_scores_are_the_recorded_ones(case: int) -> None:
    golden = json.loads(GOLDEN.read_text())
    inputs, outputs = golden["cases"][case]["inputs"], golden["cases"][case]["outputs"]
    raters = [[np.array(path) for path in scene] for scene in inputs["rated"]]
    scores = rater_feedback_scores(
        np.array(inputs["prediction"]), raters, np.array(inputs["ratings"]), np.array(inputs["initial_speed"])
    )
    assert np.abs(scores - outputs["score"]).max() <= golden["tolerance"]["abs"]


def _straight(speed_mps: float) -> np.ndarray:
    return np.stack([np.arange(1, 21) * speed_mps / 4.0, np.zeros(20)], axis=1)


def _score(prediction: np.ndarray, speed_mps: float = 11.0, rating: float = 8.0) -> float:
    scores = rater_feedback_scores(
        prediction[None, None], [[_straight(speed_mps)]], np.array([[rating]]), np.array([speed_mps])
    )
    return float(scores[0])


def test_by_hand() -> None:
    path = _straight(11.0)
    assert _score(path) == 8.0
    assert _score(path + [3.9, 0.9]) == 8.0  # still inside 4 m along and 1 m across at 3 s
    outside = path + [0.0, 1.8]  # 1.8 times too far at 3 s, just inside at 5 s
    assert _score(outside) == pytest.approx((8.0 * 0.1**0.8 + 8.0) / 2.0)
    assert _score(path + [0.0, 9.0]) == 4.0
    assert _score(path + [0.0, 9.0], rating=3.0) == 4.0
    assert _score(path, rating=3.0) == 3.0  # inside the region of a bad path there is no floor
    slow = _straight(1.4)
    assert _score(slow + [0.0, 0.45], 1.4) == 8.0 and _score(slow + [0.0, 0.6], 1.4) < 8.0


def test_half_rate_predictions_are_doubled() -> None:
    doubled = at_four_hz(np.array([[0.0, 0.0], [2.0, 4.0], [4.0, 4.0]]))
    assert doubled.tolist() == [[0.0, 0.0], [1.0, 2.0], [2.0, 4.0], [3.0, 4.0], [4.0, 4.0], [4.0, 4.0]]
    assert at_four_hz(np.zeros((3, 10, 2))).shape == (3, 20, 2)
