// The recorded course of a drive: where the ego and the others were, and what the agent planned, step by step.

import { getLines } from "./api.js";

export class DriveLog {
  #offset = 0;
  #rest = "";
  #reading = null; // so that nobody reads the same lines at the same time

  constructor(place) {
    this.place = place;
    this.header = null;
    this.rows = []; // by rising step
  }

  /** Read what was written since the last call; returns whether there was anything. */
  read() {
    this.#reading ??= this.#readOn().finally(() => { this.#reading = null; });
    return this.#reading;
  }

  async #readOn() {
    let grown = false;
    for (;;) {
      const part = await getLines("/api/drive_log", { ...this.place, offset: this.#offset });
      if (part === null || part.next === this.#offset) return grown;
      if (part.next < this.#offset) { // the route is being driven again
        Object.assign(this, { header: null, rows: [] });
        this.#offset = 0;
        this.#rest = "";
        grown = true;
        continue;
      }
      this.#offset = part.next;
      this.#take(this.#rest + part.text);
      grown = true;
    }
  }

  get lastStep() { return this.rows.length ? this.rows.at(-1).step : 0; }
  get hasPlans() { return this.rows.some((row) => row.view); }

  /** The last row at or before a step; null before the first one. */
  at(step) {
    const index = this.indexAt(step);
    return index < 0 ? null : this.rows[index];
  }

  indexAt(step) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].step <= step) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #take(text) {
    const lines = text.split("\n");
    this.#rest = lines.pop();
    for (const line of lines) {
      const value = parsed(line);
      if (!value) continue;
      if (value.version !== undefined) this.header = value;
      else if (Number.isFinite(value.step) && Array.isArray(value.ego)) this.rows.push(value);
    }
  }
}

/** A torn or damaged line costs itself only. */
function parsed(line) {
  try {
    const value = JSON.parse(line);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}
