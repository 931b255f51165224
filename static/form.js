// A form made from a filter's JSON Schema. It tells of what was changed once somebody is done with
// it: with Enter, by leaving the field, or after a rest.

import { make, setProse } from "./dom.js";
import { problem } from "./validity.js";

const REST_MS = 600;
const CHOICE_REST_MS = 300;
const SLIDER_REST_MS = 150;
// A report that was asked for before a change comes within this time after it.
const SETTLED_MS = 1500;

let forms = 0;

/**
 * Undoing within a number that is being written: the browser would mix it with what the arrow keys
 * and the server wrote there.
 */
function isUndoOfNumber(event) {
  return (
    (event.ctrlKey || event.metaKey) &&
    !event.altKey &&
    event.key.toLowerCase() === "z" &&
    event.target.matches(".number")
  );
}

export class Form {
  #fields = new Map();

  /**
   * `changed(key, value)` is called with `null` where a setting is to be as if it were not there,
   * `settled()` when nothing is being edited any more: all fields show what the server has.
   */
  constructor(schema, changed, settled = () => {}) {
    forms += 1;
    const required = new Set(schema.required ?? []);
    const tell = {
      changed,
      settled: () => [...this.#fields.values()].every((field) => !field.isEdited) && settled(),
    };
    const properties = Object.entries(schema.properties ?? {});
    // What is needed comes first.
    properties.sort(([a], [b]) => required.has(b) - required.has(a));
    const fields = properties.map(([key, property]) => {
      const field = new Field(
        `f${forms}-${key}`,
        key,
        resolve(schema, property),
        required.has(key),
        tell,
      );
      this.#fields.set(key, field);
      return field.element;
    });
    this.element = make("div", { className: "form" }, ...fields);
    if (fields.length === 0) {
      this.element.append(make("p", { className: "reason", textContent: "It has no settings." }));
    }
  }

  show(settings) {
    for (const [key, field] of this.#fields) {
      field.show(settings[key]);
    }
  }

  /** Applies what is being edited. Gives whether all is right; what is not has the focus. */
  apply() {
    const fields = [...this.#fields.values()];
    fields.forEach((field) => {
      field.apply();
      field.check();
    });
    const wrong = fields.find((field) => field.isWrong);
    wrong?.focus();
    return !wrong;
  }

  /** The server has not taken these `settings`. */
  refuse(settings) {
    for (const [key, value] of Object.entries(settings)) {
      this.#fields.get(key)?.refuse(value);
    }
  }

  /**
   * Says at the setting `key` what the server finds wrong with it. Gives whether there is such a
   * setting.
   */
  showError(key, words) {
    const field = this.#fields.get(key);
    field?.showError(words.replace(`\`${key}\`: `, ""));
    return field !== undefined;
  }

  /** From the next report on, what the server has is shown. */
  forget() {
    this.#fields.forEach((field) => field.forget());
  }

  /** The setting that has the focus. */
  get focused() {
    return [...this.#fields.values()].find((field) => field.hasFocus)?.key;
  }

  focus(key) {
    this.#fields.get(key)?.focus();
  }

  disable(isDisabled) {
    for (const control of this.element.querySelectorAll("input, select, textarea")) {
      control.disabled = isDisabled;
    }
  }
}

/** Follows references, and takes the one part of `anyOf` that isn't null. */
export function resolve(root, property) {
  let found = property === true ? {} : { ...property };
  for (let depth = 0; depth < 8; depth += 1) {
    const parts = (found.anyOf ?? []).filter((other) => other.type !== "null");
    if (found.$ref?.startsWith("#/$defs/")) {
      const { $ref, ...rest } = found;
      found = { ...root.$defs?.[decodeURIComponent($ref.slice(8))], ...rest };
    } else if (found.anyOf && parts.length === 1) {
      const { anyOf, ...rest } = found;
      found = { ...parts[0], ...rest };
    } else {
      break;
    }
  }
  return found;
}

class Field {
  #controls = [];
  #read;
  #write;
  #fallback;
  #schema;
  #isRequired;
  #tell;
  #rest = REST_MS;
  #timer = 0;
  // What the server has; `undefined` if it is as if it were not there.
  #known = undefined;
  #isEdited = false;
  // What the server would not take, as JSON: not sent again by itself.
  #refused = null;
  #appliedAt = -Infinity;
  #hasLines = false;

  constructor(id, key, schema, isRequired, tell) {
    this.key = key;
    this.#schema = schema;
    this.#isRequired = isRequired;
    this.#tell = tell;
    this.#fallback = schema.default ?? null;
    this.#makeControls(id, key, schema, isRequired);
    this.hint = make("small", { id: `${id}-hint` });
    this.#showHint();
    this.error = make("small", {
      id: `${id}-wrong`,
      className: "error",
      role: "alert",
      hidden: true,
    });
    this.#controls[0].setAttribute("aria-describedby", `${this.hint.id} ${this.error.id}`);
    this.mark = make("small", { className: "default", textContent: "default" });
    const label = make("label", {
      htmlFor: id,
      textContent: key + (isRequired ? " (needed)" : ""),
    });
    const controls = make("div", { className: "controls" }, ...this.#controls, this.mark);
    controls.addEventListener("input", (event) => this.#edit(event.target));
    controls.addEventListener("focusout", () => this.apply());
    controls.addEventListener("keydown", (event) => this.#onKey(event));
    this.element = make("div", { className: "field" }, label, controls, this.hint, this.error);
    this.show(undefined);
  }

  #makeControls(id, key, schema, isRequired) {
    const kind = [schema.type].flat().find((type) => type !== "null");
    const choices = schema.enum ?? schema.oneOf?.map((choice) => choice.const);
    if (schema.writeOnly) {
      this.#password(id);
    } else if (choices?.every((choice) => ["string", "number"].includes(typeof choice))) {
      this.#choice(id, choices, isRequired || this.#fallback !== null);
    } else if (kind === "boolean") {
      this.#flag(id);
    } else if (kind === "integer" || kind === "number") {
      this.#number(id, key, schema, kind === "integer");
    } else if (kind === "string") {
      this.#text(id, schema);
    } else {
      this.#json(id);
    }
  }

  #showHint() {
    const lines = this.#hasLines ? "Shift+Enter breaks the line." : "";
    setProse(this.hint, `${this.#schema.description ?? ""} ${lines}`.trim());
  }

  get hasFocus() {
    return this.#controls.includes(document.activeElement);
  }

  get isEdited() {
    return this.#isEdited;
  }

  get isWrong() {
    return !this.error.hidden;
  }

  focus() {
    this.#controls[0].focus();
  }

  /**
   * What somebody is just changing is left alone, as is what was sent a moment ago: the report may
   * be older.
   */
  show(value) {
    this.#known = value;
    if (!this.#isEdited && performance.now() - this.#appliedAt > SETTLED_MS) {
      this.#showKnown();
    }
  }

  /** Shows what the server has, from the next report on. */
  forget() {
    if (!this.#isEdited) {
      this.#appliedAt = -Infinity;
    }
  }

  /** The server has not taken `value`: it stays to be corrected. */
  refuse(value) {
    this.#isEdited = true;
    this.#refused = JSON.stringify(value);
  }

  #showKnown() {
    this.#write(this.#known ?? this.#fallback);
    this.#markDefault(this.#known === undefined);
  }

  #markDefault(isDefault) {
    this.mark.hidden = !isDefault || this.#isRequired;
    for (const control of this.#controls) {
      const isUnset = isDefault && control.type === "range";
      control.classList.toggle("unset", isUnset);
      if (isUnset) {
        control.setAttribute("aria-valuetext", "default");
      } else {
        control.removeAttribute("aria-valuetext");
      }
    }
  }

  /** Remembers that there is something to apply, and applies it when nothing more comes. */
  #edit(control) {
    this.#isEdited = true;
    this.#refused = null;
    this.#markDefault(false);
    const isRight = this.#check(this.#read(control)) === "";
    clearTimeout(this.#timer);
    // Who empties a field is about to write something else there.
    const isEmpty = control.value === "" && !control.matches("select");
    if (isRight && !isEmpty) {
      this.#timer = setTimeout(
        () => this.apply(),
        control.type === "range" ? SLIDER_REST_MS : this.#rest,
      );
    }
  }

  #onKey(event) {
    const isBreak = event.shiftKey && this.#hasLines;
    // Enter may also choose from what an input method offers.
    if (event.key === "Enter" && !isBreak && !event.isComposing) {
      event.preventDefault();
      this.#refused = null;
      this.apply();
    } else if ((event.key === "Escape" || isUndoOfNumber(event)) && this.#isEdited) {
      event.preventDefault();
      event.stopPropagation();
      clearTimeout(this.#timer);
      this.#showError("");
      this.#settle();
    }
  }

  /** Tells of what was edited, if it is right and another. */
  apply() {
    clearTimeout(this.#timer);
    const value = this.#read(this.#controls[0]);
    if (!this.#isEdited || this.#check(value) !== "" || JSON.stringify(value) === this.#refused) {
      return;
    }
    if (JSON.stringify(value) === JSON.stringify(this.#known ?? null)) {
      this.#settle();
      return;
    }
    this.#isEdited = false;
    this.#appliedAt = performance.now();
    this.#known = value ?? undefined;
    this.#tell.changed(this.key, value);
  }

  /** Shows what the server has, in place of what was being edited. */
  #settle() {
    this.#isEdited = false;
    this.#refused = null;
    this.#showKnown();
    this.#tell.settled();
  }

  /** Says what is wrong with what is in it, which nobody need have touched. */
  check() {
    this.#check(this.#read(this.#controls[0]));
  }

  #check(value) {
    const words =
      value === undefined ? this.#unreadable() : problem(this.#schema, value, this.#isRequired);
    this.#showError(words);
    return words;
  }

  #unreadable() {
    const [control] = this.#controls;
    return control.matches(".number") ? "It is a number." : `It is JSON: ${control.dataset.error}`;
  }

  showError(words) {
    this.#showError(`${words[0].toUpperCase()}${words.slice(1)}.`);
    this.focus();
  }

  #showError(words) {
    this.error.hidden = words === "";
    setProse(this.error, words && `${words} Not applied.`);
    for (const control of this.#controls) {
      control.setAttribute("aria-invalid", words !== "");
    }
  }

  #choice(id, choices, hasOne) {
    const options = hasOne ? choices : ["", ...choices];
    const select = make(
      "select",
      { id },
      ...options.map((choice) => make("option", { value: choice, textContent: choice || "–" })),
    );
    this.#controls = [select];
    this.#rest = CHOICE_REST_MS;
    this.#read = () => choices.find((choice) => String(choice) === select.value) ?? null;
    this.#write = (value) => (select.value = value ?? "");
  }

  #flag(id) {
    const box = make("input", { id, type: "checkbox" });
    this.#controls = [box];
    this.#rest = 0;
    this.#read = () => box.checked;
    this.#write = (value) => (box.checked = value ?? false);
  }

  #number(id, key, schema, isWhole) {
    const low = schema.minimum ?? schema.exclusiveMinimum;
    const high = schema.maximum ?? schema.exclusiveMaximum;
    // Not of the type `number`: browsers leave out what they can't read, and make 15 of "1,5".
    const number = make("input", {
      id,
      className: "number",
      inputMode: low >= 0 ? "decimal" : "text",
      autocomplete: "off",
    });
    // What may have parts of one goes by parts of one where there is little room.
    const step = isWhole || !(high - low <= 10) ? 1 : 0.01;
    number.addEventListener("keydown", (event) => this.#onArrow(event, { low, high, step }));
    this.#controls = [number];
    let slider = null;
    if (low !== undefined && high !== undefined) {
      slider = make("input", {
        type: "range",
        min: low,
        max: high,
        step: isWhole ? 1 : 0.01,
        "aria-label": `${key}, slider`,
      });
      this.#controls.push(slider);
    }
    number.placeholder = this.#fallback ?? "default";
    // It would stand in the middle, from where keys move it, where there is neither a value nor a
    // default.
    const showSlider = (value) => {
      const isUnset = typeof (value ?? this.#fallback) !== "number";
      if (isUnset && document.activeElement === slider) {
        number.focus();
      }
      slider.hidden = isUnset;
    };
    this.#read = (control) => {
      if (control === slider) {
        number.value = slider.value;
      }
      const value = number.value.trim() === "" ? null : toNumber(number.value);
      if (slider && control !== slider) {
        slider.value = value ?? this.#fallback ?? "";
        showSlider(value);
      }
      return value;
    };
    this.#write = (value) => {
      for (const control of this.#controls) {
        set(control, value ?? "");
      }
      if (slider) {
        showSlider(value);
      }
    };
  }

  /** The arrow keys count up and down, as in the browser's own fields for numbers. */
  #onArrow(event, { low = -Infinity, high = Infinity, step }) {
    const by = { ArrowUp: step, ArrowDown: -step }[event.key];
    const value = this.#read(event.target) ?? this.#fallback;
    if (by && typeof value === "number") {
      event.preventDefault();
      // Without the tail that 0.1 + 1 has.
      event.target.value = Number(Math.min(Math.max(value + by, low), high).toPrecision(12));
      event.target.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  #text(id, schema) {
    // A name of a file has no more characters; a text that isn't said to be one may have several
    // lines then.
    this.#hasLines = schema.contentMediaType?.startsWith("text/") || schema.maxLength > 255;
    this.#controls = [this.#hasLines ? area(id) : make("input", { id, spellcheck: false })];
    // A key such as `warm-up` takes numbers, too.
    const takesNumbers = [schema.type]
      .flat()
      .some((type) => type === "integer" || type === "number");
    // What can't be empty is as if it were not there then.
    const takesNothing = this.#fallback !== null && problem(schema, "", false) === "";
    this.#read = ({ value }) => {
      const number = takesNumbers ? toNumber(value) : undefined;
      return number ?? (value === "" && !takesNothing ? null : value);
    };
    this.#write = (value) => {
      const text = String(value ?? "");
      if (!this.#hasLines && text.includes("\n")) {
        this.#makeRoom();
      }
      set(this.#controls[0], text);
    };
  }

  #password(id) {
    const input = make("input", { id, type: "password", autocomplete: "off" });
    this.#controls = [input];
    this.#read = () => input.value || null;
    this.#write = (value) => {
      // Where it stands may be shown, such as `{env: NAME}`.
      const isPlace = typeof value === "object" && value !== null;
      input.placeholder = isPlace ? Object.entries(value).map((entry) => entry.join(": ")) : "";
      set(input, isPlace ? "" : (value ?? ""));
    };
  }

  /** A field of one line would lose the others. */
  #makeRoom() {
    const [line] = this.#controls;
    const larger = area(line.id);
    larger.disabled = line.disabled;
    larger.setAttribute("aria-describedby", line.getAttribute("aria-describedby"));
    line.replaceWith(larger);
    this.#controls = [larger];
    this.#hasLines = true;
    this.#showHint();
  }

  #json(id) {
    const input = make("textarea", { id, rows: 3, spellcheck: false });
    this.#controls = [input];
    this.#hasLines = true;
    this.#read = () => {
      try {
        return input.value.trim() === "" ? null : JSON.parse(input.value);
      } catch (error) {
        input.dataset.error = error.message;
        return undefined;
      }
    };
    this.#write = (value) => set(input, value === null ? "" : JSON.stringify(value, null, 1));
  }
}

function area(id) {
  return make("textarea", { id, rows: 2, spellcheck: false });
}

/** The number that `text` is, also with a comma for its point; `undefined` if it is none. */
function toNumber(text) {
  const point = text.trim().replace(/^([^.,]*),([^.,]*)$/, "$1.$2");
  const isNumber =
    /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(point) && Number.isFinite(Number(point));
  return isNumber ? Number(point) : undefined;
}

/** Leaves the place where one writes alone if there is nothing new. */
function set(control, value) {
  if (control.value !== String(value)) {
    control.value = value;
  }
}
