// One step of the chain beside a large stream: how it is, and all that can be done with it.

import { announce, load, setProse } from "./dom.js";
import { Form } from "./form.js";
import { Graph } from "./graph.js";
import { changeUndoably } from "./undo.js";

const STATES = { running: "works", failing: "fails", off: "is switched off" };

export class Step {
  #report;
  #form = null;
  // As JSON.
  #filter = "";
  #rights = { operates: false, administers: false };
  #graph = new Graph();
  #wanted = null;
  #isSending = false;
  #tools = null;

  /** `chain` has `url`, `card`, `place(step)`, `count` and `refresh()`. */
  constructor(report, chain) {
    this.#report = report;
    this.chain = chain;
    this.id = report.id;
    const template = document.getElementById("step");
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.id = report.id;
    this.#part("step-name").textContent = report.use;
    this.#part("step-graph").append(this.#graph.element);
    this.#part("enabled").addEventListener("change", (event) =>
      this.send({ enabled: event.target.checked }),
    );
    this.#part("up").addEventListener("click", () => this.#moveBy(-1));
    this.#part("down").addEventListener("click", () => this.#moveBy(1));
    this.#part("remove").addEventListener("click", () => this.#remove());
    for (const part of ["enabled", "up", "down", "remove"]) {
      const control = this.#part(part);
      control.setAttribute("aria-label", `${control.getAttribute("aria-label")} ${report.use}`);
    }
    this.#part("settings").addEventListener("toggle", () => this.#showSettings());
  }

  #part(name) {
    return this.element.querySelector(`.${name}`);
  }

  get url() {
    return `${this.chain.url}/steps/${this.id}`;
  }

  /** What the server tells of it. */
  get report() {
    return this.#report;
  }

  get use() {
    return this.#report.use;
  }

  /** Makes the form, and another one when the filter has become another. */
  setFilter(filter) {
    const text = JSON.stringify(filter ?? null);
    if (!filter || text === this.#filter) {
      return;
    }
    this.#filter = text;
    const focused = this.#form?.focused;
    this.#form = new Form(
      filter.schema,
      (key, value) => this.send({ with: { [key]: value } }),
      () => this.#showError(null),
    );
    this.#form.disable(!this.#rights.administers);
    this.#part("step-form").replaceChildren(this.#form.element);
    this.#showSettings();
    this.#form.focus(focused);
    this.#addTools(filter);
  }

  /** Adds what can be done with few filters. */
  async #addTools(filter) {
    if (isSpecial(filter)) {
      const tools = await load("./step_tools.js");
      this.#tools ??=
        tools && new tools.StepTools(this, this.#part("step-more"), this.#part("step-keys"));
      this.#tools?.setFilter(filter);
      this.#tools?.show(this.#rights.administers);
    }
  }

  show(report, rights) {
    this.#report = report;
    this.#rights = rights;
    this.#part("step-name").title = `${report.name} ${report.version}, ${report.kind}`;
    this.element.dataset.state = report.state;
    const ms = this.#graph.add(report);
    const time =
      report.enabled && ms !== undefined ? `${ms.toFixed(2)} ms ${interval(report)}` : "";
    this.#part("step-state").textContent = STATES[report.state] ?? report.state;
    this.#part("step-time").textContent = time;
    const isFailing = report.state === "failing";
    this.#part("failure").hidden = !isFailing;
    setProse(this.#part("failure"), isFailing ? report.last_error : "");
    this.#part("enabled").disabled = !rights.operates;
    for (const part of ["up", "down", "remove"]) {
      // An operator sees what is switched, and nothing that is an admin's.
      this.#part(part).hidden = rights.operates && !rights.administers;
      this.#part(part).disabled = !rights.administers;
    }
    // Where there is no place to go to it keeps the focus: pressed once more, it does nothing, and
    // no other button does.
    this.#part("up").ariaDisabled = !this.#canMove(-1);
    this.#part("down").ariaDisabled = !this.#canMove(1);
    this.#part("handle").draggable = rights.administers;
    this.#form?.disable(!rights.administers);
    this.#tools?.show(rights.administers);
    // What is being changed just now is newer than the report.
    if (!this.#isSending) {
      this.#part("enabled").checked = report.enabled;
      this.#showSettings();
    }
  }

  /**
   * What the server has is shown from the next report on, also where something was just changed.
   */
  forget() {
    this.#form?.forget();
    this.#tools?.forget();
  }

  #showSettings() {
    this.#form?.show(this.#report.settings);
  }

  #canMove(by) {
    const to = this.chain.place(this) + by;
    return to >= 0 && to < this.chain.count;
  }

  #moveBy(by) {
    if (this.#canMove(by)) {
      this.move(this.chain.place(this) + by);
    }
  }

  /** Moves it to the place `to` in the chain. */
  async move(to) {
    await this.send({ position: to });
    announce(`${this.#report.use} is at place ${to + 1} now`);
  }

  async #remove() {
    try {
      await changeUndoably(`${this.use} is removed`, `remove ${this.id}`, "DELETE", this.url);
      announce(`${this.#report.use} is removed`);
    } catch (error) {
      this.#showError(error);
    }
    this.chain.refresh();
  }

  /** One change at a time; a slider's newest place replaces those that were not sent yet. */
  async send(patch) {
    const wanted = this.#wanted ?? {};
    this.#wanted = { ...wanted, ...patch };
    if (patch.with) {
      this.#wanted.with = { ...wanted.with, ...patch.with };
    }
    if (this.#isSending) {
      return;
    }
    this.#isSending = true;
    while (this.#wanted) {
      const next = this.#wanted;
      this.#wanted = null;
      try {
        await changeUndoably(
          this.#describe(next),
          `${this.id} ${keys(next)}`,
          "PATCH",
          this.url,
          next,
        );
        this.#showError(null);
      } catch (error) {
        this.#form?.refuse(next.with ?? {});
        this.#tools?.refuse(next);
        this.#showError(error);
      }
    }
    this.#isSending = false;
    this.chain.refresh();
  }

  #describe(patch) {
    if (patch.with) {
      return `${this.use}: ${Object.keys(patch.with).join(", ")} changed`;
    }
    if (patch.position !== undefined) {
      return `${this.use} is moved`;
    }
    if (patch.enabled === undefined) {
      return `${this.use}: ${Object.keys(patch).join(", ")} changed`;
    }
    return `${this.use} is switched ${patch.enabled ? "on" : "off"}`;
  }

  #showError(error) {
    const place = this.#part("refusal");
    place.hidden = !error;
    setProse(place, error ? words(error) : "");
  }
}

/** Whether there is more to a step of this filter than its settings. */
export function isSpecial({ kind, wants_view, wants_publish, schema }) {
  return (
    kind === "inspect" ||
    wants_view ||
    wants_publish ||
    JSON.stringify(schema).includes('"polygon"')
  );
}

/** How often the filter is called. */
function interval({ every_seconds: seconds }) {
  return seconds === null ? "a frame" : `a look, every ${seconds} s`;
}

/** What a patch changes. */
function keys(patch) {
  return [...Object.keys(patch), ...Object.keys(patch.with ?? {})].join(" ");
}

/** The problems alone where there are some: their places are in a file that isn't shown here. */
export function words(error) {
  const problems = error.problems ?? [];
  return problems.length > 0
    ? problems.map((problem) => problem.message).join("\n")
    : error.message;
}
