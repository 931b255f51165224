// The picture as a mirror shows it: a transform for Mattebox in JavaScript.

// The bytes of a pixel: red, green, blue.
const PIXEL = 3;
const SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: {
    direction: {
      description: "Which sides change places.",
      enum: ["left-right", "top-bottom"],
      default: "left-right",
    },
  },
};

let settings;

export const lifecycle = {
  describe() {
    return {
      name: "example-filter",
      version: "0.1.0",
      summary: "Shows the picture as a mirror does",
      configSchema: JSON.stringify(SCHEMA),
    };
  },

  // The server has checked the settings against the schema and has filled in its defaults.
  configure: told((json) => {
    settings = JSON.parse(json);
  }),
};

export const transform = {
  apply: told((frame, { width, height, rgb }) => {
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
  }),
};

function mirrorRow(pixels, into, start) {
  const last = start + pixels.length - PIXEL;
  for (let from = 0, to = last; from < pixels.length; from += PIXEL, to -= PIXEL) {
    into[to] = pixels[from];
    into[to + 1] = pixels[from + 1];
    into[to + 2] = pixels[from + 2];
  }
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
