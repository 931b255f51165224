// The picture as a mirror shows it: a transform for Mattebox in AssemblyScript.

import { Description, Frame, Image, setting } from "./mattebox";

// The bytes of a pixel: red, green, blue.
const PIXEL = 3;
const SCHEMA = `{"type": "object", "additionalProperties": false, "properties": {
  "direction": {"description": "Which sides change places.",
    "enum": ["left-right", "top-bottom"], "default": "top-bottom"}}}`;

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
    swapRows(picture.rgb, width * PIXEL, height);
  } else {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width / 2; x++) {
        swap(picture.rgb, y * width + x, y * width + width - 1 - x);
      }
    }
  }
  return picture;
}

// Whole rows are moved at once.
function swapRows(rgb: Uint8Array, row: i32, height: i32): void {
  const spare = new Uint8Array(row);
  for (let y = 0; y < height / 2; y++) {
    const one = rgb.subarray(y * row, (y + 1) * row);
    const other = rgb.subarray((height - 1 - y) * row, (height - y) * row);
    spare.set(one);
    one.set(other);
    other.set(spare);
  }
}

// `unchecked` leaves out the check of the index, which a loop over all pixels feels.
function swap(rgb: Uint8Array, one: i32, other: i32): void {
  for (let color = 0; color < PIXEL; color++) {
    const byte = unchecked(rgb[one * PIXEL + color]);
    unchecked((rgb[one * PIXEL + color] = rgb[other * PIXEL + color]));
    unchecked((rgb[other * PIXEL + color] = byte));
  }
}
