// What filters found in a stream's pictures, over its picture: boxes with labels, which fade as
// they age, and a list of them for screen readers.

import { address, get, withStorage } from "./api.js";
import { advise, make } from "./dom.js";
import { words } from "./step.js";
import { addStylesheet } from "./stylesheet.js";

const SVG = "http://www.w3.org/2000/svg";
// From one look at a stream to the next; each has its turn where there are more.
const PAUSE_MS = 200;
const LEAST_PAUSE_MS = 50;
// They are as on the first day for that long, and gone after twice that, where the filter looks
// again at once.
const FRESH_MS = 1000;
const TEXT_PIXELS = 13;
const ROWS = ["upper", "middle", "lower"];
const COLUMNS = ["left", "centre", "right"];

const shown = new Set();
let isLooking = false;

/** One request at a time, however many streams are shown; none while nothing is. */
async function lookRound() {
  if (isLooking) {
    return;
  }
  isLooking = true;
  await addStylesheet("inspect.css").catch((error) => advise(words(error)));
  while (shown.size > 0) {
    for (const regions of [...shown]) {
      await regions.look();
      await new Promise((resolve) =>
        setTimeout(resolve, Math.max(LEAST_PAUSE_MS, PAUSE_MS / shown.size)),
      );
    }
  }
  isLooking = false;
}

export class Regions {
  #card;
  #button = make("button", { type: "button", className: "show-regions", textContent: "Regions" });
  #boxes = document.createElementNS(SVG, "svg");
  #list = make("ul", { className: "unseen regions-list" });
  #freshMs = FRESH_MS;
  /** By filter: which look its regions are of, and when that came here, by this browser's clock. */
  #looks = new Map();

  constructor(card) {
    this.#card = card;
    this.#boxes.setAttribute("class", "regions");
    this.#boxes.setAttribute("aria-hidden", "true");
    this.#list.setAttribute("aria-label", `What is seen in ${card.name}`);
    card.live.after(this.#boxes);
    card.picture.after(this.#list);
    this.#button.setAttribute("aria-label", `Regions of ${card.name}`);
    this.#button.addEventListener("click", () => this.#toggle());
    card.element.querySelector(".edit").before(this.#button);
  }

  get #key() {
    return `mattebox-regions ${address(this.#card.name)}`;
  }

  /**
   * These `steps` of the stream look for something. Where the chain draws what is found itself,
   * that is not drawn twice unless somebody wants it.
   */
  show(steps, isDrawn) {
    this.#freshMs = FRESH_MS + Math.max(0, ...steps.map((step) => step.every_seconds)) * 1000;
    this.#button.hidden = steps.length === 0;
    const choice =
      withStorage((storage) => storage.getItem(this.#key)) ?? (isDrawn ? "hidden" : "shown");
    this.#choose(choice !== "hidden");
  }

  #toggle() {
    const isShown = !shown.has(this);
    withStorage((storage) => storage.setItem(this.#key, isShown ? "shown" : "hidden"));
    this.#choose(isShown);
  }

  #choose(isWanted) {
    this.#button.ariaPressed = isWanted;
    if (isWanted && !this.#button.hidden) {
      shown.add(this);
      lookRound();
    } else {
      this.#forget();
    }
  }

  #forget() {
    shown.delete(this);
    this.#draw([]);
  }

  /** Asks what is found now, if anybody can see it. */
  async look() {
    const { element, name, runs } = this.#card;
    if (!element.isConnected) {
      this.#forget();
    } else if (runs && !document.hidden) {
      // The page tells already where the server can't be reached.
      const { regions } = await get(`api/v1/streams/${encodeURIComponent(name)}/regions`).catch(
        () => ({ regions: [] }),
      );
      this.#draw(shown.has(this) ? regions : []);
    } else {
      this.#draw([]);
    }
  }

  #draw(regions) {
    const aged = regions
      .map((region) => ({ ...region, opacity: this.#opacity(region) }))
      .filter(({ opacity }) => opacity > 0);
    const { width, height } = this.#card.live;
    this.#boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
    // Texts are of one size, however large the picture is shown.
    const scale = Math.max(width / this.#boxes.clientWidth, height / this.#boxes.clientHeight);
    this.#boxes.replaceChildren(...aged.map((region) => box(region, { width, height, scale })));
    const told = aged.map(tell);
    const before = [...this.#list.children].map((item) => item.textContent);
    if (told.join("\n") !== before.join("\n")) {
      this.#list.replaceChildren(...told.map((textContent) => make("li", { textContent })));
    }
  }

  /** 1 for a new one, 0 for one that is too old to be shown. */
  #opacity({ found_by: filter, captured_at_ms: capturedAt }) {
    const now = performance.now();
    if (this.#looks.get(filter)?.capturedAt !== capturedAt) {
      this.#looks.set(filter, { capturedAt, at: now });
    }
    const age = now - this.#looks.get(filter).at;
    return Math.min(Math.max(2 - age / this.#freshMs, 0), 1);
  }
}

/** The region on a picture of this size; `scale` is how many of its pixels are one of the page. */
function box(region, { width, height, scale }) {
  const [across, down] = [width / region.picture_width, height / region.picture_height];
  const { x, y } = region.area;
  const outline = draw("rect", {
    x: x * across,
    y: y * down,
    width: region.area.width * across,
    height: region.area.height * down,
  });
  const size = TEXT_PIXELS * scale;
  const above = y * down - size / 3;
  const text = draw("text", {
    x: x * across,
    y: above < size ? y * down + size * 1.2 : above,
    "font-size": size,
    "stroke-width": size / 4,
  });
  text.textContent = `${region.label} ${percent(region.score)}`;
  const group = draw("g", { class: "region", opacity: region.opacity });
  group.style.setProperty("--hue", hue(region.label));
  group.append(outline, text);
  return group;
}

function draw(tag, attributes) {
  const drawn = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, value]) => drawn.setAttribute(name, value));
  return drawn;
}

function percent(part) {
  return `${Math.round(part * 100)} %`;
}

/** The same colour for the same label, in all streams. */
function hue(label) {
  return [...label].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 360, 0);
}

/** The region in words. */
function tell({ label, score, track, area, picture_width: width, picture_height: height }) {
  const third = (middle, whole) => Math.min(Math.floor((3 * middle) / whole), 2);
  const row = ROWS[third(area.y + area.height / 2, height)];
  const column = COLUMNS[third(area.x + area.width / 2, width)];
  const number = track === null ? "" : ` ${track}`;
  return `${label}${number}: ${percent(score)}, ${row} ${column}`;
}
