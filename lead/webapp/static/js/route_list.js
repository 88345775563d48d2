// The routes of the open evaluation in the sidebar, with their filters. A tree of a thousand routes must filter at once,
// so rows are made only when their data change, and filtering merely hides them.

import { byId, el, replaceKeepingFocus } from "./dom.js";
import { isCounted, kindColor, kindDot, kindLabel, kindOrder, number, plural, scoreClass } from "./format.js";
import { state, update } from "./state.js";

export class RouteList {
  #data = null;
  #rows = new Map(); // name -> {row, item, button, text}
  #order = [];

  constructor(onOpen) {
    this.onOpen = onOpen;
    byId("filter-text").addEventListener("input", () => update({ q: byId("filter-text").value }));
    byId("filter-infractions").addEventListener("change", () => update({ only: byId("filter-infractions").checked }));
    byId("sort").addEventListener("change", () => update({ sort: byId("sort").value }));
    byId("filter-scenario").addEventListener("change", () => update({ scenario: byId("filter-scenario").value }));
    byId("clear-filters").addEventListener("click", () => update({ q: "", only: false, kinds: [], scenario: "" }));
    byId("routes").addEventListener("click", (event) => this.#onClick(event));
    byId("routes").addEventListener("keydown", (event) => this.#onKey(event));
    byId("filter-text").addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") { this.#visible()[0]?.button.focus(); event.preventDefault(); }
    });
  }

  /** Show the routes of an evaluation; `data` is the server's answer. */
  set(data) {
    if (data === this.#data) return;
    if (data?.dir !== this.#data?.dir) this.#rows.clear();
    this.#data = data;
    const rows = new Map();
    for (const row of data?.routes ?? []) rows.set(row.name, this.#entry(row));
    this.#rows = rows;
    this.#renderFilters();
    this.#sort();
    this.apply();
  }

  get data() { return this.#data; }

  onState(changed) {
    if (changed.has("sort")) this.#sort();
    if (["q", "only", "kinds", "scenario", "sort"].some((key) => changed.has(key))) this.apply();
    if (changed.has("route")) this.#markCurrent(true);
  }

  /** Hide the routes that do not match. */
  apply() {
    this.#showFilters();
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, item, button, text } of this.#rows.values()) {
      const isShown = matches(row, text, words);
      if (button.hidden === isShown) item.hidden = button.hidden = !isShown;
      shown += isShown;
    }
    const total = this.#rows.size;
    const planned = this.#data?.planned ?? null;
    const driven = planned !== null && planned > this.#data.done ? `, ${this.#data.done} of ${planned} driven` : "";
    byId("route-count").textContent = (shown === total ? plural(total, "route") : `${shown} of ${plural(total, "route")}`) + driven;
    this.#markCurrent(false);
  }

  /** Open the next (1) or previous (-1) route that is shown. */
  neighbour(direction) {
    const visible = this.#visible();
    const index = visible.findIndex(({ row }) => row.name === state.route);
    const next = visible[index < 0 ? (direction > 0 ? 0 : visible.length - 1) : index + direction];
    if (next) this.onOpen(next.row.name);
  }

  #visible() { return this.#order.filter(({ button }) => !button.hidden); }

  #entry(row) {
    const known = this.#rows.get(row.name);
    const signature = JSON.stringify(row);
    if (known?.signature === signature) return known;
    const item = routeItem(row);
    const text = [row.title, row.name, row.town, row.status ?? "", ...row.scenarios, ...Object.keys(row.kinds).map(kindLabel), row.text].join(" ").toLowerCase();
    return { row, signature, item, button: item.firstChild, text };
  }

  #sort() {
    const entries = [...this.#rows.values()];
    const byName = (a, b) => a.row.title.localeCompare(b.row.title, undefined, { numeric: true });
    const score = ({ row }) => row.scores?.driving ?? Infinity;
    const orders = {
      name: byName,
      score: (a, b) => score(a) - score(b) || byName(a, b),
      infractions: (a, b) => b.row.infraction_count - a.row.infraction_count || byName(a, b),
      scenario: (a, b) => (a.row.scenarios[0] ?? "~").localeCompare(b.row.scenarios[0] ?? "~") || byName(a, b),
    };
    this.#order = entries.sort(orders[state.sort]);
    const focused = document.activeElement?.closest?.(".route")?.dataset.route;
    byId("routes").replaceChildren(...this.#order.map(({ item }) => item));
    if (focused !== undefined) this.#rows.get(focused)?.button.focus({ preventScroll: true });
  }

  #renderFilters() {
    const counts = this.#data?.counts ?? {};
    const kinds = kindOrder().filter((kind) => counts[kind] || state.kinds.includes(kind));
    replaceKeepingFocus(byId("filter-kinds"), kinds.filter((kind) => kind !== "completion").map((kind) =>
      el("button", {
        type: "button", dataset: { kind }, title: isCounted(kind) ? kindLabel(kind) : `${kindLabel(kind)} (not counted)`,
        on: { click: () => toggleKind(kind) },
      }, kindDot(kind), kindLabel(kind), el("b", {}, String(counts[kind] ?? 0)))), (node) => node.dataset.kind);
    const scenarios = [...new Set([...this.#rows.values()].flatMap(({ row }) => row.scenarios))].sort();
    if (state.scenario && !scenarios.includes(state.scenario)) scenarios.push(state.scenario);
    const select = byId("filter-scenario");
    select.hidden = !scenarios.length;
    if (select.dataset.names === scenarios.join("\n")) return; // an open list must not close
    select.dataset.names = scenarios.join("\n");
    select.replaceChildren(el("option", { value: "" }, "all scenario classes"), ...scenarios.map((name) => el("option", { value: name }, name)));
  }

  #showFilters() {
    if (document.activeElement !== byId("filter-text")) byId("filter-text").value = state.q;
    byId("filter-infractions").checked = state.only;
    byId("sort").value = state.sort;
    byId("filter-scenario").value = state.scenario;
    for (const button of byId("filter-kinds").children) button.setAttribute("aria-pressed", String(state.kinds.includes(button.dataset.kind)));
    byId("clear-filters").hidden = !(state.q || state.only || state.kinds.length || state.scenario);
  }

  #markCurrent(scroll) {
    for (const button of byId("routes").querySelectorAll('[aria-current="true"]')) button.removeAttribute("aria-current");
    const current = state.route === null ? undefined : this.#rows.get(state.route);
    current?.button.setAttribute("aria-current", "true");
    if (scroll) current?.button.scrollIntoView({ block: "nearest" });
  }

  #onClick(event) {
    const button = event.target.closest(".route");
    if (button) this.onOpen(button.dataset.route);
  }

  #onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const button = event.target.closest(".route");
    if (!step || !button || event.shiftKey || event.ctrlKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const visible = this.#visible();
    const index = visible.findIndex((entry) => entry.button === button) + step;
    if (index < 0) byId("filter-text").focus();
    else visible[index]?.button.focus();
  }
}

function toggleKind(kind) {
  update({ kinds: state.kinds.includes(kind) ? state.kinds.filter((each) => each !== kind) : [...state.kinds, kind] });
}

function matches(row, text, words) {
  if (state.only && !row.infraction_count) return false;
  if (state.kinds.length && !state.kinds.some((kind) => row.kinds[kind])) return false;
  if (state.scenario && !row.scenarios.includes(state.scenario)) return false;
  return words.every((word) => text.includes(word));
}

function routeItem(row) {
  const facts = [[row.scenarios[0], ""], [row.town, "town"], [ending(row), ""]].filter(([text]) => text);
  const dots = Object.keys(row.kinds).filter(isCounted).slice(0, 6).map((kind) =>
    el("span", { class: "dot", style: { background: kindColor(kind) }, title: `${kindLabel(kind)}: ${row.kinds[kind]}` }));
  return el("li", {},
    el("button", { type: "button", class: "route", dataset: { route: row.name }, title: [row.title, ...row.scenarios, row.town, ...row.problems].filter(Boolean).join("\n") },
      el("span", { class: "name" }, row.title),
      badge(row),
      el("span", { class: "facts" },
        row.scores ? el("span", { class: "score" }, `DS ${number(row.scores.driving)}`) : null,
        dots.length ? el("span", { class: "dots" }, ...dots) : null,
        ...facts.map(([text, look]) => el("span", { class: look }, text)))));
}

/** How the route ended, unless it is plain from the score. */
function ending(row) {
  if (!row.status) return row.is_live ? "being driven" : "no result";
  return ["Perfect", "Completed"].includes(row.status) ? "" : row.status;
}

function badge(row) {
  if (row.is_live) return el("span", { class: "live" }, "live");
  if (row.problems.length) return el("span", { class: "badge warn" }, `${row.infraction_count || "!"}`);
  if (row.infraction_count) return el("span", { class: `badge ${row.infraction_count > 10 ? "bad" : "warn"}` }, String(row.infraction_count));
  const isGood = row.scores ? scoreClass(row.scores.driving) === "good" : row.has_folder;
  return el("span", { class: `badge ${isGood ? "good" : "bad"}` }, isGood ? "✓" : "0");
}
