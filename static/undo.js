// Changes that can be undone: a line for some seconds, and Ctrl+Z for all that was changed since
// the page was loaded.

import { change, changeFile } from "./api.js";
import { setProse } from "./dom.js";

const SHOWN_MS = 10_000;
const MOST = 20;
// Changes of the same thing in quick succession are one: a slider that is dragged.
const BURST_MS = 2_000;

const line = document.getElementById("undo");
const button = line.querySelector("button");
const words = line.querySelector(".undo-words");

const done = [];
const undone = [];
let shown = null;
let timer = 0;
let isBusy = false;
let isAllowed = true;

/** Whether whoever watches may restore what the pipeline file said before. */
export function allowUndoing(is) {
  isAllowed = is;
}

/**
 * Asks for a change which can be undone afterwards. `what` says it in words, `key` tells one thing
 * from another.
 */
export async function changeUndoably(what, key, method, path, body) {
  const { body: answer, previous, revision } = await changeFile(method, path, body);
  if (previous && isAllowed) {
    remember({ what, key, before: previous, after: revision, at: Date.now() });
  }
  return answer;
}

function remember(entry) {
  const last = done.at(-1);
  const isSame =
    last && last.key === entry.key && last.after === entry.before && entry.at - last.at < BURST_MS;
  if (isSame) {
    done.pop();
    entry.before = last.before;
  }
  done.push(entry);
  done.splice(0, done.length - MOST);
  undone.length = 0;
  tell(entry.what, "Undo", undo);
}

function tell(text, label, act) {
  shown = act;
  setProse(words, text);
  button.textContent = label;
  button.hidden = !act;
  line.hidden = false;
  hideLater();
}

function hideLater() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    // Nobody loses the place where the keyboard is.
    if (line.querySelector(":focus-visible")) {
      hideLater();
    } else {
      line.hidden = true;
    }
  }, SHOWN_MS);
}

const UNDOING = {
  from: done,
  to: undone,
  restored: "before",
  expected: "after",
  says: "Undone: ",
  label: "Redo",
  back: redo,
};
const REDOING = {
  from: undone,
  to: done,
  restored: "after",
  expected: "before",
  says: "Done again: ",
  label: "Undo",
  back: undo,
};

function undo() {
  return go(UNDOING);
}

function redo() {
  return go(REDOING);
}

/** Restores one end of the newest change; only if nobody has changed anything else meanwhile. */
async function go({ from, to, restored, expected, says, label, back }) {
  const entry = from.at(-1);
  if (!entry || isBusy) {
    return;
  }
  isBusy = true;
  try {
    await change("POST", `api/v1/pipeline/versions/${entry[restored]}/restore`, {
      revision: entry[expected],
    });
    from.pop();
    to.push(entry);
    tell(says + entry.what, label, back);
  } catch (error) {
    // What comes before it can't be undone then either.
    if (error.status === 409 || error.status === 404) {
      from.length = 0;
    }
    tell(`Not done: ${error.message}.`, "", null);
  } finally {
    isBusy = false;
  }
  document.dispatchEvent(new Event("mattebox-restored"));
}

/**
 * Where the browser's own undoing is meant: not in numbers, whose fields are written by more than
 * the keys.
 */
function isText(element) {
  const other = ["checkbox", "radio", "range", "button", "file"];
  return (
    element.matches("textarea, [contenteditable]") ||
    (element.matches("input:not(.number)") && !other.includes(element.type))
  );
}

button.addEventListener("click", () => shown?.());
line.addEventListener("pointermove", hideLater);
document.addEventListener("keydown", (event) => {
  const isWanted = (event.ctrlKey || event.metaKey) && !event.altKey && /^[zy]$/i.test(event.key);
  if (!isWanted || isText(event.target) || document.querySelector("dialog[open]")) {
    return;
  }
  event.preventDefault();
  const isRedo = event.shiftKey || event.key.toLowerCase() === "y";
  (isRedo ? redo : undo)();
});
