"""Where settings come from, what a training takes over from another one, and which weights it starts from."""

import dataclasses
import json
import logging

import pytest
import torch
from tiny_training import TINY

from lead.config.legacy import PUBLISHED, TRAINED
from lead.config.recipes import RECIPES
from lead.config.resolve import ConfigError
from lead.config.training import TrainingConfig, resolve_training
from lead.inference.checkpoint import open_checkpoint
from lead.models.transfuser.architecture import COMPACT, VARIANTS, LidarInput, Planner
from lead.models.transfuser.network import Transfuser
from lead.training.errors import TrainingError
from lead.training.model_types import architecture_of, load_start_weights, make_model, saved_config


def resolve(*words, **environ):
    return resolve_training(words, environ)


def test_words_beat_the_variable_beats_the_recipe_beats_the_defaults():
    config = resolve("recipe=debug", "lr=0.5", LEAD_TRAINING_CONFIG="lr=0.1 batch_size=6")
    assert (config.lr, config.batch_size, config.dropout) == (0.5, 6, 0.0)
    assert TrainingConfig().batch_size == 64


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["use_planing_decoder=true"], "did you mean 'use_planning_decoder'"),
        (["recipe=tfv6_resnet"], "there is no recipe 'tfv6_resnet'; did you mean 'tfv6_resnet34'"),
        (["legacy={phantom: true}"], "did you mean 'phantom_target'"),
        (["use_radars=false"], "radar_detection=true needs use_radars=true"),
        (["use_navsim_data=true"], "so a network on both needs LTF=true"),
        (["recipe=mixed_ltfv6", "perspective_every=2"], "perspective_every must be 1 where"),
        (["perspective_every=0"], "perspective_every is 0; it must be at least 1"),
        (["use_carla_data=false"], "nothing to learn"),
        (["use_waymo_e2e_data=true"], "there is no network for Waymo's data"),
        (["schedule_carla_num_samples=true"], "needs use_carla_data=true and use_navsim_data=true"),
        (["collection=rare"], "must be one of all, town13_held_out, balanced, navsim, waymo, or an index file"),
        (["collection=navsim", "hold_out_town13_routes=true"], "is another collection than collection=navsim"),
        (["horizontal_fov_reduction=-1"], "must be at least 0"),
        (["batch_size=0"], "batch_size is 0; it must be at least 1"),
        (["dropout=1.5"], "it must be from 0 to 1"),
        (["model_type=carl"], "must be one of tfv6, plant"),
        (["continue_failed_training=true"], "needs load_file"),
        (["load_file=nowhere/model_0030.pth"], r"nowhere/config.json, the configuration of the weights"),
    ],
)
def test_impossible_settings_are_named(words, message):
    with pytest.raises(ConfigError, match=message):
        resolve(*words)


def test_stages_have_their_own_folders_lengths_and_skipped_frames():
    first, second = resolve(), resolve("use_planning_decoder=true")
    assert (first.logdir, first.skip_first, first.epochs) == ("outputs/local_training/pretrain", 1, 31)
    assert (second.logdir, second.skip_last, second.wandb_project_name) == (
        "outputs/local_training/posttrain",
        8,
        "lead_posttrain",
    )
    assert resolve("recipe=navsim_ltfv6").epochs == 61


@pytest.mark.parametrize(
    ("recipe", "variant"),
    [
        ("tfv6_resnet34", "resnet34"),
        ("tfv6_regnety", "regnety032"),
        ("tfv6_4cameras", "4cameras_resnet34"),
        ("noradar", "noradar_resnet34"),
        ("visiononly", "visiononly_resnet34"),
        ("town13heldout", "town13heldout_resnet34"),
        ("navsim_ltfv6", "navsim_ltfv6"),
    ],
)
def test_recipes_describe_the_published_networks(recipe, variant):
    architecture = architecture_of(resolve(f"recipe={recipe}", "use_planning_decoder=true"))
    assert architecture == dataclasses.replace(VARIANTS[variant], legacy=TRAINED)
    assert architecture_of(resolve(f"recipe={recipe}")).planner is Planner.NONE


def test_the_compact_recipe_fits_its_budget():
    architecture = architecture_of(resolve("recipe=tfv6_compact", "use_planning_decoder=true"))
    assert architecture == dataclasses.replace(COMPACT, legacy=TRAINED)
    with torch.device("meta"):
        assert sum(p.numel() for p in Transfuser(architecture).parameters()) < 12.5e6
    assert set(RECIPES) >= {"debug", "tfv6_resnet34", "tfv6_regnety", "navsim_ltfv6", "tfv6_compact"}


def write_config(folder, config):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(saved_config(config)))


def test_post_training_takes_over_the_network_but_not_the_run(tmp_path):
    write_config(tmp_path, resolve("recipe=tfv6_compact", f"logdir={tmp_path}", "description=first", "batch_size=8"))
    config = resolve(f"load_file={tmp_path}/model_0030.pth", "use_planning_decoder=true")
    assert config.image_architecture == "regnety_002" and config.batch_size == 8
    assert (config.logdir, config.description, config.skip_first) == ("outputs/local_training/posttrain", "", 8)
    assert config.switches == TRAINED


def test_a_published_configuration_implies_the_published_quirks(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"lr": 0.001, "num_dir_bins": 12, "skip_first": 1}))
    config = resolve(f"load_file={tmp_path}/model_0030.pth", "use_planning_decoder=true")
    assert config.switches == PUBLISHED and config.lr == 0.001 and config.skip_first == 8


def test_the_same_training_goes_on_with_all_its_settings(tmp_path):
    write_config(tmp_path, resolve(f"logdir={tmp_path}", "seed=7", "log_scalars_frequency=3"))
    again = resolve(f"logdir={tmp_path}", "resume=true")
    assert (again.seed, again.log_scalars_frequency, again.resume) == (7, 3, True)
    published = resolve(f"load_file={tmp_path}/model_0012.pth", "continue_failed_training=true")
    assert (published.seed, published.logdir, published.resume, published.load_file) == (7, str(tmp_path), True, None)


def test_a_log_folder_is_a_checkpoint(tmp_path):
    config = resolve("recipe=debug", f"logdir={tmp_path}")
    write_config(tmp_path, config)
    model = make_model(config)
    torch.save(model.state_dict(), tmp_path / "model_0003.pth")
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.architecture == model.architecture
    [loaded] = checkpoint.load_models()
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), model.parameters(), strict=True))


def test_target_points_can_be_heard_better_by_a_new_planner_only(tmp_path):
    def built(*words):
        torch.manual_seed(0)
        return make_model(resolve("recipe=debug", *words)).state_dict()

    name = "planning_decoder.planning_context_encoder.tp_encoder.weight"
    plain, loud = built("target_point_gain=1"), built("target_point_gain=5")
    assert torch.equal(loud[name], 5.0 * plain[name])
    assert all(torch.equal(loud[other], plain[other]) for other in plain if other != name)
    torch.save(plain, tmp_path / "model_0000.pth")
    write_config(tmp_path, resolve("recipe=debug", f"logdir={tmp_path}"))
    assert torch.equal(built("target_point_gain=5", f"load_file={tmp_path}/model_0000.pth")[name], plain[name])


def test_queries_of_a_new_planner_only_can_be_kept_apart(tmp_path):
    def built(*words):
        torch.manual_seed(0)
        return make_model(resolve("recipe=debug", *words))

    def alikeness(model):
        """Mean cosine of what the first layers make of two queries, apart from what all have in common."""
        planner = model.planning_decoder.eval()
        with torch.no_grad():
            context = torch.randn(1, 20, planner.query.shape[-1], generator=torch.Generator().manual_seed(1))
            out = planner.transformer_decoder(planner.query, context)[0]
            start = planner.query[0] - planner.query[0].mean(0)
            return float(torch.nn.functional.cosine_similarity(out - out.mean(0), start, dim=-1).mean())

    plain, soft = built("planner_residual_gain=1"), built("planner_residual_gain=0.1")
    assert alikeness(plain) < 0.8 < 0.95 < alikeness(soft)
    torch.save(plain.state_dict(), tmp_path / "model_0000.pth")
    write_config(tmp_path, resolve("recipe=debug", f"logdir={tmp_path}"))
    loaded = built("planner_residual_gain=0.1", f"load_file={tmp_path}/model_0000.pth").state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in plain.state_dict().items())


def test_plant_says_that_it_is_not_there_yet():
    with pytest.raises(TrainingError, match="PlanT is not part of this version"):
        make_model(resolve("model_type=plant"))


@pytest.fixture
def pretrained(tmp_path):
    torch.manual_seed(0)
    network = Transfuser(dataclasses.replace(TINY, planner=Planner.NONE, plans_with_radar=False))
    path = tmp_path / "model_0030.pth"
    torch.save(network.state_dict(), path)
    return network, path


def test_the_planner_may_be_new(pretrained, caplog):
    network, path = pretrained
    model = Transfuser(TINY)
    with caplog.at_level(logging.INFO):
        load_start_weights(model, path)
    assert "all weights loaded but the planner's" in caplog.text
    assert torch.equal(model.backbone.c5_conv.weight, network.backbone.c5_conv.weight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("radar_detector.q"), r"missing: radar_detector\.q"),
        (lambda s: s.update(extra=torch.zeros(1)), "unexpected: extra"),
        (lambda s: s.update({"radar_detector.q": torch.zeros(1, 20, 8)}), r"of another shape: radar_detector\.q"),
        (lambda s: s["radar_detector.q"].fill_(torch.nan), "not finite, in radar_detector"),
    ],
)
def test_nothing_else_may_differ(pretrained, change, message):
    network, path = pretrained
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    change(state)
    torch.save(state, path)
    with pytest.raises(TrainingError, match=message):
        load_start_weights(Transfuser(TINY), path)


def test_the_compact_recipes_describe_the_compact_network():
    def network(recipe):
        architecture = architecture_of(resolve_training([f"recipe={recipe}", "use_planning_decoder=true"], {}))
        return dataclasses.replace(architecture, legacy=COMPACT.legacy)

    assert network("tfv6_compact") == COMPACT
    blind = network("tfv6_compact_blind")
    assert blind.is_blind and not blind.detects_radar
    assert blind.lidar_input is network("tfv6_compact_nolidar").lidar_input is LidarInput.RAMP
    assert not network("tfv6_compact_noradar").detects_radar
