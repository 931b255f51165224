// The page: asks the server what its streams are doing, and keeps a card for each.

import { Card } from "./card.js";

const POLL_MS = 1000;
// An answer that takes longer than this won't come.
const PATIENCE_MS = 5000;
// Browsers open six connections to a server at most; the page itself needs one or two of them.
const LIVE_AT_MOST = 4;

const streams = document.getElementById("streams");
const summary = document.getElementById("summary");
const trouble = document.getElementById("trouble");
const cards = new Map();
let connected = true;

const visible = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    cards.get(entry.target.dataset.name).isVisible = entry.isIntersecting;
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

function show(reports) {
  for (const report of reports) {
    if (!cards.has(report.name)) {
      const card = new Card(report.name, shareConnections);
      cards.set(report.name, card);
      streams.append(card.element);
      visible.observe(card.element);
    }
    cards.get(report.name).show(report);
  }
  const names = new Set(reports.map((report) => report.name));
  for (const [name, card] of cards) {
    if (!names.has(name)) {
      visible.unobserve(card.element);
      card.remove();
      cards.delete(name);
    }
  }
  const viewers = reports.reduce((sum, report) => sum + report.viewers, 0);
  summary.textContent = `${count(reports.length, "stream")}, ${count(viewers, "viewer")}`;
}

function count(number, word) {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

async function poll() {
  try {
    const response = await fetch("/api/streams", { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok) {
      throw new Error(`the server answers ${response.status}`);
    }
    show((await response.json()).streams);
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
pollForever();
