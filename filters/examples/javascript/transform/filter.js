// The picture as a mirror shows it: a transform for Mattebox in JavaScript.

import "./console.js";

// The bytes of a pixel: red, green, blue.
const PIXEL = 3;
const SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: {
    direction: {
      description: "Which sides change places.",
      enum: ["left-right", "top-bottom"],
      default: "top-bottom",
    },
  },
};

/** @type {{ direction: "top-bottom" | "left-right" }} */
let settings;

/** @type {typeof import("mattebox:filter/lifecycle@0.2.0")} */
export const lifecycle = {
  describe() {
    return {
      name: "example-filter",
      version: "0.1.0",
      summary: "Shows the picture as a mirror does",
      configSchema: JSON.stringify(SCHEMA),
    };
  },

  // The server has checked the settings against the schema and has filled in its defaults. What is
  // wrong beyond that is told by `throw new Error("…")`.
  configure(json) {
    settings = JSON.parse(json);
  },
};

/** @type {typeof import("mattebox:filter/transform@0.2.0")} */
export const transform = {
  apply(frame, { width, height, rgb }) {
    const mirrored = new Uint8Array(rgb.length);
    const row = width * PIXEL;
    for (let y = 0; y < height; y++) {
      const pixels = rgb.subarray(y * row, (y + 1) * row);
      if (settings.direction === "top-bottom") {
        mirrored.set(pixels, (height - 1 - y) * row);
      } else {
        mirrorRow(pixels, mirrored, y * row);
      }
    }
    return { width, height, rgb: mirrored };
  },
};

// A loop over all pixels of a large picture takes longer than a second.
/** @type {(pixels: Uint8Array, into: Uint8Array, start: number) => void} */
function mirrorRow(pixels, into, start) {
  const last = start + pixels.length - PIXEL;
  for (let from = 0, to = last; from < pixels.length; from += PIXEL, to -= PIXEL) {
    into[to] = pixels[from];
    into[to + 1] = pixels[from + 1];
    into[to + 2] = pixels[from + 2];
  }
}
