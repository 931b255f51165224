// A stream's settings, of a new one or of one that is there: its own and its source's, by forms
// made from the pipeline file's schema.

import { change, get } from "./api.js";
import { advise, announce, make, setProse } from "./dom.js";
import { Form } from "./form.js";
import { words } from "./step.js";
import { changeUndoably } from "./undo.js";

export class StreamForm {
  #dialog = document.getElementById("stream-form");
  #schema = null;
  // What the server tells of each stream, by its name.
  #reports = new Map();
  // The stream that is edited; `null` for a new one.
  #name = null;
  // What the file says of it.
  #config = {};
  #own = null;
  #source = null;
  // The driver of the file, and the chosen one, by their places in the schema.
  #known = 0;
  #chosen = 0;
  // What is to be changed.
  #patch = {};
  #sourcePatch = {};

  /** `refresh` asks the server again how things are. */
  constructor(refresh) {
    this.refresh = refresh;
    this.#part("apply").addEventListener("click", () => this.#apply());
    this.#part("close").addEventListener("click", () => this.#dialog.close());
    this.#part("driver-choice").addEventListener("change", (event) =>
      this.#choose(Number(event.target.value)),
    );
  }

  #part(name) {
    return this.#dialog.querySelector(`.${name}`);
  }

  get #drivers() {
    return this.#schema.$defs.SourceConfig.oneOf;
  }

  /** Whether the command line sets the source in place of the file. */
  get #isOverridden() {
    return this.#reports.get(this.#name)?.source_set_by === "command-line";
  }

  /** Edits the stream `name`, or a new one, beside the streams of these `reports`. */
  async open(name, reports) {
    this.#reports = new Map(reports.map((report) => [report.name, report]));
    try {
      this.#schema ??= await get("api/v1/pipeline/schema");
      this.#config = name === null ? {} : await change("GET", `${url(name)}/config`);
    } catch (error) {
      advise(words(error));
      return;
    }
    advise("");
    this.#name = name;
    this.#part("form-title").textContent = name === null ? "Add a stream" : `Edit ${name}`;
    this.#part("apply").textContent = name === null ? "Add" : "Save";
    this.#part("naming").hidden = name !== null;
    const { source, filters, ...properties } = this.#schema.$defs.StreamConfig.properties;
    this.#patch = {};
    this.#own = this.#form(
      "own",
      { properties },
      this.#config,
      (key, value) => (this.#patch[key] = value),
    );
    const options = this.#drivers.map((driver, at) =>
      make("option", { value: at, textContent: driverOf(driver) ?? "another stream" }),
    );
    this.#part("driver-choice").replaceChildren(...options);
    const { driver, stream } = this.#config.source ?? {};
    const known = driver ?? (stream === undefined ? "demo" : undefined);
    this.#known = this.#drivers.findIndex((other) => driverOf(other) === known);
    this.#choose(this.#known);
    this.#part("driver-choice").disabled = this.#isOverridden;
    this.#part("overridden").hidden = !this.#isOverridden;
    this.#dialog.showModal();
    if (this.#isOverridden) {
      // The first field that can be edited is far below what is to be read.
      this.#part("overridden").focus();
    }
  }

  #form(place, schema, settings, changed) {
    const form = new Form({ ...schema, $defs: this.#schema.$defs }, changed);
    form.show(settings);
    this.#part(place).replaceChildren(form.element);
    return form;
  }

  #choose(at) {
    const { description, properties, required } = this.#drivers[at];
    const { driver, ...settings } = properties;
    const known = this.#config.source ?? {};
    this.#chosen = at;
    this.#part("driver-choice").value = at;
    setProse(this.#part("summary"), description);
    this.#showError(null);
    // What this driver has no key for goes with the one before it.
    const stale = Object.keys(known).filter((key) => !(key in properties));
    this.#sourcePatch = Object.fromEntries(stale.map((key) => [key, null]));
    const needed = required.filter((key) => key !== "driver");
    const changed = (key, value) => (this.#sourcePatch[key] = value);
    this.#source = this.#form(
      "new-form",
      { properties: settings, required: needed },
      known,
      changed,
    );
    this.#source.disable(this.#isOverridden);
  }

  /** All that is to be changed, as a merge patch of what the file says. */
  #changes() {
    const source = { ...this.#sourcePatch };
    const isSame =
      this.#name !== null && this.#chosen === this.#known && Object.keys(source).length === 0;
    if (isSame) {
      return this.#patch;
    }
    const driver = driverOf(this.#drivers[this.#chosen]);
    if (driver && driver !== this.#config.source?.driver) {
      source.driver = driver;
    }
    return { ...this.#patch, source };
  }

  /** The name of the stream; `null` if it can't be one. */
  #wantedName() {
    if (this.#name !== null) {
      return this.#name;
    }
    const field = this.#part("stream-name");
    const name = field.value.trim();
    const isTaken = this.#reports.has(name);
    if (name === "" || isTaken) {
      this.#showError(
        new Error(isTaken ? `There is a stream called \`${name}\`.` : "The stream needs a name."),
      );
      field.focus();
      return null;
    }
    return name;
  }

  async #apply() {
    const name = this.#wantedName();
    const areRight = [this.#own, this.#source].map((form) => form.apply());
    if (name === null || areRight.includes(false)) {
      return;
    }
    const isNew = this.#name === null;
    const changes = this.#changes();
    const done = `${name} is ${isNew ? "added" : "changed"}`;
    try {
      if (Object.keys(changes).length > 0) {
        await changeUndoably(
          done,
          `${isNew ? "add" : "edit"} stream ${name}`,
          isNew ? "PUT" : "PATCH",
          url(name),
          changes,
        );
        announce(done);
      }
      this.#dialog.close();
      this.#part("stream-name").value = "";
    } catch (error) {
      this.#refuse(name, error);
    }
    this.refresh();
  }

  /** Says at each setting what is wrong with it, and below what is wrong with something else. */
  #refuse(name, error) {
    const start = `/streams/${name}/`;
    const problems = error.problems ?? [];
    const others = problems.filter(({ pointer, message }) => {
      const [key, setting] = pointer?.startsWith(start)
        ? pointer.slice(start.length).split("/")
        : [];
      const isTold =
        key === "source"
          ? this.#source.showError(setting, message)
          : this.#own.showError(key, message);
      return !isTold;
    });
    const isElsewhere = problems.length === 0 || others.length > 0;
    this.#showError(isElsewhere ? Object.assign(error, { problems: others }) : null);
  }

  #showError(error) {
    const place = this.#part("refusal");
    place.hidden = !error;
    setProse(place, error ? words(error) : "");
  }
}

function url(name) {
  return `api/v1/streams/${encodeURIComponent(name)}`;
}

/** The driver of a part of the schema; none for that of another stream as a source. */
function driverOf({ properties }) {
  return properties.driver?.const;
}
