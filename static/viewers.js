// Who watches, and what was done: two lists for admins.

import { address, change, get } from "./api.js";
import { advise, announce, dialogFoot, make, setProse } from "./dom.js";
import { words } from "./step.js";
import { addStylesheet } from "./stylesheet.js";

const AGAIN_MS = 2000;
// As many as one looks at.
const MOST_ENTRIES = 100;

export class ViewerList {
  #dialog = build();
  #list = this.#part("viewer-list");
  #entries = this.#part("audit-list");
  #items = new Map();
  #timer = 0;
  #notifications = null;
  #isLoading = false;
  #isStale = false;

  constructor() {
    addStylesheet("lists.css").catch((error) => advise(error.message));
    document.body.append(this.#dialog);
    this.#part("close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#leave());
  }

  #part(name) {
    return this.#dialog.querySelector(`.${name}`);
  }

  open() {
    this.#dialog.showModal();
    this.#look();
    // The list is loaded when the notifications begin, and with each one that tells of an entry.
    this.#notifications = new EventSource(address("api/v1/events?kind=audit"));
    for (const kind of ["open", "audit"]) {
      this.#notifications.addEventListener(kind, () => this.#loadEntries());
    }
  }

  #leave() {
    clearTimeout(this.#timer);
    this.#notifications.close();
  }

  /** Shows who watches, again and again. */
  async #look() {
    clearTimeout(this.#timer);
    await this.#try(async () => this.#show((await get("api/v1/viewers")).viewers));
    if (this.#dialog.open) {
      this.#timer = setTimeout(() => this.#look(), AGAIN_MS);
    }
  }

  /** Does `act`, and says why it fails. */
  async #try(act) {
    const refusal = this.#part("refusal");
    try {
      await act();
      refusal.hidden = true;
    } catch (error) {
      refusal.hidden = false;
      setProse(refusal, words(error));
    }
  }

  #show(viewers) {
    const ids = new Set(viewers.map(({ id }) => id));
    for (const [id, item] of this.#items) {
      if (!ids.has(id)) {
        this.#forget(id, item);
      }
    }
    for (const viewer of viewers) {
      if (!this.#items.has(viewer.id)) {
        const item = this.#item(viewer);
        this.#items.set(viewer.id, item);
        this.#list.append(item);
      }
      const rate = this.#items.get(viewer.id).querySelector(".rate");
      rate.textContent = `${viewer.fps.toFixed(1)} frames a second`;
    }
    this.#part("no-viewers").hidden = viewers.length > 0;
  }

  /** Takes an item away. The focus goes to the next one. */
  #forget(id, item) {
    const hadFocus = item.contains(document.activeElement);
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    this.#items.delete(id);
    if (hadFocus) {
      (next?.querySelector("button") ?? this.#part("close")).focus();
    }
  }

  #item({ id, user, proof, address: from, stream, by, since }) {
    const name = user ?? (proof === "link" ? "by a link" : "anonymous");
    const start = new Date(since).toLocaleString();
    const end = make("button", { type: "button", textContent: "End" });
    end.setAttribute("aria-label", `End ${name} at ${stream}, since ${start}`);
    end.addEventListener("click", () => this.#end(id, name));
    return make(
      "li",
      { className: "viewer" },
      make("strong", { textContent: `${name}: ${stream}` }),
      make("span", { className: "rate" }),
      end,
      make("p", { className: "reason", textContent: `from ${from} by ${by}, since ${start}` }),
    );
  }

  async #end(id, name) {
    await this.#try(async () => {
      await change("DELETE", `api/v1/viewers/${id}`);
      announce(`The connection of ${name} is ended`);
    });
    await this.#look();
  }

  /** Loads what was done, once at a time. */
  async #loadEntries() {
    this.#isStale = true;
    if (this.#isLoading) {
      return;
    }
    this.#isLoading = true;
    while (this.#isStale) {
      this.#isStale = false;
      await this.#try(async () => {
        const { entries } = await get("api/v1/audit");
        this.#entries.replaceChildren(...entries.slice(0, MOST_ENTRIES).map(entryItem));
      });
    }
    this.#isLoading = false;
  }
}

function entryItem({ at, action, user, address: from, stream, detail }) {
  const what = [action.replaceAll("-", " "), stream, detail].filter(Boolean).join(": ");
  return make(
    "li",
    {},
    make("strong", { textContent: user ?? "anonymous" }),
    ` ${what}`,
    make("p", { className: "reason", textContent: `${new Date(at).toLocaleString()}, ${from}` }),
  );
}

function build() {
  return make(
    "dialog",
    { id: "viewers", "aria-labelledby": "viewers-title" },
    make("h2", { id: "viewers-title", className: "form-title", textContent: "Who watches" }),
    make("p", { className: "no-viewers reason", textContent: "Nobody.", hidden: true }),
    make("ul", { className: "viewer-list plain-list", ariaLabel: "Who watches" }),
    make("h3", { id: "audit-title", textContent: "What was done" }),
    make("ol", { className: "audit-list plain-list", "aria-labelledby": "audit-title" }),
    dialogFoot(),
  );
}
