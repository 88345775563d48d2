// Scores and tables of an evaluation, the same as `lead score` prints.

import { getJson } from "./api.js";
import { byId, el, replaceKeepingFocus } from "./dom.js";
import { isCounted, kindColor, kindDot, kindLabel, kindOrder, number, plural } from "./format.js";
import { state, update } from "./state.js";

let shown = "";
const SCENARIO_TABLE = "Failures per scenario class";

/** Fetch and show the report of the open evaluation. */
export async function showScores(rows, benchmarks) {
  // A name that no benchmark has, from an old link, is ignored.
  const benchmark = benchmarks.some(({ key }) => key === state.benchmark) ? state.benchmark : null;
  const asked = `${state.dir} ${benchmark}`;
  if (asked !== shown) byId("score-tables").replaceChildren(el("p", { class: "note" }, "The tables are being made …"));
  shown = asked;
  const report = await getJson("/api/report", { dir: state.dir, benchmark });
  if (shown !== asked) return; // another one was asked for meanwhile
  byId("scores-title").textContent = report.title || "Scores";
  showBenchmarks(report, benchmarks, benchmark);
  showTiles(rows);
  showKinds(rows);
  const nodes = report.tables.map(tableBox);
  if (report.error) nodes.unshift(el("div", { class: "problems" }, el("p", {}, report.error)));
  const remarks = [...report.notes, ...report.unreadable];
  if (remarks.length) nodes.push(el("div", { class: "table-box" }, el("h2", {}, "Notes"), el("ul", {}, ...remarks.map((text) => el("li", {}, `• ${text}`)))));
  replaceKeepingFocus(byId("score-tables"), nodes, (node) => node.textContent);
}

function showBenchmarks(report, benchmarks, benchmark) {
  const select = byId("benchmark");
  if (select.dataset.candidates !== report.candidates.join()) { // an open list must not close
    select.dataset.candidates = report.candidates.join();
    select.replaceChildren(el("option", { value: "" }, "as driven"), ...benchmarks.map(({ key, title }) =>
      el("option", { value: key }, report.candidates.includes(key) ? `${title} *` : title)));
  }
  select.value = benchmark ?? "";
  select.onchange = () => update({ benchmark: select.value || null });
}

function showTiles(data) {
  const scored = (data?.routes ?? []).filter((row) => row.scores);
  const mean = (value) => (scored.length ? scored.reduce((sum, row) => sum + value(row), 0) / scored.length : null);
  const tiles = [
    ["driving score", number(mean((row) => row.scores.driving), 2)],
    ["route completion", number(mean((row) => row.scores.completion), 2)],
    ["infraction penalty", number(mean((row) => row.scores.penalty), 3)],
    ["success rate", scored.length ? `${number(mean((row) => 100 * (row.success ?? 0)), 1)} %` : "–"],
    ["routes with a result", `${scored.length} of ${data?.planned ?? data?.routes.length ?? 0}`],
  ];
  byId("score-tiles").replaceChildren(...tiles.map(([label, value]) => el("div", { class: "tile" }, el("b", {}, value), el("span", {}, label))),
    el("p", { class: "note" }, "Tiles: means over the routes that have a result. Official means, which count missing routes as zero, are in the tables."));
}

function showKinds(data) {
  const counts = data?.counts ?? {};
  const kinds = kindOrder().filter((kind) => isCounted(kind) && counts[kind]);
  const most = Math.max(1, ...kinds.map((kind) => counts[kind]));
  const bars = kinds.flatMap((kind) => [
    el("button", { type: "button", title: "Show the routes with this infraction", on: { click: () => update({ kinds: [kind] }) } }, kindDot(kind), ` ${kindLabel(kind)}`),
    el("span", { class: "bar", style: { width: `${(counts[kind] / most) * 100}%`, background: kindColor(kind) } }),
    el("b", {}, String(counts[kind]))]);
  const total = kinds.reduce((sum, kind) => sum + counts[kind], 0);
  const box = el("div", { class: "table-box" }, el("h2", {}, plural(total, "infraction")), el("div", { class: "bars" }, ...bars));
  replaceKeepingFocus(byId("kind-counts"), [box], (node) => node.textContent);
}

/** A table of the report; classes of scenarios become filters of the route list. */
function tableBox(table) {
  const isScenario = table.title === SCENARIO_TABLE;
  const cells = (row) => row.map((text, index) => el("td", { class: table.numeric[index] ? "num" : "" },
    isScenario && index === 0
      ? el("button", { type: "button", class: "link", title: "Show only the routes of this class", on: { click: () => update({ scenario: text }) } }, text) : text));
  return el("div", { class: "table-box" },
    el("h2", {}, table.title),
    el("table", { class: "data" },
      el("thead", {}, el("tr", {}, ...table.columns.map((name, index) => el("th", { class: table.numeric[index] ? "num" : "", scope: "col" }, name)))),
      el("tbody", {}, ...table.texts.map((row) => el("tr", {}, ...cells(row))))),
    table.note ? el("p", { class: "note" }, table.note) : null);
}
