// The ego's speed over the time line: where it stood still or braked is often where to look.

import { byId, cssColor, perFrame } from "./dom.js";
import { onThemeChange } from "./theme.js";

const LEAST_TOP_MPS = 5;

export class SpeedCurve {
  #points = []; // [step, m/s]

  constructor(player) {
    this.player = player;
    this.draw = perFrame(() => this.#draw());
    player.addEventListener("loaded", this.draw);
    new ResizeObserver(this.draw).observe(byId("timeline"));
    onThemeChange(this.draw);
  }

  set(points) {
    this.#points = points;
    this.draw();
  }

  #draw() {
    const canvas = byId("speed-curve");
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    const context = canvas.getContext("2d");
    const lastFrame = this.player.lastFrame;
    if (this.#points.length < 2 || !lastFrame) return;
    const top = Math.max(LEAST_TOP_MPS, this.#points.reduce((most, [, speed]) => Math.max(most, speed), 0)) * 1.1;
    const inset = 8 * ratio; // as the thumb of the slider is
    const x = (step) => inset + Math.min(1, (step - 1) / this.player.timing.ticksPerFrame / lastFrame) * (canvas.width - 2 * inset);
    const y = (speed) => canvas.height * (1 - speed / top);
    context.beginPath();
    context.moveTo(x(this.#points[0][0]), canvas.height);
    for (const [step, speed] of this.#points) context.lineTo(x(step), y(speed));
    context.lineTo(x(this.#points.at(-1)[0]), canvas.height);
    context.globalAlpha = 0.3;
    context.fillStyle = cssColor("--soft");
    context.fill();
  }
}
