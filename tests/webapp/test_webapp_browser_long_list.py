"""A list of hundreds of routes: only rows in sight are in the page, and yet each can be reached, found and focused."""

import pytest
from browser_support import open_page, wait_for, wait_until_ready
from page_actions import address
from public_results import record, result_file, write_json

COUNT = 300
LIST = "document.querySelector('#routes')"
NOISE = "Agent collided against object with type=static.pole and id=0 at (x=1, y=2, z=0)"
ROWS_IN_SIGHT = f"""(() => {{
  const {{ top, bottom }} = {LIST}.getBoundingClientRect();
  return [...{LIST}.querySelectorAll("li")]
    .filter((row) => row.getBoundingClientRect().bottom > top + 7 && row.getBoundingClientRect().top < bottom - 7)
    .map((row) => row.querySelector(".name").textContent);
}})()"""
WHOLE_ROWS = f"""(() => {{
  const {{ top, bottom }} = {LIST}.getBoundingClientRect();
  return [...{LIST}.querySelectorAll("li")]
    .filter((row) => row.getBoundingClientRect().top > top - 1 && row.getBoundingClientRect().bottom < bottom + 1)
    .map((row) => row.querySelector(".name").textContent);
}})()"""
SCROLL_THROUGH = f"""async () => {{
  const list = {LIST};
  const seen = [];
  let most = 0;
  list.scrollTop = 0;
  for (;;) {{
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const rows = [...list.querySelectorAll("li")];
    most = Math.max(most, rows.length);
    for (const row of rows) {{
      const place = Number(row.ariaPosInSet);
      const name = row.querySelector(".name").textContent;
      if (seen[place - 1] !== undefined && seen[place - 1] !== name) throw new Error(`two rows at ${{place}}`);
      if (row.ariaSetSize !== String(list.dataset.expected)) throw new Error(`of ${{row.ariaSetSize}} rows`);
      seen[place - 1] = name;
    }}
    if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1) return {{ seen, most }};
    list.scrollTop += list.clientHeight - 20;
  }}
}}"""


def numbered(count, **changes):
    """Records of routes 1 to ``count``; every third has an infraction."""
    return [
        record(str(n), n - 1, 100.0 - n % 50, 100.0, collisions_layout=[NOISE] if n % 3 == 0 else [], **changes)
        for n in range(1, count + 1)
    ]


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "tree" / "checkpoint_endpoint.json"
    write_json(path, result_file(numbered(COUNT)))
    return path


@pytest.fixture
def opened(page, results, start_dashboard):
    open_page(page, start_dashboard(results.parent).link(dir="."))
    return page


def in_sight(page):
    return page.evaluate(ROWS_IN_SIGHT)


def whole(page):
    return page.evaluate(WHOLE_ROWS)


def focused(page):
    return page.evaluate("document.activeElement.dataset.route ?? document.activeElement.id")


def names(numbers):
    return [str(number) for number in numbers]


def scrolled_through(page, expected):
    page.evaluate(f"() => {{ {LIST}.dataset.expected = {expected}; }}")
    found = page.evaluate(SCROLL_THROUGH)
    assert found["most"] < 60
    return found["seen"]


def test_every_row_is_there_once_and_in_order(opened):
    assert opened.locator("#route-count").inner_text() == f"{COUNT} routes"
    assert in_sight(opened)[0] == "1"
    assert scrolled_through(opened, COUNT) == names(range(1, COUNT + 1))
    opened.locator("#filter-infractions").check()
    assert in_sight(opened)[0] == "3"  # a filter starts at the top
    assert scrolled_through(opened, COUNT // 3) == names(range(3, COUNT + 1, 3))
    opened.locator("#filter-infractions").uncheck()
    opened.locator("#sort").select_option("score")
    by_score = sorted(range(1, COUNT + 1), key=lambda n: (100.0 - n % 50, n))
    assert scrolled_through(opened, COUNT) == names(by_score)
    # A window that grows shows more rows.
    before = len(in_sight(opened))
    opened.set_viewport_size({"width": 1280, "height": 1300})
    wait_for(opened, f"{ROWS_IN_SIGHT}.length > {before} + 5")
    assert in_sight(opened)[-1] == str(by_score[-1])


@pytest.mark.slow
def test_arrows_and_tab_walk_through_all_rows(opened):
    keys = opened.keyboard
    opened.locator("#filter-text").focus()
    for number in range(1, 41):
        keys.press("ArrowDown")
        assert focused(opened) == str(number)
        assert str(number) in whole(opened)
    for number in range(41, 71):
        keys.press("Tab")
        assert focused(opened) == str(number)
        assert str(number) in whole(opened)
    for number in range(69, 0, -1):
        keys.press("Shift+Tab" if number % 2 else "ArrowUp")
        assert focused(opened) == str(number)
    assert in_sight(opened)[0] == "1"
    keys.press("ArrowUp")
    assert focused(opened) == "filter-text"


@pytest.mark.slow
def test_the_focus_survives_scrolling_away(opened):
    opened.locator("[data-route='4']").focus()
    opened.evaluate(f"() => {{ {LIST}.scrollTop = 8000; }}")
    wait_for(opened, f"!{ROWS_IN_SIGHT}.includes('4') && {ROWS_IN_SIGHT}.length > 5")
    assert focused(opened) == "4"
    opened.keyboard.press("Tab")
    assert focused(opened) == "5"
    wait_for(opened, f"{ROWS_IN_SIGHT}.includes('5')")
    opened.evaluate(f"() => {{ {LIST}.scrollTop = 8000; }}")
    opened.keyboard.press("ArrowDown")
    assert focused(opened) == "6"
    assert "6" in whole(opened)
    opened.evaluate(f"() => {{ {LIST}.scrollTop = {LIST}.scrollHeight; }}")
    wait_for(opened, f"{ROWS_IN_SIGHT}.at(-1) === '{COUNT}'")
    opened.keyboard.press("Enter")
    assert address(opened, route="6")
    wait_for(opened, f"{ROWS_IN_SIGHT}.includes('6')")


def test_a_link_and_the_keys_bring_the_open_route_into_sight(page, results, start_dashboard):
    current = "document.querySelector('#routes [aria-current=true] .name')?.textContent"
    open_page(page, start_dashboard(results.parent).link(dir=".", route="200"))
    assert "200" in whole(page)
    assert page.evaluate(current) == "200"
    page.locator("#main").focus()
    for number in range(201, 217):
        page.keyboard.press("]")
        wait_for(page, f"{current} === '{number}'")
        assert str(number) in whole(page)
    page.locator("#filter-infractions").check()
    assert "216" in whole(page)  # it has some
    page.locator("#filter-text").fill("100")
    assert in_sight(page) == []
    page.locator("#clear-filters").click()
    assert "216" in whole(page)
    wait_until_ready(page)


@pytest.mark.slow
def test_news_neither_move_the_list_nor_the_focus(opened, results):
    opened.evaluate(f"() => {{ {LIST}.scrollTop = 5013; }}")
    wait_for(opened, f"{ROWS_IN_SIGHT}.includes('105')")
    before = in_sight(opened)
    opened.locator("[data-route='105']").focus()
    place = f"{LIST}.querySelector(\"[data-route='105']\").getBoundingClientRect().top"
    top = opened.evaluate(place)
    more = numbered(COUNT + 50)
    more[104] = record("105", 104, 12.5, 100.0)
    # Routes that sort before all others, and one less among them.
    write_json(results, result_file([record("0", COUNT + 60, 50.0, 100.0), *more[:20], *more[21:]]))
    wait_for(opened, f"document.querySelector('#route-count').textContent === '{COUNT + 50} routes'")
    wait_for(opened, f"{LIST}.querySelector(\"[data-route='105']\").innerText.includes('DS 12.5')")
    assert in_sight(opened) == before
    assert opened.evaluate(place) == pytest.approx(top, abs=1)
    assert focused(opened) == "105"
    write_json(results, result_file([*more[:20], *more[21:]]))
    wait_for(opened, f"document.querySelector('#route-count').textContent === '{COUNT + 49} routes'")
    assert in_sight(opened) == before
    assert focused(opened) == "105"
