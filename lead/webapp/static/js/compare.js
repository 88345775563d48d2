// Two evaluations route by route.

import { getJson } from "./api.js";
import { byId, el, replaceKeepingFocus } from "./dom.js";
import { isCounted, kindDot, kindLabel, number, plural } from "./format.js";
import { link, state, update } from "./state.js";

let order = { column: "delta", ascending: true };
let rendered = null; // the answer that is shown

/** Fill the choice of the other evaluation and, if one is chosen, show the comparison. */
export async function showComparison(evaluations) {
  const select = byId("other");
  const others = evaluations.filter((evaluation) => (evaluation.path || ".") !== state.dir);
  select.replaceChildren(el("option", { value: "" }, "choose an evaluation"), ...others.map((evaluation) =>
    el("option", { value: evaluation.path || "." }, evaluation.levels.join(" / ") || ".")));
  select.value = state.other ?? "";
  select.onchange = () => update({ other: select.value || null });
  if (state.other === null) {
    rendered = null;
    byId("comparison").replaceChildren(el("p", { class: "empty" }, others.length
      ? "Choose a second evaluation of the same routes: another checkpoint, seed or version."
      : "There is no other evaluation in this folder."));
    return;
  }
  await refreshComparison();
}

/** Show the comparison as it is now; nothing is touched while it is the same. */
export async function refreshComparison() {
  const { dir, other } = state;
  if (other === null) return;
  const data = await getJson("/api/compare", { dir, other });
  if (dir !== state.dir || other !== state.other) return; // another one was chosen meanwhile
  if (data !== rendered) render(data);
}

function render(data) {
  rendered = data;
  const changes = { better: 0, worse: 0 };
  for (const { delta } of data.rows) {
    if (delta > 0.005) changes.better += 1;
    if (delta < -0.005) changes.worse += 1;
  }
  const problems = data.problems.length ? el("div", { class: "problems" }, ...data.problems.map((text) => el("p", {}, text))) : null;
  const common = data.rows.filter((row) => row.a && row.b).length;
  const nodes = [problems,
    el("p", {}, `A: ${data.a.dir} (${plural(data.a.routes, "route")})`, el("br"), `B: ${data.b.dir} (${plural(data.b.routes, "route")})`),
    el("div", { class: "tiles" },
      ...[["routes in both", common], ["better in B", changes.better], ["worse in B", changes.worse]].map(([label, value]) =>
        el("div", { class: "tile" }, el("b", {}, String(value)), el("span", {}, label)))),
    measureTable(data), routeTable(data)].filter(Boolean);
  replaceKeepingFocus(byId("comparison"), nodes, (node) => node.dataset.column ?? node.href);
}

function measureTable(data) {
  const rows = data.measures.map((measure) => {
    const isCount = measure.name.endsWith("(count)"); // of infractions: fewer is better
    const digits = isCount ? 0 : measure.name.startsWith("Infraction penalty") ? 3 : 2;
    return el("tr", {}, el("td", {}, measure.name), el("td", { class: "num" }, number(measure.a, digits)),
      el("td", { class: "num" }, number(measure.b, digits)), difference(measure.delta, digits, isCount ? -1 : 1));
  });
  return el("div", { class: "table-box" }, el("h2", {}, "Measures"), table(["measure", "A", "B", "B − A"], rows, 1));
}

const COLUMNS = [
  ["title", "route", (row) => row.title],
  ["scenario", "scenario class", (row) => row.scenarios[0] ?? ""],
  ["town", "town", (row) => row.town],
  ["a", "DS A", (row) => row.a?.driving ?? -1],
  ["b", "DS B", (row) => row.b?.driving ?? -1],
  ["delta", "B − A", (row) => row.delta ?? Infinity],
];

function routeTable(data) {
  const value = COLUMNS.find(([key]) => key === order.column)[2];
  const sign = order.ascending ? 1 : -1;
  const compared = (x, y) => (typeof x === "string" ? x.localeCompare(y, undefined, { numeric: true }) : x - y || 0);
  const rows = [...data.rows].sort((x, y) => sign * compared(value(x), value(y))).map(routeRow);
  const heads = COLUMNS.map(([key, label]) => el("button", {
    type: "button", dataset: { column: key }, on: { click: () => { order = { column: key, ascending: order.column === key ? !order.ascending : true }; render(data); } },
  }, label, order.column === key ? (order.ascending ? " ↑" : " ↓") : ""));
  return el("div", { class: "table-box" }, el("h2", {}, "Routes"), table([...heads, "A", "B"], rows, 3, 6));
}

function routeRow(row) {
  return el("tr", { dataset: { title: row.title } }, el("td", {}, row.title), el("td", {}, row.scenarios[0] ?? ""), el("td", {}, row.town),
    el("td", { class: "num" }, number(row.a?.driving)), el("td", { class: "num" }, number(row.b?.driving)), difference(row.delta),
    ending(row.a, state.dir, row.name_a), ending(row.b, state.other, row.name_b));
}

/** How a route ended in one evaluation, as a link to it. */
function ending(side, dir, name) {
  if (!side) return el("td", {}, "–");
  const kinds = Object.entries(side.kinds).filter(([kind]) => isCounted(kind));
  return el("td", {},
    el("a", { href: link({ dir, route: name, view: null, infraction: null, time: null, other: null }) }, side.status ?? "no result"),
    " ", ...kinds.flatMap(([kind, count]) => [el("span", { title: kindLabel(kind) }, kindDot(kind), count > 1 ? `${count} ` : " ")]));
}

/** A cell that is green for a change to the better; `better` is -1 where less is better. */
function difference(delta, digits = 2, better = 1) {
  const look = delta * better > 0.005 ? "num up" : delta * better < -0.005 ? "num down" : "num";
  return el("td", { class: look }, delta === null ? "–" : `${delta > 0 ? "+" : ""}${delta.toFixed(digits)}`);
}

/** A table whose columns from `first` up to `last` hold numbers. */
function table(heads, rows, first, last = heads.length) {
  return el("table", { class: "data" },
    el("thead", {}, el("tr", {}, ...heads.map((head, index) => el("th", { scope: "col", class: index >= first && index < last ? "num" : "" }, head)))),
    el("tbody", {}, ...rows));
}
