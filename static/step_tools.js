// What can be done with steps of few filters: keys of the step beside its settings, what its filter
// sees, and areas on the picture.

import { answer, ask, get } from "./api.js";
import { advise, load, make, setProse } from "./dom.js";
import { Form } from "./form.js";
import { enlarge } from "./fullscreen.js";
import { words } from "./step.js";
import { addStylesheet } from "./stylesheet.js";

const PAUSE_MS = 330;
const PATIENCE_MS = 5000;
// Between two looks, where the pipeline file doesn't say it.
const DEFAULT_SECONDS = 0.2;

/** The keys of a step that mean something for some filters only, and for which. */
const KEYS = {
  every: (filter) => filter.kind === "inspect",
  sees: (filter) => filter.kind === "overlay" && filter.wants_view,
  publish: (filter) => filter.kind !== "inspect" && filter.wants_publish,
};

let schema = null;

/**
 * A form for the keys of a step of this `filter`; `null` if there are none, or if their schema
 * can't be loaded.
 */
export async function keysForm(filter, changed, settled) {
  const keys = Object.keys(KEYS).filter((key) => KEYS[key](filter));
  if (keys.length === 0) {
    return null;
  }
  try {
    schema ??= await get("api/v1/pipeline/schema");
  } catch (error) {
    advise(words(error));
    return null;
  }
  const known = schema.$defs.StepConfig.properties;
  const properties = Object.fromEntries(keys.map((key) => [key, known[key]]));
  const required = keys.filter((key) => key !== "every");
  return new Form({ properties, required, $defs: schema.$defs }, changed, settled);
}

export class StepTools {
  #step;
  #form = null;
  #areas = [];
  #mayChange = false;
  #keys;
  #draw = make("button", { type: "button", className: "draw-areas", textContent: "Draw areas" });
  #sight;

  /** Shows itself in `place`, and the form in `keys`. */
  constructor(step, place, keys) {
    this.#step = step;
    this.#keys = keys;
    this.#sight = new Sight(step);
    this.#draw.setAttribute("aria-label", `Draw areas of ${step.use}`);
    this.#draw.addEventListener("click", () => this.#drawAreas());
    const buttons = make("p", { className: "buttons" }, this.#sight.button, this.#draw);
    place.append(buttons, this.#sight.element);
  }

  async setFilter(filter) {
    this.#sight.button.hidden = filter.kind !== "inspect";
    const areas = await load("./areas.js");
    this.#areas = areas?.areaSettings(filter.schema) ?? [];
    this.#form = await keysForm(filter, (key, value) => this.#step.send({ [key]: value }));
    this.#keys.replaceChildren(...(this.#form ? [this.#form.element] : []));
    this.show(this.#mayChange);
  }

  show(mayChange) {
    this.#mayChange = mayChange;
    this.#draw.hidden = !mayChange || this.#areas.length === 0;
    const { every_seconds: seconds, sees, publish } = this.#step.report;
    this.#form?.show({ every: duration(seconds), sees: sees ?? undefined, publish });
    this.#form?.disable(!mayChange);
  }

  forget() {
    this.#form?.forget();
  }

  /** The server has not taken these keys. */
  refuse(keys) {
    this.#form?.refuse(keys);
  }

  async #drawAreas() {
    const areas = await load("./areas.js");
    await areas?.editAreas(this.#step, this.#areas);
  }
}

/** As the pipeline file has it; `undefined` for the default. */
function duration(seconds) {
  if (seconds === null || seconds === DEFAULT_SECONDS) {
    return undefined;
  }
  return Number.isInteger(seconds) ? `${seconds}s` : `${Math.round(seconds * 1000)}ms`;
}

/** The picture that a step's filter shows to whoever tunes it, while somebody wants to see it. */
class Sight {
  #step;
  #isOpen = false;
  #isAsking = false;
  #canvas;
  #full = make("button", { type: "button", textContent: "Full screen" });
  #note = make("p", { className: "reason", hidden: true });

  constructor(step) {
    this.#step = step;
    this.button = make("button", { type: "button", className: "show-sight" });
    this.button.addEventListener("click", () => this.#toggle());
    this.#canvas = make("canvas", { className: "sight-picture", role: "img", hidden: true });
    this.#canvas.setAttribute("aria-label", `What ${step.use} sees, live`);
    const frame = make("div", { className: "sight-frame" }, this.#canvas);
    this.#full.setAttribute("aria-label", `What ${step.use} sees, in full screen`);
    this.#full.addEventListener("click", () => enlarge(frame, this.#full));
    this.element = make("div", { className: "sight", hidden: true }, frame, this.#note, this.#full);
    this.#showWish();
  }

  #toggle() {
    this.#isOpen = !this.#isOpen;
    this.#showWish();
    this.#ask();
  }

  #showWish() {
    this.button.textContent = `${this.#isOpen ? "Hide" : "Show"} what it sees`;
    this.button.setAttribute(
      "aria-label",
      `${this.#isOpen ? "Hide" : "Show"} what ${this.#step.use} sees`,
    );
    this.button.ariaExpanded = this.#isOpen;
    this.element.hidden = !this.#isOpen;
  }

  /** Asks for one picture after the other, also where it is opened anew meanwhile. */
  async #ask() {
    if (this.#isAsking) {
      return;
    }
    this.#isAsking = true;
    await addStylesheet("inspect.css").catch((error) => advise(words(error)));
    while (this.#isOpen && this.element.isConnected) {
      const isSeen = !document.hidden && this.element.offsetParent !== null;
      if (isSeen) {
        await this.#look();
      }
      await pause(PAUSE_MS);
    }
    this.#isAsking = false;
  }

  async #look() {
    try {
      const jpeg = await ask(`${this.#step.url}/picture`, {}, PATIENCE_MS, (response) =>
        response.ok ? response.blob() : answer(response),
      );
      this.#put(await createImageBitmap(jpeg));
      this.#tell("");
    } catch (error) {
      this.#tell(`No picture: ${words(error)}.`);
    }
  }

  #put(bitmap) {
    Object.assign(this.#canvas, { width: bitmap.width, height: bitmap.height, hidden: false });
    this.#canvas.getContext("bitmaprenderer").transferFromImageBitmap(bitmap);
  }

  #tell(text) {
    setProse(this.#note, text);
    this.#note.hidden = text === "";
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
