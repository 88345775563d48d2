"""Defects of the public trainer that no other test shows, and that the table of all of them names tests that exist."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch
from tiny_training import TINY, TinySamples, tiny_config, tiny_trainer

from lead.dataset.collections import everything
from lead.dataset.loading.loader import BatchLoader
from lead.dataset.loading.sampling import EpochPlan
from lead.models.transfuser.architecture import VARIANTS
from lead.models.transfuser.network import Transfuser
from lead.models.transfuser.outputs import ALL_HEADS, Head
from lead.training.checkpoints import CheckpointFolder, save
from lead.training.losses.total import compute_losses, loss_weights
from lead.training.stopping import StopRequest

ROOT = Path(__file__).resolve().parents[2]
DEFECTS = 25


def test_depth_is_learnt_without_semantics():
    batch = next(iter(BatchLoader([TinySamples()], EpochPlan([everything(8)], 2))))
    torch.manual_seed(0)
    model = Transfuser(TINY).eval()
    losses = compute_losses(model(batch, ALL_HEADS - {Head.SEMANTIC}), batch, TINY)
    assert "loss_semantic" not in losses
    everything_there = compute_losses(model(batch), batch, TINY)
    assert float(losses["loss_depth"].detach()) == pytest.approx(float(everything_there["loss_depth"].detach()))


def test_names_of_navsims_losses_end_their_prefix_with_a_line():
    weights = loss_weights(VARIANTS["navsim_ltfv6"])
    assert {name for name in weights if "bev_semantic" in name} == {"navsim_loss_bev_semantic"}
    assert not [name for name in weights if re.match("navsim[^_]", name)]


def test_navsims_weights_count_the_losses_that_do_not_exist():
    architecture = VARIANTS["navsim_ltfv6"]
    weights = loss_weights(architecture)
    missing = weights["loss_target_speed"] + weights["loss_spatial_route"]
    assert sum(weights.values()) == pytest.approx(1.0)
    assert sum(weights.values()) - missing == pytest.approx(7 / 9)
    without_plan = loss_weights(dataclasses.replace(VARIANTS["navsim_ltfv6_pretrain"]))
    assert without_plan["navsim_loss_bev_semantic"] == pytest.approx(1 / 6)


def test_going_on_reads_the_epoch_and_not_every_digit_of_a_path(tmp_path):
    folder = tmp_path / "model_99_runs" / "optimizer_7"
    folder.mkdir(parents=True)
    for part in ("model", "optimizer"):
        save(folder / f"{part}_0030_1.pth", {"here": torch.ones(1)})
    saved = CheckpointFolder(folder).newest()
    assert saved is not None and saved.state["finished_epoch"] == 30
    assert set(saved.optimizer) == {"here"}


def test_a_folder_of_any_name_can_be_resumed(tmp_path):
    words = ("epochs=1", "checkpoint_every_steps=1")
    config = tiny_config(tmp_path / "model_0003" / "state_4", *words, "limit_steps=2")
    assert tiny_trainer(config).run(StopRequest())
    again = tiny_trainer(tiny_config(config.folder, *words, "resume=true"))
    assert again.resume() and again.position.step == 2


def test_the_table_of_defects_is_complete_and_names_tests_that_exist():
    text = (ROOT / "docs/training.md").read_text()
    rows = re.findall(r"^\| (\d+) \|(.*)\|(.*)\|$", text, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, DEFECTS + 1))
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", "".join(how for _, _, how in rows))
    assert len(named) >= DEFECTS
    assert not [name for name in named if f"def {name}(" not in sources]
