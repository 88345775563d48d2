"""What only GPUs do: replaying a recorded step, and exchanging gradients by NCCL."""

import dataclasses

import pytest
import torch
from test_training_ranks import check_same, train
from tiny_training import TinySamples, tiny_config, tiny_model

from lead.dataset.collections import everything
from lead.dataset.loading.loader import BatchLoader
from lead.dataset.loading.sampling import EpochPlan
from lead.training.distributed import Ranks
from lead.training.engine import Engine
from lead.training.errors import TrainingError
from lead.training.graphed import flatten, unflatten
from lead.training.network import LossModule, network_inputs

CPU, GPU = (Ranks(0, 1, 0, 1, torch.device(name)) for name in ("cpu", "cuda:0"))
needs_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU of NVIDIA's")
needs_two = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two GPUs of NVIDIA's")


@pytest.fixture(scope="module")
def batches():
    return list(BatchLoader([TinySamples(16)], EpochPlan([everything(16)], 4)))


def engine_of(folder, ranks, *words):
    config = tiny_config(folder, "batch_size=4", "dropout=0", "compile=false", *words)
    return Engine(tiny_model(config), config, ranks)


def test_a_cpu_has_no_graph(tmp_path):
    with pytest.raises(TrainingError, match="cuda_graph=true needs a GPU"):
        engine_of(tmp_path, CPU, "cuda_graph=true")


def test_predictions_survive_being_a_list_of_tensors(tmp_path, batches):
    out = LossModule(engine_of(tmp_path, CPU).model).predict(batches[0])
    back = unflatten(out, iter(flatten(out)))
    assert type(back) is type(out)
    for entry in dataclasses.fields(out):
        assert all(
            a is b for a, b in zip(flatten(getattr(out, entry.name)), flatten(getattr(back, entry.name)), strict=True)
        )
    assert len(flatten(out)) > 5


@needs_a_gpu
def test_recording_leaves_no_trace_in_the_network(tmp_path, batches):
    engine = engine_of(tmp_path, GPU, "cuda_graph=true")
    before = {name: tensor.clone() for name, tensor in engine.model.state_dict().items()}
    with torch.no_grad():
        engine.module.predict({name: tensor.cuda() for name, tensor in batches[0].items()})
    after = engine.model.state_dict()
    changed = [name for name, tensor in before.items() if not torch.equal(tensor, after[name])]
    # One pass in training mode was replayed: statistics moved by one batch, and nothing else.
    assert changed and all("running" in name or "num_batches" in name for name in changed)
    reference = engine_of(tmp_path, GPU)
    with torch.no_grad():
        reference.module.predict({name: tensor.cuda() for name, tensor in batches[0].items()})
    for name in changed:
        torch.testing.assert_close(after[name], reference.model.state_dict()[name], rtol=2e-2, atol=2e-3, msg=name)


@needs_a_gpu
@pytest.mark.parametrize("half", ["true", "false"])
def test_replayed_steps_learn_what_others_learn(tmp_path, batches, half):
    traces = []
    for graph in ("true", "false"):
        engine = engine_of(tmp_path, GPU, f"cuda_graph={graph}", f"use_mixed_precision_training={half}")
        results = [engine.step({name: t.cuda() for name, t in batch.items()}, 1e-3) for batch in 3 * batches]
        traces.append([float(result.loss) for result in results])
    assert traces[0] == pytest.approx(traces[1], rel=5e-2)
    assert traces[0][-1] < 0.9 * traces[0][0]


@needs_a_gpu
def test_the_graph_sees_new_inputs_and_new_weights(tmp_path, batches):
    engine = engine_of(tmp_path, GPU, "cuda_graph=true")
    first, second = ({name: tensor.cuda() for name, tensor in batch.items()} for batch in batches[:2])
    one = flatten(engine.module.predict(first))[0].clone()
    assert not torch.equal(flatten(engine.module.predict(second))[0], one)
    with torch.no_grad():
        for parameter in engine.model.parameters():
            parameter.mul_(1.1)
    assert not torch.equal(flatten(engine.module.predict(first))[0], one)
    assert network_inputs(first).keys() == network_inputs(second).keys()


@pytest.fixture
def exact(monkeypatch):
    """Shares of a batch take other kernels than the whole; in TensorFloat-32 that alone is a thousandth."""
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    return "device=cuda", "compile=false", "use_mixed_precision_training=false"


@needs_two
@pytest.mark.slow
def test_two_gpus_are_as_good_as_one(tmp_path, exact):
    train(tmp_path / "one", 1, *exact)
    train(tmp_path / "two", 2, *exact)
    check_same(tmp_path / "two", tmp_path / "one")


@needs_two
@pytest.mark.slow
def test_two_gpus_that_replay_are_as_good_as_two_that_do_not(tmp_path, exact):
    train(tmp_path / "eager", 2, *exact, "sync_batchnorm=false")
    train(tmp_path / "graph", 2, *exact, "sync_batchnorm=false", "cuda_graph=true")
    check_same(tmp_path / "graph", tmp_path / "eager")
