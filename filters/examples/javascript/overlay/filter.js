// A crosshair in the middle of the picture: an overlay for Mattebox in JavaScript.

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

let settings;
// The size of the picture that was drawn for.
let drawn = "";

export const lifecycle = {
  describe() {
    return {
      name: "example-filter",
      version: "0.1.0",
      summary: "Draws a crosshair in the middle of the picture",
      configSchema: JSON.stringify(SCHEMA),
    };
  },

  // The server has checked the settings against the schema and has filled in its defaults.
  configure: told((json) => {
    settings = JSON.parse(json);
  }),
};

export const overlay = {
  draw: told((frame) => {
    const size = `${frame.width}x${frame.height}`;
    if (size === drawn) {
      return { tag: "unchanged" };
    }
    drawn = size;
    return { tag: "layers", val: crosshair(frame).map((val) => ({ tag: "fill", val })) };
  }),
};

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
