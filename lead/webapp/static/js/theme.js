// Light, dark, or as the system is set.

import { byId } from "./dom.js";

const KEY = "lead-theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const LABELS = { auto: "◐ auto", light: "○ light", dark: "● dark" };
const listeners = [];

/** Call a function whenever colours change. */
export function onThemeChange(listener) {
  listeners.push(listener);
}

function stored() {
  try {
    return localStorage.getItem(KEY) in NEXT ? localStorage.getItem(KEY) : "auto";
  } catch {
    return "auto"; // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

function apply(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = LABELS[theme];
  listeners.forEach((listener) => listener());
}

/** Set up the button. */
export function startTheme() {
  let theme = stored();
  apply(theme);
  byId("theme").addEventListener("click", () => {
    theme = NEXT[theme];
    try { localStorage.setItem(KEY, theme); } catch { /* as above */ }
    apply(theme);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => listeners.forEach((listener) => listener()));
}
