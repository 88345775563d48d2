// Numbers, times and kinds of infractions as people read them.

import { el } from "./dom.js";

let labels = {};
let counted = new Set();

/** Take over the kinds of infractions that the server knows. */
export function setKinds(kinds) {
  labels = Object.fromEntries(kinds.map((kind) => [kind.kind, kind.label]));
  counted = new Set(kinds.filter((kind) => kind.counted).map((kind) => kind.kind));
}

export const kindLabel = (kind) => labels[kind] ?? kind;
export const isCounted = (kind) => counted.has(kind);
export const kindColor = (kind) => `var(--kind-${kind in labels ? kind : "other"})`;
export const kindOrder = () => Object.keys(labels);

/** A coloured dot for a kind. */
export const kindDot = (kind) => el("span", { class: "dot", title: kindLabel(kind), style: { background: kindColor(kind) } });

/** 83.457 -> "1:23.46" */
export function timeText(seconds) {
  const hundredths = Math.round(seconds * 100);
  const minutes = Math.floor(hundredths / 6000);
  return `${minutes}:${((hundredths % 6000) / 100).toFixed(2).padStart(5, "0")}`;
}

/** "1:23.46" or "83.46" or "1:02:03" -> seconds; null if it is no time. */
export function parseTime(text) {
  const parts = text.trim().split(":");
  if (!parts.length || parts.length > 3 || parts.some((part) => !/^\d+([.,]\d*)?$/.test(part))) return null;
  return parts.reduce((sum, part) => sum * 60 + Number(part.replace(",", ".")), 0);
}

/** "120" -> 120; null if it is no whole number from 0 on. */
export const wholeNumber = (text) => (/^\s*\d{1,9}\s*$/.test(text) ? Number(text) : null);

/** A number with a fixed count of decimals, or a dash. */
export const number = (value, digits = 1) => (value === null || value === undefined ? "–" : value.toFixed(digits));

/** 1234567 -> "1.2 MB" */
export function sizeText(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let index = 0;
  while (bytes >= 1000 && index < units.length - 1) { bytes /= 1000; index += 1; }
  return `${bytes.toFixed(index ? 1 : 0)} ${units[index]}`;
}

/** Good, middling or bad, by a score in percent. */
export const scoreClass = (score) => (score >= 99.995 ? "good" : score >= 60 ? "warn" : "bad");

/** "1 route", "2 routes" */
export const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
