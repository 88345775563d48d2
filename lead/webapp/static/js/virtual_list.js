// A list of which only the rows in sight are in the page: to make, style and lay out a thousand rows takes most of a
// second. All rows have the same height. The row with the focus stays in the page wherever the list is scrolled to, with
// its neighbours, so that Tab and the arrows go on from it; screen readers are told the place of each row among all.

const OVERSCAN = 8; // rows beyond the edges, so that scrolling finds them made
const ROWS_BEFORE_MEASURED = 20;

export class VirtualList {
  #list;
  #nameOf;
  #entries = [];
  #indices = new Map(); // name -> index
  #rowHeight = 0; // CSS pixels; 0 while the list is not shown
  #padding = 0;

  /**
   * @param {HTMLElement} list scrolls; its style puts a row at `--index` rows from the top and keeps room for `--rows`
   * @param {(button: HTMLElement) => string} nameOf tells the name of a row by what can have the focus in it
   */
  constructor(list, nameOf) {
    this.#list = list;
    this.#nameOf = nameOf;
    list.addEventListener("scroll", () => this.#render(), { passive: true });
    list.addEventListener("focusin", () => this.#render());
    new ResizeObserver(() => { this.#measure(); this.#render(); }).observe(list);
  }

  get length() { return this.#entries.length; }

  /** Index of the row with a name; -1 if it is not among them. */
  indexOf(name) { return this.#indices.get(name) ?? -1; }

  at(index) { return this.#entries[index]; }

  /**
   * Show rows in this order.
   * @param {{name: string, item: HTMLLIElement, button: HTMLElement}[]} entries elements are only asked for when needed
   * @param {boolean} stay keep the first row in sight where it is, for news that must not disturb; else start at the top
   */
  show(entries, stay) {
    const focused = this.#focusedName();
    const place = stay ? this.#place() : null;
    this.#entries = entries;
    this.#indices = new Map(entries.map(({ name }, index) => [name, index]));
    this.#list.style.setProperty("--rows", entries.length);
    const index = place ? this.indexOf(place.name) : 0;
    const top = index < 0 ? null : index * this.#rowHeight + (place?.offset ?? 0);
    if (top !== null && this.#list.scrollTop !== top) this.#list.scrollTop = top;
    this.#render();
    this.#refocus(focused);
  }

  /** Scroll no farther than needed to have a row in sight. */
  reveal(name) {
    const index = this.indexOf(name);
    if (index < 0 || !this.#rowHeight) return;
    const list = this.#list;
    const top = index * this.#rowHeight;
    const lowest = top + this.#rowHeight + 2 * this.#padding - list.clientHeight;
    if (list.scrollTop > top) list.scrollTop = top;
    else if (list.scrollTop < lowest) list.scrollTop = lowest;
    this.#render();
  }

  /** Bring a row into sight and give it the focus. */
  focus(index) {
    const entry = this.#entries[index];
    if (!entry) return;
    this.reveal(entry.name);
    if (!entry.item.isConnected) this.#render(index);
    entry.button.focus({ preventScroll: true });
  }

  /** The first row in sight, and how far above the edge it begins. */
  #place() {
    if (!this.#rowHeight || !this.#entries.length) return null;
    const index = Math.min(Math.floor(this.#list.scrollTop / this.#rowHeight), this.#entries.length - 1);
    if (index === 0) return null; // at the top, new first rows are to be seen
    return { name: this.#entries[index].name, offset: this.#list.scrollTop - index * this.#rowHeight };
  }

  #focusedName() {
    const focused = document.activeElement;
    return this.#list.contains(focused) ? this.#nameOf(focused) : null;
  }

  /** Return the focus to a row that was made anew or moved. */
  #refocus(name) {
    const entry = name === null ? undefined : this.#entries[this.indexOf(name)];
    if (entry && document.activeElement !== entry.button) entry.button.focus({ preventScroll: true });
  }

  #measure() {
    const row = this.#list.firstElementChild;
    if (!row) return;
    this.#rowHeight = row.getBoundingClientRect().height;
    this.#padding = parseFloat(getComputedStyle(this.#list).paddingTop);
  }

  #render(extra = this.indexOf(this.#focusedName())) {
    this.#put(this.#wanted(extra));
    if (this.#rowHeight || !this.#entries.length) return;
    this.#measure();
    if (this.#rowHeight) this.#put(this.#wanted(extra));
  }

  /** Indices of the rows that have to be in the page, in order. */
  #wanted(extra) {
    const { scrollTop, clientHeight } = this.#list;
    const height = this.#rowHeight;
    const count = this.#entries.length;
    const first = height ? Math.max(0, Math.floor(scrollTop / height) - OVERSCAN) : 0;
    const last = height ? Math.ceil((scrollTop + clientHeight) / height) + OVERSCAN : ROWS_BEFORE_MEASURED;
    const wanted = new Set();
    for (let index = first; index < Math.min(last, count); index += 1) wanted.add(index);
    if (extra >= 0) [extra - 1, extra, extra + 1].forEach((index) => { if (index >= 0 && index < count) wanted.add(index); });
    return [...wanted].sort((a, b) => a - b);
  }

  /** Have exactly these rows in the page; those that stay are not touched, so that the focus stays, too. */
  #put(indices) {
    const list = this.#list;
    const items = indices.map((index) => this.#entries[index].item);
    const wanted = new Set(items);
    for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
    let next = list.firstElementChild;
    items.forEach((item, place) => {
      if (item === next) next = next.nextElementSibling;
      else list.insertBefore(item, next);
      setPlace(item, indices[place], this.#entries.length);
    });
  }
}

function setPlace(item, index, count) {
  if (item.ariaPosInSet === String(index + 1) && item.ariaSetSize === String(count)) return;
  item.style.setProperty("--index", index);
  item.ariaPosInSet = String(index + 1);
  item.ariaSetSize = String(count);
}
