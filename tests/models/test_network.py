"""What a forward pass returns, and what it does when it is asked for less or given too little."""

import dataclasses

import pytest
import torch
from small_networks import SMALL, random_batch, small_network

from lead.config.legacy import CORRECTED
from lead.models.transfuser.network import BatchError, check_batch, input_shapes
from lead.models.transfuser.outputs import ALL_HEADS, DRIVING_HEADS, Head


@pytest.fixture(scope="module")
def model():
    return small_network()


def present(out) -> set[str]:
    return {field.name for field in dataclasses.fields(out) if getattr(out, field.name) is not None}


@torch.no_grad()
def test_heads_run_only_when_asked_for(model):
    ran = set()
    for name in ("semantic_decoder", "depth_decoder", "planning_decoder", "center_net_decoder", "bev_semantic_decoder"):
        getattr(model, name).register_forward_hook(lambda *_, name=name: ran.add(name))
    plan = {
        "waypoints_ego",
        "path_ego",
        "target_speed_logits",
        "target_speed_mps",
        "radar_features",
        "radar_detections",
    }
    assert present(model(random_batch(), DRIVING_HEADS)) == plan
    assert ran == {"planning_decoder"}
    ran.clear()
    assert present(model(random_batch(), {Head.DEPTH, Head.BOXES})) == {"depth_m", "boxes"}
    assert ran == {"depth_decoder", "center_net_decoder"}
    assert present(model(random_batch(), set())) == set()


@torch.no_grad()
def test_asking_for_less_changes_nothing_else(model):
    batch = random_batch()
    every, plan = model(batch, ALL_HEADS), model(batch, DRIVING_HEADS)
    assert torch.equal(every.path_ego, plan.path_ego) and torch.equal(every.target_speed_mps, plan.target_speed_mps)


@torch.no_grad()
def test_samples_of_a_batch_do_not_see_each_other(model):
    batch = random_batch(size=3)
    together = model(batch)
    alone = model({key: value[1:2] for key, value in batch.items()})
    torch.testing.assert_close(together.waypoints_ego[1:2], alone.waypoints_ego, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(together.depth_m[1:2], alone.depth_m, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_radar_looks_at_its_place_only_with_corrected_sampling():
    architecture = dataclasses.replace(SMALL, legacy=CORRECTED)
    legacy, corrected = small_network(), small_network(architecture=architecture)
    corrected.load_state_dict(legacy.state_dict())
    coarse = torch.zeros(1, 512, 2, 3)
    coarse[..., 2] = 5.0
    radar = torch.zeros(1, 300, 5)
    radar[0, 0, :2] = torch.tensor([15.9, 0.0])
    at_front, elsewhere = coarse.clone(), coarse.clone()
    elsewhere[..., :2] += 3.0
    for network, sees_the_change in ((corrected.radar_detector, False), (legacy.radar_detector, True)):
        unit = network.unit_square(radar[..., :2])
        tokens = [network._radar_tokens(network.bev_proj(bev), radar, unit)[0, 0] for bev in (at_front, elsewhere)]
        assert torch.allclose(tokens[0], tokens[1], atol=0.05) != sees_the_change


def test_bad_batches_are_refused():
    batch = random_batch()
    check_batch(SMALL, batch)
    with pytest.raises(BatchError, match="no 'radar'"):
        check_batch(SMALL, {key: value for key, value in batch.items() if key != "radar"})
    with pytest.raises(BatchError, match=r"'target_point' has shape \(2, 3\); the model needs \(batch, 2\)"):
        check_batch(SMALL, {**batch, "target_point": torch.zeros(2, 3)})
    with pytest.raises(BatchError, match="different lengths: 1, 2"):
        check_batch(SMALL, {**batch, "speed": torch.zeros(1)})


def test_a_blind_network_does_not_look_at_images(model):
    batch = random_batch()
    darker = batch | {"rgb": batch["rgb"] * 0.5}
    blind = small_network(architecture=dataclasses.replace(SMALL, is_blind=True))
    with torch.no_grad():
        seeing = [model(inputs).path_ego for inputs in (batch, darker)]
        unseeing = [blind(inputs).path_ego for inputs in (batch, darker)]
    assert not torch.equal(*seeing)
    assert torch.equal(*unseeing)


def test_a_planner_without_speed_does_not_look_at_it():
    without_radar = dataclasses.replace(SMALL, detects_radar=False, plans_with_radar=False)
    without_speed = dataclasses.replace(without_radar, plans_with_speed=False)
    assert set(input_shapes(without_radar)) - set(input_shapes(without_speed)) == {"speed"}
    assert "speed" in input_shapes(dataclasses.replace(SMALL, plans_with_speed=False)), "the radar head needs it"
    batch = random_batch(without_radar)
    faster = batch | {"speed": batch["speed"] + 5.0}
    with torch.no_grad():
        told = [small_network(architecture=without_radar)(inputs).target_speed_mps for inputs in (batch, faster)]
        untold = [small_network(architecture=without_speed)(inputs).target_speed_mps for inputs in (batch, faster)]
    assert not torch.equal(*told)
    assert torch.equal(*untold)


def test_heads_have_the_widths_of_the_sizes():
    narrow = dataclasses.replace(SMALL, sizes=dataclasses.replace(SMALL.sizes, head_channels=(24, 16, 8)))
    shapes = {name: tuple(tensor.shape) for name, tensor in small_network(architecture=narrow).state_dict().items()}
    assert shapes["semantic_decoder.deconv1.2.weight"][:2] == (16, 24)
    assert shapes["depth_decoder.deconv3.0.weight"][:2] == (8, 8)
