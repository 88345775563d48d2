"""A few samples that are always the same can be learnt by heart: every single loss falls, not only their sum."""

from collections import defaultdict

import numpy as np
import pytest
from tiny_training import TinySamples, tiny_config, tiny_trainer

from lead.training.stopping import StopRequest

EPOCHS = 40
AT_MOST = 0.5
"""What has to be left of each loss, compared with the second epoch: in the first one the heat map falls from where
random weights put it, which hides everything else in the sum."""


class FixedSamples(TinySamples):
    """Images, too, are always the same."""

    def load(self, index, rng):
        return super().load(index, np.random.default_rng([index, 1]))


@pytest.mark.slow
def test_every_loss_falls(tmp_path):
    words = (f"epochs={EPOCHS}", "batch_size=4", "lr=3e-3", "dropout=0", "use_cosine_annealing_with_restarts=false")
    config = tiny_config(tmp_path, *words, "checkpoint_every_steps=0", "save_model_checkpoint=false")
    trainer = tiny_trainer(config, samples=FixedSamples(8))
    losses = defaultdict(list)
    step = trainer.engine.step

    def noting(batch, rate):
        result = step(batch, rate)
        for name, value in result.losses.items():
            losses[name].append(float(value))
        return result

    trainer.engine.step = noting
    assert trainer.run(StopRequest())
    by_epoch = {name: np.array(values).reshape(EPOCHS, -1).mean(1) for name, values in losses.items()}
    assert len(by_epoch) == 13
    left = {name: values[-1] / values[1] for name, values in by_epoch.items()}
    assert not {name: value for name, value in left.items() if value > AT_MOST}
