"""The policy that comes with the repository: small enough, whole, and trained."""

from dataclasses import replace

import numpy as np
import pytest

from lead.cli.demo import POLICY
from lead.inference.checkpoint import open_checkpoint
from lead.inference.onnx_export import example_inputs
from lead.models.transfuser.architecture import COMPACT

MIB = 1 << 20


def test_its_files_fit_into_the_repository():
    sizes = {path.name: path.stat().st_size for path in POLICY.iterdir()}
    shards = [name for name in sizes if name.endswith(".safetensors")]
    assert sorted(sizes) == sorted(["config.json", *shards])
    assert max(sizes.values()) <= 12 * MIB and sum(sizes.values()) <= 24 * MIB


@pytest.fixture(scope="module")
def policy():
    [model] = open_checkpoint(POLICY).load_models()
    return model.eval()


def test_it_is_the_compact_network_with_its_planner(policy):
    # It was trained without the quirks of published networks.
    assert policy.architecture == replace(COMPACT, legacy=policy.architecture.legacy)
    assert not policy.architecture.legacy.radar_sampling_transposed
    assert all(bool(tensor.isfinite().all()) for tensor in policy.state_dict().values())


def test_it_plans_paths_that_can_be_driven(policy):
    """Whatever it sees: a network that has learnt nothing plans ten points near the car."""
    import torch

    for seed in range(2):
        with torch.inference_mode():
            out = policy(example_inputs(policy.architecture, seed))
        path, speed = out.path_ego[0].numpy(), float(out.target_speed_mps[0])
        steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
        assert 8.0 < np.linalg.norm(path[-1]) < 13.0 and steps.min() > 0.6 and steps.max() < 2.5
        assert 0.0 <= speed <= 20.0
