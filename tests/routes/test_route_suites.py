"""The project's own suites: complete, clean, apart from each other, and as their definitions make them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lead.cli.routes import app
from lead.maps.towns import installed_towns
from lead.routes.lint import lint
from lead.routes.reader import read_routes
from lead.routes.sampler.errors import SamplerError
from lead.routes.sampler.finders import leaderboard_names
from lead.routes.sampler.run import sample_towns
from lead.routes.sampler.sampler import Wishes
from lead.routes.sampler.suites import SUITES, find_suite
from lead.routes.sampler.writer import routes_xml

FOLDER = Path(__file__).resolve().parents[2] / "data/routes/suites"
SIZES = {"smoke": (52, 52), "train": (180, 220), "validation": (35, 52), "heldout": (40, 52), "heldout_short": (16, 16)}


def suite(name):
    return read_routes(FOLDER / f"{name}.xml")


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_has_the_size_and_the_towns_of_its_definition(name):
    routes = suite(name)
    low, high = SIZES[name]
    assert low <= len(routes) <= high
    assert {route.town for route in routes} <= {*SUITES[name].towns, *SUITES[name].last_resort}
    assert all(f"_{SUITES[name].seed}_" in route.id for route in routes)


def test_the_smoke_suite_has_every_class_once():
    kinds = [route.scenarios[0].type for route in suite("smoke") if route.scenarios]
    assert sorted(kinds) == sorted(leaderboard_names())


def test_no_town_is_in_two_of_the_suites_for_learning():
    towns = [set(SUITES[name].towns) for name in ("train", "validation", "heldout")]
    assert sum(map(len, towns)) == len(set.union(*towns))


@pytest.mark.parametrize("name", SUITES)
def test_suites_pass_the_linter_without_maps(name):
    assert not lint([FOLDER / f"{name}.xml"], maps=False).findings


@pytest.mark.slow
@pytest.mark.parametrize("name", SUITES)
def test_suites_pass_the_linter(name):
    if {*SUITES[name].towns, *SUITES[name].last_resort} - set(installed_towns()):
        pytest.skip("not all towns are installed")
    assert not lint([FOLDER / f"{name}.xml"]).findings


def test_a_town_of_a_suite_comes_out_the_same_again():
    if "Town02" not in installed_towns():
        pytest.skip("Town02 is not installed")
    chosen = SUITES["validation"]
    stored = {route.id: route for route in suite("validation") if route.town == "Town02"}
    wishes = Wishes(1, chosen.seed, chosen.lengths_m)
    again = [route for outcome in sample_towns(["Town02"], leaderboard_names(), wishes) for route in outcome.routes]
    assert stored
    same = [route for route in again if route.id in stored]
    assert [routes_xml([route]) for route in same] == [routes_xml([stored[route.id]]) for route in same]
    assert {route.id for route in same} == {name for name in stored if not name.startswith("noScenario")}


def test_unknown_suites_and_existing_files_are_refused(tmp_path):
    with pytest.raises(SamplerError, match="the nearest is train"):
        find_suite("trian")
    (tmp_path / "train.xml").write_text("mine")
    result = CliRunner().invoke(app, ["suite", "train", "--out", str(tmp_path)])
    assert isinstance(result.exception, SamplerError)
    assert (tmp_path / "train.xml").read_text() == "mine"
