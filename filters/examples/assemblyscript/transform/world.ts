// What the server calls. `exports.mjs` gives these functions the contract's names.

import * as filter from "./filter";
import * as mattebox from "./mattebox";

export { cabi_realloc, done } from "./mattebox";

export function lifecycle_describe(): usize {
  return mattebox.describe(filter.describe());
}

export function lifecycle_configure(json: usize, len: i32): usize {
  filter.configure(mattebox.settings(json, len));
  return mattebox.configured();
}

export function transform_apply(
  sequence: u64,
  at: u64,
  offset: i32,
  frameWidth: u32,
  frameHeight: u32,
  width: u32,
  height: u32,
  rgb: usize,
  len: i32,
): usize {
  const frame = new mattebox.Frame(sequence, at, offset, frameWidth, frameHeight);
  return mattebox.applied(filter.apply(frame, mattebox.picture(width, height, rgb, len)));
}
