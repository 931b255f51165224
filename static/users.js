// Users: a list, in which they are added, changed and removed.

import { get } from "./api.js";
import { advise, announce, dialogFoot, make, setProse } from "./dom.js";
import { words } from "./step.js";
import { addStylesheet } from "./stylesheet.js";
import { changeUndoably } from "./undo.js";

const ROLES = ["viewer", "operator", "admin"];
const LIST = "api/v1/users";
const FIRST =
  "There are no users yet. Once there is one, nobody watches without a login, unless the " +
  "pipeline file says `anonymous: viewer`.";

let fields = 0;

export class UserList {
  #dialog = build();
  #list = this.#part("user-list");

  constructor() {
    addStylesheet("lists.css").catch((error) => advise(error.message));
    document.body.append(this.#dialog);
    this.#part("close").addEventListener("click", () => this.#dialog.close());
  }

  #part(name) {
    return this.#dialog.querySelector(`.${name}`);
  }

  async open() {
    this.#dialog.showModal();
    await this.#load();
  }

  /** Shows all users, with the focus on the one called `focused`. */
  async #load(focused) {
    const refusal = this.#part("refusal");
    try {
      const { users } = await get(LIST);
      const changed = (name) => this.#load(name);
      const entries = [...users, null].map((user) => new UserEntry(user, changed));
      this.#list.replaceChildren(...entries.map((entry) => entry.element));
      this.#part("no-users").hidden = users.length > 0;
      refusal.hidden = true;
      const entry = entries.find(({ name }) => name === focused);
      (focused === undefined ? null : (entry ?? entries[0]))?.focus();
    } catch (error) {
      refusal.hidden = false;
      setProse(refusal, words(error));
    }
  }
}

/** A user, or the one that is to be added. */
class UserEntry {
  #user;
  #changed;
  #fields;
  #form = make("form", { className: "form" });
  #refusal = make("p", { className: "refusal error", role: "alert", hidden: true });
  #removal = make("p", { className: "buttons", hidden: true });

  /** `changed(name)` is called when something was changed. */
  constructor(user, changed) {
    this.#user = user;
    this.#changed = changed;
    const { role, streams } = user ?? { role: ROLES[0], streams: [] };
    const password = user?.has_password ? "New password" : "Password";
    this.#fields = {
      ...(user ? {} : { name: new Field("name", "Name", text({ required: true, maxLength: 64 })) }),
      role: new Field("role", "Role", choice(role)),
      streams: new Field(
        "streams",
        "Streams, between commas, such as `front, door*`; all without",
        text({ value: streams.join(", ") }),
      ),
      password: new Field(
        "password",
        `${password}, at least 8 characters`,
        text({
          type: "password",
          autocomplete: "new-password",
          minLength: 8,
          maxLength: 1000,
        }),
      ),
    };
    const send = make("button", { type: "submit", textContent: user ? "Save" : "Add" });
    const buttons = make("p", { className: "buttons" }, send);
    this.#form.append(
      ...Object.values(this.#fields).map((field) => field.element),
      this.#refusal,
      buttons,
    );
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    if (user) {
      this.#addRemoval(buttons);
    }
    const title = make("summary", { textContent: summary(user) });
    this.element = make("li", { className: "user" }, make("details", {}, title, this.#form));
    this.element.dataset.name = this.name ?? "";
  }

  /** The user's name; `null` of the one that is to be added. */
  get name() {
    return this.#user?.name ?? null;
  }

  focus() {
    this.element.querySelector("summary").focus();
  }

  /** A button that asks before the user is removed. */
  #addRemoval(buttons) {
    const button = (className, textContent, act) => {
      const made = make("button", { type: "button", className, textContent });
      made.addEventListener("click", act);
      return made;
    };
    const ask = (isAsked) => {
      this.#removal.hidden = !isAsked;
      (isAsked ? no : remove).focus();
    };
    const remove = button("ask-removal", "Remove", () => ask(true));
    const yes = button("remove-user", `Remove ${this.name}`, () => this.#remove());
    const no = button("keep", "Keep", () => ask(false));
    this.#removal.append(`Remove ${this.name}, whose sessions end?`, yes, no);
    buttons.append(remove);
    this.#form.append(this.#removal);
  }

  /** What is to be changed. */
  #changes() {
    const { role, streams, password } = this.#fields;
    const patterns = streams.value.split(",").map((pattern) => pattern.trim());
    const wanted = { role: role.value, streams: patterns.filter((pattern) => pattern !== "") };
    if (password.value) {
      wanted.password = password.value;
    }
    const isSame = ([key, value]) => JSON.stringify(value) === JSON.stringify(this.#user?.[key]);
    return Object.fromEntries(Object.entries(wanted).filter((entry) => !isSame(entry)));
  }

  async #send() {
    const name = this.name ?? this.#fields.name.value.trim();
    const isTaken = this.#user === null && document.querySelector(userWith(name));
    if (isTaken) {
      this.#fields.name.fail("There is a user of this name.");
      return;
    }
    await this.#make(
      `${name} is ${this.#user ? "changed" : "added"}`,
      name,
      "PUT",
      this.#changes(),
    );
  }

  #remove() {
    return this.#make(`${this.name} is removed`, this.name, "DELETE");
  }

  async #make(done, name, method, body) {
    Object.values(this.#fields).forEach((field) => field.fail(""));
    this.#fail(null);
    try {
      const url = `${LIST}/${encodeURIComponent(name)}`;
      await changeUndoably(done, `user ${name}`, method, url, body);
      announce(done);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    this.#changed(name);
  }

  /** Says at each field what is wrong with it, and below what is wrong with something else. */
  #refuse(error) {
    const problems = error.problems ?? [];
    const others = problems.filter(({ pointer, message }) => {
      const [list, , key] = (pointer ?? "").split("/").slice(1);
      const field = list === "users" ? this.#fields[key] : undefined;
      field?.fail(message);
      return !field;
    });
    const isPassword = error.status === 400 && /password/.test(error.message);
    if (isPassword) {
      this.#fields.password.fail(error.message);
    } else if (problems.length === 0 || others.length > 0) {
      this.#fail(Object.assign(error, { problems: others }));
    }
  }

  #fail(error) {
    this.#refusal.hidden = !error;
    setProse(this.#refusal, error ? words(error) : "");
  }
}

/** A labelled field, with what is wrong with it. */
class Field {
  #input;
  #error;

  constructor(name, label, input) {
    fields += 1;
    this.#input = Object.assign(input, { name });
    const id = `user-field-${fields}`;
    this.#error = make("p", { className: "error", id, role: "alert", hidden: true });
    input.setAttribute("aria-describedby", id);
    const words = make("span");
    setProse(words, label);
    const controls = make("span", { className: "controls" }, input);
    this.element = make("div", { className: "field" }, make("label", {}, words, controls));
    this.element.append(this.#error);
  }

  get value() {
    return this.#input.value;
  }

  /** Says what is wrong; an empty text takes it back. */
  fail(text) {
    this.#error.hidden = text === "";
    setProse(this.#error, text);
    this.#input.ariaInvalid = text !== "";
    if (text) {
      this.#input.focus();
    }
  }
}

function userWith(name) {
  return `.user[data-name="${CSS.escape(name)}"]`;
}

function summary(user) {
  if (!user) {
    return "Add a user";
  }
  const streams = user.streams.length > 0 ? user.streams.join(", ") : "all streams";
  return `${user.name}: ${user.role}, ${streams}${user.has_password ? "" : ", no password"}`;
}

function choice(role) {
  const options = ROLES.map((name) => make("option", { value: name, textContent: name }));
  const select = make("select", {}, ...options);
  select.value = role;
  return select;
}

function text(properties) {
  const usual = { autocomplete: "off", autocapitalize: "none", spellcheck: false };
  return make("input", { ...usual, ...properties });
}

function build() {
  return make(
    "dialog",
    { id: "users", "aria-labelledby": "users-title" },
    make("h2", { id: "users-title", className: "form-title", textContent: "Users" }),
    noUsers(),
    make("ul", { className: "user-list plain-list", ariaLabel: "Users" }),
    dialogFoot(),
  );
}

function noUsers() {
  const made = make("p", { className: "no-users reason", hidden: true });
  setProse(made, FIRST);
  return made;
}
