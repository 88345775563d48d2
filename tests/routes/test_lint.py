"""What the linter finds, and that it finds everything in one pass."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lead.cli.routes import app
from lead.maps.towns import installed_towns
from lead.routes.findings import Severity
from lead.routes.lint import lint
from lead.routes.model import RouteError

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"

GOOD = """<routes>
  <route id="7" town="Town01">
    <weathers><weather route_percentage="0" cloudiness="20"/></weathers>
    <waypoints><position x="88.4" y="248.3" z="0"/><position x="56.0" y="326.6" z="0"/></waypoints>
    <scenarios>
      <scenario name="Accident_1" type="Accident">
        <trigger_point x="88.4" y="260.0" z="0" yaw="90"/>
        <distance value="40"/>
      </scenario>
    </scenarios>
  </route>
</routes>"""


def codes(tmp_path, text, maps=False):
    path = tmp_path / "route.xml"
    path.write_text(text)
    return [(item.severity.value, item.code) for item in lint([path], maps=maps).findings]


def town01():
    if "Town01" not in installed_towns():
        pytest.skip("Town01 is not installed (lead towns install Town01)")


def test_a_good_file_has_no_findings(tmp_path):
    town01()
    assert codes(tmp_path, GOOD, maps=True) == []


ACCIDENT = 'name="Accident_1" type="Accident"'
DISTANCE = '<distance value="40"/>'
TEXT_DEFECTS = [
    ("<routes>", "<routs>", ("error", "unreadable")),
    (GOOD, "<scenes/>", ("error", "not-routes")),
    (GOOD, "<routes/>", ("error", "no-route")),
    (' id="7"', "", ("error", "no-id")),
    (' town="Town01"', "", ("error", "no-town")),
    ("</routes>", '<route id="7" town="Town01">' + GOOD.split(">", 2)[2], ("error", "duplicate-id")),
    ('<weather route_percentage="0" cloudiness="20"/>', "", ("warning", "no-weather")),
    ('route_percentage="0"', 'route_percentage="101"', ("error", "weather-percentage")),
    ('route_percentage="0"', 'route_percentage="-1"', ("error", "weather-percentage")),
    (' route_percentage="0"', "", ("error", "no-number")),
    ('cloudiness="20"', 'cloudness="20"', ("warning", "unknown-weather-field")),
    ('cloudiness="20"', 'cloudiness="dark"', ("error", "bad-number")),
    ("</weathers>", '<weathis_juncer route_percentage="5"/></weathers>', ("warning", "unknown-element")),
    ('<position x="56.0" y="326.6" z="0"/>', "", ("error", "no-waypoints")),
    ('x="56.0"', 'x="inf"', ("error", "bad-number")),
    (ACCIDENT, 'name="Accident_1"', ("error", "no-type")),
    (ACCIDENT, 'type="Accident"', ("error", "no-name")),
    (ACCIDENT, 'name="Accident_1" type="Acident"', ("error", "unknown-class")),
    ('<trigger_point x="88.4" y="260.0" z="0" yaw="90"/>', "", ("error", "no-trigger")),
    ('yaw="90"', 'yaw="north"', ("error", "bad-number")),
    (DISTANCE, '<distence value="40"/>', ("warning", "unknown-parameter")),
    (DISTANCE, '<distance value="far"/>', ("error", "bad-number")),
    (DISTANCE, '<distance from="2"/>', ("error", "missing-attribute")),
    (DISTANCE, DISTANCE * 2, ("warning", "repeated")),
    (DISTANCE, '<direction value="40"/>', ("warning", "bad-choice")),
    (
        f"{ACCIDENT}>",
        'name="H" type="HighwayCutIn"><other_actor_location x="1" y="2"/>',
        ("error", "missing-attribute"),
    ),
    (ACCIDENT, 'name="H" type="HighwayCutIn"', ("error", "missing-parameter")),
    (ACCIDENT, 'name="O" type="RoadBlocked"', ("error", "missing-parameter")),
    (DISTANCE, '<direction value="up"/>', ("error", "bad-choice")),
    (DISTANCE, '<objects a="x=1 y=2"/>', ("error", "bad-object")),
    (DISTANCE, '<objects a="id=static.prop.bin x=one"/>', ("error", "bad-object")),
    (DISTANCE, '<frequency from="50" to="20"/>', ("warning", "empty-interval")),
]


@pytest.mark.parametrize(("old", "new", "expected"), TEXT_DEFECTS)
def test_defects_of_the_text(tmp_path, old, new, expected):
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if new == '<direction value="up"/>':
        text = text.replace('type="Accident"', 'type="OppositeVehicleTakingPriority"')
    if "<objects" in new:
        text = text.replace('type="Accident"', 'type="RoadBlocked"')
    if "<frequency" in new:
        text = text.replace('type="Accident"', 'type="AccidentTwoWays"')
    assert expected in codes(tmp_path, text)


def test_all_problems_are_collected_with_place_and_nearest_name(tmp_path):
    path = tmp_path / "route.xml"
    path.write_text(GOOD.replace('"Accident"', '"Acident"').replace("56.0", "far").replace("cloudiness", "clouds"))
    findings = lint([path], maps=False).findings
    assert [(item.code, item.line) for item in findings] == [
        ("unknown-weather-field", 3),
        ("bad-number", 4),
        ("unknown-class", 6),
    ]
    assert "the nearest is 'Accident'" in findings[2].message
    assert {item.route_id for item in findings} == {"7"}


MAP_DEFECTS = [
    ('x="56.0"', 'x="5000"', ("error", "untraceable")),
    ('town="Town01"', 'town="Town1"', ("error", "unknown-town")),
    ('y="260.0"', 'y="240.0"', ("warning", "dropped-trigger")),
    ('yaw="90"', 'yaw="-90"', ("warning", "dropped-trigger")),
    ('<position x="88.4" y="248.3" z="0"/>', '<position x="92.4" y="248.3" z="0"/>', ("warning", "detour")),
]


@pytest.mark.parametrize(("old", "new", "expected"), MAP_DEFECTS)
def test_defects_on_the_map(tmp_path, old, new, expected):
    town01()
    assert old in GOOD
    assert expected in codes(tmp_path, GOOD.replace(old, new), maps=True)
    assert expected not in codes(tmp_path, GOOD.replace(old, new), maps=False)


def test_a_bad_scenario_does_not_hide_defects_on_the_map(tmp_path):
    town01()
    found = codes(tmp_path, GOOD.replace('x="56.0"', 'x="5000"').replace('value="40"', 'value="far"'), maps=True)
    assert ("error", "untraceable") in found
    assert ("error", "bad-number") in found


def test_towns_that_are_not_installed_are_reported(tmp_path, empty_cache):
    assert codes(tmp_path, GOOD, maps=True) == [("warning", "no-map")]


def test_ids_shared_by_files_of_a_folder(tmp_path):
    for place in ("a/1.xml", "a/2.xml", "b/1.xml"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(GOOD)
    report = lint([tmp_path], maps=False)
    assert [(item.code, item.path.parent.name) for item in report.findings] == [("shared-id", "a")]
    assert "1.xml, 2.xml" in report.findings[0].message


def test_paths_that_hold_nothing_are_refused(tmp_path):
    with pytest.raises(RouteError, match="does not exist"):
        lint([tmp_path / "nothing.xml"])
    with pytest.raises(RouteError, match="no XML file"):
        lint([tmp_path])


def test_command_line_exit_codes_and_json(tmp_path):
    run = CliRunner().invoke
    good, warned, bad = (tmp_path / name for name in ("good.xml", "warned.xml", "bad.xml"))
    good.write_text(GOOD)
    warned.write_text(GOOD.replace("cloudiness", "clouds").replace('"7"', '"8"'))
    bad.write_text(GOOD.replace('"Accident"', '"Acident"').replace('"7"', '"9"'))
    assert run(app, ["lint", str(good), "--no-maps", "--strict"]).exit_code == 0
    assert run(app, ["lint", str(warned), "--no-maps"]).exit_code == 0
    assert run(app, ["lint", str(warned), "--no-maps", "--strict"]).exit_code == 1
    result = run(app, ["lint", str(tmp_path), "--no-maps", "--json", str(tmp_path / "out.json")])
    assert result.exit_code == 1
    assert f"{bad}:6: error: route 9: there is no scenario class 'Acident'" in result.stdout
    assert "3 files, 3 routes (Town01 3), 3 scenarios" in result.stdout
    data = json.loads((tmp_path / "out.json").read_text())
    assert (data["errors"], data["warnings"]) == (1, 1)
    assert data["findings"][0] == {
        "severity": "error",
        "code": "unknown-class",
        "message": "there is no scenario class 'Acident'; the nearest is 'Accident'",
        "path": str(bad),
        "line": 6,
        "route_id": "9",
    }
    assert data["statistics"]["length_m"]["total"] == pytest.approx(3 * 84.7, abs=0.5)


@pytest.mark.skipif(not SHARED.exists(), reason="public route files (../shared) are not on this machine")
def test_public_files_have_no_errors_of_text():
    report = lint([SHARED], maps=False)
    assert report.count(Severity.ERROR) == 0
    assert report.statistics.routes == 618
    kinds = {item.code for item in report.findings}
    assert kinds == {"unknown-element", "shared-id", "no-weather", "repeated"}
    misspelled = [item for item in report.findings if item.code == "unknown-element"]
    assert len(misspelled) == 44
    assert all("weathis_juncer" in item.message for item in misspelled)
