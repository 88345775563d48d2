// The routes of the open evaluation in the sidebar, with their filters. A tree of a thousand routes must filter at once,
// so a row is made only when it comes into sight, and made anew only when its data change.

import { byId, el, replaceKeepingFocus } from "./dom.js";
import { isCounted, kindColor, kindDot, kindLabel, kindOrder, number, plural, scoreClass } from "./format.js";
import { state, update } from "./state.js";
import { VirtualList } from "./virtual_list.js";

const FILTERS = ["q", "only", "kinds", "scenario", "sort"];
const NAMES = new Intl.Collator(undefined, { numeric: true });

/** One route: what the server says of it, the text that filters look into, and its row, made when it is first needed. */
class Entry {
  #item = null;

  constructor(row, signature) {
    this.row = row;
    this.signature = signature;
    this.text = [row.title, row.name, row.town, row.status ?? "", ...row.scenarios, ...Object.keys(row.kinds).map(kindLabel), row.text].join(" ").toLowerCase();
  }

  get name() { return this.row.name; }

  get item() { return this.#item ??= routeItem(this.row); }

  get button() { return this.item.firstElementChild; }
}

export class RouteList {
  #data = null;
  #rows = new Map(); // name -> Entry
  #order = [];
  #current = null; // the entry that is marked
  #shown;

  constructor(onOpen) {
    this.onOpen = onOpen;
    this.#shown = new VirtualList(byId("routes"), (button) => button.dataset.route);
    byId("filter-text").addEventListener("input", () => update({ q: byId("filter-text").value }));
    byId("filter-infractions").addEventListener("change", () => update({ only: byId("filter-infractions").checked }));
    byId("sort").addEventListener("change", () => update({ sort: byId("sort").value }));
    byId("filter-scenario").addEventListener("change", () => update({ scenario: byId("filter-scenario").value }));
    byId("clear-filters").addEventListener("click", () => update({ q: "", only: false, kinds: [], scenario: "" }));
    byId("routes").addEventListener("click", (event) => this.#onClick(event));
    byId("routes").addEventListener("keydown", (event) => this.#onKey(event));
    byId("filter-text").addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") { this.#shown.focus(0); event.preventDefault(); }
    });
  }

  /** Show the routes of an evaluation; `data` is the server's answer. */
  set(data) {
    if (data === this.#data) return;
    const isOther = data?.dir !== this.#data?.dir;
    if (isOther) this.#rows.clear();
    this.#data = data;
    const rows = new Map();
    for (const row of data?.routes ?? []) rows.set(row.name, this.#entry(row));
    this.#rows = rows;
    this.#renderFilters();
    this.#sort();
    this.#apply(!isOther);
  }

  get data() { return this.#data; }

  onState(changed) {
    if (changed.has("sort")) this.#sort();
    if (FILTERS.some((key) => changed.has(key))) this.#apply(false);
    if (changed.has("route")) {
      this.#markCurrent();
      this.#shown.reveal(state.route);
    }
  }

  /** Show the routes that match; news (`stay`) leave the list where it is, a filter starts at the open route or the top. */
  #apply(stay) {
    this.#showFilters();
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const matching = this.#order.filter((entry) => matches(entry, words));
    const shown = matching.length;
    const total = this.#rows.size;
    const planned = this.#data?.planned ?? null;
    const driven = planned !== null && planned > this.#data.done ? `, ${this.#data.done} of ${planned} driven` : "";
    const text = (shown === total ? plural(total, "route") : `${shown} of ${plural(total, "route")}`) + driven;
    if (byId("route-count").textContent !== text) byId("route-count").textContent = text; // it is read out
    this.#markCurrent();
    this.#shown.show(matching, stay);
    if (!stay) this.#shown.reveal(state.route);
  }

  /** Open the next (1) or previous (-1) route that is shown. */
  neighbour(direction) {
    const index = this.#shown.indexOf(state.route);
    const next = this.#shown.at(index < 0 ? (direction > 0 ? 0 : this.#shown.length - 1) : index + direction);
    if (next) this.onOpen(next.name);
  }

  #entry(row) {
    const known = this.#rows.get(row.name);
    const signature = JSON.stringify(row);
    return known?.signature === signature ? known : new Entry(row, signature);
  }

  #sort() {
    const entries = [...this.#rows.values()];
    const byName = (a, b) => NAMES.compare(a.row.title, b.row.title);
    const score = ({ row }) => row.scores?.driving ?? Infinity;
    const orders = {
      name: byName,
      score: (a, b) => score(a) - score(b) || byName(a, b),
      infractions: (a, b) => b.row.infraction_count - a.row.infraction_count || byName(a, b),
      scenario: (a, b) => (a.row.scenarios[0] ?? "~").localeCompare(b.row.scenarios[0] ?? "~") || byName(a, b),
    };
    this.#order = entries.sort(orders[state.sort]);
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

  #markCurrent() {
    const entry = this.#rows.get(state.route) ?? null;
    if (entry === this.#current) return;
    this.#current?.button.removeAttribute("aria-current");
    this.#current = entry;
    entry?.button.setAttribute("aria-current", "true");
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
    const index = this.#shown.indexOf(button.dataset.route) + step;
    if (index < 0) byId("filter-text").focus();
    else this.#shown.focus(index);
  }
}

function toggleKind(kind) {
  update({ kinds: state.kinds.includes(kind) ? state.kinds.filter((each) => each !== kind) : [...state.kinds, kind] });
}

function matches({ row, text }, words) {
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
