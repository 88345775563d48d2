"""One network on simulated and real data: whose labels count, what the heads are called, and which data are opened."""

import dataclasses
import json
import lzma
import math
import pickle
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import ENCODER, ONE, RIG, TinySamples, tiny_config, tiny_trainer

from lead.config.legacy import CORRECTED
from lead.config.training import resolve_training
from lead.dataset.cache.build import build_route, tasks_of
from lead.dataset.cache.settings import RecordSettings
from lead.dataset.cache.store import CacheState
from lead.dataset.collections import everything
from lead.dataset.loading.loader import BatchLoader
from lead.dataset.loading.sampling import EpochPlan
from lead.dataset.route_index import build_index
from lead.inference.checkpoint import open_checkpoint
from lead.models.transfuser.architecture import CARLA, NAVSIM, VARIANTS, ArchitectureError, LidarInput, Planner, Sizes
from lead.models.transfuser.network import Transfuser
from lead.training.engine import Engine, _split
from lead.training.errors import TrainingError
from lead.training.labels import check_training_batch
from lead.training.losses.total import compute_losses, dense_losses, loss_weights, total_loss
from lead.training.metrics import MetricSums, quotients
from lead.training.mixed_network import SIMULATED_HEADS, MixedTransfuser, without_simulator
from lead.training.model_types import architecture_of, load_start_weights, make_model, real_config, saved_config
from lead.training.pictures import draw_sides
from lead.training.sides import MixedArchitecture, sides
from lead.training.sources import open_data, training_batches
from lead.training.stopping import StopRequest

sys.path.append(str(Path(__file__).resolve().parents[1] / "dataset"))
MIXED_RIG = dataclasses.replace(RIG, radars=(), lidars=())
MIXED = MixedArchitecture(
    dataclasses.replace(NAVSIM, rig=MIXED_RIG),
    image_encoder=ENCODER,
    lidar_encoder=ENCODER,
    lidar_input=LidarInput.RAMP,
    detects_radar=False,
    plans_with_radar=False,
    token_dim=16,
    sizes=Sizes(1, 16, 16, 16),
    legacy=CORRECTED,
)
WORDS = ("recipe=navsim_ltfv6", "use_carla_data=true")


class SideSamples(TinySamples):
    """Samples of one source: no dense label of the other one is there."""

    def __init__(self, side: int, length: int = 8) -> None:
        super().__init__(length, MIXED)
        self.side, self.name = side, ("carla", "navsim")[side]

    def load(self, index, rng):
        sample = super().load(index, rng)
        is_real = self.side == 1
        dense = {name for name in sample if "semantic" in name or "center_net" in name}
        kept = {name for name in dense if name.startswith("navsim_") == is_real}
        sample = {name: value for name, value in sample.items() if name not in dense - kept}
        boxes = np.zeros((90, 9), np.float32)
        return sample | {
            "source_dataset": np.array(self.side + 1),
            ("navsim_" if is_real else "") + "center_net_bounding_boxes": boxes,
        }


def mixed_batch(carla: int = 2, navsim: int = 2):
    total = carla + navsim
    shares = np.array([carla / total, navsim / total])
    plan = EpochPlan([everything(8), everything(8)], total, shares=lambda _epoch, _sources: shares)
    return next(iter(BatchLoader([SideSamples(0), SideSamples(1)], plan)))


def mixed_model():
    torch.manual_seed(0)
    model = MixedTransfuser(MIXED)
    return model.train(False)


def test_heads_are_the_published_ones_in_their_order():
    names = list(dict.fromkeys(name.split(".")[0] for name in mixed_model().state_dict()))
    assert names == [
        "backbone",
        "semantic_decoder",
        "bev_semantic_decoder",
        "bev_semantic_decoder_navsim",
        "center_net_decoder",
        "center_net_decoder_navsim",
        "planning_decoder",
    ]
    model = mixed_model()
    assert model.bev_semantic_decoder.net[2].out_channels == CARLA.bev_classes
    assert model.center_net_decoder.heatmap_head[2].out_channels == CARLA.box_classes
    assert model.center_net_decoder_navsim.heatmap_head[2].out_channels == NAVSIM.box_classes


def test_without_the_simulators_heads_it_is_navsims_network():
    mixed = dataclasses.replace(MIXED, domain=NAVSIM, image_encoder="resnet34", lidar_encoder="resnet34")
    published = VARIANTS["navsim_ltfv6"]
    mixed = dataclasses.replace(mixed, token_dim=published.token_dim, sizes=published.sizes)
    with torch.device("meta"):
        own, expected = MixedTransfuser(mixed).state_dict(), Transfuser(published).state_dict()
    kept = without_simulator(own)
    assert list(kept) == list(expected)
    assert {name.split(".")[0] for name in set(own) - set(kept)} == set(SIMULATED_HEADS)


def test_weights_count_both_sources_and_the_plan_once():
    weights = loss_weights(MIXED)
    # 7 losses of the simulator's heads, 6 of NAVSIM's, and all three of the plan, of which one is there.
    assert weights["loss_semantic"] == weights["navsim_loss_bev_semantic"] == pytest.approx(1 / 16)
    assert weights["loss_spatio_temporal_waypoints"] == pytest.approx(1 / 16)
    assert weights["loss_center_net_velocity"] == weights["navsim_loss_center_net_velocity"] == 0.0
    assert weights["loss_depth"] == weights["radar_loss"] == weights["navsim_loss_semantic"] == 0.0
    assert sum(weights.values()) == pytest.approx(1.0)
    assert loss_weights(dataclasses.replace(MIXED, planner=Planner.NONE))["loss_semantic"] == pytest.approx(1 / 13)


def test_each_source_is_averaged_over_its_own_samples():
    model, batch = mixed_model(), mixed_batch(3, 1)
    check_training_batch(MIXED, batch)
    out = model(batch)
    losses = compute_losses(out, batch, MIXED)
    for side, rows in zip(sides(MIXED), (slice(0, 3), slice(3, 4)), strict=True):
        own = {name: tensor[rows] for name, tensor in batch.items()}
        alone_out = model(own)
        alone = dense_losses(alone_out.simulated if side.domain.semantic_classes else alone_out, own, side)
        assert len(alone) == (8 if side.domain.semantic_classes else 7)
        for name, value in alone.items():
            assert float(losses[name].detach()) == pytest.approx(float(value.detach()), rel=1e-3), name
    # The plan is learnt from all samples.
    error = (out.waypoints_ego - batch["future_waypoints"]).abs().mean()
    error = error + (out.headings_rad - batch["future_yaws"]).abs().mean()
    assert float(losses["loss_spatio_temporal_waypoints"].detach()) == pytest.approx(float(error.detach()), rel=1e-5)
    assert set(losses) <= set(loss_weights(MIXED))


@pytest.mark.parametrize("missing", [0, 1])
def test_a_batch_without_a_source_moves_none_of_its_heads(missing):
    model = mixed_model()
    batch = mixed_batch(2, 2)
    batch = {name: tensor[2 * (1 - missing) :][:2] for name, tensor in batch.items()}
    losses = compute_losses(model(batch), batch, MIXED)
    total_loss(losses, loss_weights(MIXED)).backward()
    absent = SIMULATED_HEADS if missing == 0 else ("bev_semantic_decoder_navsim", "center_net_decoder_navsim")
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            assert bool(parameter.grad.isfinite().all()), name
            if name.split(".")[0] in absent:
                assert float(parameter.grad.abs().max()) == 0.0, name
    assert float(model.backbone.c5_conv.weight.grad.abs().max()) > 0.0


def test_parts_of_a_step_have_the_mixture():
    parts = list(_split(mixed_batch(4, 4), 2))
    assert [part["source_dataset"].tolist() for part in parts] == [[1, 1, 2, 2]] * 2


def test_metrics_and_pictures_are_by_source():
    model, batch = mixed_model(), mixed_batch(1, 2)
    out = model(batch)
    sums = MetricSums()
    sums.add(quotients(out, batch, MIXED))
    values = sums.values()
    error = (out.waypoints_ego - batch["future_waypoints"]).norm(dim=-1)
    assert values["carla_waypoint_ade_m"] == pytest.approx(float(error[:1].mean().detach()), rel=1e-5)
    assert values["navsim_waypoint_ade_m"] == pytest.approx(float(error[1:].mean()), rel=1e-5)
    assert {"carla_semantic_iou", "carla_bev_semantic_iou", "navsim_bev_semantic_iou"} <= set(values)
    assert "navsim_semantic_iou" not in values and "carla_depth_mae_m" not in values
    assert set(draw_sides(out, batch, MIXED)) == {"training_carla", "training_navsim"}
    alone = {name: tensor[:1] for name, tensor in batch.items()}
    assert set(draw_sides(out, alone, MIXED)) == {"training_carla"}


class Mixture:
    """Stands for both sources where a helper takes one: every second sample is real."""

    name = "mixture"

    def __init__(self):
        self.parts = SideSamples(0), SideSamples(1)

    def __len__(self):
        return 16

    def load(self, index, rng):
        sample = self.parts[index % 2].load(index // 2, rng)
        other = self.parts[1 - index % 2].load(index // 2, rng)
        return sample | {name: np.zeros_like(value) for name, value in other.items() if name not in sample}

    def tags(self, index):
        return f"sample {index}"


def test_a_mixture_trains_and_leaves_a_checkpoint_of_the_real_network(tmp_path, monkeypatch):
    monkeypatch.setattr("lead.training.trainer.real_config", lambda config: {"use_carla_data": False})
    config = tiny_config(tmp_path, "batch_size=4", "epochs=1", "accumulation_steps=2")
    trainer = tiny_trainer(config, samples=Mixture(), model=MixedTransfuser(MIXED), validation=True)
    before = {name: tensor.clone() for name, tensor in trainer.engine.model.state_dict().items()}
    assert trainer.run(StopRequest())
    after = trainer.engine.model.state_dict()
    changed = {name.split(".")[0] for name in after if not torch.equal(after[name], before[name])}
    assert {*SIMULATED_HEADS, "center_net_decoder_navsim", "planning_decoder"} <= changed
    assert "carla_waypoint_ade_m" in trainer.position.history[0]
    saved = torch.load(tmp_path / "best/model_0000.pth", weights_only=True)
    assert list(saved) == list(without_simulator(after))
    assert json.loads((tmp_path / "best/config.json").read_text()) == {"use_carla_data": False}
    assert len(torch.load(tmp_path / "model_0000.pth", weights_only=True)) == len(after)


def test_a_mixed_training_ends_in_a_checkpoint_that_drives_navsim(tmp_path):
    words = (
        "image_architecture=regnety_002",
        "lidar_architecture=regnety_002",
        "pretrained_encoder=false",
        "n_layer=1",
    )
    config = resolve_training([*WORDS, *words, "use_planning_decoder=true"], {})
    model = make_model(config)
    assert isinstance(model, MixedTransfuser) and saved_config(config)["mixed_data_training"]
    assert saved_config(config)["crop_height"] == 10 and saved_config(config)["target_dataset"] == 4
    (tmp_path / "config.json").write_text(json.dumps(real_config(config)))
    torch.save(without_simulator(model.state_dict()), tmp_path / "model_0060.pth")
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.architecture == MixedArchitecture(**vars(model.architecture)).real
    [loaded] = checkpoint.load_models()
    assert torch.equal(loaded.planning_decoder.query, model.planning_decoder.query)


def test_a_training_on_real_data_may_start_from_a_mixed_one(tmp_path):
    mixed = mixed_model()
    torch.save(mixed.state_dict(), tmp_path / "model_0060.pth")
    real = Transfuser(MIXED.real)
    load_start_weights(real, tmp_path / "model_0060.pth")
    assert torch.equal(real.planning_decoder.query, mixed.planning_decoder.query)
    torch.save(real.state_dict(), tmp_path / "model_0061.pth")
    with pytest.raises(TrainingError, match="missing: semantic_decoder"):
        load_start_weights(mixed_model(), tmp_path / "model_0061.pth")


def test_what_no_mixture_can_be_is_refused():
    with pytest.raises(ArchitectureError, match="one of NAVSIM's cameras alone"):
        dataclasses.replace(MIXED, lidar_input=LidarInput.RASTER)
    with pytest.raises(TrainingError, match="there is no network for Waymo's data: train on CARLA, NAVSIM or both"):
        open_data(resolve_training(["use_carla_data=false", "use_waymo_e2e_data=true"], {}))
    assert architecture_of(resolve_training(WORDS, {})).planner is Planner.NONE


def test_defaults_of_a_mixture_are_the_published_ones_outside_the_leaderboard():
    config = resolve_training([*WORDS, "use_planning_decoder=true"], {})
    assert (config.epochs, config.skip_first, config.skip_last) == (61, 8, 16)
    assert (config.use_sensor_perburtation_prob, config.use_color_aug_prob) == (0.8, 0.1)
    assert config.chosen_collection == "navsim"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A simulated route with NAVSIM's cameras, and 12 logs of NAVSIM's with three samples each."""
    from mixture_support import record_for_mixture
    from test_navsim_sample import _feature, _target, _write

    root = tmp_path_factory.mktemp("data")
    record_for_mixture(root / "carla", frames=20)
    feature, target = _feature(), _target()
    for log in range(12):
        for token in range(3):
            _write(root / "navsim" / f"log_{log}/token{token}", feature, target)
    return root


def words(data, *more):
    return resolve_training(
        [*WORDS, f"carla_root={data}/carla", f"navsim_data_root={data}/navsim", "assigned_cpu_cores=0", *more], {}
    )


def test_both_sources_share_a_batch_by_words_alone(data):
    opened = open_data(words(data, "batch_size=4", "collection=all", "validation_fraction=0.0", "skip_last=16"))
    assert [part.train.name for part in opened.parts] == ["carla", "navsim"]
    with training_batches(opened, ONE) as batches:
        batch = next(iter(batches))
    check_training_batch(architecture_of(opened.config), batch)
    assert batch["source_dataset"].tolist() == [1, 1, 2, 2]
    scheduled = dataclasses.replace(
        opened, config=dataclasses.replace(opened.config, schedule_carla_num_samples=True, batch_size=8)
    )
    with training_batches(scheduled, ONE) as batches:
        counts = []
        for epoch in (0, 7, 31):
            batches.go_to(epoch)
            counts.append(int((next(iter(batches))["source_dataset"] == 1).sum()))
    assert counts == [5, 2, 0]


def test_collections_are_chosen_by_name(data, tmp_path):
    all_of_them = open_data(words(data, "collection=all")).parts[0].groups
    assert [group.name for group in all_of_them] == ["all"]
    mined = open_data(words(data)).parts[0].groups
    assert {"Accident", "others"} <= {group.name for group in mined}
    assert sum(len(group.indices) for group in mined) == sum(len(group.indices) for group in all_of_them)
    assert list((data / "carla/lead_cache").glob("mining_*.npz"))
    balanced = open_data(words(data, "collection=balanced")).parts[0].groups
    assert {"standing": 0.25, "braking": 4.0, "driving off": 2.0, "turning": 2.0, "others": 1.0}.items() <= {
        group.name: group.rate for group in balanced
    }.items()
    held_out = open_data(words(data, "collection=town13_held_out")).parts[0].groups
    assert [(group.name, group.rate) for group in held_out] == [("all but Town13", 1.0), ("Town13", 0.0)]
    # A published index file: only its samples, whatever else lies in the folder.
    route = next((data / "carla/data").glob("*/*")).relative_to(data / "carla")
    metas = np.array([f"{route}/metas/{frame:04d}.pkl".encode() for frame in (2, 3)])
    path = tmp_path / "full_pretrain_buckets.gz"
    for number in (1, 2):
        path.write_bytes(lzma.compress(pickle.dumps({"buckets": [{"metas": metas}] * number})))
        config = words(data, f"collection={path}", "validation_fraction=0.0")
        if number == 1:
            assert len(open_data(config).parts[0].train) == 2
        else:
            with pytest.raises(TrainingError, match="has 2 groups and does not say how often"):
                open_data(config)


def test_a_cache_is_used_where_there_is_one(data, tmp_path, caplog):
    root = tmp_path / "carla"
    shutil.copytree(data / "carla", root, copy_function=shutil.copy2)
    shutil.rmtree(root / "lead_cache", ignore_errors=True)

    def opened():
        caplog.clear()
        words_ = ("collection=all", "validation_fraction=0.0", "skip_last=16", f"carla_root={root}")
        source = open_data(words(data, *words_)).parts[0].train
        return int(source.load(0, np.random.default_rng(0))["cache_state"]), caplog.text

    state, told = opened()
    assert state == CacheState.NO_CACHE and "has no cache: loading is several times slower" in told
    (root / "lead_cache").mkdir()  # what mining leaves there is no cache
    assert opened()[0] == CacheState.NO_CACHE
    (root / "cache").mkdir()
    state, told = opened()
    assert state == CacheState.MISSING and "has a published cache only" in told
    for task in tasks_of(build_index(root), root / "lead_cache", RecordSettings("navsim_4_cameras")):
        build_route(task)
    state, told = opened()
    assert state == CacheState.FRESH and "cache" not in told


def test_data_of_another_vehicle_are_refused(tmp_path, data):
    from sample_support import record_samples

    record_samples(tmp_path, frames=3)
    with pytest.raises(TrainingError, match=r"rig carla_3_cameras, .*record data for a mixture with target_dataset=4"):
        open_data(words(data, f"carla_root={tmp_path}", "collection=all", "skip_last=1"))


@pytest.mark.parametrize("planner", [Planner.NONE, Planner.DECODER])
def test_both_stages_take_a_step(tmp_path, planner):
    config = tiny_config(tmp_path, "batch_size=4")
    architecture = dataclasses.replace(MIXED, planner=planner)
    engine = Engine(MixedTransfuser(architecture), config, ONE)
    result = engine.step(mixed_batch(2, 2), 1e-3)
    assert math.isfinite(float(result.loss)) and float(result.outcome.is_skipped) == 0.0
    assert ("loss_spatio_temporal_waypoints" in result.losses) == (planner is not Planner.NONE)


@pytest.mark.slow
def test_losses_of_a_mixture_can_be_compiled_in_one_piece():
    model, batch = mixed_model(), mixed_batch()
    out = model(batch)
    compiled = torch.compile(dense_losses, backend="aot_eager", dynamic=False, fullgraph=True)
    expected = {name: float(value.detach()) for name, value in dense_losses(out, batch, MIXED).items()}
    assert {name: float(value.detach()) for name, value in compiled(out, batch, MIXED).items()} == pytest.approx(
        expected
    )
