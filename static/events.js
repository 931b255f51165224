// Events: a list with pictures, newest first, which goes on as they happen.

import { MARK, address, answer, ask, change } from "./api.js";
import { advise, announce, dialogFoot, make, setProse } from "./dom.js";
import { words } from "./step.js";
import { addStylesheet } from "./stylesheet.js";

const PATIENCE_MS = 10_000;
const AGAIN_MS = 3000;
const PAGE = 60;
// As many as one looks at.
const MOST = 600;
const LIST = "api/v1/events";

export class EventList {
  #dialog = build();
  #list = this.#part("event-list");
  #older = this.#part("older");
  #stream = this.#part("event-stream");
  #kind = this.#part("event-kind");
  #items = new Map();
  #next = null;
  #mayChange = false;
  #listening = null;

  constructor() {
    addStylesheet("events.css").catch((error) => advise(error.message));
    document.body.append(this.#dialog);
    this.#older.addEventListener("click", () => this.#load(this.#next));
    this.#part("close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#listening?.abort());
    for (const choice of [this.#stream, this.#kind]) {
      choice.addEventListener("change", () => this.#begin());
    }
  }

  #part(name) {
    return this.#dialog.querySelector(`.${name}`);
  }

  /** Shows the events of `streams`; whoever may change something may remove some. */
  open(streams, mayChange) {
    this.#mayChange = mayChange;
    streams.forEach((name) => offer(this.#stream, name));
    this.#dialog.showModal();
    this.#begin();
  }

  /** Looks anew, as the choices are. */
  #begin() {
    this.#listening?.abort();
    this.#listening = new AbortController();
    this.#items.clear();
    this.#list.replaceChildren();
    this.#load(null);
    this.#listen(this.#listening.signal);
  }

  #query(more) {
    const query = new URLSearchParams(more);
    for (const [name, { value }] of [
      ["stream", this.#stream],
      ["kind", this.#kind],
    ]) {
      if (value) {
        query.set(name, value);
      }
    }
    return `${LIST}?${query}`;
  }

  /** Loads those before the one called `before`, or the newest. */
  async #load(before) {
    const query = this.#query({ limit: PAGE, ...(before && { before }) });
    const { signal } = this.#listening;
    try {
      const headers = { Accept: "application/json" };
      const page = await ask(query, { headers, signal }, PATIENCE_MS, answer);
      this.#showError("");
      page.events.forEach((event) => this.#put(event));
      this.#next = page.next;
    } catch (error) {
      if (!signal.aborted) {
        this.#showError(words(error));
      }
    }
    this.#tidy();
  }

  #showError(text) {
    const refusal = this.#part("refusal");
    refusal.hidden = text === "";
    setProse(refusal, text);
  }

  /** Takes events as they happen, until nobody looks any more. */
  async #listen(signal) {
    while (!signal.aborted) {
      try {
        const query = this.#query({});
        const response = await fetch(address(query), {
          headers: { ...MARK, Accept: "text/event-stream" },
          signal,
        });
        for await (const event of eventsOf(response.body)) {
          this.#put(event);
          this.#tidy();
        }
      } catch {
        // Lost, or closed; the end of `signal` tells.
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      if (!signal.aborted) {
        this.#load(null);
      }
    }
  }

  /** Shows `event` where it belongs, or as it is now. */
  #put(event) {
    offer(this.#stream, event.stream);
    offer(this.#kind, event.kind);
    const item = this.#item(event);
    const known = this.#items.get(event.id);
    this.#items.set(event.id, item);
    if (known) {
      const hasFocus = known.contains(document.activeElement);
      known.replaceWith(item);
      if (hasFocus) {
        item.querySelector("a, button")?.focus();
      }
      return;
    }
    const after = [...this.#list.children].find((other) => other.dataset.id < event.id);
    this.#list.insertBefore(item, after ?? null);
  }

  #item(event) {
    const start = new Date(event.start);
    const name = `${event.kind} at ${event.stream}, ${start.toLocaleString()}`;
    const foot = make(
      "p",
      { className: "event-foot reason" },
      make("span", { textContent: duration(event) }),
    );
    if (this.#mayChange) {
      const remove = make("button", {
        type: "button",
        textContent: "Remove",
        ariaLabel: `Remove ${name}`,
      });
      remove.addEventListener("click", () => this.#remove(event.id, name));
      foot.append(remove);
    }
    const item = make(
      "li",
      { className: "event" },
      picture(event, name),
      make("strong", { textContent: `${event.stream}: ${event.kind}` }),
      make("time", { dateTime: event.start, textContent: start.toLocaleString() }),
      foot,
    );
    if (event.text) {
      foot.before(make("p", { className: "reason", textContent: event.text }));
    }
    item.dataset.id = event.id;
    return item;
  }

  async #remove(id, name) {
    try {
      await change("DELETE", `${LIST}/${id}`);
      this.#showError("");
    } catch (error) {
      this.#showError(words(error));
      return;
    }
    const item = this.#items.get(id);
    const next = item?.nextElementSibling ?? item?.previousElementSibling;
    item?.remove();
    this.#items.delete(id);
    announce(`${name} is removed`);
    (next?.querySelector("button") ?? this.#part("close")).focus();
    this.#tidy();
  }

  #tidy() {
    while (this.#list.children.length > MOST) {
      const oldest = this.#list.lastElementChild;
      this.#items.delete(oldest.dataset.id);
      oldest.remove();
    }
    const { length } = this.#list.children;
    this.#part("no-events").hidden = length > 0;
    this.#older.hidden = !this.#next || length >= MOST;
  }
}

function build() {
  const choice = (label, name) =>
    make(
      "label",
      {},
      `${label} `,
      make("select", { className: name }, make("option", { value: "", textContent: "all" })),
    );
  return make(
    "dialog",
    { id: "events", "aria-labelledby": "events-title" },
    make("h2", { id: "events-title", className: "form-title", textContent: "Events" }),
    make(
      "p",
      { className: "event-choices" },
      choice("Stream", "event-stream"),
      choice("Kind", "event-kind"),
    ),
    make("p", { className: "no-events reason", textContent: "Nothing has happened." }),
    make("ul", { className: "event-list", ariaLabel: "Events, newest first" }),
    dialogFoot(
      make("button", {
        className: "older",
        type: "button",
        textContent: "Older ones",
        hidden: true,
      }),
    ),
  );
}

/** Lets `name` be chosen. */
function offer(select, name) {
  if (![...select.options].some(({ value }) => value === name)) {
    select.append(make("option", { value: name, textContent: name }));
  }
}

/** The picture, which is loaded once it is in sight. */
function picture(event, name) {
  if (!event.picture_url) {
    return make("span", { className: "event-picture", textContent: "no picture" });
  }
  const src = new URL(event.picture_url, address(LIST)).href;
  // The best picture of one that lasts may be another at its end.
  const image = make("img", {
    loading: "lazy",
    decoding: "async",
    alt: name,
    src: event.end ? src : `${src}?lasts`,
  });
  return make("a", { className: "event-picture", href: src, target: "_blank" }, image);
}

function duration({ start, end }) {
  if (!end) {
    return "lasts";
  }
  const seconds = Math.round((new Date(end) - new Date(start)) / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/**
 * The events among the server-sent events of `body` (HTML standard, 9.2.6); the server's own
 * notifications have no id.
 */
async function* eventsOf(body) {
  let text = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    text += value;
    const messages = text.split("\n\n");
    text = messages.pop();
    for (const message of messages) {
      const lines = message.split("\n");
      const data = lines.find((line) => line.startsWith("data:"));
      if (data && lines.some((line) => line.startsWith("id:"))) {
        yield JSON.parse(data.slice("data:".length));
      }
    }
  }
}
