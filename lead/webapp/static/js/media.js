// The clock of a route: a video, or, where a drive was recorded without one, time that merely passes.

/** Relation between time since the first frame, frames of a video (from 0) and steps of the agent (from 1). */
export class Timing {
  /** `start`: what the player calls the time of the first frame; not 0 in some files that are still being written. */
  constructor(fps, ticksPerFrame, start = 0) {
    this.fps = fps;
    this.ticksPerFrame = ticksPerFrame;
    this.start = start;
  }

  frameAt(seconds) { return Math.floor(seconds * this.fps + 1e-4); }

  /** The middle of a frame, so that rounding never shows its neighbour. */
  timeOf(frame) { return (frame + 0.5) / this.fps; }

  stepOf(frame) { return frame * this.ticksPerFrame + 1; }

  frameOf(step) { return Math.max(0, Math.floor((step - 1) / this.ticksPerFrame)); }
}

/** Stands in for a video element. */
export class BareClock extends EventTarget {
  #time = 0;
  #last = null;

  constructor(duration) {
    super();
    this.duration = duration;
    this.playbackRate = 1;
    this.paused = true;
  }

  get currentTime() { return this.#time; }

  set currentTime(seconds) {
    this.#time = Math.min(Math.max(seconds, 0), this.duration);
    this.dispatchEvent(new Event("seeked"));
  }

  async play() {
    if (!this.paused) return;
    if (this.#time >= this.duration) this.#time = 0;
    this.paused = false;
    this.#last = null;
    this.dispatchEvent(new Event("play"));
    requestAnimationFrame((now) => this.#tick(now));
  }

  pause() {
    if (this.paused) return;
    this.paused = true;
    this.dispatchEvent(new Event("pause"));
  }

  #tick(now) {
    if (this.paused) return;
    if (this.#last !== null) this.#time = Math.min(this.#time + ((now - this.#last) / 1000) * this.playbackRate, this.duration);
    this.#last = now;
    this.dispatchEvent(new Event("timeupdate"));
    if (this.#time >= this.duration) this.pause();
    else requestAnimationFrame((next) => this.#tick(next));
  }
}
