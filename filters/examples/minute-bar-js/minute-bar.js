// A bar along the bottom that grows through each minute: an overlay for Mattebox in JavaScript.
// README.md in the folder above says how it is built.

const HEIGHT = 6;

let color = [255, 176, 32, 255];
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
      color = [1, 3, 5].map((at) => parseInt(settings.color.slice(at, at + 2), 16)).concat(255);
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
    const rgba = new Uint8Array(width * HEIGHT * 4);
    for (let i = 0; i < rgba.length; i += 4) {
      rgba.set(color, i);
    }
    return { tag: "layers", val: [{ x: 0, y: frame.height - HEIGHT, width, height: HEIGHT, rgba }] };
  },
};
