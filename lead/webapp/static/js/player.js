// Plays the videos of a route and knows which frame and step are shown.

import { byId, el, press, buttonGroup } from "./dom.js";
import { BareClock, Timing } from "./media.js";
import { startPlaceFields } from "./place_fields.js";
import { SPEEDS, state, update } from "./state.js";

const TICKS_PER_S = 20;
const ORDER = ["debug", "demo", "grid", "topdown", "input"];

/** Emits "place" whenever another frame is shown and "loaded" when the length is known. */
export class Player extends EventTarget {
  #video = byId("video");
  #media = null;
  #detail = null;
  #shown = null; // the entry of detail.videos that is loaded
  #pending = null; // where to go once the length is known
  #moved = false; // the user went somewhere, so that the address must say where
  #loads = 0;

  constructor(onConvert) {
    super();
    this.onConvert = onConvert;
    this.timing = new Timing(TICKS_PER_S, 1);
    this.frame = 0;
    this.#listen(this.#video);
    this.#video.addEventListener("error", () => this.#onError());
    this.#watchFrames();
    buttonGroup(byId("speeds"), SPEEDS.map((speed) => [speed, `${speed}×`, "slower ( - ) and faster ( + )"]), state.speed,
      (speed) => update({ speed }));
    this.#wireControls();
  }

  get step() { return this.timing.stepOf(this.frame); }
  get time() { return this.#media ? Math.max(0, this.#media.currentTime - this.timing.start) : 0; }
  get duration() { return Number.isFinite(this.#media?.duration) ? Math.max(0, this.#media.duration - this.timing.start) : 0; }
  get lastFrame() { return Math.max(0, Math.round(this.duration * this.timing.fps) - 1); }
  get kind() { return this.#shown?.kind ?? null; }

  /** Stop, as the route is being left; where it stood must not go into the address of the next one. */
  leave() {
    this.#moved = false;
    this.#detail = null;
    this.pause();
  }

  /** Open a route at the place that the address names. `lastStep` bounds a drive without a video. */
  open(detail, lastStep) {
    this.#detail = detail;
    this.#moved = false;
    this.#pending = () => this.#addressedTime();
    this.#choose(lastStep);
  }

  /** Take over new facts about the same route without disturbing what plays. */
  refresh(detail) {
    this.#detail = detail;
    const now = detail.videos.find((video) => video.kind === this.kind);
    if (!this.#shown && detail.videos.length) this.switchTo(null);
    else this.#showChoice(Boolean(now && this.#shown && now.size > this.#shown.size));
  }

  /** A drive without a video went on. */
  extend(lastStep) {
    if (!(this.#media instanceof BareClock) || lastStep <= this.#media.lastStep) return;
    Object.assign(this.#media, { lastStep, duration: lastStep / TICKS_PER_S });
    this.dispatchEvent(new Event("loaded"));
  }

  /** Show another kind of video at the same step. */
  switchTo(kind) {
    if (!this.#detail) return;
    const step = this.step;
    this.#pending = () => this.timing.timeOf(this.timing.frameOf(step));
    update({ video: kind });
    this.#choose(this.#media?.lastStep ?? step);
  }

  /** The next kind of video. */
  cycle() {
    const kinds = this.#kinds();
    if (kinds.length > 1) this.switchTo(kinds[(kinds.indexOf(this.kind) + 1) % kinds.length]);
  }

  toggle() {
    if (!this.#media || !this.#detail) return;
    this.#moved = true;
    if (!this.#media.paused) return this.#media.pause();
    if (this.#frameHere() >= this.lastFrame) this.#goTo(0); // from the beginning again
    this.#media.play().catch(() => {});
  }

  /** Stop where it is. */
  pause() { this.#media?.pause(); }

  /** Go to a time in seconds. */
  seek(seconds) {
    if (!this.#media || !this.#detail) return;
    this.#moved = true;
    this.#goTo(seconds);
  }

  seekFrame(frame) { this.seek(this.timing.timeOf(Math.min(Math.max(frame, 0), this.lastFrame))); }
  seekStep(step) { this.seekFrame(this.timing.frameOf(step)); }

  /** Go to a step minus the chosen offset and play on from there. */
  jumpTo(step) {
    update({ infraction: step, time: null });
    this.seek(this.timeBefore(step));
    this.#media?.play().catch(() => {});
  }

  /** Time of a step, in seconds. */
  timeOfStep(step) { return this.timing.timeOf(this.timing.frameOf(step)); }
  timeBefore(step) { return Math.max(0, this.timeOfStep(step) - state.offset); }

  /** Play some other file in place of the video, such as a converted one. */
  playInstead(url) {
    const time = this.time;
    this.#pending ??= () => time;
    this.timing = new Timing(this.timing.fps, this.timing.ticksPerFrame);
    this.#load(url);
  }

  /** Say in place of the picture why there is none. */
  say(text, ...more) {
    const note = byId("screen-note");
    this.#video.hidden = true;
    note.hidden = false;
    note.replaceChildren(el("p", {}, text), ...more);
  }

  /** Follow changes of the address. */
  onState(changed) {
    if (changed.has("speed")) {
      if (this.#media) this.#media.playbackRate = state.speed;
      press(byId("speeds"), state.speed);
    }
  }

  /** Follow the browser's back and forward buttons. */
  goToAddress() {
    if (this.#media && this.duration) this.#goTo(this.#addressedTime());
  }

  #goTo(seconds) {
    const limit = Math.max(0, this.duration - 0.5 / this.timing.fps);
    this.#media.currentTime = Math.min(Math.max(seconds, 0), limit) + this.timing.start;
  }

  #addressedTime() {
    if (state.time !== null) return state.time;
    return state.infraction === null ? this.timing.timeOf(0) : this.timeBefore(state.infraction);
  }

  #kinds() { return ORDER.filter((kind) => this.#detail?.videos.some((video) => video.kind === kind)); }

  #choose(lastStep) {
    const kinds = this.#kinds();
    const kind = kinds.includes(state.video) ? state.video : kinds[0];
    this.#media?.pause();
    this.#shown = this.#detail.videos.find((video) => video.kind === kind) ?? null;
    this.frame = 0;
    if (this.#shown) {
      const fps = this.#shown.fps ?? this.#detail.video_fps ?? TICKS_PER_S;
      this.timing = new Timing(fps, this.#shown.ticks_per_frame, this.#shown.start_s);
      this.#load(`${this.#shown.url}&v=${this.#shown.modified_s}.${this.#loads}`);
    } else {
      this.#startBareClock(lastStep);
    }
    this.#showChoice(false);
  }

  #load(url) {
    this.#loads += 1;
    this.#media = this.#video;
    this.#video.hidden = false;
    byId("screen-note").hidden = true;
    this.#video.src = url;
    this.#video.playbackRate = state.speed;
  }

  #startBareClock(lastStep) {
    this.#video.removeAttribute("src");
    this.#video.load();
    this.#video.hidden = true;
    byId("screen-note").hidden = true;
    this.timing = new Timing(TICKS_PER_S, 1);
    this.#media = new BareClock(lastStep / TICKS_PER_S);
    this.#media.lastStep = lastStep;
    this.#media.playbackRate = state.speed;
    this.#listen(this.#media);
    this.#onLength();
  }

  #listen(media) {
    const mine = (action) => () => { if (media === this.#media) action(); };
    media.addEventListener("loadedmetadata", mine(() => this.#onLength()));
    media.addEventListener("durationchange", mine(() => this.dispatchEvent(new Event("loaded"))));
    media.addEventListener("play", mine(() => this.#showPlaying(true)));
    media.addEventListener("pause", mine(() => { this.#showPlaying(false); this.#noteTime(); }));
    media.addEventListener("seeked", mine(() => { this.#place(this.#frameHere()); this.#noteTime(); }));
    // At a high speed a browser may leave out the last frames and end on an earlier one.
    // The event may come when somebody has already gone elsewhere.
    media.addEventListener("ended", mine(() => { if (media.ended) this.#goTo(this.duration); }));
    media.addEventListener("timeupdate", mine(() => {
      if (media !== this.#video || !this.#video.requestVideoFrameCallback) this.#place(this.#frameHere());
    }));
  }

  #onLength() {
    this.dispatchEvent(new Event("loaded"));
    const target = this.#pending ? this.#pending() : 0;
    this.#pending = null;
    this.#goTo(target);
    this.#media.playbackRate = state.speed;
  }

  /** At its end, a video's time is that of a frame which there is not. */
  #frameHere() {
    const frame = this.timing.frameAt(this.time);
    return this.duration ? Math.min(frame, this.lastFrame) : frame;
  }

  #watchFrames() {
    if (!this.#video.requestVideoFrameCallback) return;
    const onFrame = (_now, facts) => {
      if (this.#media === this.#video) this.#place(Math.max(0, Math.round((facts.mediaTime - this.timing.start) * this.timing.fps)));
      this.#video.requestVideoFrameCallback(onFrame);
    };
    this.#video.requestVideoFrameCallback(onFrame);
  }

  #place(frame) {
    this.frame = frame;
    this.dispatchEvent(new Event("place"));
  }

  #noteTime() {
    if (this.#moved && this.#media.paused) update({ time: this.time });
  }

  #showPlaying(isPlaying) {
    byId("play").textContent = isPlaying ? "❚❚" : "▶";
    byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  }

  #showChoice(hasNewer) {
    const choice = byId("video-choice");
    const kinds = this.#kinds();
    if (choice.dataset.kinds !== kinds.join()) { // made anew only if need be, so that the focus stays
      choice.dataset.kinds = kinds.join();
      buttonGroup(choice, kinds.map((kind) => [kind, kind, "next video ( v )"]), this.kind, (kind) => this.switchTo(kind));
      choice.append(el("button", { type: "button", id: "newer", on: { click: () => this.switchTo(this.kind) } }, "↻ load what was recorded since"));
    }
    choice.hidden = !kinds.length;
    press(choice, this.kind);
    byId("newer").hidden = !hasNewer;
    byId("screen").classList.toggle("map-only", !this.#shown);
  }

  #onError() {
    if (this.#media !== this.#video || !this.#shown || !this.#video.hasAttribute("src")) return;
    const reason = this.#shown.problem ?? "The browser cannot play this file.";
    const canConvert = this.#shown.duration_s !== null && this.onConvert !== null;
    this.say(reason, ...(canConvert ? [el("button", { type: "button", id: "convert", on: { click: () => this.onConvert(this.#shown) } }, "Convert to H.264")] : []));
  }

  #wireControls() {
    byId("play").addEventListener("click", () => this.toggle());
    byId("video").addEventListener("click", () => this.toggle());
    for (const button of document.querySelectorAll("[data-jump]")) {
      button.addEventListener("click", () => this.seek(this.time + Number(button.dataset.jump)));
    }
    for (const button of document.querySelectorAll("[data-frames]")) {
      button.addEventListener("click", () => this.stepFrames(Number(button.dataset.frames)));
    }
    startPlaceFields(this);
  }

  /** Pause and move by single frames. */
  stepFrames(count) {
    this.pause();
    this.seekFrame(this.frame + count);
  }
}
