// The page: a card for each stream, with its picture and what the server tells of it.

import { isLoginNeeded } from "./api.js";
import { Card } from "./card.js";
import { ChainPanel } from "./chain.js";
import { advise, load, make, setProse } from "./dom.js";
import { Login } from "./login.js";
import { rightsOf } from "./rights.js";
import { allowUndoing } from "./undo.js";
import { Wall } from "./wall.js";

const streams = document.getElementById("streams");
const summary = document.getElementById("summary");
const trouble = document.getElementById("trouble");
const cards = new Map();
const wall = new Wall({ state: take, frame: draw, lost });
const login = new Login(wall);
const panel = new ChainPanel(
  () => wall.refresh(),
  (name) => cards.get(name),
);
let state = null;
let reports = [];

const visible = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const card = cards.get(entry.target.closest(".card").dataset.name);
    // It may have been removed meanwhile.
    if (card) {
      card.isVisible = entry.isIntersecting;
    }
  }
  watch();
});

/** Pictures run only where somebody can see them. */
function watch() {
  const running = [...cards.values()].filter((card) => card.runs);
  wall.watch(running.map((card) => card.name));
}

async function editMasks(card) {
  const masks = await load("./masks.js");
  await masks?.editMasks(card, () => wall.refresh());
}

/** Shows what the stream's filters find, if any of them looks for something. */
async function showRegions(card, { filters }) {
  const looks = filters.filter((filter) => filter.kind === "inspect" && filter.enabled);
  if (looks.length > 0) {
    const regions = await load("./regions.js");
    card.regions ??= regions && new regions.Regions(card);
  }
  const isDrawn = filters.some((filter) => filter.use === "boxes" && filter.enabled);
  card.regions?.show(looks, isDrawn);
}

const dialogs = new Map();

/**
 * The one dialog of the class `name` in `script`, which few need; `undefined` if that can't be
 * loaded. It gets what asks the server again how things are.
 */
async function dialogOf(script, name) {
  const module = await load(script);
  if (module && !dialogs.has(name)) {
    dialogs.set(name, new module[name](() => wall.refresh()));
  }
  return dialogs.get(name);
}

/** Edits the stream `name`, or adds one. */
async function editStream(name) {
  (await dialogOf("./stream_form.js", "StreamForm"))?.open(name, reports);
}

async function showEvents() {
  const events = await dialogOf("./events.js", "EventList");
  events?.open([...cards.keys()], state !== null && rightsOf(state.access).administers);
}

async function showUsers() {
  (await dialogOf("./users.js", "UserList"))?.open();
}

async function showViewers() {
  (await dialogOf("./viewers.js", "ViewerList"))?.open();
}

async function share(name) {
  const dialog = await dialogOf("./share.js", "ShareDialog");
  dialog?.open(name, rightsOf(state.access).administers);
}

async function draw(name, jpeg) {
  await cards.get(name)?.draw(jpeg);
}

/** The stream that is large: the one that the address names, or the only one. */
function chosen() {
  const named = reports.find((report) => location.hash === `#${encodeURIComponent(report.name)}`);
  return named ?? (reports.length === 1 ? reports[0] : undefined);
}

function show() {
  const rights = rightsOf(state.access);
  for (const report of reports) {
    if (!cards.has(report.name)) {
      const card = new Card(report.name, {
        changed: watch,
        edit: () => editStream(report.name),
        editMasks,
        share: () => share(report.name),
      });
      cards.set(report.name, card);
      streams.append(card.element);
      visible.observe(card.picture);
    }
    const card = cards.get(report.name);
    card.show(report, state.refused[report.name], rights);
    showRegions(card, report);
  }
  const names = new Set(reports.map((report) => report.name));
  for (const [name, card] of cards) {
    if (!names.has(name)) {
      visible.unobserve(card.picture);
      card.element.remove();
      cards.delete(name);
    }
  }
  watch();
  const large = chosen();
  const layout = rights.reads ? "one" : "alone";
  document.getElementById("view").className = large ? layout : "wall";
  document.getElementById("back").hidden = !large || reports.length === 1;
  for (const [name, card] of cards) {
    card.element.hidden = large !== undefined && name !== large.name;
  }
  const { pipeline, access } = state;
  panel.show(rights.reads ? large : undefined, pipeline, rights, access.changing !== "off");
  document.getElementById("add-stream").hidden = !rights.administers;
  allowUndoing(rights.administers);
  showFile(pipeline);
  showAccess(access);
}

/** Who is logged in; and where nobody may watch without a login, nothing else. */
function showAccess(access) {
  const isShut = access.role === null;
  const viewers = reports.reduce((sum, report) => sum + report.viewers, 0);
  const counts = `${count(reports.length, "stream")}, ${count(viewers, "viewer")}`;
  summary.textContent = isShut ? "" : counts;
  document.getElementById("shut").hidden = !isShut;
  document.getElementById("show-events").hidden = isShut;
  for (const id of ["show-users", "show-viewers"]) {
    document.getElementById(id).hidden = access.role !== "admin";
  }
  login.show(access);
}

function count(number, word) {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

/** A line of what is wrong: words wrap; a line of the file and what points into it are kept. */
function line(text) {
  const isOfFile = /^ *\d* \|/.test(text);
  return make("span", { className: isOfFile ? "" : "words", textContent: text });
}

/** What is wrong with the pipeline file, until it is right. */
function showFile(pipeline) {
  const wrong = document.getElementById("wrong-file");
  wrong.hidden = !pipeline.error;
  const told = wrong.querySelector("pre");
  const message = pipeline.error?.message ?? "";
  if (told.textContent !== message) {
    told.replaceChildren(...message.split(/(?<=\n)/).map(line));
  }
  const waiting = document.getElementById("needs-restart");
  waiting.hidden = pipeline.needs_restart.length === 0;
  const keys = pipeline.needs_restart.join(" and ");
  waiting.textContent = `Restart the server for the change of ${keys}.`;
}

/** Takes what the server tells. */
function take(told) {
  state = told;
  reports = told.streams;
  trouble.hidden = true;
  show();
}

function lost(error) {
  if (isLoginNeeded(error)) {
    shut();
    return;
  }
  setProse(trouble, `The connection to the server is lost (${error.message}). Trying again.`);
  trouble.hidden = false;
  cards.forEach((card) => card.showLoss());
}

/** Nobody may watch without a login: takes away what was shown. */
async function shut() {
  let access;
  try {
    access = await login.look();
  } catch {
    // The wall goes on trying, and tells why it can't.
    return;
  }
  if (access.role === null) {
    wall.close();
    document.querySelectorAll("dialog[open]:not(#login)").forEach((dialog) => dialog.close());
    const pipeline = { revision: "", reloads: 0, error: null, needs_restart: [] };
    take({ streams: [], refused: {}, pipeline, access });
  }
}

/** A page that nobody sees has no connection. */
function showOrHide() {
  if (document.hidden) {
    wall.close();
  } else {
    wall.open();
  }
}

document.getElementById("add-stream").addEventListener("click", () => editStream(null));
document.getElementById("show-events").addEventListener("click", showEvents);
document.getElementById("show-users").addEventListener("click", showUsers);
document.getElementById("show-viewers").addEventListener("click", showViewers);
document.addEventListener("visibilitychange", showOrHide);
window.addEventListener("hashchange", () => {
  advise("");
  if (state) {
    show();
  }
});
document.getElementById("not-started").remove();
showOrHide();
