"""Scores and comparison: the numbers of ``lead score``, and what can be clicked on there."""

import json
import subprocess
import sys

import pytest
from browser_support import open_page, wait_for
from driven_results import ROUTES
from page_actions import address, route_titles, table, texts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scored(driven_results, tmp_path_factory):
    """What ``lead score`` writes for the careless evaluation."""
    folder = tmp_path_factory.mktemp("scored")
    command = [sys.executable, "-m", "lead", "score", str(driven_results.careless), "--routes", str(ROUTES)]
    subprocess.run([*command, "--output-dir", str(folder)], check=True, capture_output=True)
    return folder


def markdown_tables(path):
    """Tables of a Markdown file by their headings, the columns' names first."""
    tables, title = {}, ""
    for line in path.read_text().splitlines():
        if line.startswith("## "):
            title = line[3:]
        elif line.startswith("| ") and set(line) - set("|-: "):
            tables.setdefault(title, []).append([cell.strip() for cell in line.strip("|").split(" | ")])
    return tables


def test_tables_are_those_of_lead_score(page, driven_dashboard, driven_results, scored):
    open_page(page, driven_dashboard.link(dir=driven_results.relative(driven_results.careless)))
    wait_for(page, "document.querySelector('#score-tables table')")
    assert page.locator("#view-scores").is_visible()
    tables = markdown_tables(scored / "results.md")
    assert {"Scores", "Infractions", "Failures per scenario class"} <= set(tables)
    assert texts(page, "#score-tables h2:not(:text('Notes'))") == list(tables)
    for title, rows in tables.items():
        assert table(page, title) == rows, title
    values = json.loads((scored / "results.json").read_text())
    means = {name: each["completed only"]["mean"] for name, each in values["scores"].items()}
    shown = {row[0]: float(row[3]) for row in table(page, "Scores")[1:]}
    assert shown == {name: pytest.approx(mean, abs=5e-4) for name, mean in means.items()}
    assert texts(page, "#score-tiles .tile") == [
        f"{means['Driving score']:.2f} driving score",
        f"{means['Route completion']:.2f} route completion",
        f"{means['Infraction penalty']:.3f} infraction penalty",
        f"{means['Success rate']:.1f} % success rate",
        "2 of 2 routes with a result",
    ]


def test_classes_and_kinds_filter_the_routes(page, driven_dashboard, driven_results):
    open_page(page, driven_dashboard.link(dir=driven_results.relative(driven_results.careless)))
    wait_for(page, "document.querySelector('#score-tables table')")
    assert texts(page, "#kind-counts h2") == ["3 infractions"]
    page.locator("#score-tables button:text('HardBreakRoute')").click()
    assert address(page, scenario="HardBreakRoute")
    assert route_titles(page) == ["straight"]
    page.locator("#clear-filters").click()
    page.locator("#kind-counts button", has_text="Red light").click()
    assert address(page, kinds="red_light", scenario=None)
    assert route_titles(page) == ["turn"]


def test_results_that_do_not_say_their_benchmark_get_one(page, public_dashboard, public_tree):
    open_page(page, public_dashboard.link(dir=public_tree.relative(public_tree.summary)))
    wait_for(page, "document.querySelector('#score-tables table')")
    assert "longest6-2" in page.locator("#scores-title").inner_text()  # as the folder is named
    assert table(page, "Scores")[1][3] == "85.750"
    assert "* " not in page.locator("#benchmark option").first.inner_text()
    page.locator("#benchmark").select_option("leaderboard-2.0")
    wait_for(page, "document.querySelector('#scores-title').innerText.includes('leaderboard-2.0')")
    assert address(page, benchmark="leaderboard-2.0")
    assert "220" not in " ".join(table(page, "Runs (missing routes count 0)")[1])
    page.reload()
    wait_for(page, "document.querySelector('#scores-title').innerText.includes('leaderboard-2.0')")
    assert page.locator("#benchmark").input_value() == "leaderboard-2.0"


def test_comparison_shows_differences_and_opens_both_sides(page, compared_dashboard, compared_results):
    careless, careful = (
        compared_results.relative(folder) for folder in (compared_results.careless, compared_results.careful)
    )
    open_page(page, compared_dashboard.link(dir=careless, view="compare"))
    choices = page.locator("#other option").all_inner_texts()
    assert careless.replace("/", " / ") not in choices
    page.locator("#other").select_option(careful)
    wait_for(page, "document.querySelectorAll('#comparison table').length === 2")
    assert address(page, other=careful)
    assert texts(page, "#comparison .tile") == ["2 routes in both", "2 better in B", "0 worse in B"]
    measures = {row[0]: row[1:] for row in table(page, "Measures")[1:]}
    straight, turn = (
        json.loads((compared_results.careless / "eval" / f"{name}.json").read_text()) for name in ("straight", "turn")
    )
    scores = [each["_checkpoint"]["records"][0]["scores"]["score_composed"] for each in (straight, turn)]
    mean = sum(scores) / 2
    assert measures["Driving score (common routes)"] == [f"{mean:.2f}", "100.00", f"+{100 - mean:.2f}"]
    assert measures["Red light (count)"] == ["1", "0", "-1"]
    assert page.locator("#comparison tr", has_text="Red light (count)").locator("td.up").count() == 1
    rows = table(page, "Routes")
    assert [row[0] for row in rows[1:]] == ["turn", "straight"]  # what B lost first: 30 more, 53 more
    page.locator("#comparison th button", has_text="DS A").click()
    assert [float(row[3]) for row in table(page, "Routes")[1:]] == sorted(round(score, 1) for score in scores)
    page.locator("#comparison th button", has_text="DS A").click()
    assert [float(row[3]) for row in table(page, "Routes")[1:]] == sorted(
        (round(score, 1) for score in scores), reverse=True
    )
    page.locator("#comparison tr[data-title=turn] a").nth(1).click()
    assert address(page, dir=careful, route="turn", other=None, view=None)
    wait_for(page, "document.querySelector('#route-title')?.innerText === 'turn'")  # another page
    assert "100.00" in page.locator("#route-badges").inner_text()
    page.go_back()
    wait_for(page, "document.querySelectorAll('#comparison table').length === 2")
    assert address(page, dir=careless, other=careful, view="compare")
