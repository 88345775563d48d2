// The list of infractions of a route, and their marks on the time line.

import { buttonGroup, byId, el, perFrame, press, replaceKeepingFocus } from "./dom.js";
import { isCounted, kindColor, kindDot, kindLabel, timeText } from "./format.js";
import { OFFSETS, state, update } from "./state.js";

const SLACK_S = 0.05;

export class InfractionList {
  #all = [];
  #shown = [];
  #items = []; // [entry, list item, mark]

  constructor(player, onCut) {
    this.player = player;
    this.onCut = onCut;
    buttonGroup(byId("offsets"), OFFSETS.map((offset) => [offset, offset ? `−${offset} s` : "0 s", "jump so long before an infraction"]),
      state.offset, (offset) => update({ offset }));
    byId("infraction-text").value = state.iq;
    byId("infraction-text").addEventListener("input", () => update({ iq: byId("infraction-text").value }));
    player.addEventListener("place", perFrame(() => this.#highlight()));
    player.addEventListener("loaded", () => this.render());
  }

  /** Show the infractions of a route. */
  set(infractions) {
    this.#all = infractions;
    this.render();
  }

  /** Those that the filters let through. */
  get shown() { return this.#shown; }

  onState(changed) {
    if (changed.has("offset")) press(byId("offsets"), state.offset);
    if (changed.has("iq") && document.activeElement !== byId("infraction-text")) byId("infraction-text").value = state.iq;
    if (["iq", "kinds"].some((key) => changed.has(key))) this.render();
    if (changed.has("infraction")) this.#highlight();
  }

  render() {
    const text = state.iq.trim().toLowerCase();
    this.#shown = this.#all.filter((entry) => isShown(entry, text));
    const counted = this.#all.filter((entry) => entry.counted).length;
    byId("infraction-count").textContent = this.#shown.length === counted ? `${counted}` : `${this.#shown.length} of ${this.#all.length}`;
    this.#items = this.#shown.map((entry) => [entry, this.#item(entry), this.#mark(entry)]);
    const items = this.#items.map(([, item]) => item);
    if (!items.length) items.push(el("li", { class: "note" }, this.#all.some((entry) => entry.counted) ? "None matches the filters." : "None: a clean drive."));
    replaceKeepingFocus(byId("infractions"), items, (node) => `${node.className} ${node.parentElement.textContent}`);
    byId("markers").replaceChildren(...byId("markers").querySelectorAll(".cut"), ...this.#items.map(([, , mark]) => mark).filter(Boolean));
    this.#highlight();
  }

  /** Jump to the next (1) or previous (-1) infraction, seen from the one chosen or the current step. */
  neighbour(direction) {
    const steps = [...new Set(this.#shown.filter(hasPlace).map((entry) => entry.step))].sort((a, b) => a - b);
    // On the way to the one chosen, that one counts as reached.
    const { time, timing } = this.player;
    const here = timing.stepOf(timing.frameAt(time));
    const isOnTheWay = state.infraction !== null && steps.includes(state.infraction)
      && here <= state.infraction && time > this.player.timeBefore(state.infraction) - SLACK_S;
    const from = isOnTheWay ? state.infraction : here;
    const step = direction > 0 ? steps.find((value) => value > from) : steps.findLast((value) => value < from);
    if (step !== undefined) this.player.jumpTo(step);
  }

  #item(entry) {
    const where = hasPlace(entry) ? [timeText(this.player.timing.frameOf(entry.step) / this.player.timing.fps), `step ${entry.step}`] : ["known from the result only"];
    if (entry.meters_travelled) where.push(`${entry.meters_travelled.toFixed(0)} m`);
    return el("li", {
      class: entry.counted ? "infraction" : "infraction minor",
      dataset: { step: entry.step ?? "", kind: entry.kind },
      style: { "border-left-color": kindColor(entry.kind) },
    },
    el("button", { type: "button", class: "jump", disabled: !hasPlace(entry), on: { click: () => this.player.jumpTo(entry.step) } },
      el("span", { class: "when" }, where.join(" · ")),
      el("span", { class: "message" }, kindDot(entry.kind), ` ${entry.message || kindLabel(entry.kind)}`)),
    this.onCut && hasPlace(entry)
      ? el("button", { type: "button", class: "cut-one", title: "Cut a clip around this infraction", on: { click: () => this.onCut(entry) } }, "cut") : null);
  }

  #mark(entry) {
    if (!hasPlace(entry)) return null;
    const share = this.player.lastFrame ? this.player.timing.frameOf(entry.step) / this.player.lastFrame : 0;
    return el("button", {
      type: "button", tabIndex: -1, title: `${kindLabel(entry.kind)}, step ${entry.step}`,
      style: { left: `${Math.min(share, 1) * 100}%`, background: kindColor(entry.kind) },
      on: { click: () => this.player.jumpTo(entry.step) },
    });
  }

  #highlight() {
    const step = this.player.step;
    const distance = ([entry]) => (hasPlace(entry) ? Math.abs(entry.step - step) : Infinity);
    const nearest = this.#items.reduce((best, item) => (best === null || distance(item) < distance(best) ? item : best), null);
    for (const each of this.#items) {
      const [entry, item, mark] = each;
      const isNearest = nearest !== null && hasPlace(entry) && entry.step === nearest[0].step;
      if (isNearest && !item.classList.contains("nearest")) scrollInto(byId("infractions"), item);
      item.classList.toggle("nearest", isNearest);
      mark?.classList.toggle("nearest", isNearest);
      item.classList.toggle("chosen", hasPlace(entry) && entry.step === state.infraction);
    }
  }
}

/** Some infractions, such as a time-out, stand in the result only, without a step. */
function hasPlace(entry) {
  return entry.step !== null;
}

function isShown(entry, text) {
  const kinds = state.kinds;
  if (kinds.length ? !kinds.includes(entry.kind) : !isCounted(entry.kind)) return false;
  return !text || `${entry.message} ${kindLabel(entry.kind)} ${entry.infraction} ${entry.event_type}`.toLowerCase().includes(text);
}

/** Scroll only the list itself: the page must not move while a video plays. */
function scrollInto(list, item) {
  const top = item.offsetTop - list.offsetTop;
  if (top < list.scrollTop || top + item.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight / 3;
}
