"""A step of training: parts that add up, gradients that are no numbers, losses that grow."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
from tiny_training import ONE, TINY, TinySamples, tiny_config, tiny_model, tiny_trainer

from lead.config.legacy import CORRECTED
from lead.dataset.collections import everything
from lead.dataset.loading.loader import BatchLoader
from lead.dataset.loading.sampling import EpochPlan
from lead.models.transfuser.architecture import COMPACT
from lead.models.transfuser.network import Transfuser
from lead.training.engine import Engine
from lead.training.errors import DivergenceError, TrainingError
from lead.training.goals import with_foreign_goals
from lead.training.labels import LabelError, check_training_batch, label_specs
from lead.training.losses.dense import depth_loss
from lead.training.losses.radar import radar_loss
from lead.training.losses.total import compute_losses, total_loss
from lead.training.metrics import quotients
from lead.training.network import LossModule, set_dropout, widen_groups
from lead.training.optimisation import NormStatistics, Optimiser, OptimiserSettings, Schedule
from lead.training.pictures import draw_sides
from lead.training.stopping import StopRequest
from lead.training.sync_norm import SyncedBatchNorm


@pytest.fixture(scope="module")
def batch():
    return next(iter(BatchLoader([TinySamples()], EpochPlan([everything(8)], 4))))


def engine_of(folder, *words):
    config = tiny_config(folder, *words)
    return Engine(tiny_model(config), config, ONE)


def weights(engine):
    return {name: tensor.clone() for name, tensor in engine.model.state_dict().items()}


def test_parts_of_a_batch_add_up_to_the_whole(tmp_path, batch):
    gradients = []
    for parts in (1, 2):
        engine = engine_of(tmp_path, "batch_size=4", f"accumulation_steps={parts}", "dropout=0", "clip_norm=0")
        # Batch statistics are those of the parts; without them a mean over parts is the mean over all.
        engine.model.eval()
        engine.step(batch, 0.0)
        gradients.append([p.grad.clone() for p in engine.model.parameters()])
    for whole, summed in zip(*gradients, strict=True):
        torch.testing.assert_close(summed, whole, rtol=1e-3, atol=1e-5)


def test_a_batch_that_cannot_be_split_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="batch_size=4 cannot be split into 1 ranks times 3 parts"):
        engine_of(tmp_path, "batch_size=4", "accumulation_steps=3")


def test_a_gradient_that_is_no_number_changes_nothing(tmp_path, batch):
    engine = engine_of(tmp_path, "ema_decay=0.5")
    engine.step(batch, 1e-3)
    before = weights(engine)
    moments = copy.deepcopy(engine.optimiser.state_dict()["state"])
    broken = dict(batch, speed=torch.full_like(batch["speed"], math.nan))
    result = engine.step(broken, 1e-3)
    assert float(result.outcome.is_skipped) == 1.0
    after = weights(engine)
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert all(name.endswith("num_batches_tracked") for name in changed)
    for own, kept in zip(engine.optimiser.state_dict()["state"].values(), moments.values(), strict=True):
        assert all(torch.equal(own[key], kept[key]) for key in kept)
    assert float(engine.step(batch, 1e-3).outcome.is_skipped) == 0.0
    assert any(not torch.equal(before[name], value) for name, value in weights(engine).items())


class NanSpeed(TinySamples):
    def load(self, index, rng):
        return super().load(index, rng) | {"speed": np.array(1e38, np.float32)}


def test_steps_without_a_gradient_end_the_training(tmp_path):
    config = tiny_config(tmp_path, "max_skipped_steps=3")
    trainer = tiny_trainer(config, samples=NanSpeed())
    with torch.no_grad():
        trainer.engine.model.planning_decoder.planning_context_encoder.velocity_encoder[0].weight.fill_(1e30)
    with pytest.raises(DivergenceError, match="3 steps in a row had no finite gradient"):
        trainer.run(StopRequest())
    assert trainer.position.step == 3


def test_a_growing_loss_ends_the_training(tmp_path):
    trainer = tiny_trainer(tiny_config(tmp_path, "divergence_factor=2"))
    watch = trainer._watch
    outcome = trainer.engine.optimiser
    outcome.begin()
    result = dataclasses.make_dataclass("Outcome", ["gradient_norm", "is_skipped"])(torch.ones(()), torch.zeros(()))
    for _ in range(200):
        watch.push(torch.tensor(1.0), result)
    assert watch.complaint() is None
    for _ in range(100):
        watch.push(torch.tensor(3.0), result)
    assert "the loss has grown from 1 to" in watch.complaint()


def test_clipping_and_skipping_are_what_torch_does_step_by_step():
    torch.manual_seed(0)
    own = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    other = copy.deepcopy(own)
    optimiser = Optimiser(own, OptimiserSettings(learning_rate=1e-2, clip_norm=0.1))
    reference = torch.optim.AdamW(other.parameters(), lr=1e-2, weight_decay=0.01, amsgrad=True)
    for _ in range(5):
        x = torch.randn(8, 4)
        optimiser.begin()
        own(x).square().mul(own[0].weight.sum()).sum().backward()
        optimiser.step(1e-2)
        reference.zero_grad()
        other(x).square().mul(other[0].weight.sum()).sum().backward()
        torch.nn.utils.clip_grad_norm_(other.parameters(), 0.1)
        reference.step()
    for a, b in zip(own.state_dict().values(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_the_learning_rate_is_the_published_one():
    schedule = Schedule(3e-4, 10, 31)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=3e-4)
    published = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, 10, 2)
    for step in range(310):
        published.step(step)
        assert schedule.at(step) == pytest.approx(published.get_last_lr()[0], abs=1e-12)
    warm = Schedule(1.0, 10, 31, restarts=False, warm_up_steps=4)
    assert [round(warm.at(step), 2) for step in range(5)] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert warm.at(309) < 1e-4


@pytest.mark.slow
def test_a_compiled_network_has_the_same_names_and_the_same_gradients(batch):
    torch.manual_seed(0)
    plain = LossModule(Transfuser(TINY))
    set_dropout(plain, 0.0)
    compiled = copy.deepcopy(plain)
    compiled.compile_parts(backend="aot_eager", dynamic=False, fullgraph=True)
    losses = []
    for module in (plain, compiled):
        total, _, _ = module(batch)
        total.backward()
        losses.append(float(total.detach()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert list(plain.model.state_dict()) == list(compiled.model.state_dict())
    for (name, a), b in zip(plain.model.named_parameters(), compiled.model.parameters(), strict=True):
        torch.testing.assert_close(b.grad, a.grad, rtol=1e-3, atol=1e-5, msg=name)


def test_wider_groups_compute_the_same(batch):
    torch.manual_seed(0)
    narrow = torch.nn.Sequential(torch.nn.Conv2d(48, 96, 3, padding=1, groups=6), torch.nn.Conv2d(96, 8, 1))
    wide = copy.deepcopy(narrow)
    assert widen_groups(wide, 30) == 1
    assert wide[0].merged == 3 and list(wide.state_dict()) == list(narrow.state_dict())
    x = torch.randn(2, 48, 7, 9)
    for network in (narrow, wide):
        network(x).square().sum().backward()
    torch.testing.assert_close(wide(x), narrow(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(wide[0].weight.grad, narrow[0].weight.grad, rtol=1e-4, atol=1e-3)
    assert widen_groups(copy.deepcopy(narrow), 15) == 0


def test_a_synchronised_norm_takes_over_names_and_values():
    norm = torch.nn.BatchNorm2d(3)
    norm.running_mean.fill_(0.5)
    synced = SyncedBatchNorm(norm).eval()
    assert list(synced.state_dict()) == list(norm.state_dict())
    x = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(synced(x), norm.eval()(x))


def test_losses_of_the_module_are_those_of_the_function(batch):
    torch.manual_seed(0)
    module = LossModule(Transfuser(TINY).eval())
    total, losses, out = module(batch)
    expected = compute_losses(out, batch, TINY)
    assert {name: float(value) for name, value in losses.items()} == pytest.approx(
        {name: float(value.detach()) for name, value in expected.items()}
    )
    assert float(total.detach()) == pytest.approx(float(total_loss(expected, module.weights).detach()))


@pytest.mark.parametrize("words", [(), ("first_path_point_weight=2.5",)])
def test_the_first_point_of_the_path_may_count_more(tmp_path, batch, words):
    engine = engine_of(tmp_path, "batch_size=4", "dropout=0", *words)
    with torch.no_grad():
        out = engine.model(batch)
        error = (out.path_ego - batch["route"]).abs()
        expected = error.mean() + error[:, 9].mean() + (2.5 if words else 0.0) * error[:, 0].mean()
    loss = engine.step(batch, 1e-4).losses["loss_spatial_route"]
    assert float(loss) == pytest.approx(float(expected), rel=1e-4)


def test_some_samples_have_the_goals_of_each_other(tmp_path, batch):
    """A goal stays whole, what is ahead stays with its scene, and the step learns from what was exchanged."""
    count = len(batch["speed"])
    numbered = dict(batch, speed=torch.arange(count).float(), target_speed=torch.arange(count).float())
    numbered["route"] = torch.arange(count).float()[:, None, None].expand(-1, 10, 2).clone()
    exchanged = with_foreign_goals(numbered, 0.75)
    givers = exchanged["speed"].long()
    assert sorted(givers.tolist()) == list(range(count))
    assert int((givers != torch.arange(count)).sum()) == 3
    for name in ("route", "target_point", "target_point_next", "command", "future_waypoints"):
        assert torch.equal(exchanged[name], numbered[name][givers]), name
    for name in ("rgb", "target_speed", "brake", "center_net_heatmap"):
        assert torch.equal(exchanged[name], numbered[name]), name
    assert numbered["speed"].tolist() == list(range(count))

    engine = engine_of(tmp_path, "batch_size=4", "dropout=0", "foreign_goal_share=1")
    torch.manual_seed(5)
    foreign = with_foreign_goals(batch, 1.0)
    with torch.no_grad():
        error = (engine.model(foreign).path_ego - foreign["route"]).abs()
    torch.manual_seed(5)
    loss = engine.step(batch, 1e-4).losses["loss_spatial_route"]
    assert float(loss) == pytest.approx(float(error.mean() + error[:, 9].mean()), rel=1e-4)


def test_fewer_than_two_samples_cannot_exchange_their_goals(batch):
    assert with_foreign_goals(batch, 0.0) is batch
    assert with_foreign_goals(batch, 1 / len(batch["speed"])) is batch


def test_depth_and_semantics_may_be_learnt_from_some_samples_of_a_batch(batch):
    torch.manual_seed(0)
    module = LossModule(Transfuser(TINY))
    set_dropout(module, 0.0)
    _, _, whole = module(batch)
    module.model.perspective_every = 3
    total, losses, out = module(batch)
    total.backward()
    torch.testing.assert_close(out.semantic_logits, whole.semantic_logits[[0, 3]])
    torch.testing.assert_close(out.depth_m, whole.depth_m[[0, 3]])
    chosen = {**batch, "semantic": batch["semantic"][[0, 3]], "depth": batch["depth"][[0, 3]]}
    expected = compute_losses(out, chosen, TINY)
    assert {name: float(value) for name, value in losses.items()} == pytest.approx(
        {name: float(value.detach()) for name, value in expected.items()}
    )
    assert all(p.grad is not None for p in module.model.semantic_decoder.parameters())
    module.eval()
    assert module.predict(batch).semantic_logits.shape[0] == 4, "what is validated and driven with is whole"


def test_a_step_reports_what_can_be_compared(tmp_path, batch):
    engine = engine_of(tmp_path, "batch_size=4")
    engine.model.perspective_every = 2
    result = engine.step(batch, 1e-4)
    assert len(result.batch["rgb"]) == 4 and len(result.batch["depth"]) == 2
    assert float(quotients(result.out, result.batch, TINY)["depth_mae_m"][1]) > 0
    assert draw_sides(result.out, result.batch, TINY)


def test_the_order_of_radar_detections_does_not_matter():
    generator = torch.Generator().manual_seed(0)
    labels = torch.rand(2, 20, 4, generator=generator) * 10
    labels[..., 3] = (torch.arange(20) < 5).float()
    detections = torch.rand(2, 20, 4, generator=generator) * 10
    shuffled = detections[:, torch.randperm(20, generator=generator)]
    torch.testing.assert_close(radar_loss(detections, labels), radar_loss(shuffled, labels))
    perfect = torch.cat((labels[..., :3], (labels[..., 3:] - 0.5) * 100), dim=-1)
    assert float(radar_loss(perfect, labels).max()) < 1e-6
    assert torch.isnan(radar_loss(detections * math.nan, labels)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b.pop("route"), "the batch has no label 'route'"),
        (lambda b: b.update(depth=b["depth"][:, :1]), "the label 'depth' has the shape"),
        (lambda b: b.update(target_speed=b["target_speed"] - 9, brake=b["brake"] & False), "at least 0"),
    ],
)
def test_a_batch_that_cannot_be_learnt_from_is_refused(batch, change, words):
    broken = dict(batch)
    change(broken)
    with pytest.raises(LabelError, match=words):
        check_training_batch(TINY, broken)


def test_labels_have_the_published_shapes():
    specs = {name: spec.shape for name, spec in label_specs(dataclasses.replace(COMPACT, legacy=CORRECTED)).items()}
    assert specs["center_net_heatmap"] == (8, 80, 96) and specs["bev_semantic"] == (320, 384)
    assert specs["semantic"] == specs["depth"] == (384, 1152)
    assert specs["future_waypoints"] == (8, 2) and specs["route"] == (10, 2)


def test_depths_are_compared_with_whole_metres_only_as_a_quirk(batch):
    out_m = torch.full((2, 4, 4), 3.75)
    assert depth_loss(out_m, out_m, floored=False).max() == 0.0
    assert depth_loss(out_m, out_m, floored=True).tolist() == [0.75, 0.75]


def test_half_precision_stays_inside_the_network(tmp_path, batch):
    seen = {}

    class Spy(Transfuser):
        def forward(self, inputs, *args):
            seen.update({name: tensor.dtype for name, tensor in inputs.items()})
            return super().forward(inputs, *args)

    torch.manual_seed(0)
    module = LossModule(Spy(TINY), half=True)
    total, losses, out = module(batch)
    assert out.semantic_logits.dtype is torch.bfloat16
    assert seen["target_point"] is seen["radar"] is seen["speed"] is torch.float32
    assert {loss.dtype for loss in (total, *losses.values())} == {torch.float32}
    # bfloat16 is emulated on CPUs, a hundred times slower: there it is never used.
    assert not engine_of(tmp_path, "use_mixed_precision_training=true").module.is_half


def test_a_frozen_backbone_stays_as_it_is(tmp_path, batch):
    config = tiny_config(tmp_path, "freeze_backbone=true", "batch_size=4")
    model = tiny_model(config)
    model.backbone.requires_grad_(False)
    engine = Engine(model, config, ONE)
    before = weights(engine)
    engine.step(batch, 1e-3)
    changed = {name.split(".")[0] for name, value in weights(engine).items() if not torch.equal(before[name], value)}
    assert "backbone" not in changed and "planning_decoder" in changed


def test_the_average_follows_the_weights(tmp_path, batch):
    engine = engine_of(tmp_path, "ema_decay=0.75", "batch_size=4")
    name = "planning_decoder.query"
    before = weights(engine)[name]
    engine.step(batch, 1e-2)
    after = weights(engine)[name]
    torch.testing.assert_close(engine.best_weights()[name], 0.75 * before + 0.25 * after)
    assert torch.equal(weights(engine)[name], after)


def test_a_changed_normalisation_is_no_news_of_another_one():
    """Compiled regions keep statistics for their backward pass, which fails if these were changed in between."""
    first, second = torch.nn.BatchNorm2d(3), torch.nn.BatchNorm2d(5)
    statistics = NormStatistics(torch.nn.Sequential(first, second))
    statistics.keep()
    before = first.running_var._version
    second.running_var.fill_(7.0)
    assert first.running_var._version == before
    statistics.put_back(torch.tensor(1.0))
    torch.testing.assert_close(second.running_var, torch.ones(5))
