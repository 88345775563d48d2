"""The list of routes: text and other filters, orders, counts, and the start page with all evaluations."""

import pytest
from browser_support import open_page, wait_for
from page_actions import address, pressed, route_titles, texts
from public_results import record, result_file, write_json


@pytest.fixture
def listed(page, public_dashboard, public_tree):
    open_page(page, public_dashboard.link(dir=public_tree.relative(public_tree.first)))
    return page


def wait_for_titles(page, titles):
    names = "[...document.querySelectorAll('#routes .route:not([hidden]) .name')].map((each) => each.textContent)"
    wait_for(page, f"{names}.join() === '{','.join(titles)}'")
    assert route_titles(page) == titles


def test_routes_are_found_by_words(listed):
    for words, titles in (
        ("171", ["1711"]),
        ("pedestrian", ["1711"]),
        ("RED LIGHT", ["1711"]),
        ("outside lanes", ["1773"]),
        ("lanes route", ["1773"]),
        ("lanes pedestrian", []),
        ("completed", ["1711", "1773"]),
        ("", ["1711", "1773", "2082", "2091"]),
    ):
        listed.locator("#filter-text").fill(words)
        wait_for_titles(listed, titles)
        assert listed.locator("#route-count").inner_text() == (
            "4 routes" if len(titles) == 4 else f"{len(titles)} of 4 routes"
        )
        assert address(listed, q=words or None)


def test_kinds_and_infractions_filter_and_count(listed):
    chips = [
        "Collision with vehicle 1",
        "Collision with pedestrian 1",
        "Red light 1",
        "Outside lanes 1",
        "Minimum speed 1",
    ]
    assert texts(listed, "#filter-kinds button") == chips
    listed.locator("#filter-infractions").check()
    wait_for_titles(listed, ["1711", "1773"])
    listed.locator("[data-kind=outside_lanes]").first.click()
    wait_for_titles(listed, ["1773"])
    listed.locator("#filter-kinds [data-kind=red_light]").click()
    wait_for_titles(listed, ["1711", "1773"])  # either of them
    assert pressed(listed, "filter-kinds") == ["red_light", "outside_lanes"]
    listed.locator("#filter-kinds [data-kind=outside_lanes]").click()
    wait_for_titles(listed, ["1711"])
    listed.locator("#clear-filters").click()
    wait_for_titles(listed, ["1711", "1773", "2082", "2091"])
    assert listed.locator("#clear-filters").is_hidden()
    assert not listed.locator("#filter-infractions").is_checked()


def test_rows_say_how_a_route_went(listed):
    rows = dict(zip(route_titles(listed), texts(listed, "#routes .route"), strict=True))
    assert rows == {
        "1711": "1711 3 DS 35.0",
        "1773": "1773 1 DS 95.4",
        "2082": "2082 ✓ no result",
        "2091": "2091 ! no result",
    }
    dots = listed.locator("[data-route='RouteScenario_1711_rep0'] .dot").evaluate_all(
        "all => all.map((dot) => dot.title)"
    )
    assert dots == ["Collision with vehicle: 1", "Collision with pedestrian: 1", "Red light: 1"]


def test_orders(page, start_dashboard, tmp_path):
    pole = "Agent collided against object with type=static.pole and id=0 at (x=1, y=2, z=0)"
    drives = {"10": (50.0, 2), "9": (100.0, 0), "30": (12.5, 5), "4": (50.0, 1)}
    records = [
        record(name, index, score, 100.0, collisions_layout=[pole] * count)
        for index, (name, (score, count)) in enumerate(drives.items())
    ]
    names = {"10": "CutIn", "9": "Accident", "30": "Accident", "4": "BlockedRoad"}
    for each in records:
        name = each["route_id"].split("_")[1]
        each |= {
            "scenario_name": f"{names[name]}_1",
            "town_name": "Town01",
            "weather_id": 1,
            "save_name": f"RouteScenario_{name}",
        }
    write_json(tmp_path / "tree" / "checkpoint_endpoint.json", result_file(records))
    open_page(page, start_dashboard(tmp_path / "tree").link(dir="."))
    for order, titles in (
        ("name", ["4", "9", "10", "30"]),
        ("score", ["30", "4", "10", "9"]),
        ("infractions", ["30", "10", "4", "9"]),
        ("scenario", ["9", "30", "4", "10"]),
    ):
        page.locator("#sort").select_option(order)
        wait_for_titles(page, titles)
        assert address(page, sort=None if order == "name" else order)
    page.locator("#filter-scenario").select_option("Accident")
    wait_for_titles(page, ["9", "30"])
    assert page.locator("#route-count").inner_text() == "2 of 4 routes"
    page.keyboard.press("Escape")
    page.locator("#main").focus()
    for key, name in (("]", "9"), ("]", "30"), ("]", "30"), ("[", "9")):  # only those shown
        page.keyboard.press(key)
        wait_for(page, f"document.querySelector('#routes [aria-current=true] .name')?.textContent === '{name}'")
    page.locator("#filter-scenario").select_option("")
    wait_for_titles(page, ["9", "30", "4", "10"])


def test_driven_routes_are_found_by_scenario_class(page, driven_dashboard, driven_results):
    open_page(page, driven_dashboard.link(dir=driven_results.relative(driven_results.careless)))
    classes = page.locator("#filter-scenario option").all_inner_texts()
    assert classes == ["all scenario classes", "HardBreakRoute", "VanillaSignalizedTurnEncounterRedLight"]
    page.locator("#filter-scenario").select_option("HardBreakRoute")
    wait_for_titles(page, ["straight"])
    assert address(page, scenario="HardBreakRoute")
    for chip, count in (("collision_vehicle", 1), ("outside_lanes", 1), ("red_light", 1)):
        assert page.locator(f"#filter-kinds [data-kind={chip}] b").inner_text() == str(count)


@pytest.mark.slow
def test_every_level_can_be_the_root(page, public_tree, start_dashboard):
    root, first = public_tree.root, public_tree.first
    open_page(page, start_dashboard(root).url)
    assert page.title() == root.name
    assert texts(page, "#evaluations .folder") == ["baseline / longest6_1", "plant_v2 / bench2drive_0"]
    names = texts(page, "#evaluations .evaluation .name")
    assert sorted(names) == ["250801_000000", "250911_101500", "250912_080000"]
    page.locator("#filter-evaluations").fill("plant 0911")
    wait_for(page, "document.querySelectorAll('#evaluations .evaluation:not([hidden])').length === 1")
    assert texts(page, "#evaluations .folder") == ["plant_v2 / bench2drive_0"]
    page.locator("#evaluations .evaluation:visible").click()
    wait_for_titles(page, ["1711", "1773", "2082", "2091"])
    assert texts(page, "#crumbs span") == [
        f"{name}{mark}"
        for name, mark in zip([root.name, *first.relative_to(root).parts], ["", "", "", ""], strict=True)
    ]
    page.locator("#home").click()
    wait_for(page, "!document.querySelector('#view-home').hidden")
    # A root with one evaluation opens it at once, and a single route is an evaluation, too.
    for folder, titles in ((first, ["1711", "1773", "2082", "2091"]), (first / "RouteScenario_1711_rep0", ["1711"])):
        open_page(page, start_dashboard(folder).url)
        wait_for_titles(page, titles)
        page.locator("#routes .route").first.click()
        wait_for(page, "document.querySelectorAll('#infractions .infraction').length === 3")


def test_an_empty_folder_says_that_results_will_appear(page, start_dashboard, tmp_path):
    folder = tmp_path / "outputs"
    folder.mkdir()
    open_page(page, start_dashboard(folder).url)
    assert f"There are no results in {folder} yet" in page.locator("#evaluations").inner_text()
    write_json(folder / "one" / "checkpoint_endpoint.json", result_file([record("1", 0, 100.0, 100.0)]))
    wait_for(page, "document.querySelectorAll('#evaluations .evaluation').length === 1")
    page.locator("#evaluations .evaluation").click()
    wait_for_titles(page, ["1"])
