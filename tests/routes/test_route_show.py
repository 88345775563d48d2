"""Pictures of routes: what can be seen on them, for own and public files."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from lead.cli.routes import app
from lead.errors import LeadError
from lead.maps.towns import installed_towns
from lead.routes.model import RouteError
from lead.visualization import style
from lead.visualization.map_layers import MapLayers
from lead.visualization.route_view import HEADER_PX, MARK_COLORS, Mark, MarkKind, RouteView, draw_route

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "data/routes/smoke.xml"
PUBLIC = ROOT / "../shared/data/benchmark_routes/bench2drive"

ROUTE = """<routes><route id="{name}" town="Town01">
<weathers><weather route_percentage="0" cloudiness="20"/></weathers>
<waypoints><position x="88.4" y="248.3" z="0"/><position x="56.0" y="326.6" z="0"/></waypoints>
<scenarios><scenario name="A" type="MergerIntoSlowTraffic"><trigger_point x="88.4" y="260.0" z="0" yaw="90"/>
<start_actor_flow x="110.0" y="327.0" z="0"/><end_actor_flow x="60.0" y="326.6" z="0"/></scenario></scenarios>
</route></routes>"""


def needs_town01():
    if "Town01" not in installed_towns():
        pytest.skip("Town01 is not installed (lead towns install Town01)")


def run(*arguments):
    return CliRunner().invoke(app, ["show", *map(str, arguments)])


def picture(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def count(image, color):
    return int((np.abs(image.astype(int) - color).max(axis=2) <= 3).sum())


def view(marks=(), length_m=100.0):
    line = np.stack([np.linspace(0.0, length_m, 101), np.zeros(101)], axis=1)
    return RouteView(MapLayers(), line, list(marks), "title", "subtitle")


def test_the_line_lies_where_the_route_is_and_points_along_it():
    image = draw_route(view())
    rows, columns = np.nonzero(np.abs(image.astype(int) - style.ROUTE).max(axis=2) <= 3)
    height, width = image.shape[0] - HEADER_PX, image.shape[1]
    assert abs(rows.mean() - HEADER_PX - height / 2.0) < 3.0
    pixels_per_m = (columns.max() - columns.min()) / 100.0
    assert pixels_per_m == pytest.approx(6.0, abs=0.1)
    assert columns.min() == pytest.approx(width - columns.max(), abs=4)
    # An arrow's head is wide behind its tip: more white to the left of each head's middle than to its right.
    whites = np.nonzero((image[HEADER_PX : HEADER_PX + height - 60] == style.TEXT).all(axis=2))[1]
    first = whites[whites < whites.min() + 40]
    assert np.median(first) < (first.min() + first.max()) / 2.0


def test_every_kind_of_mark_has_its_colour_at_its_place():
    marks = [Mark(kind, 15.0 * number + 10.0, 20.0, "") for number, kind in enumerate(MarkKind)]
    image = draw_route(view(marks))
    left = None
    for mark in marks:
        _, columns = np.nonzero((image == MARK_COLORS[mark.kind]).all(axis=2))
        assert len(columns) > 60
        if left is not None:
            assert columns.mean() - left == pytest.approx(90.0, abs=2.0)
        left = columns.mean()


def test_labels_cover_neither_marks_nor_each_other():
    marks = [Mark(MarkKind.TRIGGER, 50.0 + number, 0.0, "MergerIntoSlowTrafficV2") for number in range(8)]
    plain = draw_route(view([Mark(mark.kind, mark.x, mark.y, "") for mark in marks]))
    labelled = draw_route(view(marks))
    visible = (plain == style.WARN).all(axis=2)
    # What was a mark before still is one, but for the thin line to its label.
    assert (labelled[visible] == style.WARN).all(axis=1).mean() > 0.95


@pytest.mark.parametrize(("length_m", "bar_m"), [(100.0, 20.0), (900.0, 200.0), (9000.0, 2000.0)])
def test_the_scale_bar_has_a_round_length(length_m, bar_m):
    image = draw_route(view(length_m=length_m))
    _, columns = np.nonzero((image[-20:-16] == style.TEXT).all(axis=2))
    line = np.nonzero(np.abs(image.astype(int) - style.ROUTE).max(axis=2) <= 3)[1]
    pixels_per_m = (line.max() - line.min()) / length_m
    bar = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], np.bincount(columns, minlength=1500) == 4, [0]]))))[0]
    power = 10.0 ** math.floor(math.log10(bar / pixels_per_m * 1.05))
    assert round(bar / pixels_per_m / power, 1) in (1.0, 2.0, 5.0, 10.0)
    assert bar / pixels_per_m >= bar_m * 0.9


def test_a_route_is_drawn_on_its_map(tmp_path):
    needs_town01()
    target = tmp_path / "deep/turn.png"
    result = run(SMOKE, "--out", target)
    assert result.exit_code == 0, result.output
    assert result.output.strip() == str(target)
    image = picture(target)
    assert count(image, style.ROUTE) > 2000
    assert count(image, style.ROAD) > 20_000
    yellowish = image[:, :, 0].astype(int) - image[:, :, 2] > 40  # thin marks between lanes, too
    assert yellowish.sum() > 300
    assert count(image, style.GOOD) > 60
    assert count(image, style.BAD) > 60
    assert not list(target.parent.glob(".*"))


def test_flows_and_triggers_are_marked(tmp_path):
    needs_town01()
    source = tmp_path / "flow.xml"
    source.write_text(ROUTE.format(name="flow"))
    assert run(source, "--out", tmp_path / "flow.png").exit_code == 0
    image = picture(tmp_path / "flow.png")
    for kind in MarkKind:
        assert count(image, MARK_COLORS[kind]) > 60, kind


def test_all_routes_of_a_file_go_to_a_folder(tmp_path):
    needs_town01()
    one = ROUTE.format(name="first").removesuffix("</routes>")
    source = tmp_path / "two.xml"
    source.write_text(one + ROUTE.format(name="second").removeprefix("<routes>"))
    assert run(source, "--route", "all", "--out", tmp_path / "pictures").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["first.png", "second.png"]
    assert run(source, "--route", "second", "--out", tmp_path / "one.png").exit_code == 0
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "pictures/second.png").read_bytes()


def test_errors_are_one_sentence(tmp_path):
    needs_town01()
    unknown = run(SMOKE, "--route", "9", "--out", tmp_path / "no.png")
    assert isinstance(unknown.exception, RouteError)
    assert "no route with the id 9" in str(unknown.exception)
    missing = run(tmp_path / "none.xml")
    assert "does not exist" in str(missing.exception)
    (tmp_path / "file").write_text("")
    blocked = run(SMOKE, "--out", tmp_path / "file/turn.png")
    assert isinstance(blocked.exception, LeadError)
    assert not (tmp_path / "no.png").exists()


@pytest.mark.parametrize("stem", ["1711", "2201"])
@pytest.mark.slow
def test_public_routes_can_be_drawn(stem, tmp_path):
    path = PUBLIC / f"{stem}.xml"
    if not path.is_file():
        pytest.skip("the public routes are not at hand")
    from lead.routes.reader import read_routes

    if read_routes(path)[0].town not in installed_towns():
        pytest.skip("the town is not installed")
    assert run(path, "--out", tmp_path / "public.png").exit_code == 0
    image = picture(tmp_path / "public.png")
    assert count(image, style.ROUTE) > 1000
    assert count(image, style.WARN) > 60
