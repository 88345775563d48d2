// Requests to the server. Answers are kept with their ETag, so that asking again costs nothing while nothing changed
// and an unchanged answer is the same object.

const answers = new Map();
const MOST_ANSWERS = 60;
let pending = 0;

/** An answer other than success; `message` is the server's sentence. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Mark the page as busy until a promise is settled; tests and screen readers wait for `body.ready`. */
export async function busy(promise) {
  pending += 1;
  document.body.classList.remove("ready");
  document.body.setAttribute("aria-busy", "true");
  try {
    return await promise;
  } finally {
    pending -= 1;
    if (pending === 0) requestAnimationFrame(() => requestAnimationFrame(() => {
      if (pending > 0) return;
      document.body.classList.add("ready");
      document.body.removeAttribute("aria-busy");
    }));
  }
}

/** Build an address; parameters that are null are left out. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined) query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

const underWay = new Map();

/** GET JSON; who asks for what is already asked for gets the same answer. */
export function getJson(path, parameters) {
  const url = address(path, parameters);
  if (!underWay.has(url)) underWay.set(url, fetchJson(url).finally(() => underWay.delete(url)));
  return underWay.get(url);
}

async function fetchJson(url) {
  const known = answers.get(url);
  const headers = known ? { "If-None-Match": known.etag } : {};
  const response = await send(url, { headers, cache: "no-store" });
  if (response.status === 304) return known.data;
  const data = await jsonOf(response);
  const etag = response.headers.get("ETag");
  answers.delete(url);
  if (etag) answers.set(url, { etag, data });
  if (answers.size > MOST_ANSWERS) answers.delete(answers.keys().next().value);
  return data;
}

/** POST JSON. */
export async function postJson(path, content = {}) {
  const headers = { "Content-Type": "application/json", "X-LEAD-Dashboard": "1" };
  return jsonOf(await send(path, { method: "POST", headers, body: JSON.stringify(content) }));
}

/** GET lines of text from a byte offset on; returns the text and where to go on, or null if there is no such file. */
export async function getLines(path, parameters) {
  const response = await send(address(path, parameters), { cache: "no-store" });
  if (response.status === 404) return null;
  if (!response.ok) await jsonOf(response);
  return { text: await response.text(), next: Number(response.headers.get("X-Next-Offset")) };
}

async function send(url, options) {
  const early = window.early.get(url); // asked for by early.js, before there was this module
  window.early.delete(url);
  try {
    return await (early ?? fetch(url, options));
  } catch {
    throw new ApiError("the dashboard's server does not answer; is it still running?", 0);
  }
}

async function jsonOf(response) {
  let data;
  try {
    data = await response.json();
  } catch {
    throw new ApiError(`the server answered ${response.status} with something that is no JSON`, response.status);
  }
  if (!response.ok) throw new ApiError(data.error ?? `the server answered ${response.status}`, response.status);
  return data;
}
