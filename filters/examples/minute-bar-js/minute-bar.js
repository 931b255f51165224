// A bar along the bottom that grows through each minute: an overlay for Mattebox in JavaScript.
// README.md in the folder above says how it is built.

const HEIGHT = 6;

let color = { red: 255, green: 176, blue: 32, alpha: 255 };
let drawn = "";

export const lifecycle = {
  describe() {
    return {
      name: "minute-bar",
      version: "0.1.0",
      summary: "Draws a bar that grows through each minute",
      configSchema: JSON.stringify({
        type: "object",
        additionalProperties: false,
        properties: {
          color: {
            description: "The bar's colour.",
            type: "string",
            pattern: "^#[0-9a-fA-F]{6}$",
            default: "#ffb020",
          },
        },
      }),
    };
  },

  configure(json) {
    const settings = JSON.parse(json);
    if (settings.color) {
      const part = (at) => parseInt(settings.color.slice(at, at + 2), 16);
      const [red, green, blue] = [1, 3, 5].map(part);
      color = { red, green, blue, alpha: 255 };
    }
  },
};

export const overlay = {
  draw(frame) {
    const second = Math.floor(Number(frame.capturedAtMs / 1000n)) % 60;
    const now = `${second} ${frame.width} ${frame.height}`;
    if (now === drawn) {
      return { tag: "unchanged" };
    }
    drawn = now;
    const width = Math.floor((frame.width * second) / 60);
    if (width === 0) {
      return { tag: "layers", val: [] };
    }
    const bar = { x: 0, y: frame.height - HEIGHT, width, height: HEIGHT, color };
    return { tag: "layers", val: [{ tag: "fill", val: bar }] };
  },
};
