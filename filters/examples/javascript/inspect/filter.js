// The brightest spot of the picture, as a region: an inspecting filter for Mattebox in JavaScript.

import { event, setVariable } from "mattebox:filter/publish@0.2.0";
import { luma } from "mattebox:filter/view@0.2.0";
import "./console.js";

// The side of a pixel of the small picture, in pixels of the whole one.
const SHRINK = 8;
const SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: {
    threshold: {
      description: "How bright a spot must be.",
      type: "integer",
      minimum: 1,
      maximum: 255,
      default: 200,
    },
  },
};

/** @type {{ threshold: number }} */
let settings;
let wasBright = false;

/** @type {typeof import("mattebox:filter/lifecycle@0.2.0")} */
export const lifecycle = {
  describe() {
    return {
      name: "example-filter",
      version: "0.1.0",
      summary: "Finds the brightest spot of the picture",
      configSchema: JSON.stringify(SCHEMA),
    };
  },

  // The server has checked the settings against the schema and has filled in its defaults. What is
  // wrong beyond that is told by `throw new Error("…")`.
  configure(json) {
    settings = JSON.parse(json);
  },
};

/** @type {typeof import("mattebox:filter/inspect@0.2.0")} */
export const inspect = {
  look() {
    const picture = luma("eighth", null);
    let brightest = 0;
    for (let at = 1; at < picture.luma.length; at++) {
      if (picture.luma[at] > picture.luma[brightest]) {
        brightest = at;
      }
    }
    const brightness = picture.luma[brightest];
    if (!tell(brightness)) {
      return { regions: [] };
    }
    const x = (brightest % picture.width) * SHRINK;
    const y = Math.floor(brightest / picture.width) * SHRINK;
    const area = { x, y, width: SHRINK, height: SHRINK };
    return { regions: [{ area, label: "bright", score: brightness / 255 }] };
  },
};

// Sets the variable `brightness`, and tells of an event when it becomes bright and when it is over.
/** @param {number} brightness */
function tell(brightness) {
  setVariable("brightness", String(brightness), 30000);
  const isBright = brightness >= settings.threshold;
  if (isBright !== wasBright) {
    wasBright = isBright;
    event("bright-spot", isBright ? "start" : "end", "");
  }
  return isBright;
}
