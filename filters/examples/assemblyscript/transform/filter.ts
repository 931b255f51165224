// The picture as a mirror shows it: a transform for Mattebox in AssemblyScript.

import { Description, Frame, Image, setting } from "./mattebox";

// The bytes of a pixel: red, green, blue.
const PIXEL = 3;
const SCHEMA = `{"type": "object", "additionalProperties": false, "properties": {
  "direction": {"description": "Which sides change places.",
    "enum": ["left-right", "top-bottom"], "default": "left-right"}}}`;

let isUpsideDown = false;

export function describe(): Description {
  return new Description("example-filter", "0.1.0", "Shows the picture as a mirror does", SCHEMA);
}

// The server has checked the settings against the schema and has filled in its defaults.
export function configure(json: string): void {
  isUpsideDown = setting(json, "direction") == "top-bottom";
}

// The picture that the server hands over is changed in place and given back, so nothing is copied.
export function apply(_: Frame, picture: Image): Image {
  const width = i32(picture.width);
  const height = i32(picture.height);
  if (isUpsideDown) {
    for (let y = 0; y < height / 2; y++) {
      for (let x = 0; x < width; x++) {
        swap(picture.rgb, y * width + x, (height - 1 - y) * width + x);
      }
    }
  } else {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width / 2; x++) {
        swap(picture.rgb, y * width + x, y * width + width - 1 - x);
      }
    }
  }
  return picture;
}

// `unchecked` leaves out the check of the index, which a loop over all pixels feels.
function swap(rgb: Uint8Array, one: i32, other: i32): void {
  for (let color = 0; color < PIXEL; color++) {
    const byte = unchecked(rgb[one * PIXEL + color]);
    unchecked((rgb[one * PIXEL + color] = rgb[other * PIXEL + color]));
    unchecked((rgb[other * PIXEL + color] = byte));
  }
}
