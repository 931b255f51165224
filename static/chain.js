// The chain beside a large stream: its steps in order, and new ones.

import { get } from "./api.js";
import { Catalog } from "./catalog.js";
import { Step } from "./step.js";

const DRAGGED = "application/x-mattebox-step";

export class ChainPanel {
  #steps = new Map();
  #order = [];
  #offer = { filters: [], unusable: [] };
  #version = null;

  /** `refresh` asks the server again how things are, `cardOf` gives the card of a stream. */
  constructor(refresh, cardOf) {
    this.refresh = refresh;
    this.cardOf = cardOf;
    this.element = document.getElementById("panel");
    this.list = document.getElementById("steps");
    this.name = null;
    /** Whether whoever watches may add steps. */
    this.mayAdd = false;
    this.catalog = new Catalog(this, () => this.#load());
    this.#allowDragging();
    document.addEventListener("mattebox-restored", () => {
      this.#steps.forEach((step) => step.forget());
      this.refresh();
    });
  }

  get url() {
    return `api/v1/streams/${encodeURIComponent(this.name)}`;
  }

  /** The card of the stream. */
  get card() {
    return this.cardOf(this.name);
  }

  get count() {
    return this.#order.length;
  }

  get filters() {
    return this.#offer.filters;
  }

  /** Files that should be filters, and are none. */
  get unusable() {
    return this.#offer.unusable;
  }

  place(step) {
    return this.#order.indexOf(step.id);
  }

  /**
   * Shows the chain of the stream of `report`, or nothing, to somebody with these `rights`;
   * `isChangeable` says whether anybody may change it over the network.
   */
  show(report, pipeline, rights, isChangeable) {
    this.mayAdd = rights.administers;
    this.element.hidden = !report;
    if (!report) {
      this.name = null;
      return;
    }
    if (report.name !== this.name) {
      this.name = report.name;
      this.#steps.clear();
      this.list.replaceChildren();
    }
    // A module can be replaced by one with other settings while the pipeline file stays as it is.
    const version = pipeline && `${pipeline.revision} ${pipeline.reloads}`;
    if (version !== this.#version) {
      this.#version = version;
      this.#load();
    }
    document.getElementById("read-only").hidden = isChangeable;
    for (const id of ["add", "drop-here"]) {
      document.getElementById(id).hidden = !rights.administers;
    }
    // Steps that are being prepared, or can't be used, are in no report.
    const isKnown = !["preparing", "failing"].includes(report.state);
    document.getElementById("no-steps").hidden = report.filters.length > 0 || !isKnown;
    this.#keepFocus(() => {
      this.#arrange(report.filters);
      for (const filter of report.filters) {
        this.#steps.get(filter.id).show(filter, rights);
      }
    });
  }

  /**
   * Does what moves and removes steps. The focus stays with its step; if that is gone, with the one
   * in its place.
   */
  #keepFocus(work) {
    const focused = document.activeElement;
    const step = focused.closest(".step");
    const place = [...this.list.children].indexOf(step);
    work();
    const isKept = document.activeElement === focused && !focused.disabled;
    if (!step || isKept) {
      return;
    }
    const { children } = this.list;
    const heir = step.isConnected ? step : children[Math.min(place, children.length - 1)];
    const isUsable = focused.isConnected && !focused.disabled;
    const other = heir?.querySelector(
      step.isConnected ? ".step-tools :enabled" : ".remove:enabled",
    );
    (isUsable ? focused : (other ?? document.getElementById("add"))).focus();
  }

  #arrange(filters) {
    this.#order = filters.map((filter) => filter.id);
    for (const [id, step] of this.#steps) {
      if (!this.#order.includes(id)) {
        step.element.remove();
        this.#steps.delete(id);
      }
    }
    filters.forEach((filter, at) => {
      if (!this.#steps.has(filter.id)) {
        const step = new Step(filter, this);
        step.setFilter(this.#filter(filter.use));
        this.#steps.set(filter.id, step);
      }
      const { element } = this.#steps.get(filter.id);
      // Only what is in the wrong place is moved, so that nobody loses the focus.
      if (this.list.children[at] !== element) {
        this.list.insertBefore(element, this.list.children[at] ?? null);
      }
    });
  }

  #filter(use) {
    return this.filters.find((filter) => filter.use === use);
  }

  async #load() {
    try {
      this.#offer = await get("api/v1/filters");
    } catch {
      // The page says already that the connection is lost; the next time will do.
      this.#version = null;
      return;
    }
    for (const step of this.#steps.values()) {
      step.setFilter(this.#filter(step.use));
    }
  }

  #allowDragging() {
    this.list.addEventListener("dragstart", (event) => {
      const dragged = event.target.closest(".step");
      event.dataTransfer.setData(DRAGGED, dragged.dataset.id);
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setDragImage(dragged, 10, 10);
    });
    this.list.addEventListener("dragover", (event) => {
      if (event.dataTransfer.types.includes(DRAGGED)) {
        event.preventDefault();
        this.#mark(event.target.closest(".step"));
      }
    });
    this.list.addEventListener("dragend", () => this.#mark(null));
    this.list.addEventListener("drop", (event) => {
      const dragged = this.#steps.get(Number(event.dataTransfer.getData(DRAGGED)));
      const over = event.target.closest(".step");
      this.#mark(null);
      if (dragged && over && over !== dragged.element) {
        event.preventDefault();
        dragged.move(this.#order.indexOf(Number(over.dataset.id)));
      }
    });
  }

  #mark(over) {
    for (const element of this.list.children) {
      element.classList.toggle("target", element === over);
    }
  }
}
