// Links to a stream's pictures, for those who have no login.

import { address, change } from "./api.js";
import { advise, announce, dialogFoot, make, setProse } from "./dom.js";
import { words } from "./step.js";
import { addStylesheet } from "./stylesheet.js";

const TIMES = { "1h": "an hour", "1d": "a day", "7d": "a week", "30d": "30 days" };
const KINDS = { stream: "the live picture", snapshot: "the newest picture" };

export class ShareDialog {
  #dialog = build();
  #name = "";

  constructor() {
    addStylesheet("lists.css").catch((error) => advise(error.message));
    document.body.append(this.#dialog);
    this.#part("close").addEventListener("click", () => this.#dialog.close());
    this.#part("make-link").addEventListener("click", () => this.#try(() => this.#make()));
    this.#part("copy").addEventListener("click", () => this.#try(() => this.#copy()));
    this.#part("revoke").addEventListener("click", () => this.#try(() => this.#revoke()));
    this.#part("link").addEventListener("focus", (event) => event.target.select());
  }

  #part(name) {
    return this.#dialog.querySelector(`.${name}`);
  }

  /** Makes links to the stream `name`; whoever `mayRevoke` them can do so. */
  open(name, mayRevoke) {
    this.#name = name;
    this.#part("form-title").textContent = `Share ${name}`;
    this.#part("made").hidden = true;
    this.#part("revoke").hidden = !mayRevoke;
    this.#tell("");
    this.#dialog.showModal();
  }

  /** Does `act`, and says why it fails. */
  async #try(act) {
    const refusal = this.#part("refusal");
    refusal.hidden = true;
    try {
      await act();
    } catch (error) {
      refusal.hidden = false;
      setProse(refusal, words(error));
    }
  }

  #tell(text) {
    setProse(this.#part("told"), text);
  }

  async #make() {
    const path = `api/v1/streams/${encodeURIComponent(this.#name)}/links`;
    const wanted = { for: this.#part("link-time").value, kind: this.#part("link-kind").value };
    const { url, expires } = await change("POST", path, wanted);
    const link = this.#part("link");
    // It is relative to the address that it was asked from.
    link.value = new URL(url, address(path)).href;
    this.#part("made").hidden = false;
    this.#tell(`It holds until ${new Date(expires).toLocaleString()}.`);
    link.focus();
  }

  async #copy() {
    const link = this.#part("link");
    // Without HTTPS a browser has no clipboard for scripts but the old way.
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(link.value);
    } else {
      link.select();
      if (!document.execCommand("copy")) {
        throw new Error("This browser doesn't let it be copied: copy the address by hand.");
      }
    }
    announce("The address is copied");
  }

  async #revoke() {
    await change("DELETE", "api/v1/links");
    this.#part("made").hidden = true;
    this.#tell("No link that was made holds any more.");
    announce("All links are revoked");
  }
}

function build() {
  const choice = (label, className, choices) =>
    make(
      "label",
      {},
      `${label} `,
      make(
        "select",
        { className },
        ...Object.entries(choices).map(([value, textContent]) =>
          make("option", { value, textContent }),
        ),
      ),
    );
  const button = (className, textContent) =>
    make("button", { className, textContent, type: "button" });
  return make(
    "dialog",
    { id: "share", "aria-labelledby": "share-title" },
    make("h2", { id: "share-title", className: "form-title" }),
    make("p", { className: "reason", textContent: "Whoever has the link sees the pictures." }),
    make(
      "p",
      { className: "choices" },
      choice("Show", "link-kind", KINDS),
      choice("for", "link-time", TIMES),
      button("make-link", "Make a link"),
    ),
    make(
      "p",
      { className: "made controls", hidden: true },
      make("input", { className: "link", readOnly: true, ariaLabel: "The address" }),
      button("copy", "Copy"),
    ),
    make("p", { className: "told reason", role: "status" }),
    dialogFoot(button("revoke", "Revoke all links")),
  );
}
