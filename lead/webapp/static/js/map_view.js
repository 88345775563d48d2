// The map of a route: follows the video, can be moved and zoomed, and jumps to what is clicked.

import { getJson } from "./api.js";
import { byId, perFrame } from "./dom.js";
import { kindOrder } from "./format.js";
import { drawActors, drawBox, drawDots, drawGround, drawLine, drawPlan, groundPaths, palette } from "./map_draw.js";
import { onThemeChange } from "./theme.js";

const FOLLOW_SCALE = 5; // pixels per metre
const SCALES = [0.02, 60];
const CLICK_PX = 5;
const REACH_PX = 14;
const EGO_HALF = [2.4, 1.0];
const NO_MAP = { town: "", layers: {}, trajectory: { step: [], x: [], y: [] }, route: [], bounds: null, note: "only the result of this route is here" };

export class MapView {
  #map = null;
  #paths = [];
  #log = null;
  #infractions = [];
  #view = { x: 0, y: 0, scale: FOLLOW_SCALE, width: 1, height: 1 };
  #colors = null;
  #way = []; // [x, y, step]

  constructor(player) {
    this.player = player;
    this.canvas = byId("map");
    this.draw = perFrame(() => this.#draw());
    player.addEventListener("place", this.draw);
    new ResizeObserver(this.draw).observe(byId("map-box"));
    onThemeChange(() => { this.#colors = null; this.draw(); });
    for (const id of ["map-follow", "map-actors", "map-predictions"]) byId(id).addEventListener("change", this.draw);
    byId("map-fit").addEventListener("click", () => this.fit());
    this.#wirePointer();
  }

  /** Open a route; null: one of which only the result is known. */
  async open(place, log) {
    this.#map = null;
    this.#paths = [];
    this.#log = log;
    this.#way = [];
    byId("map-follow").checked = true;
    this.#map = place === null ? NO_MAP : await getJson("/api/map", place);
    this.#paths = groundPaths(this.#map.layers);
    this.isEmpty = this.#map.bounds === null && !log?.rows.length;
    byId("map-box").classList.toggle("nothing", this.isEmpty);
    byId("map-town").textContent = this.#map.town;
    byId("map-note").textContent = this.#map.note;
    this.refresh();
    this.#start();
  }

  /** Take over what the log has gained. */
  refresh() {
    const log = this.#log?.rows ?? [];
    const way = this.#map?.trajectory;
    this.#way = log.length ? log.map((row) => [row.ego[0], row.ego[1], row.step])
      : (way?.step ?? []).map((step, index) => [way.x[index], way.y[index], step]);
    byId("map-predictions-label").hidden = !this.#log?.hasPlans;
    this.draw();
  }

  setInfractions(infractions) {
    this.#infractions = infractions;
    this.draw();
  }

  /** Show the whole route. */
  fit() {
    byId("map-follow").checked = false;
    this.#fitView();
  }

  #fitView() {
    const places = [...(this.#map?.route ?? []), ...this.#way];
    if (!places.length) return;
    const [xs, ys] = [0, 1].map((axis) => places.map((place) => place[axis]));
    const [x0, x1, y0, y1] = [min(xs), max(xs), min(ys), max(ys)];
    this.#measure();
    const scale = Math.min(this.#view.width / (x1 - x0 + 40), this.#view.height / (y1 - y0 + 40));
    Object.assign(this.#view, { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale: clampScale(scale) });
    this.draw();
  }

  #start() {
    this.#view.scale = FOLLOW_SCALE;
    if (this.#egoAt(this.player.step)) this.draw();
    else this.#fitView();
  }

  /** Pose of the ego at a step: [x, y, yaw]; null if unknown. */
  #egoAt(step) {
    const row = this.#log?.at(Math.max(step, this.#log.rows[0]?.step ?? 0));
    if (row) return row.ego;
    const index = this.#way.findLastIndex((place) => place[2] <= step);
    if (index < 0) return this.#way.length ? [this.#way[0][0], this.#way[0][1], heading(this.#way, 0)] : null;
    return [this.#way[index][0], this.#way[index][1], heading(this.#way, index)];
  }

  #measure() {
    const box = byId("map-box");
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.max(1, box.clientWidth), Math.max(1, box.clientHeight)];
    if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
    if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
    Object.assign(this.#view, { width, height });
    return ratio;
  }

  #draw() {
    const ratio = this.#measure();
    const view = this.#view;
    this.#colors ??= palette(kindOrder());
    const colors = this.#colors;
    const row = this.#log?.at(this.player.step) ?? null;
    const ego = this.#egoAt(this.player.step);
    if (byId("map-follow").checked && ego) Object.assign(view, { x: ego[0], y: ego[1] });
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = colors["--map-ground"];
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const scale = view.scale * ratio;
    context.setTransform(scale, 0, 0, scale, this.canvas.width / 2 - view.x * scale, this.canvas.height / 2 - view.y * scale);
    drawGround(context, view, this.#paths, colors);
    drawLine(context, this.#map?.route ?? this.#log?.header?.route ?? [], colors["--map-route"], 1.6, 3, view);
    drawLine(context, this.#way, colors["--map-way"], 0.3, 1.6, view);
    if (row && byId("map-actors").checked) drawActors(context, row.actors, colors, view);
    if (ego) drawBox(context, [...ego.slice(0, 3), ...(this.#log?.header?.ego_half_size_m ?? EGO_HALF)], colors["--map-ego"], view, 8);
    if (row?.view && byId("map-predictions").checked) drawPlan(context, row.view, row.ego, colors, view);
    for (const entry of this.#infractions) {
      const place = this.#egoAt(entry.step);
      if (place && this.#way.length) drawDots(context, [place], colors[`--kind-${entry.kind}`] ?? colors["--kind-other"], 0.6, 5, view, colors["--panel"]);
    }
    this.canvas.dataset.step = String(this.player.step);
  }

  #wirePointer() {
    const canvas = this.canvas;
    let start = null;
    canvas.addEventListener("pointerdown", (event) => {
      start = { x: event.clientX, y: event.clientY, view: { ...this.#view }, moved: false };
      canvas.setPointerCapture(event.pointerId);
      canvas.classList.add("dragging");
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!start) return;
      const [dx, dy] = [event.clientX - start.x, event.clientY - start.y];
      if (!start.moved && Math.hypot(dx, dy) < CLICK_PX) return;
      start.moved = true;
      byId("map-follow").checked = false;
      Object.assign(this.#view, { x: start.view.x - dx / this.#view.scale, y: start.view.y - dy / this.#view.scale });
      this.draw();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (start && !start.moved) this.#click(event);
      start = null;
      canvas.classList.remove("dragging");
    });
    canvas.addEventListener("pointercancel", () => { start = null; canvas.classList.remove("dragging"); });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#zoom(event, Math.exp(-event.deltaY * 0.0015));
    }, { passive: false });
  }

  #zoom(event, factor) {
    const view = this.#view;
    const scale = clampScale(view.scale * factor);
    if (!byId("map-follow").checked) {
      const [x, y] = this.#worldOf(event);
      Object.assign(view, { x: x + (view.x - x) * (view.scale / scale), y: y + (view.y - y) * (view.scale / scale) });
    }
    view.scale = scale;
    this.draw();
  }

  #worldOf(event) {
    const box = this.canvas.getBoundingClientRect();
    const view = this.#view;
    return [view.x + (event.clientX - box.left - view.width / 2) / view.scale, view.y + (event.clientY - box.top - view.height / 2) / view.scale];
  }

  /** Jump to the infraction at a place, else to the step at which the ego was nearest to it. */
  #click(event) {
    const [x, y] = this.#worldOf(event);
    const reach = REACH_PX / this.#view.scale;
    const distance = (place) => (place ? Math.hypot(place[0] - x, place[1] - y) : Infinity);
    const entry = nearest(this.#infractions, (each) => distance(this.#egoAt(each.step)));
    if (entry && distance(this.#egoAt(entry.step)) < reach) { this.player.jumpTo(entry.step); return; }
    const place = nearest(this.#way, distance);
    if (place && distance(place) < reach * 2) { this.player.pause(); this.player.seekStep(place[2]); }
  }
}

const min = (values) => values.reduce((least, value) => Math.min(least, value), Infinity);
const max = (values) => values.reduce((most, value) => Math.max(most, value), -Infinity);
const clampScale = (scale) => Math.min(Math.max(scale, SCALES[0]), SCALES[1]);

function nearest(items, measure) {
  return items.reduce((best, item) => (best === null || measure(item) < measure(best) ? item : best), null);
}

function heading(way, index) {
  const [from, to] = index + 1 < way.length ? [way[index], way[index + 1]] : [way[index - 1] ?? way[index], way[index]];
  return Math.atan2(to[1] - from[1], to[0] - from[0]);
}
