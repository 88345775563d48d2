// What is shown, kept in the address of the page, so that a link reopens exactly there.

/** Every parameter with its default, which is not written into the address. */
const DEFAULTS = {
  dir: null, // evaluation, relative to the root; "." is the root itself
  route: null, // folder of the route below the evaluation
  view: null, // player, scores or compare; null follows from whether a route is open
  video: null, // kind of video; null takes the first there is
  infraction: null, // step of the infraction jumped to
  time: null, // seconds
  speed: 1,
  offset: 3, // seconds before an infraction
  q: "", // text filter of routes
  only: false, // only routes with infractions
  kinds: [], // kinds of infractions
  scenario: "",
  sort: "name",
  iq: "", // text filter of infractions
  other: null, // evaluation to compare with
  benchmark: null,
};
export const SPEEDS = [0.5, 1, 2, 3, 4, 5];
export const OFFSETS = [0, 1, 3, 5];
const VIEWS = ["player", "scores", "compare"];
const SORTS = ["name", "score", "infractions", "scenario"];

const subscribers = [];
let knownKinds = null;
export const state = read();

/** Take over the kinds of infractions there are; others in the address are ignored. */
export function restrictKinds(kinds) {
  knownKinds = kinds;
  state.kinds = read().kinds;
}

/** Call a function after every change, with the set of changed keys and whether the browser's history made it. */
export function subscribe(onChange) {
  subscribers.push(onChange);
}

/**
 * Change what is shown.
 * @param {object} patch new values by key
 * @param {{push?: boolean}} options push: a step for the browser's back button
 */
export function update(patch, { push = false } = {}) {
  const changed = new Set(Object.keys(patch).filter((key) => !same(state[key], patch[key])));
  if (!changed.size) return;
  Object.assign(state, patch);
  const url = `${location.pathname}${query()}`;
  if (push) {
    flush();
    history.pushState(null, "", url);
  } else replaceSoon(url);
  subscribers.forEach((notify) => notify(changed, false));
}

/** The address of the page with some values changed. */
export function link(patch = {}) {
  return `${location.origin}${location.pathname}${query(patch)}`;
}

/** The view that is open: the one asked for, else the player for a route and the scores for an evaluation. */
export function currentView() {
  if (state.dir === null) return "home";
  return state.view ?? (state.route === null ? "scores" : "player");
}

window.addEventListener("popstate", () => {
  clearTimeout(replaceTimer); // what waits to be written belongs to another entry of the history
  replaceTimer = 0;
  const before = { ...state };
  Object.assign(state, read());
  const changed = new Set(Object.keys(DEFAULTS).filter((key) => !same(before[key], state[key])));
  subscribers.forEach((notify) => notify(changed, true));
});

// Browsers limit how often the address may change; a playing video would exceed that.
let replaceTimer = 0;
let replaceUrl = "";
function replaceSoon(url) {
  replaceUrl = url;
  if (replaceTimer) return;
  history.replaceState(null, "", url);
  replaceTimer = setTimeout(flush, 350);
}

/** Write what waits into the entry of the history that it belongs to. */
function flush() {
  if (!replaceTimer) return;
  clearTimeout(replaceTimer);
  replaceTimer = 0;
  if (replaceUrl !== `${location.pathname}${location.search}`) history.replaceState(null, "", replaceUrl);
}

function query(patch = {}) {
  const values = { ...state, ...patch };
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    if (same(value, DEFAULTS[key])) continue;
    if (key === "time") parameters.set(key, value.toFixed(2));
    else parameters.set(key, Array.isArray(value) ? value.join(",") : value === true ? "1" : String(value));
  }
  const text = parameters.toString();
  return text ? `?${text}` : "";
}

function read() {
  const parameters = new URLSearchParams(location.search);
  const text = (key) => parameters.get(key);
  const number = (key) => (!text(key) || !Number.isFinite(Number(text(key))) ? null : Number(text(key)));
  const oneOf = (key, choices) => (choices.includes(text(key)) ? text(key) : DEFAULTS[key]);
  return {
    ...DEFAULTS,
    dir: text("dir") === "" ? "." : text("dir"),
    route: text("route"),
    view: oneOf("view", VIEWS),
    video: text("video"),
    infraction: number("infraction"),
    time: number("time") === null ? null : Math.max(0, number("time")),
    speed: SPEEDS.includes(number("speed")) ? number("speed") : DEFAULTS.speed,
    offset: OFFSETS.includes(number("offset")) ? number("offset") : DEFAULTS.offset,
    q: text("q") ?? "",
    only: text("only") === "1",
    kinds: (text("kinds") ?? "").split(",").filter((kind) => kind && (knownKinds === null || knownKinds.includes(kind))),
    scenario: text("scenario") ?? "",
    sort: oneOf("sort", SORTS),
    iq: text("iq") ?? "",
    other: text("other"),
    benchmark: text("benchmark"),
  };
}

function same(a, b) {
  return a === b || (Array.isArray(a) && Array.isArray(b) && a.join() === b.join());
}
