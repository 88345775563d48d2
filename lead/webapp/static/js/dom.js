// Small helpers around the DOM. Texts are always set as text, never as HTML: names of files and messages are untrusted.

/** Return the element with an id of the page. */
export const byId = (id) => document.getElementById(id);

/**
 * Make an element.
 * @param {string} tag
 * @param {object} props `class`, `dataset`, `style` (properties), `on` (listeners by event), else properties or attributes
 * @param {...(Node|string|null)} children null is left out
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined) continue;
    if (name === "class") node.className = value;
    else if (name === "dataset") Object.assign(node.dataset, value);
    else if (name === "style") Object.entries(value).forEach(([key, text]) => node.style.setProperty(key, text));
    else if (name === "on") Object.entries(value).forEach(([event, listener]) => node.addEventListener(event, listener));
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A group of buttons of which one is pressed; `choices` are [value, label, title]. */
export function buttonGroup(container, choices, pressed, onChoose) {
  container.replaceChildren(
    ...choices.map(([value, label, title]) =>
      el("button", {
        type: "button", title, ariaPressed: String(value === pressed), dataset: { value: String(value) },
        on: { click: () => onChoose(value) },
      }, label)),
  );
}

/** Mark the pressed button of a group without making it anew, so that the focus stays. */
export function press(container, value) {
  for (const button of container.querySelectorAll("button[data-value]")) {
    button.setAttribute("aria-pressed", String(button.dataset.value === String(value)));
  }
}

/**
 * Replace the children of an element by some that may be made anew, and keep the focus and the place scrolled to.
 * @param {(node: Element) => string} identity tells which of the new buttons stands for a former one
 */
export function replaceKeepingFocus(container, nodes, identity) {
  const focused = container.contains(document.activeElement) ? identity(document.activeElement) : null;
  const top = container.scrollTop;
  container.replaceChildren(...nodes);
  container.scrollTop = top;
  if (focused === null) return;
  [...container.querySelectorAll("button, a")].find((node) => identity(node) === focused)?.focus({ preventScroll: true });
}

let toastTimer = 0;

/** Show a sentence for some seconds. */
export function toast(text) {
  const node = byId("toast");
  node.textContent = text;
  node.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { node.hidden = true; }, 5000);
}

/** Resolve a CSS custom property to a colour that a canvas takes, in the current theme. */
export function cssColor(name) {
  const probe = byId("toast");
  probe.style.borderTopColor = `var(${name})`;
  return getComputedStyle(probe).borderTopColor;
}

/** Call a function at most once per animation frame. */
export function perFrame(action) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; action(); });
  };
}
