// A new stream: its name, and its source by a form made from the driver's part of the pipeline file's schema.

import { get } from "./api.js";
import { announce, make, setProse } from "./dom.js";
import { Form } from "./form.js";
import { words } from "./step.js";
import { changeUndoably } from "./undo.js";

export class NewStream {
  #dialog = document.getElementById("new-stream");
  #button = document.getElementById("add-stream");
  #schema = null;
  #source = {};
  #form = null;
  #names = new Set();

  /** `refresh` asks the server again how things are. */
  constructor(refresh) {
    this.refresh = refresh;
    this.#button.addEventListener("click", () => this.#open());
    this.#part("add-it").addEventListener("click", () => this.#add());
    this.#part("close").addEventListener("click", () => this.#dialog.close());
    this.#part("driver-choice").addEventListener("change", (event) => this.#choose(Number(event.target.value)));
  }

  /** There are streams of these `names`; the pipeline file may be changed, or not. */
  show(names, mayChange) {
    this.#names = names;
    this.#button.hidden = !mayChange;
  }

  #part(name) {
    return this.#dialog.querySelector(`.${name}`);
  }

  get #drivers() {
    return this.#schema.$defs.SourceConfig.oneOf;
  }

  async #open() {
    this.#complain(null);
    this.#dialog.showModal();
    try {
      this.#schema ??= await get("api/pipeline/schema");
    } catch (error) {
      this.#complain(error);
      return;
    }
    const name = ({ properties }) => properties.driver?.const ?? "another stream";
    const options = this.#drivers.map((driver, at) => make("option", { value: at, textContent: name(driver) }));
    this.#part("driver-choice").replaceChildren(...options);
    this.#choose(0);
  }

  #choose(at) {
    const chosen = this.#drivers[at];
    const { driver, ...properties } = chosen.properties;
    this.#source = driver ? { driver: driver.const } : {};
    this.#part("summary").textContent = chosen.description;
    this.#complain(null);
    const required = chosen.required.filter((key) => key !== "driver");
    this.#form = new Form({ properties, required, $defs: this.#schema.$defs }, (key, value) => {
      this.#source[key] = value;
    });
    this.#part("new-form").replaceChildren(this.#form.element);
  }

  async #add() {
    const field = this.#part("stream-name");
    const name = field.value.trim();
    if (name === "" || this.#names.has(name)) {
      this.#complain(new Error(name === "" ? "The stream needs a name." : `There is a stream called \`${name}\`.`));
      field.focus();
      return;
    }
    if (!this.#form?.apply()) {
      return;
    }
    const path = `api/streams/${encodeURIComponent(name)}`;
    try {
      await changeUndoably(`${name} is added`, `add stream ${name}`, "PUT", path, { source: this.#source });
      this.#dialog.close();
      field.value = "";
      announce(`${name} is added`);
    } catch (error) {
      this.#complain(error);
    }
    this.refresh();
  }

  #complain(error) {
    const place = this.#part("refusal");
    place.hidden = !error;
    setProse(place, error ? words(error) : "");
  }
}
