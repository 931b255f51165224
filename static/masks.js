// Privacy masks, drawn on a stream's picture. A corner is a place from 0 to 1 across and down the picture.

import { change } from "./api.js";
import { advise, announce, make, setProse } from "./dom.js";
import { words } from "./step.js";
import { changeUndoably } from "./undo.js";

const SVG = "http://www.w3.org/2000/svg";
// As many as are in sight of a pixel of common pictures.
const DIGITS = 4;
const STEP = 0.005;
const LARGE_STEP = 0.05;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const COARSEST = 1024;

export class MaskEditor {
  #dialog = document.getElementById("masks");
  #picture = this.#part("mask-picture");
  #canvas = this.#part("mask-canvas");
  #shapes = this.#part("mask-shapes");
  #handles = this.#part("mask-handles");
  #list = this.#part("mask-list");
  #refusal = this.#part("refusal");
  #name = null;
  #card = null;
  #masks = [];
  #selected = null;

  /** `refresh` asks the server again how things are. */
  constructor(refresh) {
    this.refresh = refresh;
    this.#part("add-mask").addEventListener("click", () => this.#add());
    this.#part("add-corner").addEventListener("click", () => this.#addCorner([0.5, 0.5]));
    this.#part("apply").addEventListener("click", () => this.#apply());
    this.#part("close").addEventListener("click", () => this.#dialog.close());
    this.#shapes.addEventListener("click", (event) => this.#addCorner(this.#place(event)));
    this.#dialog.addEventListener("close", () => this.#leave());
  }

  #part(name) {
    return this.#dialog.querySelector(`.${name}`);
  }

  /** Edits the masks of the stream that `card` shows. */
  async open(card) {
    let config;
    try {
      config = await change("GET", `${url(card.name)}/config`);
    } catch (error) {
      advise(words(error));
      return;
    }
    advise("");
    this.#name = card.name;
    this.#part("form-title").textContent = `Masks of ${card.name}`;
    this.#complain("");
    this.#card = card;
    card.watcher = (live) => this.#paint(live);
    const { live } = card;
    if (live.width) {
      this.#paint(live);
    }
    this.#masks = (config.source?.masks ?? []).map((mask) => ({ ...mask, corners: corners(mask.area, live) }));
    this.#selected = this.#masks[0] ?? null;
    this.#showList();
    this.#draw();
    this.#dialog.showModal();
  }

  #leave() {
    this.#card.watcher = null;
    this.#card = null;
  }

  #paint(live) {
    const [width, height] = [live.width, live.height];
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      Object.assign(this.#canvas, { width, height });
      this.#picture.style.setProperty("--ratio", width / height);
    }
    this.#canvas.getContext("2d").drawImage(live, 0, 0);
  }

  #complain(text) {
    setProse(this.#refusal, text);
    this.#refusal.hidden = text === "";
  }

  #place(event) {
    const box = this.#picture.getBoundingClientRect();
    return within([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  }

  #add() {
    const names = new Set(this.#masks.map((mask) => mask.name));
    let number = this.#masks.length + 1;
    while (names.has(`mask ${number}`)) {
      number += 1;
    }
    this.#selected = { name: `mask ${number}`, corners: [] };
    this.#masks.push(this.#selected);
    this.#showList();
    this.#draw();
    announce("Click on the picture to set the corners of the new mask");
  }

  #addCorner(corner) {
    if (this.#selected === null) {
      this.#add();
    }
    this.#selected.corners.push(corner);
    this.#draw();
    this.#handles.lastElementChild?.focus();
  }

  #remove(mask) {
    this.#masks = this.#masks.filter((other) => other !== mask);
    if (this.#selected === mask) {
      this.#selected = this.#masks[0] ?? null;
    }
    this.#showList();
    this.#draw();
    this.#part("add-mask").focus();
  }

  /** The masks' outlines, and the selected one's corners. */
  #draw() {
    this.#shapes.replaceChildren(...this.#masks.map((mask) => this.#shape(mask)));
    const corners = this.#selected?.corners ?? [];
    this.#handles.replaceChildren(...corners.map((_, at) => this.#handle(this.#selected, at)));
    this.#part("add-corner").disabled = this.#selected === null;
  }

  #shape(mask) {
    const shape = document.createElementNS(SVG, "polygon");
    shape.setAttribute("points", mask.corners.map((corner) => corner.join(",")).join(" "));
    shape.classList.toggle("selected", mask === this.#selected);
    return shape;
  }

  #handle(mask, at) {
    const handle = make("button", { type: "button", className: "mask-corner" });
    const show = () => {
      const [x, y] = mask.corners[at];
      handle.style.left = `${x * 100}%`;
      handle.style.top = `${y * 100}%`;
      const percent = (part) => `${Math.round(part * 100)} %`;
      handle.setAttribute("aria-label", `Corner ${at + 1} of ${mask.name}: ${percent(x)} across, ${percent(y)} down`);
    };
    const move = (corner) => {
      mask.corners[at] = within(corner);
      show();
      this.#shapes.children[this.#masks.indexOf(mask)].replaceWith(this.#shape(mask));
    };
    show();
    handle.addEventListener("pointerdown", (event) => handle.setPointerCapture(event.pointerId));
    handle.addEventListener("pointermove", (event) => {
      if (handle.hasPointerCapture(event.pointerId)) {
        move(this.#place(event));
      }
    });
    handle.addEventListener("keydown", (event) => {
      if (event.key in ARROWS) {
        event.preventDefault();
        const step = event.shiftKey ? LARGE_STEP : STEP;
        move(mask.corners[at].map((place, axis) => place + ARROWS[event.key][axis] * step));
      } else if (event.key === "Delete" || event.key === "Backspace") {
        event.preventDefault();
        mask.corners.splice(at, 1);
        this.#draw();
        this.#handles.children[Math.max(at - 1, 0)]?.focus();
      }
    });
    return handle;
  }

  #showList() {
    this.#list.replaceChildren(...this.#masks.map((mask) => this.#item(mask)));
  }

  #item(mask) {
    const choice = make("input", { type: "radio", name: "mask", checked: mask === this.#selected });
    choice.setAttribute("aria-label", `Draw ${mask.name}`);
    choice.addEventListener("change", () => {
      this.#selected = mask;
      this.#draw();
    });
    const field = (label, input, key, read = (text) => text.trim()) => {
      input.addEventListener("input", () => set(mask, key, read(input.value)));
      return make("label", { textContent: label }, input);
    };
    const text = (key) => make("input", { value: mask[key] ?? "", autocomplete: "off", spellcheck: false });
    const fill = text("fill");
    fill.placeholder = "black";
    const when = text("when");
    when.placeholder = "always, or gpio.owner = away, or 20:00-06:30";
    const mosaic = make("input", { type: "number", min: 0, max: COARSEST, step: 1, value: mask.mosaic ?? "", placeholder: "none" });
    const remove = make("button", { type: "button", textContent: "✕" });
    remove.setAttribute("aria-label", `Remove ${mask.name}`);
    remove.addEventListener("click", () => this.#remove(mask));
    return make(
      "li",
      {},
      choice,
      field("Name", text("name"), "name"),
      field("Colour", fill, "fill"),
      field("Mosaic, pixels", mosaic, "mosaic", (value) => (value === "" ? "" : Number(value))),
      field("When", when, "when"),
      remove,
    );
  }

  async #apply() {
    const unfinished = this.#masks.find((mask) => mask.corners.length < 3);
    if (unfinished) {
      this.#complain(`\`${unfinished.name}\` has ${unfinished.corners.length} corners; an area has three or more.`);
      return;
    }
    const masks = this.#masks.map(({ corners, ...mask }) => ({ ...mask, area: area(corners) }));
    const done = `the masks of ${this.#name} are changed`;
    try {
      await changeUndoably(done, `masks of ${this.#name}`, "PATCH", url(this.#name), { source: { masks } });
      announce(done);
      this.#dialog.close();
    } catch (error) {
      this.#complain(words(error));
    }
    this.refresh();
  }
}

function url(name) {
  return `api/v1/streams/${encodeURIComponent(name)}`;
}

/** Sets the key, or takes it away if there is nothing to set. */
function set(mask, key, value) {
  if (value === "") {
    delete mask[key];
  } else {
    mask[key] = value;
  }
}

function within(corner) {
  return corner.map((place) => Number(Math.min(Math.max(place, 0), 1).toFixed(DIGITS)));
}

/** The corners of an `area` of the pipeline file, which may be in pixels of the picture. */
function corners(area, { width, height }) {
  const numbers = area.split(",").map(Number);
  const [across, down] = numbers.some((number) => number > 1) ? [width || 1, height || 1] : [1, 1];
  const pairs = numbers.flatMap((x, at) => (at % 2 === 0 ? [[x / across, numbers[at + 1] / down]] : []));
  return pairs.map(within);
}

function area(corners) {
  return corners.flat().join(",");
}
