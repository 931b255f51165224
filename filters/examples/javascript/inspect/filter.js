// The brightest spot of the picture, as a region: an inspecting filter for Mattebox in JavaScript.

import { event, setVariable } from "mattebox:filter/publish@0.2.0";
import { luma } from "mattebox:filter/view@0.2.0";

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

let settings;
let wasBright = false;

export const lifecycle = {
  describe() {
    return {
      name: "example-filter",
      version: "0.1.0",
      summary: "Finds the brightest spot of the picture",
      configSchema: JSON.stringify(SCHEMA),
    };
  },

  // The server has checked the settings against the schema and has filled in its defaults.
  configure: told((json) => {
    settings = JSON.parse(json);
  }),
};

export const inspect = {
  look: told(() => {
    const picture = luma("eighth");
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
  }),
};

// Sets the variable `brightness`, and tells of an event when it becomes bright and when it is over.
function tell(brightness) {
  setVariable("brightness", String(brightness), 30000);
  const isBright = brightness >= settings.threshold;
  if (isBright !== wasBright) {
    wasBright = isBright;
    event("bright-spot", isBright ? "start" : "end", "");
  }
  return isBright;
}

// The contract's errors are texts, so an exception is told by its message. Without this, one that
// is no text ends the filter, and nobody learns why.
function told(call) {
  return (...given) => {
    try {
      return call(...given);
    } catch (error) {
      throw error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
  };
}
