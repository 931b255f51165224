// A crosshair in the middle of the picture: an overlay for Mattebox in JavaScript.

import "./console.js";

const THICKNESS = 3;
const SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: {
    color: {
      description: "Its colour.",
      type: "string",
      pattern: "^#[0-9a-fA-F]{6}$",
      examples: ["#ff4040"],
      default: "#ff4040",
    },
    size: {
      description: "Its width and height in pixels.",
      type: "integer",
      minimum: 8,
      maximum: 4096,
      default: 120,
    },
  },
};

/** @type {{ color: string, size: number }} */
let settings;
// The size of the picture that was drawn for.
let drawn = "";

/** @type {typeof import("mattebox:filter/lifecycle@0.2.0")} */
export const lifecycle = {
  describe() {
    return {
      name: "example-filter",
      version: "0.1.0",
      summary: "Draws a crosshair in the middle of the picture",
      configSchema: JSON.stringify(SCHEMA),
    };
  },

  // The server has checked the settings against the schema and has filled in its defaults. What is
  // wrong beyond that is told by `throw new Error("…")`.
  configure(json) {
    settings = JSON.parse(json);
  },
};

/** @type {typeof import("mattebox:filter/overlay@0.2.0")} */
export const overlay = {
  draw(frame) {
    const size = `${frame.width}x${frame.height}`;
    if (size === drawn) {
      return { tag: "unchanged" };
    }
    const bars = crosshair(frame);
    drawn = size;
    return { tag: "layers", val: bars.map((val) => ({ tag: "fill", val })) };
  },
};

/** @param {import("mattebox:filter/types@0.2.0").FrameInfo} frame */
function crosshair(frame) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(settings.color.slice(at, at + 2), 16));
  const color = { red, green, blue, alpha: 255 };
  const [x, y] = [frame.width, frame.height].map((side) => Math.floor(side / 2));
  const half = Math.floor(settings.size / 2);
  return [
    { x: x - half, y: y - 1, width: settings.size, height: THICKNESS, color },
    { x: x - 1, y: y - half, width: THICKNESS, height: settings.size, color },
  ];
}
