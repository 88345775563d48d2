// Clips: cut around an infraction or between two marks, watch the jobs, download the files.

import { address, getJson, postJson } from "./api.js";
import { byId, el, replaceKeepingFocus, toast } from "./dom.js";
import { parseTime, sizeText, timeText } from "./format.js";

const POLL_MS = 300;

export class Clips {
  #place = null; // {dir, route} of the open route
  #files = "";

  constructor(player, isReadOnly, onChange) {
    this.player = player;
    this.onChange = onChange;
    byId("clip-cut").hidden = isReadOnly;
    if (isReadOnly) return;
    byId("mark-in").addEventListener("click", () => this.mark("clip-from"));
    byId("mark-out").addEventListener("click", () => this.mark("clip-to"));
    byId("cut").addEventListener("click", () => this.cutBetweenMarks());
    for (const id of ["clip-from", "clip-to"]) {
      byId(id).addEventListener("input", () => this.#showRange());
      byId(id).addEventListener("keydown", (event) => { if (event.key === "Enter") this.cutBetweenMarks(); });
    }
    player.addEventListener("loaded", () => this.#showRange());
  }

  /** Open a route; marks of another one are dropped. */
  open(place) {
    this.#place = place;
    byId("clip-from").value = byId("clip-to").value = "";
    byId("clip-jobs").replaceChildren();
    this.#showRange();
  }

  /** Show the clips there are. */
  set(files) {
    if (JSON.stringify(files) === this.#files) return;
    this.#files = JSON.stringify(files);
    const items = files.map((file) => el("li", {},
      el("a", { href: file.url, target: "_blank", rel: "noopener" }, file.name),
      el("span", { class: "note" }, sizeText(file.size)),
      el("a", { class: "download", href: `${file.url}&download=1`, download: file.name }, "download")));
    replaceKeepingFocus(byId("clip-files"), items, (node) => node.href);
  }

  /** Set a mark so that the frame on the screen is in the clip: at its beginning, or, for the last one, at its end. */
  mark(id) {
    const { frame, timing } = this.player;
    const time = (frame + (id === "clip-to" ? 1 : 0)) / timing.fps;
    byId(id).value = timeText(Math.floor(time * 100 + 1e-6) / 100); // rounded up, it could leave the first frame out
    this.#showRange();
  }

  cutBetweenMarks() {
    const [start, end] = this.#marks();
    if (start === null || end === null || end <= start) {
      toast("A clip needs a start and a later end, such as 0:05 and 0:12.5.");
      return;
    }
    this.#cut({ start_s: start, end_s: end });
  }

  cutAround(entry) {
    const buffer = Number(byId("clip-buffer").value.replace(",", "."));
    if (!(buffer > 0)) { toast("The time around an infraction must be a positive number of seconds."); return; }
    const { timing } = this.player;
    const time = timing.frameOf(entry.step) / timing.fps;
    this.#cut({ start_s: Math.max(0, time - buffer), end_s: Math.min(time + buffer, this.player.duration || time + buffer) });
  }

  /** Re-encode a whole video that the browser cannot play, and play the result. */
  convert(video) {
    this.#cut({ video: video.kind, start_s: 0, end_s: video.duration_s, isConversion: true });
  }

  #marks() { return ["clip-from", "clip-to"].map((id) => (byId(id).value.trim() ? parseTime(byId(id).value) : null)); }

  #showRange() {
    byId("markers").querySelector(".cut")?.remove();
    const [start, end] = this.#marks();
    ["clip-from", "clip-to"].forEach((id, index) =>
      byId(id).classList.toggle("wrong", byId(id).value.trim() !== "" && [start, end][index] === null));
    const duration = this.player.duration;
    if (start === null || end === null || end <= start || !duration) return;
    byId("markers").prepend(el("span", { class: "cut", style: { left: `${(start / duration) * 100}%`, width: `${((Math.min(end, duration) - start) / duration) * 100}%` } }));
  }

  async #cut({ video = this.player.kind, start_s, end_s, isConversion = false }) {
    if (video === null) { toast("There is no video to cut from."); return; }
    const place = this.#place;
    const item = el("li", {});
    byId("clip-jobs").append(item);
    try {
      const { id } = await postJson("/api/clips", { ...place, video, start_s, end_s });
      const job = await this.#watch(id, item, `${video} ${timeText(start_s)} to ${timeText(end_s)}`);
      if (job.state === "done") {
        if (!isConversion) download(job);
        else if (place === this.#place) this.player.playInstead(job.url);
      }
      if (job.state !== "failed") item.remove();
    } catch (error) {
      item.replaceChildren(el("span", { class: "badge bad" }, "failed"), el("span", {}, error.message));
    }
    this.onChange();
  }

  async #watch(id, item, label) {
    const bar = el("progress", { max: 1, value: 0, ariaLabel: `Clip ${label}` });
    const cancel = el("button", { type: "button", on: { click: () => postJson(address(`/api/clips/${id}/cancel`)) } }, "cancel");
    item.replaceChildren(el("span", {}, label), bar, cancel);
    for (;;) {
      const job = await getJson(`/api/clips/${id}`);
      bar.value = job.progress;
      if (job.state === "failed") item.replaceChildren(el("span", { class: "badge bad" }, "failed"), el("span", {}, job.error));
      if (["done", "failed", "cancelled"].includes(job.state)) return job;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

function download(job) {
  const anchor = el("a", { href: `${job.url}&download=1`, download: job.name });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  toast(`${job.name} is ready and being downloaded.`);
}
