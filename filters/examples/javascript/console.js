// `console`, which QuickJS leaves to others: its lines go to the server's log.

import { log } from "mattebox:filter/host@0.2.0";

/** @type {(level: import("mattebox:filter/host@0.2.0").Level) => (...values: unknown[]) => void} */
const at = (level) => (...values) => log(level, values.map(text).join(" "));

globalThis.console = { debug: at("debug"), log: at("info"), warn: at("warn"), error: at("error") };

/** @param {unknown} value */
function text(value) {
  const isPlain = typeof value === "object" && !(value instanceof Error);
  return isPlain ? JSON.stringify(value) : String(value);
}
