"""The sampler: same seed, same bytes; routes that the linter has nothing to say about; reasons where there are none."""

import collections
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lead.cli.routes import app
from lead.maps.towns import installed_towns
from lead.routes.lint import lint
from lead.routes.planner import RoadOption
from lead.routes.reader import read_routes
from lead.routes.sampler.errors import SamplerError
from lead.routes.sampler.finders import NO_SCENARIO, class_names, leaderboard_names
from lead.routes.sampler.run import sample_towns
from lead.routes.sampler.sampler import Wishes, sample
from lead.routes.sampler.survey import Side, Turn, check_town, side_of, survey_town
from lead.routes.sampler.weathers import draw_weather
from lead.routes.sampler.writer import routes_xml
from lead.routes.scenario_classes import FAIL2DRIVE_CLASSES, SCENARIO_CLASSES
from lead.routes.scenario_parameters import read_parameters
from lead.routes.scenarios import trigger_offset
from lead.routes.weather import WeatherError, preset

TOWN = "Town03"
pytestmark = pytest.mark.skipif(TOWN not in installed_towns(), reason=f"needs lead towns install {TOWN}")


@pytest.fixture(scope="module")
def outcomes():
    """One route of every class on a town with all kinds of roads."""
    return {outcome.kind: outcome for outcome in sample_towns([TOWN], ["all"], Wishes(1, 4))}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_there_is_a_finder_for_every_scenario_class():
    assert set(class_names()) == {*SCENARIO_CLASSES, NO_SCENARIO}
    assert set(leaderboard_names()) == set(SCENARIO_CLASSES) - FAIL2DRIVE_CLASSES


def test_classes_of_the_leaderboard_go_by_one_word():
    kinds = {outcome.kind for outcome in sample_towns([TOWN], ["leaderboard", "PedestrianCrowd"], Wishes(1, 4))}
    assert kinds == {*leaderboard_names(), NO_SCENARIO, "PedestrianCrowd"}


def test_most_classes_have_a_place_on_one_town_and_the_others_a_reason(outcomes):
    assert set(outcomes) == set(class_names())
    assert sum(bool(outcome.routes) for outcome in outcomes.values()) >= 55
    for kind, outcome in outcomes.items():
        assert bool(outcome.routes) != bool(outcome.reason)
        if outcome.reason:
            assert outcome.reason.startswith(f"{TOWN} has no place for {kind}, which needs ")
            assert "\n" not in outcome.reason


def test_the_linter_finds_nothing(outcomes, tmp_path):
    routes = [route for outcome in outcomes.values() for route in outcome.routes]
    path = tmp_path / "all.xml"
    path.write_text(routes_xml(routes))
    report = lint([path])
    assert [finding.message for finding in report.findings] == []
    assert report.statistics.traced == len(routes)
    assert all(100.0 <= length <= 400.0 for length in report.statistics.lengths_m)


def test_what_is_written_is_what_is_read(outcomes, tmp_path):
    routes = [route for outcome in outcomes.values() for route in outcome.routes]
    path = tmp_path / "all.xml"
    path.write_text(routes_xml(routes, "a -- comment"))
    for wrote, read in zip(routes, read_routes(path), strict=True):
        assert (read.id, read.town, read.scenarios) == (wrote.id, wrote.town, wrote.scenarios)
        np.testing.assert_array_equal(read.keypoints, wrote.keypoints)
        for ours, theirs in zip(wrote.weather, read.weather, strict=True):
            assert ours.percentage == theirs.percentage
            assert dict(theirs.values) == pytest.approx(dict(ours.values), rel=1e-5)


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_routes(tmp_path):
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        arguments = ["--town", TOWN, "--scenario", "Accident,SignalizedJunctionLeftTurn", "--count", 3]
        result = run("sample", *arguments, "--seed", seed, "--out", tmp_path / folder)
        assert result.exit_code == 0, result.output
    files = {
        folder: {path.name: path.read_bytes() for path in sorted((tmp_path / folder).iterdir())} for folder in "abc"
    }
    assert files["a"] == files["b"]
    assert list(files["a"]) == [
        f"{kind}_{TOWN}_3_{number:04d}.xml"
        for kind in ("Accident", "SignalizedJunctionLeftTurn")
        for number in range(3)
    ]
    assert not set(files["a"].values()) & set(files["c"].values())


def test_fewer_routes_are_the_first_of_more_whatever_else_is_asked_for():
    few = sample(survey_town(TOWN), "ControlLoss", Wishes(2, 1)).routes
    many = next(
        outcome
        for outcome in sample_towns([TOWN], ["Accident", "ControlLoss"], Wishes(5, 1))
        if outcome.kind != "Accident"
    )
    assert routes_xml(few) == routes_xml(many.routes[:2])


def test_triggers_of_a_class_are_at_different_places():
    routes = sample(survey_town(TOWN), "BlockedIntersection", Wishes(12, 2)).routes
    places = np.array([(r.scenarios[0].trigger.x, r.scenarios[0].trigger.y) for r in routes])
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(len(places))
    assert len(routes) == 12
    assert gaps.min() >= 4.9


def test_turns_lead_where_the_class_needs_them(outcomes):
    planner = survey_town(TOWN).planner
    wanted = {"SignalizedJunctionLeftTurn": RoadOption.LEFT, "SignalizedJunctionRightTurn": RoadOption.RIGHT}
    for kind, option in wanted.items():
        (route,) = outcomes[kind].routes
        dense = planner.trace(route.keypoints)
        behind = dense.option[trigger_offset(route.scenarios[0].trigger, dense).index :]
        first = next(value for value in behind if value != RoadOption.LANEFOLLOW)
        assert RoadOption(first) is option


def test_parameters_can_be_read_and_lie_within_the_usual_ranges(outcomes):
    limits = {"distance": (20, 300), "flow_speed": (5, 22), "offset": (0.1, 0.6), "bicycle_speed": (5, 15)}
    seen = collections.Counter()
    for outcome in outcomes.values():
        for route in outcome.routes:
            for scenario in route.scenarios:
                parameters = read_parameters(scenario)
                for name in set(limits) & set(scenario.parameters):
                    low, high = limits[name]
                    assert low <= parameters.number(name) <= high
                    seen[name] += 1
                for name in ("frequency", "source_dist_interval"):
                    if "from" in scenario.parameters.get(name, {}):
                        low, high = parameters.interval(name)
                        assert 5 <= low <= high <= 200
    assert set(seen) == set(limits)


def test_signalised_classes_have_lights_and_others_none():
    survey = survey_town(TOWN)
    for kind, expected in (("SignalizedJunctionLeftTurn", True), ("NonSignalizedJunctionLeftTurn", False)):
        for route in sample(survey, kind, Wishes(3, 5)).routes:
            dense = survey.planner.trace(route.keypoints)
            index = trigger_offset(route.scenarios[0].trigger, dense).index
            first = next(place for place in dense.waypoints[index:] if place.is_junction)
            assert survey.has_lights(first.junction_id) is expected


def test_every_way_through_a_junction_of_town01_is_known():
    if "Town01" not in installed_towns():
        pytest.skip("Town01 is not installed")
    survey = survey_town("Town01")
    counts = collections.Counter(passage.turn for passage in survey.passages)
    assert counts == {Turn.LEFT: 24, Turn.RIGHT: 24, Turn.STRAIGHT: 24}
    assert len(survey.at_junction) == 12
    assert all(survey.has_lights(junction) for junction in survey.at_junction)


@pytest.mark.parametrize(
    ("difference_deg", "side"),
    [
        (0, Side.OWN),
        (30, Side.OWN),
        (31, Side.LEFT),
        (135, Side.LEFT),
        (180, Side.OPPOSITE),
        (-90, Side.RIGHT),
        (340, Side.OWN),
    ],
)
def test_sides_of_traffic(difference_deg, side):
    assert side_of(difference_deg) is side


def test_weathers():
    rng = np.random.default_rng(1)
    (frame,) = draw_weather("ClearNoon", rng)
    assert dict(frame.values) == preset("ClearNoon")
    start, end = draw_weather("random", rng)
    assert (start.percentage, end.percentage) == (0.0, 100.0)
    assert dict(start.values) != dict(end.values)
    (any_preset,) = draw_weather("presets", rng)
    assert any_preset.values["rayleigh_scattering_scale"] == pytest.approx(0.0331)


def test_lengths_are_kept(tmp_path):
    result = run("sample", "--town", TOWN, "--scenario", "noScenario", "--count", 5, "--out", tmp_path,
                 "--min-length", 200, "--max-length", 220)  # fmt: skip
    assert result.exit_code == 0, result.output
    lengths = lint([tmp_path]).statistics.lengths_m
    assert len(lengths) == 5
    assert all(200.0 <= length <= 220.0 for length in lengths)


def test_one_file_for_all(tmp_path):
    target = tmp_path / "some.xml"
    arguments = ["--town", TOWN, "--scenario", "Accident,ControlLoss", "--single-file", target]
    assert run("sample", *arguments).exit_code == 0
    assert [route.id for route in read_routes(target)] == [f"Accident_{TOWN}_0_0000", f"ControlLoss_{TOWN}_0_0000"]
    before = target.read_bytes()
    refused = run("sample", *arguments, "--seed", 1)
    assert refused.exit_code != 0
    assert "exists" in str(refused.exception)
    assert target.read_bytes() == before
    assert run("sample", *arguments, "--seed", 1, "--force").exit_code == 0
    assert target.read_bytes() != before


def test_a_class_without_place_gives_a_reason_and_exit_code_1(tmp_path):
    result = run("sample", "--town", TOWN, "--scenario", "CrossingBicycleFlow", "--out", tmp_path)
    assert result.exit_code == 1
    assert re.search(rf"{TOWN} has no place for CrossingBicycleFlow, which needs a junction .*bicycle", result.output)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--town", "Town3", "--scenario", "Accident"], "there is no town 'Town3'; the nearest is Town"),
        (["--town", TOWN, "--scenario", "Acident"], "class 'Acident'; the nearest is Accident"),
        (["--town", TOWN, "--scenario", "Accident", "--count", "0"], "at least 1, not 0"),
        (["--town", TOWN, "--scenario", "Accident", "--seed", "-1"], "must not be negative"),
        (["--town", TOWN, "--scenario", "Accident", "--min-length", "500"], "from 500 to 400 m cannot be made"),
    ],
)
def test_wrong_wishes_are_refused(arguments, words, tmp_path):
    result = run("sample", *arguments, "--out", tmp_path)
    assert result.exit_code != 0
    assert isinstance(result.exception, SamplerError)
    assert words in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_an_unknown_weather_is_refused(tmp_path):
    result = run("sample", "--town", TOWN, "--scenario", "Accident", "--weather", "ClearNon", "--out", tmp_path)
    assert isinstance(result.exception, WeatherError)


def test_a_town_that_is_not_installed_is_named(empty_cache: Path):
    with pytest.raises(SamplerError, match="lead towns install Town01"):
        check_town("Town01")
    with pytest.raises(SamplerError, match="no town is installed"):
        list(sample_towns(["all"], ["Accident"], Wishes(1, 0)))
