// A crosshair in the middle of the picture: an overlay for Mattebox in AssemblyScript.

import { Color, Description, Drawing, Fill, Frame, setting } from "./mattebox";

const THICKNESS: u32 = 3;
const SCHEMA = `{"type": "object", "additionalProperties": false, "properties": {
  "color": {"description": "Its colour.", "type": "string",
    "pattern": "^#[0-9a-fA-F]{6}$", "examples": ["#ff4040"], "default": "#ff4040"},
  "size": {"description": "Its width and height in pixels.", "type": "integer",
    "minimum": 8, "maximum": 4096, "default": 120}}}`;

let color = new Color(0, 0, 0);
let size: u32 = 0;
// The size of the picture that was drawn for.
let drawnWidth: u32 = 0;
let drawnHeight: u32 = 0;

export function describe(): Description {
  return new Description("example-filter", "0.1.0", "Draws a crosshair in the middle of the picture", SCHEMA);
}

// The server has checked the settings against the schema and has filled in its defaults.
export function configure(json: string): void {
  color = Color.parse(setting(json, "color"));
  size = u32(parseInt(setting(json, "size")));
}

export function draw(frame: Frame): Drawing {
  if (frame.width == drawnWidth && frame.height == drawnHeight) {
    return Drawing.unchanged();
  }
  const drawing = new Drawing([bar(frame, size, THICKNESS), bar(frame, THICKNESS, size)]);
  drawnWidth = frame.width;
  drawnHeight = frame.height;
  return drawing;
}

function bar(frame: Frame, width: u32, height: u32): Fill {
  const x = i32(frame.width / 2) - i32(width / 2);
  const y = i32(frame.height / 2) - i32(height / 2);
  return new Fill(x, y, width, height, color);
}
