"""The rewritten networks compute what the plain ones compute."""

import copy
import dataclasses

import pytest
import torch
from small_networks import SMALL, random_batch, small_network
from torch import nn

from lead.inference.engine import CudaGraphEngine, FastCpuEngine, PlainEngine
from lead.inference.optimise import FusedAttention, optimise, ungroup_convolutions
from lead.models.transfuser.architecture import LidarInput
from lead.models.transfuser.fusion import SelfAttention
from lead.models.transfuser.outputs import ALL_HEADS, DRIVING_HEADS

VARIANTS = {
    "resnet34": SMALL,
    "regnety_032": dataclasses.replace(SMALL, image_encoder="regnety_032", lidar_encoder="regnety_032"),
    "ramp": dataclasses.replace(SMALL, lidar_input=LidarInput.RAMP, detects_radar=False, plans_with_radar=False),
    "blind": dataclasses.replace(
        SMALL, lidar_input=LidarInput.RAMP, detects_radar=False, plans_with_radar=False, is_blind=True
    ),
    "no speed": dataclasses.replace(SMALL, plans_with_speed=False),
}


@pytest.mark.parametrize("channels", [72, 216, 1512, 64])
def test_fused_attention_equals_the_separate_one(channels):
    torch.manual_seed(0)
    attention = SelfAttention(channels).eval()
    fused, x = FusedAttention(attention), torch.randn(2, 50, channels)
    assert fused.head_size % 8 == 0
    with torch.no_grad():
        torch.testing.assert_close(fused(x), attention(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_fast_cpu_path_equals_the_plain_one(variant):
    model = small_network(3, VARIANTS[variant])
    batch = random_batch(VARIANTS[variant])
    plain = PlainEngine([model], ALL_HEADS, torch.device("cpu"), autocast=False).run(batch)
    fast = FastCpuEngine([copy.deepcopy(model)], ALL_HEADS).run(batch)
    assert set(plain) == set(fast) and "boxes_raster" in plain
    for name in plain:
        scale = float(plain[name].abs().max())
        torch.testing.assert_close(fast[name], plain[name], rtol=1e-4, atol=1e-4 * max(scale, 1.0), msg=name)


def test_dense_convolutions_equal_the_grouped_ones():
    torch.manual_seed(0)
    grouped = nn.Sequential(nn.Conv2d(72, 144, 3, stride=2, padding=1, groups=3), nn.ReLU(), nn.Conv2d(144, 8, 1))
    dense, x = copy.deepcopy(grouped), torch.randn(2, 72, 12, 16)
    ungroup_convolutions(dense)
    assert dense[0].groups == 1
    with torch.no_grad():
        torch.testing.assert_close(dense(x), grouped(x), rtol=1e-5, atol=1e-5)


def test_no_batch_norm_is_left():
    model = optimise(small_network(0, VARIANTS["regnety_032"]), torch.float32)
    assert not [name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)]


@torch.inference_mode()
def test_half_precision_keeps_metres_in_full_precision():
    full, half = small_network(1), optimise(small_network(1), torch.bfloat16)
    batch = random_batch(size=1)
    batch["target_point"][0] = torch.tensor([190.0, 45.3])
    nearby = {**batch, "target_point": batch["target_point"] + 0.2}
    encode = half.planning_decoder.planning_context_encoder.tp_encoder
    scale = half.planning_decoder.planning_context_encoder.target_point_scale_m
    assert not torch.equal(encode(batch["target_point"] / scale), encode(nearby["target_point"] / scale))
    expected, found = full(batch, DRIVING_HEADS), half(batch, DRIVING_HEADS)
    assert found.waypoints_ego.dtype == torch.float32
    torch.testing.assert_close(found.waypoints_ego, expected.waypoints_ego, rtol=0.1, atol=0.15)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("variant", VARIANTS)
def test_cuda_graphs_equal_the_plain_path(variant, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    models = [small_network(seed, VARIANTS[variant]) for seed in range(3)]
    device = torch.device("cuda:0")
    graph = CudaGraphEngine(copy.deepcopy(models), ALL_HEADS, [device], torch.float32)
    plain = PlainEngine(models, ALL_HEADS, device, autocast=False)
    for seed in range(3):
        batch = random_batch(VARIANTS[variant], seed=seed)
        expected, found = plain.run(batch), graph.run(batch)
        # Peaks of nearly equal height come and go with rounding; boxes are compared on the CPU.
        del expected["boxes_raster"]
        for name in expected:
            scale = float(expected[name].abs().max())
            torch.testing.assert_close(found[name], expected[name], rtol=2e-3, atol=2e-3 * max(scale, 1.0), msg=name)
