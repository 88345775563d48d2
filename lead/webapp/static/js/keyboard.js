// Everything the keyboard can do, in one table from which the help is made.

import { byId, el } from "./dom.js";
import { currentView, SPEEDS, state, update } from "./state.js";

/** Rows: keys, what they do, action; keys are event.key values, with "shift+" where needed. */
function playerKeys(view) {
  const player = view.player;
  const speed = (direction) => {
    const next = SPEEDS[SPEEDS.indexOf(state.speed) + direction];
    if (next) update({ speed: next });
  };
  const rows = [
    [[" "], "play or pause", () => player.toggle()],
    [["ArrowLeft"], "1 second back", () => player.seek(player.time - 1)],
    [["ArrowRight"], "1 second on", () => player.seek(player.time + 1)],
    [["shift+ArrowLeft"], "5 seconds back", () => player.seek(player.time - 5)],
    [["shift+ArrowRight"], "5 seconds on", () => player.seek(player.time + 5)],
    [[","], "one frame back", () => player.stepFrames(-1)],
    [["."], "one frame on", () => player.stepFrames(1)],
    [["-"], "slower", () => speed(-1)],
    [["+", "="], "faster", () => speed(1)],
    [["n"], "next infraction", () => view.list.neighbour(1)],
    [["p"], "previous infraction", () => view.list.neighbour(-1)],
    [["v"], "next kind of video", () => player.cycle()],
    [["w"], "wide video, or the list beside it", () => byId("wide").click()],
    [["f"], "map: follow the ego or stay", () => byId("map-follow").click()],
  ];
  const cutting = [
    [["i"], "clip from here", () => view.clips.mark("clip-from")],
    [["o"], "clip to here", () => view.clips.mark("clip-to")],
    [["c"], "cut the clip", () => view.clips.cutBetweenMarks()],
  ];
  return view.isReadOnly ? rows : [...rows, ...cutting];
}

/** Rows as above, for every view. */
function pageKeys(routes) {
  return [
    [["]"], "next route", () => routes.neighbour(1)],
    [["["], "previous route", () => routes.neighbour(-1)],
    [["l"], "copy a link to this place", () => byId("copy-link").click()],
    [["/"], "filter routes or evaluations", () => byId(currentView() === "home" ? "filter-evaluations" : "filter-text").focus()],
    [["1"], "player", () => byId("tab-player").click()],
    [["2"], "scores", () => byId("tab-scores").click()],
    [["3"], "compare", () => byId("tab-compare").click()],
    [["h"], "all evaluations", () => byId("home").click()],
    [["d"], "light or dark", () => byId("theme").click()],
    [["?", "shift+?"], "this help", () => showHelp()],
  ];
}

/** Start listening; keys typed into a field stay there, Escape leaves it. */
export function startKeyboard(view, routes) {
  const rows = [...playerKeys(view), ...pageKeys(routes)];
  const actionsOf = (table) => new Map(table.flatMap(([keys, , action]) => keys.map((key) => [key, action])));
  const [inPlayer, everywhere] = [actionsOf(rows), actionsOf(pageKeys(routes))];
  let clicked = null; // has the focus because it was clicked with a mouse, and is not waiting for a key
  document.addEventListener("click", (event) => { clicked = event.detail ? document.activeElement : null; });
  byId("help-keys").replaceChildren(...rows.map(([keys, text]) => el("tr", {}, el("td", {}, el("kbd", {}, nameOf(keys[0]))), el("td", {}, text))));
  byId("help").addEventListener("click", showHelp);
  document.addEventListener("keydown", (event) => {
    // On some keyboards "[" and "]" need AltGr, which counts as Ctrl and Alt.
    const isCommand = (event.ctrlKey || event.altKey) && !event.getModifierState("AltGraph");
    if (isCommand || event.metaKey || byId("help-dialog").open) return;
    const target = event.target;
    if (target.matches("input:not([type=checkbox]):not([type=range]), select, textarea")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const isPlayer = currentView() === "player";
    if (event.key === " " && target.matches("button, a, input")) {
      if (target !== clicked || !isPlayer) return; // it presses that
      target.blur();
    }
    if (event.key.startsWith("Arrow") && target.matches("input[type=range]") && !event.shiftKey) event.preventDefault();
    const isShifted = event.shiftKey && (event.key.startsWith("Arrow") || event.key === "?");
    const action = (isPlayer ? inPlayer : everywhere).get(isShifted ? `shift+${event.key}` : event.key);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function showHelp() {
  byId("help-dialog").showModal();
}

function nameOf(key) {
  const names = { " ": "space", ArrowLeft: "←", ArrowRight: "→", "shift+ArrowLeft": "shift + ←", "shift+ArrowRight": "shift + →" };
  return names[key] ?? key;
}
