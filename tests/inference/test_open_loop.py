"""Predictions from a folder, as a notebook makes them."""

import numpy as np
import pytest
import torch
from small_networks import random_batch

from lead.inference.devices import ACTIVATION_BYTES, WORKSPACE_BYTES, choose_devices, fitting
from lead.inference.errors import InferenceError
from lead.inference.open_loop import OpenLoopInference
from lead.models.transfuser.architecture import VARIANTS
from lead.models.transfuser.network import BatchError
from lead.models.transfuser.outputs import Head


@pytest.fixture(scope="module")
def inference(checkpoint_folder):
    return OpenLoopInference(checkpoint_folder, device="cpu", heads={Head.PLAN, Head.BOXES})


@pytest.mark.slow
def test_an_ensemble_predicts_the_mean_of_its_members(inference, full_networks):
    batch = random_batch(VARIANTS["resnet34"], size=1)
    arrays = {key: value.numpy().copy() for key, value in batch.items()}
    prediction = inference.predict(arrays)
    with torch.no_grad():
        outs = [network(batch, {Head.PLAN}) for network in full_networks.values()]
    for name in ("waypoints_ego", "path_ego"):
        mean = sum(getattr(out, name) for out in outs)[0] / 2
        np.testing.assert_allclose(getattr(prediction, name), mean.numpy(), rtol=0, atol=2e-3)
    probabilities = (sum(out.target_speed_logits for out in outs)[0] / 2).softmax(-1).numpy()
    np.testing.assert_allclose(prediction.target_speed_probabilities, probabilities, rtol=0, atol=1e-3)
    assert prediction.boxes_ego.shape[1] == 9 and prediction.depth_m is None
    assert all(np.array_equal(value, batch[key].numpy()) for key, value in arrays.items())


@pytest.mark.slow
def test_bad_inputs_are_one_sentence(inference):
    batch = random_batch(VARIANTS["resnet34"], size=1)
    with pytest.raises(InferenceError, match="the input 'speed' holds numbers that are not finite"):
        inference.predict({**batch, "speed": torch.tensor([float("nan")])})
    with pytest.raises(BatchError, match="no 'rgb'"):
        inference.predict({key: value for key, value in batch.items() if key != "rgb"})
    with pytest.raises(BatchError, match="takes one sample, not 2"):
        inference.predict({key: torch.cat((value, value)) for key, value in batch.items()})


@pytest.mark.parametrize(
    ("name", "words"),
    [("cuda:77", "there is no cuda:77"), ("tpu", "no device"), ("meta", "cpu or cuda"), ("cpu,cpu", "names one twice")],
)
def test_devices_that_are_not_there_are_named(name, words):
    with pytest.raises(InferenceError, match=words):
        choose_devices(name)


def test_how_many_models_fit_follows_from_free_memory():
    size = 280 << 20
    one = WORKSPACE_BYTES + ACTIVATION_BYTES + size // 2
    assert fitting([size] * 3, [one - 1], [True]) == 0
    assert fitting([size] * 3, [one], [True]) == 1
    assert fitting([size] * 3, [one], [False]) == 0
    assert fitting([size] * 3, [one, one], [True, True]) == 2
    assert fitting([size] * 3, [80 << 30], [False]) == 3
