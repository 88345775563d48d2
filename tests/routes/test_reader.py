"""Reading route files: what is accepted, what is refused and with which words."""

from pathlib import Path

import pytest

from lead.routes.model import DEFAULT_WEATHER, RouteError
from lead.routes.reader import read_routes, select_routes

PUBLIC = Path(__file__).resolve().parents[2] / "../shared/data/benchmark_routes"
TRAINING = PUBLIC.with_name("data_routes")
OWN = Path(__file__).resolve().parents[2] / "data/routes"

FULL = """<routes>
  <route id="7" town="Town01">
    <weathers>
      <weather route_percentage="100" cloudiness="80"/>
      <weathis_juncer route_percentage="50" cloudiness="5"/>
      <weather route_percentage="0" cloudiness="20" sun_altitude_angle="15"/>
    </weathers>
    <waypoints><position x="1" y="2" z="3"/><position x="4" y="5.5" z="6"/></waypoints>
    <scenarios>
      <scenario name="Accident_1" type="Accident">
        <trigger_point x="1" y="2" z="3" yaw="90"/>
        <distance value="40"/>
        <frequency from="2" to="5"/>
        <other_actors><car x="1" y="2" z="3" yaw="0" model="vehicle.audi.tt"/></other_actors>
      </scenario>
    </scenarios>
  </route>
</routes>"""


def write(tmp_path, text):
    path = tmp_path / "route.xml"
    path.write_text(text)
    return path


def test_everything_in_a_route_is_read(tmp_path):
    (route,) = read_routes(write(tmp_path, FULL))
    assert (route.id, route.town) == ("7", "Town01")
    assert route.keypoints.tolist() == [[1.0, 2.0, 3.0], [4.0, 5.5, 6.0]]
    (scenario,) = route.scenarios
    assert (scenario.name, scenario.type, scenario.trigger.yaw_deg) == ("Accident_1", "Accident", 90.0)
    assert scenario.parameters == {"distance": {"value": "40"}, "frequency": {"from": "2", "to": "5"}}
    assert scenario.other_actors[0]["model"] == "vehicle.audi.tt"


def test_weather_is_sorted_interpolated_and_misspelled_entries_are_ignored(tmp_path):
    (route,) = read_routes(write(tmp_path, FULL))
    assert [frame.percentage for frame in route.weather] == [0.0, 100.0]
    assert route.weather_at(50.0)["cloudiness"] == pytest.approx(50.0)
    # What a frame leaves out is that of the base weather (sun at 70 degrees), as in the official parser.
    assert route.weather_at(25.0)["sun_altitude_angle"] == pytest.approx(15.0 + 0.25 * 55.0)


def test_missing_blocks_give_the_default_weather_and_no_scenarios(tmp_path):
    (route,) = read_routes(write(tmp_path, '<routes><route id="1" town="Town01"/></routes>'))
    assert route.weather_at(30.0) == dict(DEFAULT_WEATHER)
    assert route.scenarios == ()
    assert route.keypoints.shape == (0, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not xml", "is not XML"),
        ("<scenes/>", "root element is <scenes>"),
        ("<routes/>", "contains no <route>"),
        ('<routes><route town="Town01"/></routes>', "has no id"),
        ('<routes><route id="1"/></routes>', "route 1 has no town"),
        (FULL.replace('y="5.5"', 'y="five"'), "y='five' of <position> is not a number"),
        (FULL.replace('y="5.5"', 'y="nan"'), "not a finite number"),
        (FULL.replace("trigger_point", "trigger"), "has no <trigger_point>"),
        (FULL.replace("</routes>", '<route id="7" town="Town02"/></routes>'), "two routes with the id 7"),
    ],
)
def test_bad_files_are_refused_with_a_reason(tmp_path, text, words):
    with pytest.raises(RouteError) as caught:
        read_routes(write(tmp_path, text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_public_oddities_are_survived(tmp_path):
    text = """<routes><route id="0" town="Town12"><weathers/><waypoints/><scenarios/></route>
    <route id="1" town="Town13" num_lanes_same_direction="2">
      <weathers><weathis_juncer route_percentage="0"/></weathers>
      <scenarios><scenario name="ParkingCutIn_1" type="ParkingCutIn">
        <direction value="40"/><pedestrians value="2"/><pedestrians a="walker.pedestrian.0006"/>
        <trigger_point x="1" y="2" z="3" yaw="-90"/><trigger_point x="7" y="2" z="3" yaw="0"/>
        <other_actor x="0" y="0" z="0" yaw="0" model="vehicle.audi.tt"/>
      </scenario></scenarios></route></routes>"""
    empty, odd = read_routes(write(tmp_path, text))
    assert len(empty.keypoints) == len(empty.scenarios) == 0
    assert dict(empty.weather[0].values) == dict(odd.weather[0].values) == dict(DEFAULT_WEATHER)
    (scenario,) = odd.scenarios
    assert scenario.trigger.x == 1.0
    assert scenario.parameters == {"direction": {"value": "40"}, "pedestrians": {"a": "walker.pedestrian.0006"}}
    assert scenario.other_actors == ({"x": "0", "y": "0", "z": "0", "yaw": "0", "model": "vehicle.audi.tt"},)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(RouteError, match="does not exist"):
        read_routes(tmp_path / "nothing.xml")
    with pytest.raises(RouteError, match="is a folder"):
        read_routes(tmp_path)


def test_external_entities_are_not_read(tmp_path):
    (tmp_path / "secret").write_text("42")
    text = f"""<!DOCTYPE routes [<!ENTITY leak SYSTEM "file://{tmp_path}/secret">]>
    <routes><route id="1" town="Town01"><waypoints><position x="&leak;" y="0" z="0"/></waypoints></route></routes>"""
    with pytest.raises(RouteError):
        read_routes(write(tmp_path, text))


def test_unknown_id_lists_known_ones(tmp_path):
    routes = read_routes(write(tmp_path, FULL))
    assert select_routes(routes, ["7"]) == routes
    with pytest.raises(RouteError, match="no route with the id 8; the file has 7"):
        select_routes(routes, ["8"])


@pytest.mark.skipif(not PUBLIC.exists(), reason="public route files (../shared) are not on this machine")
def test_every_public_benchmark_route_is_read():
    routes = [route for path in sorted(PUBLIC.glob("*/*.xml")) for route in read_routes(path)]
    assert len(routes) == 476
    assert all(len(route.keypoints) >= 2 for route in routes)
    assert sum(len(route.scenarios) for route in routes) > 2000


@pytest.mark.skipif(not TRAINING.exists(), reason="public route files (../shared) are not on this machine")
def test_every_training_route_of_the_sample_is_read():
    routes = [route for path in sorted(TRAINING.rglob("*.xml")) for route in read_routes(path)]
    assert len(routes) == 86
    assert sum(not route.scenarios for route in routes) == 2


def test_own_routes_are_read():
    for path in sorted(OWN.glob("*.xml")):
        assert all(len(route.keypoints) >= 2 for route in read_routes(path))
