// Who is logged in, logging in and out, and the own password.

import { Refusal, changeOnce, get, isLoginNeeded, setLogin } from "./api.js";
import { advise, announce, setProse } from "./dom.js";
import { words } from "./step.js";

// What is known of somebody whose proof the server does not take.
const NOBODY = { changing: "token-needed", user: null, role: null, logins: true, tokens: true };

export class Login {
  #dialog = document.getElementById("login");
  #passwordDialog = document.getElementById("own-password");
  #wall;
  // What the server tells of the rights of whoever watches.
  #access = null;
  #asking = null;

  /** A login is for the connection, too: `wall` begins a new one. */
  constructor(wall) {
    this.#wall = wall;
    setLogin({ isMissing: () => this.#isMissing(), ask: () => this.ask() });
    document.getElementById("log-in").addEventListener("click", () => this.ask().catch(() => {}));
    document.getElementById("log-out").addEventListener("click", () => this.#logOut());
    document.getElementById("change-password").addEventListener("click", () => this.#change());
    this.#onSubmit(this.#form("by-password"), () => this.#logIn(["user", "password"]));
    this.#onSubmit(this.#form("by-token"), () => this.#logIn(["token"]));
    this.#onSubmit(this.#passwordDialog.querySelector("form"), () => this.#changePassword());
    for (const dialog of [this.#dialog, this.#passwordDialog]) {
      dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    }
  }

  #form(name) {
    return this.#dialog.querySelector(`.${name}`);
  }

  /** Whether a change would be refused, since nobody is logged in. */
  #isMissing() {
    return this.#access?.user === null && this.#access.changing === "token-needed";
  }

  /** Shows who is logged in, as the server tells it by `access`. */
  show(access) {
    const isOver = this.#access?.proof === "session" && access.user === null;
    this.#access = access;
    const { user, role, proof } = access;
    const isLoggedIn = user !== null;
    const who = document.getElementById("who");
    who.hidden = !isLoggedIn;
    who.textContent = isLoggedIn ? `${user}, ${role ?? "no role"}` : "";
    document.getElementById("log-in").hidden = isLoggedIn || !(access.logins || access.tokens);
    document.getElementById("log-out").hidden = proof !== "session";
    document.getElementById("change-password").hidden = !(
      proof === "session" && access.own_password
    );
    if (isLoggedIn) {
      // Perhaps on another page of this browser.
      this.#dialog.close("done");
    }
    if (isOver || role === null) {
      const why = isOver ? "Your session has ended." : "Nobody may watch here without a login.";
      this.ask(why).catch(() => {});
    }
  }

  /**
   * What the server tells of the rights of whoever asks; also where it does not take what the
   * browser shows by itself.
   */
  async look() {
    try {
      return await get("api/v1/access");
    } catch (error) {
      if (isLoginNeeded(error)) {
        return NOBODY;
      }
      throw error;
    }
  }

  /**
   * Asks for a login, and resolves when somebody has logged in. Several may need it at once; all of
   * them wait for the same one.
   */
  ask(why = "") {
    this.#asking ??= this.#askOnce(why).finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #askOnce(why) {
    const access = this.#access ?? (await this.look());
    const byPassword = this.#form("by-password");
    const byToken = this.#form("by-token");
    byPassword.hidden = !access.logins;
    byToken.hidden = !access.tokens;
    byPassword.reset();
    byToken.reset();
    const isPossible = access.logins || access.tokens;
    const nobody = "Nobody can log in here: the pipeline file has neither `users` nor `tokens`.";
    setProse(this.#dialog.querySelector(".why"), isPossible ? why : nobody);
    this.#fail(byPassword, "");
    this.#fail(byToken, "");
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
    await new Promise((resolve) => this.#dialog.addEventListener("close", resolve, { once: true }));
    if (this.#dialog.returnValue !== "done") {
      throw new Refusal(401, { detail: "Nothing has changed: this takes a login." });
    }
  }

  /** Has the form do `act` when it is sent, once at a time, and tell why that fails. */
  #onSubmit(form, act) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("[type=submit]");
      if (button.ariaDisabled === "true") {
        return;
      }
      button.ariaDisabled = "true";
      this.#fail(form, "");
      try {
        await act();
      } catch (error) {
        this.#fail(form, words(error));
      } finally {
        button.ariaDisabled = "false";
      }
    });
  }

  #fail(form, text) {
    setProse(form.querySelector(".error"), text);
  }

  /** Logs in by what these fields have. */
  async #logIn(names) {
    const fields = names.map((name) => this.#dialog.querySelector(`[name=${name}]`));
    const sent = Object.fromEntries(fields.map(({ name, value }) => [name, value]));
    try {
      await changeOnce("POST", "api/v1/session", sent);
    } catch (error) {
      fields.at(-1).select();
      throw error;
    }
    const access = await this.look();
    if (access.user === null) {
      throw new Error("This browser keeps no cookie of this server, which a login needs.");
    }
    this.#wall.close();
    this.show(access);
    this.#wall.open();
    announce(`${access.user} is logged in`);
  }

  async #logOut() {
    // What still comes by it would tell of a session that has ended.
    this.#wall.close();
    try {
      await changeOnce("DELETE", "api/v1/session");
      this.#access = null;
      advise("");
      announce("You are logged out");
    } catch (error) {
      advise(`You are not logged out: ${words(error)}.`);
    }
    this.#wall.open();
  }

  #change() {
    const form = this.#passwordDialog.querySelector("form");
    form.reset();
    form.elements.user.value = this.#access.user;
    this.#fail(form, "");
    this.#passwordDialog.showModal();
  }

  async #changePassword() {
    const { old, fresh, again } = this.#passwordDialog.querySelector("form").elements;
    if (fresh.value !== again.value) {
      again.select();
      throw new Error("The new passwords are not the same.");
    }
    await changeOnce("PUT", "api/v1/session/password", { old: old.value, new: fresh.value });
    this.#passwordDialog.close();
    announce("The password is changed");
  }
}
