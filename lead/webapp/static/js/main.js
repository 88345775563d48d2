// Puts the page together: what the address asks for is fetched and shown, and asked for again while it may change.

import { busy, getJson } from "./api.js";
import { refreshComparison, showComparison } from "./compare.js";
import { byId, el, toast } from "./dom.js";
import { setKinds } from "./format.js";
import { Home } from "./home.js";
import { startKeyboard } from "./keyboard.js";
import { RouteList } from "./route_list.js";
import { RouteView, showProblems } from "./route_view.js";
import { showScores } from "./scores.js";
import { currentView, link, restrictKinds, state, subscribe, update } from "./state.js";
import { startTheme } from "./theme.js";

const POLL_MS = 2000;
const PLACE = { route: null, infraction: null, time: null };

let info = null;
let evaluations = [];
let home = null;
let routes = null;
let view = null;

const openEvaluation = (dir) => update({ ...PLACE, dir, view: null, other: null, benchmark: null, scenario: "", kinds: [], q: "", iq: "", only: false }, { push: true });
const openRoute = (route) => update({ ...PLACE, route, view: null }, { push: true });

async function start() {
  startTheme();
  info = await getJson("/api/info");
  setKinds(info.kinds);
  restrictKinds(info.kinds.map(({ kind }) => kind));
  byId("read-only").hidden = !info.read_only;
  home = new Home(openEvaluation);
  routes = new RouteList(openRoute);
  view = new RouteView(info);
  startKeyboard(view, routes);
  wireHeader();
  subscribe((changed, isHistory) => void guarded(busy(show(changed, isHistory))));
  if (state.dir === null) {
    await fetchEvaluations();
    if (evaluations.length === 1) { update({ dir: evaluations[0].path || "." }); void poll(); return; }
  }
  await show(new Set(["dir", "route", "view"]));
  void poll();
}

/** Bring the page to the state; `changed` names what differs from what is shown. */
async function show(changed, isHistory = false) {
  const current = currentView();
  document.body.classList.toggle("home", current === "home");
  for (const name of ["home", "player", "scores", "compare"]) byId(`view-${name}`).hidden = name !== current;
  for (const tab of byId("tabs").children) tab.setAttribute("aria-current", tab.dataset.view === current ? "page" : "false");
  document.title = [state.route, state.dir, info.title].filter((name) => name !== null && name !== ".").join(" - ");
  if (["dir", "route", "view"].some((key) => changed.has(key))) byId("live").hidden = true;
  if (changed.has("dir") || changed.has("route")) view.player.leave();
  else if (current !== "player") view.player.pause();
  routes.onState(changed);
  view.onState(changed);
  if (changed.has("dir")) {
    showProblems([]);
    showCrumbs();
    if (state.dir !== null) await fetchRoutes();
  }
  if (changed.has("dir") || changed.has("route")) await view.open();
  else if (isHistory && (changed.has("time") || changed.has("infraction"))) view.player.goToAddress();
  await showCurrent(current, changed);
}

async function showCurrent(current, changed) {
  const isNew = ["dir", "view", "route"].some((key) => changed.has(key));
  if (current === "home") await fetchEvaluations();
  if (current === "scores" && (isNew || changed.has("benchmark"))) await showScores(routes.data, info.benchmarks);
  if (current === "compare" && (isNew || changed.has("other"))) {
    if (!evaluations.length) await fetchEvaluations();
    await showComparison(evaluations);
  }
}

async function fetchEvaluations() {
  const answer = await getJson("/api/output_directories");
  evaluations = answer.evaluations;
  home.set(answer, info);
  if (currentView() === "home") showProblems(answer.problems);
}

async function fetchRoutes() {
  const { dir } = state;
  const data = await getJson("/api/routes", { dir });
  if (dir !== state.dir) return false; // another one was opened meanwhile
  const isNews = data !== routes.data;
  routes.set(data);
  if (isNews && state.route === null) showProblems(data.problems);
  return isNews;
}

/** Ask for news every two seconds while the page is looked at. */
async function poll() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (document.hidden) continue;
    try {
      if (currentView() === "home") await fetchEvaluations();
      else {
        const isNews = await fetchRoutes();
        if (currentView() === "player") await view.poll();
        if (isNews && currentView() === "scores") await showScores(routes.data, info.benchmarks);
        if (currentView() === "compare") await refreshComparison();
        if (currentView() !== "player") byId("live").hidden = !routes.data.is_live;
      }
    } catch (error) {
      toast(error.message);
    }
  }
}

function showCrumbs() {
  const levels = routes && state.dir !== null ? [info.title, ...(state.dir === "." ? [] : state.dir.split("/"))] : [];
  byId("crumbs").replaceChildren(...levels.map((name) => el("span", { title: state.dir }, name)));
}

function wireHeader() {
  byId("home").addEventListener("click", () => update({ ...PLACE, dir: null, view: null, other: null }, { push: true }));
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => update({ view: button.dataset.view }, { push: true }));
  }
  byId("wide").addEventListener("click", () => {
    byId("wide").setAttribute("aria-pressed", String(document.body.classList.toggle("wide")));
  });
  byId("copy-link").addEventListener("click", async () => {
    const time = currentView() === "player" && view.detail ? view.player.time : state.time;
    const text = link({ time });
    try {
      await navigator.clipboard.writeText(text);
      toast("The link is copied.");
    } catch {
      toast(text); // Without permission, or without a secure origin, the link can at least be read.
    }
  });
}

/** Report an error to the person, and to the console for bug reports. */
async function guarded(promise) {
  try {
    await promise;
  } catch (error) {
    console.warn(error);
    showProblems([error.message]);
  }
}

void guarded(busy(start()));
