"""Recognising public benchmark routes and finding their files."""

import json
from pathlib import Path

import pytest

from lead.routes import make_catalogue
from lead.routes.catalogue import (
    CATALOGUE_PATH,
    benchmark,
    benchmark_of,
    benchmark_route_files,
    benchmarks,
    content_digest,
    fail2drive_split,
    fail2drive_traffic_seed,
    foreign_benchmark,
    route_fingerprint,
    route_stem,
)
from lead.routes.model import RouteError
from lead.routes.reader import read_routes
from lead.scoring.profiles import DEFAULT_VERSIONS, profile

SHARED = Path(__file__).resolve().parents[2] / "../shared"
PUBLIC = SHARED / "data/benchmark_routes"
needs_public = pytest.mark.skipif(not PUBLIC.exists(), reason="public route files (../shared) are not on this machine")

TEXT = """<routes><route id="7" town="Town01">
  <weathers><weather route_percentage="0" cloudiness="20"/></weathers>
  <waypoints><position x="1.04" y="2" z="3"/><position x="4" y="5.5" z="6"/></waypoints>
  <scenarios>
    <scenario name="Accident_1" type="Accident">
      <trigger_point x="1" y="2" z="3" yaw="-90"/><speed value="4"/></scenario>
    <scenario name="B_1" type="BlockedIntersection"><trigger_point x="3" y="2" z="3" yaw="0"/></scenario>
  </scenarios></route></routes>"""


def read(tmp_path, text):
    path = tmp_path / "route.xml"
    path.write_text(text)
    return read_routes(path)[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('id="7"', 'id="8"'),
        ('id="7" town="Town01"', 'town="Carla/Maps/Town01_Opt" id="7"'),
        ("  <scen", "\n\n<!-- moved -->  <scen"),
        ('x="1.04" y="2" z="3"', 'z="3.000" y="2.0" x="1.0"'),
        ('yaw="-90"', 'yaw="270"'),
        ('cloudiness="20"', 'cloudiness="90"'),
        ('<speed value="4"/>', ""),
    ],
)
def test_fingerprints_ignore_layout_id_weather_and_parameters(tmp_path, old, new):
    assert old in TEXT
    assert route_fingerprint(read(tmp_path, TEXT.replace(old, new))) == route_fingerprint(read(tmp_path, TEXT))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('town="Town01"', 'town="Town02"'),
        ('y="5.5"', 'y="5.7"'),
        ('type="Accident"', 'type="ParkedObstacle"'),
        ('yaw="0"', 'yaw="1"'),
        ('<position x="4" y="5.5" z="6"/>', ""),
    ],
)
def test_fingerprints_see_the_route_itself(tmp_path, old, new):
    assert old in TEXT
    assert route_fingerprint(read(tmp_path, TEXT.replace(old, new))) != route_fingerprint(read(tmp_path, TEXT))


def test_content_digests_see_everything_but_the_layout(tmp_path):
    original = content_digest([read(tmp_path, TEXT)])
    assert content_digest([read(tmp_path, TEXT.replace("  ", "\t"))]) == original
    for old, new in (('id="7"', 'id="8"'), ('value="4"', 'value="5"'), ('="20"', '="21"'), ("1.04", "1.03")):
        assert content_digest([read(tmp_path, TEXT.replace(old, new))]) != original


def test_every_benchmark_is_a_scoring_profile_with_its_number_of_routes():
    assert set(benchmarks()) == set(DEFAULT_VERSIONS) - {"leaderboard"}
    for name in benchmarks():
        assert len(benchmark(name).fingerprints) == profile(name).route_count


def test_own_routes_run_under_any_profile(tmp_path):
    own = read(tmp_path, TEXT)
    assert benchmark_of(own) is None
    for name in DEFAULT_VERSIONS:
        assert foreign_benchmark([own], name) is None


def test_unknown_benchmarks_are_refused_with_the_nearest():
    with pytest.raises(RouteError, match="nearest is 'bench2drive'"):
        benchmark("bench2drve")


def test_missing_files_name_the_download(tmp_path):
    with pytest.raises(RouteError, match=r"36 of the 36 longest6 routes .*lead routes download longest6"):
        benchmark_route_files("longest6", tmp_path)


def test_fail2drive_pairs_share_their_traffic_seed():
    assert fail2drive_traffic_seed("Base_Animals_0075", 1) == 10_075
    assert fail2drive_traffic_seed("Generalization_Animals_1075", 1) == 10_075
    assert fail2drive_traffic_seed("Generalization_Wall_1099", 3) == 30_099
    assert fail2drive_split("Generalization_Wall_1099") == "Generalization"
    with pytest.raises(RouteError, match="not the name of a Fail2Drive route"):
        fail2drive_traffic_seed("23687", 1)


def test_fail2drive_has_both_members_of_every_pair():
    stems = benchmark("fail2drive").fingerprints
    base = {stem for stem in stems if fail2drive_split(stem) == "Base"}
    assert len(base) == 100
    for stem in base:
        partner = stem.replace("Base", "Generalization").replace("_0", "_1")
        assert partner in stems


def test_route_stems_do_not_collide():
    stems = {route_stem(Path(f"data/{name}.xml")) for name in benchmark("fail2drive").fingerprints}
    assert len(stems) == 200


@needs_public
@pytest.mark.parametrize("name", ["bench2drive", "longest6", "town13", "fail2drive"])
def test_public_routes_are_recognised_and_kept_from_other_profiles(name):
    files = benchmark_route_files(name, SHARED)
    routes = [read_routes(path)[0] for path in files]
    assert {benchmark_of(route) for route in routes} == {name}
    assert foreign_benchmark(routes, name) is None
    for other in set(DEFAULT_VERSIONS) - {name}:
        assert foreign_benchmark(routes[:1], other) == name


@needs_public
@pytest.mark.parametrize(("name", "file"), [("longest6", "longest6.xml"), ("town13", "Town13.xml")])
def test_combined_files_are_recognised(name, file):
    routes = read_routes(PUBLIC / file)
    assert {benchmark_of(route) for route in routes} == {name}
    assert benchmark(name).contents[file] == content_digest(routes)


@needs_public
def test_fail2drive_is_found_under_its_upstream_name(tmp_path):
    folder = tmp_path / "data/benchmark_routes"
    folder.mkdir(parents=True)
    (folder / "fail2drive_split").symlink_to((PUBLIC / "fail2drive").resolve())
    files = benchmark_route_files("fail2drive", tmp_path)
    assert len(files) == 200
    assert files[0].parent.name == "fail2drive_split"


@needs_public
def test_the_catalogue_is_what_its_script_writes(tmp_path):
    data = make_catalogue.build_catalogue(PUBLIC)
    make_catalogue.write_catalogue(data, tmp_path / "catalogue.json")
    assert (tmp_path / "catalogue.json").read_text() == CATALOGUE_PATH.read_text()
    assert json.loads(CATALOGUE_PATH.read_text()) == data
