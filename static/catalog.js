// New steps: chosen from the catalog, or dropped on the page as a .wasm file.

import { change } from "./api.js";
import { advise, announce, load, make, setProse } from "./dom.js";
import { Form } from "./form.js";
import { isSpecial, words } from "./step.js";
import { changeUndoably } from "./undo.js";

export class Catalog {
  #dialog = document.getElementById("catalog");
  #chosen = null;
  #settings = {};
  #form = null;
  // What the step says beside its settings, and the form for it.
  #keys = {};
  #keysForm = null;

  /** `reload` asks for the catalog again. */
  constructor(chain, reload) {
    this.chain = chain;
    this.reload = reload;
    document.getElementById("add").addEventListener("click", () => this.#open());
    this.#part("add-step").addEventListener("click", () => this.#add());
    this.#part("close").addEventListener("click", () => this.#dialog.close());
    this.#part("upload").addEventListener("change", (event) => this.#upload(event.target.files[0]));
    this.#part("filter-choice").addEventListener("change", (event) =>
      this.#choose(event.target.value),
    );
    this.#allowDropping();
  }

  #part(name) {
    return this.#dialog.querySelector(`.${name}`);
  }

  #open(use) {
    const options = this.chain.filters.map((filter) =>
      make("option", { value: filter.use, textContent: filter.use }),
    );
    this.#part("filter-choice").replaceChildren(...options);
    const unusable = this.chain.unusable.map((file) => {
      const item = make("li");
      setProse(item, file.error);
      return item;
    });
    this.#part("unusable").replaceChildren(...unusable);
    this.#choose(use ?? this.chain.filters[0]?.use);
    this.#dialog.showModal();
  }

  #choose(use) {
    const filter = this.chain.filters.find((known) => known.use === use);
    this.#chosen = filter;
    this.#settings = {};
    this.#part("filter-choice").value = use ?? "";
    this.#part("summary").textContent = filter
      ? `${filter.summary} (${filter.kind}, version ${filter.version})`
      : "";
    this.#showError(null);
    this.#form = new Form(filter?.schema ?? {}, (key, value) => {
      this.#settings[key] = value;
    });
    this.#part("new-form").replaceChildren(this.#form.element);
    this.#keys = {};
    this.#keysForm = null;
    this.#offerKeys(filter);
  }

  async #offerKeys(filter) {
    const tools = filter && isSpecial(filter) && (await load("./step_tools.js"));
    const form = await tools?.keysForm?.(filter, (key, value) => {
      this.#keys[key] = value;
    });
    if (form && this.#chosen === filter) {
      this.#keysForm = form;
      this.#part("new-form").append(form.element);
    }
  }

  async #add() {
    const areRight = [this.#form, this.#keysForm].map((form) => form?.apply() ?? true);
    if (areRight.includes(false)) {
      return;
    }
    try {
      const step = { use: this.#chosen.use, ...this.#keys };
      if (Object.keys(this.#settings).length > 0) {
        step.with = this.#settings;
      }
      const { use } = step;
      await changeUndoably(
        `${use} is added`,
        `add ${use}`,
        "POST",
        `${this.chain.url}/steps`,
        step,
      );
      this.#dialog.close();
      announce(`${this.#chosen.use} is added`);
    } catch (error) {
      this.#showError(error);
    }
    this.chain.refresh();
  }

  /** Keeps the module on the server, and offers to add it to the chain. */
  async #upload(file) {
    this.#part("upload").value = "";
    if (!file) {
      return;
    }
    if (!this.chain.name) {
      advise("Make a stream large first, by its name: the filter is added to that stream's chain.");
      return;
    }
    advise("");
    if (!this.#dialog.open) {
      this.#open();
    }
    // The largest take some seconds.
    this.#part("summary").textContent = `${file.name} is sent to the server, which checks it …`;
    try {
      const { use } = await change("PUT", `api/v1/filters/${encodeURIComponent(file.name)}`, file);
      await this.reload();
      this.#dialog.close();
      this.#open(use);
      // Most filters do without settings; those that don't are asked for them.
      if ((this.#chosen?.schema.required ?? []).length === 0) {
        await this.#add();
      }
    } catch (error) {
      this.#showError(error);
    }
  }

  #showError(error) {
    const place = this.#part("refusal");
    place.hidden = !error;
    setProse(place, error ? words(error) : "");
  }

  #allowDropping() {
    const hasFile = (event) => this.chain.mayAdd && event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (hasFile(event)) {
        event.preventDefault();
        document.body.classList.toggle("dropping", this.chain.name !== null);
      }
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) {
        document.body.classList.remove("dropping");
      }
    });
    document.addEventListener("drop", (event) => {
      document.body.classList.remove("dropping");
      if (hasFile(event)) {
        event.preventDefault();
        this.#upload(event.dataTransfer.files[0]);
      }
    });
  }
}
