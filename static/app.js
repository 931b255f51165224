// The page: a card for each stream, with its picture and what the server tells of it.

import { getAsAdmin, knownToken } from "./api.js";
import { Card } from "./card.js";
import { ChainPanel } from "./chain.js";
import { advise, load, setProse } from "./dom.js";
import { StreamForm } from "./stream_form.js";
import { Wall } from "./wall.js";

const streams = document.getElementById("streams");
const summary = document.getElementById("summary");
const trouble = document.getElementById("trouble");
const cards = new Map();
const wall = new Wall({ state: take, frame: draw, lost });
const panel = new ChainPanel(
  () => wall.refresh(),
  (name) => cards.get(name),
);
const streamForm = new StreamForm(() => wall.refresh());
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

let eventList = null;

async function showEvents() {
  const events = await load("./events.js");
  eventList ??= events && new events.EventList();
  eventList?.open([...cards.keys()], state?.access.changing !== "off");
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
  const mayChange = state.access.changing !== "off";
  for (const report of reports) {
    if (!cards.has(report.name)) {
      const card = new Card(report.name, watch, () => streamForm.open(report.name), editMasks);
      cards.set(report.name, card);
      streams.append(card.element);
      visible.observe(card.picture);
    }
    const card = cards.get(report.name);
    card.show(report, state.refused[report.name], mayChange);
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
  document.getElementById("view").className = large ? "one" : "wall";
  document.getElementById("back").hidden = !large || reports.length === 1;
  for (const [name, card] of cards) {
    card.element.hidden = large !== undefined && name !== large.name;
  }
  const pipeline = explained(state.pipeline);
  panel.show(large, pipeline, state.access.changing);
  streamForm.show(reports, mayChange);
  showFile(pipeline);
  const viewers = reports.reduce((sum, report) => sum + report.viewers, 0);
  summary.textContent = `${count(reports.length, "stream")}, ${count(viewers, "viewer")}`;
}

function count(number, word) {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

/** What is wrong with the pipeline file, until it is right. */
function showFile(pipeline) {
  const wrong = document.getElementById("wrong-file");
  wrong.hidden = !pipeline.error;
  wrong.querySelector("pre").textContent = pipeline.error?.message ?? "";
  const waiting = document.getElementById("needs-restart");
  waiting.hidden = pipeline.needs_restart.length === 0;
  const keys = pipeline.needs_restart.join(" and ");
  waiting.textContent = `Restart the server for the change of ${keys}.`;
}

let explanation = { of: null, error: null };

/**
 * With what is wrong in the pipeline file, which is shown to the admin only. Asked for once for
 * each error and token, so that a token that is no longer right is not sent again and again.
 */
function explained(pipeline) {
  if (!pipeline.error || !knownToken()) {
    return pipeline;
  }
  const of = `${pipeline.failed_reloads} ${knownToken()}`;
  if (explanation.of !== of) {
    explanation = { of, error: null };
    explain(explanation);
  }
  return { ...pipeline, error: explanation.error ?? pipeline.error };
}

async function explain(explanation) {
  try {
    explanation.error = (await getAsAdmin("api/v1/pipeline")).error;
    show();
  } catch {
    // The next state asks again.
    explanation.of = null;
  }
}

/** Takes what the server tells. */
function take(told) {
  state = told;
  reports = told.streams;
  trouble.hidden = true;
  show();
}

function lost(error) {
  setProse(trouble, `The connection to the server is lost (${error.message}). Trying again.`);
  trouble.hidden = false;
  cards.forEach((card) => card.showLoss());
}

/** A page that nobody sees has no connection. */
function showOrHide() {
  if (document.hidden) {
    wall.close();
  } else {
    wall.open();
  }
}

document.getElementById("show-events").addEventListener("click", showEvents);
document.addEventListener("visibilitychange", showOrHide);
window.addEventListener("hashchange", () => {
  advise("");
  if (state) {
    show();
  }
});
document.getElementById("not-started").remove();
showOrHide();
