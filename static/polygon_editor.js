// Polygons, drawn on a stream's picture by clicks, by dragging, and by keys. A corner is a place
// from 0 to 1 across and down the picture.

import { advise, announce, make, setProse } from "./dom.js";
import { words } from "./step.js";
import { addStylesheet } from "./stylesheet.js";

const SVG = "http://www.w3.org/2000/svg";
// As many as are in sight of a pixel of common pictures.
const DIGITS = 4;
const STEP = 0.005;
const LARGE_STEP = 0.05;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class PolygonEditor {
  #dialog = document.getElementById("polygons");
  #picture = this.#part("polygon-picture");
  #canvas = this.#part("polygon-canvas");
  #shapes = this.#part("polygon-shapes");
  #handles = this.#part("polygon-handles");
  #list = this.#part("polygon-list");
  #adding = this.#part("polygon-adding");
  #addCornerButton = make("button", {
    type: "button",
    className: "add-corner",
    textContent: "Add a corner",
  });
  #refusal = this.#part("refusal");
  #task = null;
  #polygons = [];
  #selected = null;

  constructor() {
    this.#addCornerButton.addEventListener("click", () => this.#addCorner([0.5, 0.5]));
    this.#part("apply").addEventListener("click", () => this.#apply());
    this.#part("close").addEventListener("click", () => this.#dialog.close());
    this.#shapes.addEventListener("click", (event) => this.#addCorner(this.#place(event)));
    this.#dialog.addEventListener("close", () => this.#leave());
  }

  #part(name) {
    return this.#dialog.querySelector(`.${name}`);
  }

  open(task) {
    this.#task = task;
    this.#part("form-title").textContent = task.title;
    setProse(this.#part("summary"), task.summary);
    this.#showError("");
    const { live } = task.card;
    task.card.onPicture = (picture) => this.#paint(picture);
    if (live.width) {
      this.#paint(live);
    }
    this.#polygons = task.polygons;
    this.#selected = this.#polygons[0] ?? null;
    const add = task.kinds.map((kind) => {
      const button = make("button", {
        type: "button",
        className: "add-polygon",
        textContent: kind.add,
      });
      button.addEventListener("click", () => this.#add(kind));
      return button;
    });
    this.#adding.replaceChildren(...add, this.#addCornerButton);
    this.#showList();
    this.#draw();
    this.#dialog.showModal();
  }

  #leave() {
    this.#task.card.onPicture = null;
    this.#task = null;
  }

  #paint(live) {
    const [width, height] = [live.width, live.height];
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      Object.assign(this.#canvas, { width, height });
      this.#picture.style.setProperty("--ratio", width / height);
    }
    this.#canvas.getContext("2d").drawImage(live, 0, 0);
  }

  #showError(text) {
    setProse(this.#refusal, text);
    this.#refusal.hidden = text === "";
  }

  #place(event) {
    const box = this.#picture.getBoundingClientRect();
    return within([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  }

  #add(kind) {
    const names = new Set(this.#polygons.map((polygon) => polygon.name));
    let number = this.#polygons.filter((polygon) => polygon.kind === kind).length + 1;
    while (names.has(kind.name(number))) {
      number += 1;
    }
    this.#selected = { kind, name: kind.name(number), corners: [] };
    this.#polygons.push(this.#selected);
    this.#showList();
    this.#draw();
    announce(`Click on the picture to set the corners of ${this.#selected.name}`);
  }

  #addCorner(corner) {
    if (this.#selected === null) {
      this.#add(this.#task.kinds[0]);
    }
    this.#change(this.#selected, (corners) => corners.push(corner));
    this.#draw();
    this.#handles.lastElementChild?.focus();
  }

  /** Changes the polygon's corners, which have to be written anew then. */
  #change(polygon, change) {
    change(polygon.corners);
    delete polygon.area;
  }

  #remove(polygon) {
    this.#polygons = this.#polygons.filter((other) => other !== polygon);
    if (this.#selected === polygon) {
      this.#selected = this.#polygons[0] ?? null;
    }
    this.#showList();
    this.#draw();
    this.#adding.firstElementChild.focus();
  }

  /** The polygons' outlines, and the selected one's corners. */
  #draw() {
    this.#shapes.replaceChildren(...this.#polygons.map((polygon) => this.#shape(polygon)));
    const corners = this.#selected?.corners ?? [];
    this.#handles.replaceChildren(...corners.map((_, at) => this.#handle(this.#selected, at)));
    this.#addCornerButton.disabled = this.#selected === null;
  }

  #shape(polygon) {
    const shape = document.createElementNS(SVG, "polygon");
    shape.setAttribute("points", polygon.corners.map((corner) => corner.join(",")).join(" "));
    shape.classList.toggle("selected", polygon === this.#selected);
    return shape;
  }

  #handle(polygon, at) {
    const handle = make("button", { type: "button", className: "polygon-corner" });
    const show = () => {
      const [x, y] = polygon.corners[at];
      handle.style.left = `${x * 100}%`;
      handle.style.top = `${y * 100}%`;
      const percent = (part) => `${Math.round(part * 100)} %`;
      handle.setAttribute(
        "aria-label",
        `Corner ${at + 1} of ${polygon.name}: ${percent(x)} across, ${percent(y)} down`,
      );
    };
    const move = (corner) => {
      this.#change(polygon, (corners) => (corners[at] = within(corner)));
      show();
      this.#shapes.children[this.#polygons.indexOf(polygon)].replaceWith(this.#shape(polygon));
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
        move(polygon.corners[at].map((place, axis) => place + ARROWS[event.key][axis] * step));
      } else if (event.key === "Delete" || event.key === "Backspace") {
        event.preventDefault();
        this.#change(polygon, (corners) => corners.splice(at, 1));
        this.#draw();
        this.#handles.children[Math.max(at - 1, 0)]?.focus();
      }
    });
    return handle;
  }

  #showList() {
    this.#list.replaceChildren(...this.#polygons.map((polygon) => this.#item(polygon)));
  }

  #item(polygon) {
    const choice = make("input", {
      type: "radio",
      name: "polygon",
      checked: polygon === this.#selected,
    });
    choice.setAttribute("aria-label", `Draw ${polygon.name}`);
    choice.addEventListener("change", () => {
      this.#selected = polygon;
      this.#draw();
    });
    const remove = make("button", { type: "button", textContent: "✕" });
    remove.setAttribute("aria-label", `Remove ${polygon.name}`);
    remove.addEventListener("click", () => this.#remove(polygon));
    return make("li", {}, choice, ...polygon.kind.fields(polygon), remove);
  }

  async #apply() {
    const unfinished = this.#polygons.find((polygon) => polygon.corners.length < 3);
    if (unfinished) {
      const { name, corners } = unfinished;
      this.#showError(`\`${name}\` has ${corners.length} corners; an area has three or more.`);
      return;
    }
    try {
      await this.#task.save(this.#polygons);
      this.#dialog.close();
    } catch (error) {
      this.#showError(words(error));
    }
  }
}

let editor = null;

/**
 * Opens the editor for a task, which has
 * - `title` and `summary`, which stand above the picture;
 * - the `card` of the stream whose picture is drawn on;
 * - `polygons` made by `toPolygon`;
 * - `kinds` of them, each with what its button says (`add`), `name(number)` for new ones, and
 *   `fields(polygon)` beside them in the list;
 * - `save(polygons)`, which fails with why they can't be.
 */
export async function editPolygons(task) {
  try {
    await addStylesheet("polygon_editor.css");
  } catch (error) {
    advise(words(error));
    return;
  }
  editor ??= new PolygonEditor();
  editor.open(task);
}

/** A field in the list, for the `key` of a polygon; an empty one takes the key away. */
export function field(label, polygon, key, properties = {}, read = (text) => text.trim()) {
  const input = make("input", {
    value: polygon[key] ?? "",
    autocomplete: "off",
    spellcheck: false,
    ...properties,
  });
  input.addEventListener("input", () => {
    const value = read(input.value);
    if (value === "") {
      delete polygon[key];
    } else {
      polygon[key] = value;
    }
  });
  return make("label", { textContent: label }, input);
}

/**
 * A polygon of the file, whose `area` is a text or a list of numbers or of corners, which may be in
 * pixels of the picture.
 */
export function toPolygon(kind, name, area, { width, height }) {
  const numbers = String(area).split(",").map(Number);
  const [across, down] = numbers.some((number) => number > 1) ? [width || 1, height || 1] : [1, 1];
  const pairs = numbers.flatMap((x, at) =>
    at % 2 === 0 ? [[x / across, numbers[at + 1] / down]] : [],
  );
  return { kind, name, area, corners: pairs.map(within) };
}

/** The polygon as the file has it: as before, if it was not changed. */
export function written({ area, corners }) {
  return area ?? corners.flat().join(",");
}

function within(corner) {
  return corner.map((place) => Number(Math.min(Math.max(place, 0), 1).toFixed(DIGITS)));
}
