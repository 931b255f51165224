// The brightest spot of the picture, as a region: an inspecting filter for Mattebox in AssemblyScript.

import { Area, Description, Frame, Phase, Region, Shrink, event, setVariable, setting, viewLuma } from "./mattebox";

// The side of a pixel of the small picture, in pixels of the whole one.
const SHRINK: u32 = 8;
const SCHEMA = `{"type": "object", "additionalProperties": false, "properties": {
  "threshold": {"description": "How bright a spot must be.", "type": "integer",
    "minimum": 1, "maximum": 255, "default": 200}}}`;

let threshold: u8 = 0;
let wasBright = false;

export function describe(): Description {
  return new Description("example-filter", "0.1.0", "Finds the brightest spot of the picture", SCHEMA);
}

// The server has checked the settings against the schema and has filled in its defaults.
export function configure(json: string): void {
  threshold = u8(parseInt(setting(json, "threshold")));
}

export function look(_: Frame): Region[] {
  const picture = viewLuma(Shrink.Eighth);
  if (picture === null) {
    return [];
  }
  let brightest = 0;
  for (let at = 1; at < picture.luma.length; at++) {
    if (unchecked(picture.luma[at] > picture.luma[brightest])) {
      brightest = at;
    }
  }
  const brightness = picture.luma[brightest];
  if (!tell(brightness)) {
    return [];
  }
  const x = (u32(brightest) % picture.width) * SHRINK;
  const y = (u32(brightest) / picture.width) * SHRINK;
  return [new Region(new Area(x, y, SHRINK, SHRINK), "bright", f32(brightness) / 255)];
}

// Sets the variable `brightness`, and tells of an event when it becomes bright and when it is over.
function tell(brightness: u8): bool {
  setVariable("brightness", brightness.toString(), 30000);
  const isBright = brightness >= threshold;
  if (isBright != wasBright) {
    wasBright = isBright;
    event("bright-spot", isBright ? Phase.Start : Phase.End, "");
  }
  return isBright;
}
