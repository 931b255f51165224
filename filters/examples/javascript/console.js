// What QuickJS leaves to others: `console`, whose lines go to the server's log, and the place of
// exceptions.

import { log } from "mattebox:filter/host@0.2.0";

/** @type {(level: import("mattebox:filter/host@0.2.0").Level) => (...values: unknown[]) => void} */
const at = (level) => (...values) => log(level, values.map(text).join(" "));

globalThis.console = { debug: at("debug"), log: at("info"), warn: at("warn"), error: at("error") };

/** @param {unknown} value */
function text(value) {
  const isPlain = typeof value === "object" && !(value instanceof Error);
  return isPlain ? JSON.stringify(value) : String(value);
}

// The engine's own exceptions, such as a `TypeError`, are told with their place: `nothing is not
// defined (filter.js:59:3)`. The words of `new Error("…")` stay as they are.
Error.prepareStackTrace = (error, calls) => {
  const places = calls.filter((call) => call.getLineNumber()).map(place);
  const inFile = places.find((place) => !place.startsWith("<"));
  if (inFile && error.constructor !== Error) {
    error.message += ` (${inFile})`;
  }
  return places.map((place) => `    at ${place}`).join("\n");
};

/** @param {CallSite} call */
function place(call) {
  const file = call.getFileName()?.replace(/^\//, "");
  return `${file}:${call.getLineNumber()}:${call.getColumnNumber()}`;
}
