// One route: its header, player, infractions, clips and map, kept up to date while it is being driven.

import { getJson } from "./api.js";
import { Clips } from "./clips.js";
import { byId, el } from "./dom.js";
import { DriveLog } from "./drive_log.js";
import { number, scoreClass } from "./format.js";
import { InfractionList } from "./infractions.js";
import { MapView } from "./map_view.js";
import { Player } from "./player.js";
import { SpeedCurve } from "./speed_curve.js";
import { state } from "./state.js";

const STEPS_WITHOUT_LOG = 20 * 10; // shown after the last infraction of a drive without video and log

export class RouteView {
  #detail = null;
  #log = null;
  #opening = 0;

  constructor(info) {
    this.isReadOnly = info.read_only;
    this.player = new Player(info.read_only ? null : (video) => this.clips.convert(video));
    this.clips = new Clips(this.player, info.read_only, () => this.poll());
    this.list = new InfractionList(this.player, info.read_only ? null : (entry) => this.clips.cutAround(entry));
    this.map = new MapView(this.player);
    this.curve = new SpeedCurve(this.player);
  }

  get detail() { return this.#detail; }

  /** Open the route that the state names, or none. */
  async open() {
    const opening = ++this.#opening;
    const place = { dir: state.dir, route: state.route };
    this.player.leave();
    this.#detail = null;
    byId("route").hidden = true;
    byId("no-route").hidden = state.route !== null;
    if (state.route === null) return;
    const detail = await getJson("/api/route", place);
    const log = detail.has_drive_log ? new DriveLog(place) : null;
    if (log && !detail.videos.length) await log.read(); // its length is needed at once
    if (opening !== this.#opening) return;
    this.#detail = detail;
    this.#log = log;
    this.#showHead();
    byId("route").hidden = false;
    byId("no-route").hidden = true;
    this.clips.open(place);
    this.clips.set(detail.clips);
    this.#placeMap();
    this.list.set(detail.infractions);
    this.player.open(detail, this.#lastStep());
    await this.#openMap(place, opening);
  }

  /** Ask for news of the open route. */
  async poll() {
    const opening = this.#opening;
    if (!this.#detail) return;
    const place = { dir: state.dir, route: state.route };
    const detail = await getJson("/api/route", place);
    if (opening !== this.#opening) return;
    const before = this.#detail;
    this.#detail = detail;
    if (!this.#log && detail.has_drive_log) {
      this.#log = new DriveLog(place);
      await this.#openMap(place, opening);
    } else if (this.#log && (detail.is_live || detail !== before) && await this.#log.read() && opening === this.#opening) {
      this.#showWay();
    }
    if (opening !== this.#opening || detail === before) return;
    this.#showHead();
    this.clips.set(detail.clips);
    this.player.refresh(detail);
    this.#placeMap();
    if (JSON.stringify(before.infractions) !== JSON.stringify(detail.infractions)) {
      this.list.set(detail.infractions);
      this.#markMap();
      this.#extend();
    }
  }

  onState(changed) {
    this.player.onState(changed);
    this.list.onState(changed);
    if (changed.has("kinds") || changed.has("iq")) this.#markMap();
  }

  async #openMap(place, opening) {
    if (this.#log) await this.#log.read();
    if (opening !== this.#opening) return;
    // Of some routes only the result is known.
    await this.map.open(this.#detail.has_folder ? place : null, this.#log);
    if (opening !== this.#opening) return;
    if (!this.#detail.videos.length) {
      if (this.map.isEmpty) this.player.say("There is no video, and no file tells where the ego drove.");
      else byId("screen-note").hidden = true;
    }
    this.#showWay();
    this.#markMap();
  }

  #showWay() {
    this.#extend();
    this.map.refresh();
    this.curve.set((this.#log?.rows ?? []).map((row) => [row.step, row.ego[3]]));
  }

  #markMap() { this.map.setInfractions(this.list.shown.filter((entry) => entry.step !== null)); }

  #extend() { if (!this.#detail.videos.length) this.player.extend(this.#lastStep()); }

  /** Without a video, the map takes the screen. */
  #placeMap() {
    const hasVideo = this.#detail.videos.length > 0;
    byId("clips").hidden = !hasVideo;
    byId("route").classList.toggle("no-video", !hasVideo);
    const home = hasVideo ? byId("map-panel") : byId("screen");
    const box = byId("map-box");
    if (box.parentElement === home) return;
    if (home === byId("screen")) home.append(box);
    else byId("map-note").before(box);
  }

  #lastStep() {
    const lastInfraction = this.#detail.infractions.reduce((last, entry) => Math.max(last, entry.step), 0);
    return this.#log?.lastStep || (lastInfraction ? lastInfraction + STEPS_WITHOUT_LOG : 0);
  }

  #showHead() {
    const detail = this.#detail;
    byId("route-title").textContent = detail.title;
    byId("route-title").title = detail.folder;
    byId("live").hidden = !detail.is_live;
    const scores = detail.record?.scores;
    const badge = (text, look = "", title = "") => el("span", { class: `badge ${look}`, title }, text);
    const count = detail.infractions.filter((entry) => entry.counted).length;
    byId("route-badges").replaceChildren(...[
      scores ? badge(`DS ${number(scores.score_composed, 2)}`, scoreClass(scores.score_composed), "driving score") : null,
      scores ? badge(`RC ${number(scores.score_route, 2)} %`, "", "route completion") : null,
      scores ? badge(`IP ${number(scores.score_penalty, 3)}`, "", "infraction penalty") : null,
      badge(`${count} infraction${count === 1 ? "" : "s"}`, count ? "warn" : "good"),
      detail.record ? badge(detail.record.status, detail.success ? "good" : "") : badge(detail.is_live ? "being driven" : "no result"),
      detail.town ? badge(detail.town) : null,
      ...detail.scenarios.map((name) => badge(name, "", "scenario class")),
      detail.videos.length ? badge(`${number(detail.videos[0].fps ?? detail.video_fps, 0)} fps`) : null,
    ].filter(Boolean));
    showProblems(detail.problems);
  }
}

/** Show sentences about files that could not be used. */
export function showProblems(problems) {
  byId("problems").hidden = !problems.length;
  byId("problems").replaceChildren(...problems.map((text) => el("p", {}, text)));
}
