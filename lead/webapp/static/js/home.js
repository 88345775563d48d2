// The start page: every evaluation below the root, found by the server.

import { byId, el, replaceKeepingFocus } from "./dom.js";
import { plural } from "./format.js";

/** Show the evaluations, grouped by the folder they lie in; `onOpen` gets the path of the chosen one. */
export class Home {
  #answer = null;

  constructor(onOpen) {
    this.onOpen = onOpen;
    byId("filter-evaluations").addEventListener("input", () => this.#filter());
  }

  /** Take over the server's answer; `info` describes the root. */
  set(answer, info) {
    if (answer === this.#answer) return;
    this.#answer = answer;
    const groups = new Map();
    for (const evaluation of answer.evaluations) {
      const parent = evaluation.levels.slice(0, -1).join(" / ");
      if (!groups.has(parent)) groups.set(parent, []);
      groups.get(parent).push(evaluation);
    }
    const nodes = [...groups].flatMap(([parent, evaluations]) => [
      el("div", { class: "folder" }, parent || info.title), ...evaluations.map((evaluation) => this.#row(evaluation))]);
    if (!nodes.length) nodes.push(el("p", { class: "empty" }, `There are no results in ${info.root} yet. They appear here as soon as a drive writes some.`));
    if (answer.truncated) nodes.push(el("p", { class: "note" }, "There are more folders than were searched; start the dashboard in a folder further down."));
    replaceKeepingFocus(byId("evaluations"), nodes, (node) => node.dataset.path);
    this.#filter();
  }

  #row(evaluation) {
    const name = evaluation.levels.at(-1) ?? "this folder";
    const changed = new Date(evaluation.modified_s * 1000).toLocaleString();
    return el("button", { type: "button", class: "evaluation", title: evaluation.full_path, dataset: { path: evaluation.path || ".", text: evaluation.levels.join(" ").toLowerCase() }, on: { click: () => this.onOpen(evaluation.path || ".") } },
      el("span", { class: "name" }, name),
      evaluation.is_live ? el("span", { class: "live" }, "live") : null,
      el("span", { class: "grow" }),
      el("span", { class: "note" }, `${plural(evaluation.route_count, "route")}, ${changed}`));
  }

  #filter() {
    const words = byId("filter-evaluations").value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of byId("evaluations").querySelectorAll(".evaluation")) row.hidden = !words.every((word) => row.dataset.text.includes(word));
    for (const folder of byId("evaluations").querySelectorAll(".folder")) {
      let next = folder.nextElementSibling;
      let some = false;
      for (; next && next.classList.contains("evaluation"); next = next.nextElementSibling) some ||= !next.hidden;
      folder.hidden = !some;
    }
  }
}
