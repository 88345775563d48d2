// Drawing of the map: ground, route, way driven, road users and plans, in world metres (x right, y down: CARLA's frame).

import { cssColor } from "./dom.js";

const LAYERS = [["sidewalk", "--map-walk"], ["shoulder", "--map-side"], ["parking", "--map-side"], ["road", "--map-road"], ["crosswalk", "--map-walk"]];
const NAMES = ["--map-ground", "--map-walk", "--map-side", "--map-road", "--map-route", "--map-way", "--map-vehicle", "--map-walker", "--map-prop", "--map-ego", "--map-plan", "--text", "--panel"];
const ACTOR_COLORS = ["--map-vehicle", "--map-walker", "--map-prop"];

/** Colours of the current theme. */
export function palette(kinds) {
  return Object.fromEntries([...NAMES, ...kinds.map((kind) => `--kind-${kind}`)].map((name) => [name, cssColor(name)]));
}

/** Ground polygons as paths with their boxes, so that only those in sight are drawn. */
export function groundPaths(layers) {
  return LAYERS.flatMap(([layer, color]) => (layers?.[layer] ?? []).filter((polygon) => polygon.length > 2).map((polygon) => {
    const path = new Path2D();
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    polygon.forEach(([x, y], index) => {
      path[index ? "lineTo" : "moveTo"](x, y);
      box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
    });
    path.closePath();
    return { path, box, color };
  }));
}

/** Draw the ground; `view` has scale (pixels per metre), x, y (world place of the middle), width, height (CSS pixels). */
export function drawGround(context, view, paths, colors) {
  const halfWidth = view.width / 2 / view.scale;
  const halfHeight = view.height / 2 / view.scale;
  for (const { path, box, color } of paths) {
    if (box[0] > view.x + halfWidth || box[2] < view.x - halfWidth || box[1] > view.y + halfHeight || box[3] < view.y - halfHeight) continue;
    context.fillStyle = colors[color];
    context.fill(path);
    // Neighbouring lanes share an edge; without a hairline the ground would shine through.
    context.strokeStyle = colors[color];
    context.lineWidth = 0.6 / view.scale;
    context.stroke(path);
  }
}

/** Draw a line through places. */
export function drawLine(context, places, color, widthM, minimumPx, view) {
  if (places.length < 2) return;
  context.beginPath();
  places.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](x, y));
  context.strokeStyle = color;
  context.lineWidth = Math.max(widthM, minimumPx / view.scale);
  context.lineJoin = context.lineCap = "round";
  context.stroke();
}

/** Draw a box: centre, heading, half sizes. */
export function drawBox(context, [x, y, yaw, halfLength, halfWidth], fill, view, minimumPx = 5) {
  const grow = Math.max(1, minimumPx / view.scale / Math.max(2 * halfLength, 0.1));
  context.save();
  context.translate(x, y);
  context.rotate(yaw);
  context.fillStyle = fill;
  context.fillRect(-halfLength * grow, -halfWidth * grow, 2 * halfLength * grow, 2 * halfWidth * grow);
  context.fillStyle = "rgb(255 255 255 / 55%)"; // the front
  context.fillRect(halfLength * grow * 0.35, -halfWidth * grow * 0.8, halfLength * grow * 0.3, 1.6 * halfWidth * grow);
  context.restore();
}

/** Draw the road users of a row of the drive log. */
export function drawActors(context, actors, colors, view) {
  for (const [kind, ...box] of actors ?? []) drawBox(context, box, colors[ACTOR_COLORS[kind] ?? "--map-prop"], view, 4);
}

/** Draw what the agent planned and detected; its places are in the ego frame. */
export function drawPlan(context, plan, ego, colors, view) {
  const [x, y, yaw] = ego;
  context.save();
  context.translate(x, y);
  context.rotate(yaw);
  const color = colors["--map-plan"];
  drawLine(context, plan.route ?? [], color, 0.25, 1, view);
  drawDots(context, plan.waypoints ?? [], color, 0.45, 2.5, view);
  drawLine(context, plan.waypoints ?? [], color, 0.15, 1, view);
  drawDots(context, plan.targets ?? [], colors["--panel"], 0.7, 4, view, color);
  context.strokeStyle = color;
  context.lineWidth = Math.max(0.15, 1.5 / view.scale);
  for (const [bx, by, halfLength, halfWidth, boxYaw] of plan.boxes ?? []) {
    context.save();
    context.translate(bx, by);
    context.rotate(boxYaw);
    context.strokeRect(-halfLength, -halfWidth, 2 * halfLength, 2 * halfWidth);
    context.restore();
  }
  context.restore();
}

/** Draw discs of a radius in metres, but at least so many pixels. */
export function drawDots(context, places, color, radiusM, minimumPx, view, outline = null) {
  for (const [x, y] of places) {
    context.beginPath();
    context.arc(x, y, Math.max(radiusM, minimumPx / view.scale), 0, 2 * Math.PI);
    context.fillStyle = color;
    context.fill();
    if (outline) {
      context.strokeStyle = outline;
      context.lineWidth = 1.5 / view.scale;
      context.stroke();
    }
  }
}
