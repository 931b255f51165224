// The page: asks the server what its streams are doing, and keeps a card for each.

import { get, getAsAdmin, knownToken } from "./api.js";
import { Card } from "./card.js";
import { ChainPanel } from "./chain.js";
import { advise } from "./dom.js";

const POLL_MS = 1000;
// Browsers open six connections to a server at most; the page itself needs one or two of them.
const LIVE_AT_MOST = 4;

const streams = document.getElementById("streams");
const summary = document.getElementById("summary");
const trouble = document.getElementById("trouble");
const cards = new Map();
const panel = new ChainPanel(() => poll());
let connected = true;
let reports = [];
let pipeline = null;
let access = null;

const visible = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const card = cards.get(entry.target.closest(".card").dataset.name);
    card.isVisible = entry.isIntersecting;
  }
  shareConnections();
});

/** Pictures run only where somebody can see them, and only as many as the browser has connections for. */
function shareConnections() {
  let free = document.hidden || !connected ? 0 : LIVE_AT_MOST;
  for (const card of cards.values()) {
    const runs = card.isVisible && card.isWanted && free > 0;
    free -= runs ? 1 : 0;
    card.run(runs, card.isVisible && card.isWanted && !runs && connected);
  }
}

/** The stream that is large: the one that the address names, or the only one. */
function chosen() {
  const named = reports.find((report) => location.hash === `#${encodeURIComponent(report.name)}`);
  return named ?? (reports.length === 1 ? reports[0] : undefined);
}

function show() {
  for (const report of reports) {
    if (!cards.has(report.name)) {
      const card = new Card(report.name, shareConnections);
      cards.set(report.name, card);
      streams.append(card.element);
      visible.observe(card.picture);
    }
    cards.get(report.name).show(report);
  }
  const names = new Set(reports.map((report) => report.name));
  for (const [name, card] of cards) {
    if (!names.has(name)) {
      visible.unobserve(card.picture);
      card.remove();
      cards.delete(name);
    }
  }
  const large = chosen();
  document.getElementById("view").className = large ? "one" : "wall";
  document.getElementById("back").hidden = !large || reports.length === 1;
  for (const [name, card] of cards) {
    card.element.hidden = large !== undefined && name !== large.name;
  }
  panel.show(large, pipeline, access);
  showFile();
  const viewers = reports.reduce((sum, report) => sum + report.viewers, 0);
  summary.textContent = `${count(reports.length, "stream")}, ${count(viewers, "viewer")}`;
}

function count(number, word) {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

/** What is wrong with the pipeline file, until it is right. */
function showFile() {
  const wrong = document.getElementById("wrong-file");
  wrong.hidden = !pipeline.error;
  wrong.querySelector("pre").textContent = pipeline.error?.message ?? "";
  const waiting = document.getElementById("needs-restart");
  waiting.hidden = pipeline.needs_restart.length === 0;
  waiting.textContent = `Restart the server for the change of ${pipeline.needs_restart.join(" and ")}.`;
}

let explanation = { of: null, error: null };

/** With what is wrong in the pipeline file, which is shown to the admin only. Asked for once for each error and token, so that
 * a token that is no longer right is not sent again and again. */
async function explained(pipeline) {
  if (!pipeline.error || !knownToken()) {
    return pipeline;
  }
  const of = `${pipeline.failed_reloads} ${knownToken()}`;
  if (explanation.of !== of) {
    explanation = { of, error: null };
    explanation.error = (await getAsAdmin("api/pipeline")).error;
  }
  return { ...pipeline, error: explanation.error ?? pipeline.error };
}

async function poll() {
  try {
    const answers = await Promise.all([get("api/streams"), get("api/pipeline"), get("api/access")]);
    reports = answers[0].streams;
    pipeline = await explained(answers[1]);
    access = answers[2].changing;
    show();
    setConnected(true);
  } catch (error) {
    trouble.textContent = `The connection to the server is lost (${error.message}). Trying again.`;
    setConnected(false);
  }
}

function setConnected(now) {
  trouble.hidden = now;
  if (now !== connected) {
    // A picture whose connection broke doesn't start again by itself; this starts all of them anew.
    connected = now;
    shareConnections();
  }
}

async function pollForever() {
  for (;;) {
    if (!document.hidden) {
      await poll();
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

document.addEventListener("visibilitychange", shareConnections);
window.addEventListener("hashchange", () => {
  advise("");
  if (pipeline) {
    show();
  }
});
document.getElementById("not-started").remove();
pollForever();
