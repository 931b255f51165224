// A form made from a filter's JSON Schema. It tells of each change as it is made.

import { make } from "./dom.js";

let forms = 0;

export class Form {
  #fields = new Map();

  /** `changed(key, value)` is called with `null` where a setting is to be as if it were not there. */
  constructor(schema, changed) {
    forms += 1;
    const required = new Set(schema.required ?? []);
    const properties = Object.entries(schema.properties ?? {});
    // What is needed comes first.
    properties.sort(([a], [b]) => required.has(b) - required.has(a));
    const fields = properties.map(([key, property]) => {
      const field = new Field(`f${forms}-${key}`, key, resolve(schema, property), required.has(key), changed);
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

  disable(isDisabled) {
    for (const control of this.element.querySelectorAll("input, select, textarea")) {
      control.disabled = isDisabled;
    }
  }
}

/** Follows references, and takes the one alternative that isn't null. */
function resolve(root, property) {
  let found = property === true ? {} : { ...property };
  for (let depth = 0; depth < 8; depth += 1) {
    const alternatives = (found.anyOf ?? []).filter((other) => other.type !== "null");
    if (found.$ref?.startsWith("#/$defs/")) {
      const { $ref, ...rest } = found;
      found = { ...root.$defs?.[decodeURIComponent($ref.slice(8))], ...rest };
    } else if (found.anyOf && alternatives.length === 1) {
      const { anyOf, ...rest } = found;
      found = { ...alternatives[0], ...rest };
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

  constructor(id, key, schema, isRequired, changed) {
    this.#fallback = schema.default ?? null;
    const kind = [schema.type].flat().find((type) => type !== "null");
    const choices = schema.enum ?? schema.oneOf?.map((choice) => choice.const);
    if (choices?.every((choice) => typeof choice === "string")) {
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
    for (const control of this.#controls) {
      control.addEventListener("input", () => {
        const value = this.#read(control);
        if (value !== undefined) {
          changed(key, value);
        }
      });
    }
    const hint = make("small", { id: `${id}-hint`, textContent: schema.description ?? "" });
    this.#controls[0].setAttribute("aria-describedby", hint.id);
    const label = make("label", { htmlFor: id, textContent: key + (isRequired ? " (needed)" : "") });
    this.element = make("div", { className: "field" }, label, make("div", { className: "controls" }, ...this.#controls), hint);
    this.show(undefined);
  }

  /** What somebody is just changing is left alone. */
  show(value) {
    if (!this.#controls.includes(document.activeElement)) {
      this.#write(value ?? this.#fallback);
    }
  }

  #choice(id, choices, hasOne) {
    const options = hasOne ? choices : ["", ...choices];
    const select = make("select", { id }, ...options.map((choice) => make("option", { value: choice, textContent: choice || "–" })));
    this.#controls = [select];
    this.#read = () => select.value || null;
    this.#write = (value) => (select.value = value ?? "");
  }

  #flag(id) {
    const box = make("input", { id, type: "checkbox" });
    this.#controls = [box];
    this.#read = () => box.checked;
    this.#write = (value) => (box.checked = value ?? false);
  }

  #number(id, key, schema, isWhole) {
    const low = schema.minimum ?? schema.exclusiveMinimum;
    const high = schema.maximum ?? schema.exclusiveMaximum;
    const step = isWhole ? 1 : "any";
    const number = make("input", { id, type: "number", step, inputMode: "decimal" });
    this.#controls = [number];
    let slider = null;
    if (low !== undefined && high !== undefined) {
      number.min = low;
      number.max = high;
      slider = make("input", { type: "range", min: low, max: high, step: isWhole ? 1 : 0.01, "aria-label": `${key}, slider` });
      this.#controls.push(slider);
    }
    this.#read = (control) => {
      const other = control === slider ? number : slider;
      if (other) {
        other.value = control.value;
      }
      if (control.value === "") {
        return control.validity.badInput ? undefined : null;
      }
      return Number(control.value);
    };
    this.#write = (value) => {
      for (const control of this.#controls) {
        control.value = value ?? "";
      }
    };
  }

  #text(id, schema) {
    const isLong = (schema.maxLength ?? 0) > 80;
    const input = make(isLong ? "textarea" : "input", { id, spellcheck: false });
    if (isLong) {
      input.rows = 2;
    }
    this.#controls = [input];
    this.#read = () => (input.value === "" && this.#fallback === null ? null : input.value);
    this.#write = (value) => (input.value = value ?? "");
  }

  #json(id) {
    const input = make("textarea", { id, rows: 3, spellcheck: false });
    this.#controls = [input];
    this.#read = () => {
      try {
        input.setCustomValidity("");
        return input.value.trim() === "" ? null : JSON.parse(input.value);
      } catch (error) {
        input.setCustomValidity(error.message);
        input.reportValidity();
        return undefined;
      }
    };
    this.#write = (value) => (input.value = value === null ? "" : JSON.stringify(value, null, 1));
  }
}
