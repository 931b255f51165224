// The contract of `filter.wit` in AssemblyScript: what a filter is given, what it gives, and what it may
// call. The filter's own functions are in `filter.ts`, and `world.ts` exports them.

export class Frame {
  constructor(
    /** Counted by the stream; numbers may be left out. */
    public sequence: u64,
    /** Milliseconds since 1970-01-01 00:00 UTC. */
    public capturedAtMs: u64,
    public utcOffsetMinutes: i32,
    public width: u32,
    public height: u32,
  ) {}
}

export class Description {
  constructor(
    public name: string,
    public version: string,
    public summary: string,
    public schema: string,
  ) {}
}

export class Color {
  constructor(public red: u8, public green: u8, public blue: u8, public alpha: u8 = 255) {}

  /** A colour such as `#ff8000`. */
  static parse(text: string): Color {
    const rgb = u32(parseInt(text.slice(1), 16));
    return new Color(u8(rgb >> 16), u8(rgb >> 8), u8(rgb));
  }

  write(at: usize): void {
    store<u8>(at, this.red);
    store<u8>(at, this.green, 1);
    store<u8>(at, this.blue, 2);
    store<u8>(at, this.alpha, 3);
  }
}

export class Area {
  constructor(public x: u32, public y: u32, public width: u32, public height: u32) {}

  static read(at: usize): Area {
    return new Area(load<u32>(at), load<u32>(at, 4), load<u32>(at, 8), load<u32>(at, 12));
  }

  write(at: usize): void {
    store<u32>(at, this.x);
    store<u32>(at, this.y, 4);
    store<u32>(at, this.width, 8);
    store<u32>(at, this.height, 12);
  }
}

/** `width * height * 3` bytes: red, green, blue; rows from top to bottom. */
export class Image {
  constructor(public width: u32, public height: u32, public rgb: Uint8Array) {}
}

/** `width * height` bytes, 0 black to 255 white; rows from top to bottom. */
export class Luma {
  constructor(public width: u32, public height: u32, public luma: Uint8Array) {}
}

/** Something that was found. `track` is -1, or a number that the same thing keeps while it moves. */
export class Region {
  constructor(public area: Area, public label: string, public score: f32, public track: i64 = -1) {}
}

/** A region, who found it, and when the picture was taken. */
export class FoundRegion {
  constructor(public region: Region, public foundBy: string, public capturedAtMs: u64) {}
}

/** Something to be drawn: one of the classes below. */
export abstract class Layer {
  constructor(public tag: u8, public x: i32, public y: i32) {}

  write(at: usize): void {
    store<u8>(at, this.tag);
    store<i32>(at, this.x, 4);
    store<i32>(at, this.y, 8);
  }
}

abstract class Rectangle extends Layer {
  constructor(tag: u8, x: i32, y: i32, public width: u32, public height: u32) {
    super(tag, x, y);
  }

  write(at: usize): void {
    super.write(at);
    store<u32>(at, this.width, 12);
    store<u32>(at, this.height, 16);
  }
}

/** Pixels: red, green, blue and straight alpha. */
export class Rgba extends Rectangle {
  constructor(x: i32, y: i32, width: u32, height: u32, public rgba: Uint8Array) {
    super(0, x, y, width, height);
  }

  write(at: usize): void {
    super.write(at);
    writeBytes(at + 20, this.rgba);
  }
}

/** One colour through a stencil. */
export class Mask extends Rectangle {
  constructor(x: i32, y: i32, width: u32, height: u32, public color: Color, public alpha: Uint8Array) {
    super(1, x, y, width, height);
  }

  write(at: usize): void {
    super.write(at);
    this.color.write(at + 20);
    writeBytes(at + 24, this.alpha);
  }
}

/** A rectangle of one colour. */
export class Fill extends Rectangle {
  constructor(x: i32, y: i32, width: u32, height: u32, public color: Color) {
    super(2, x, y, width, height);
  }

  write(at: usize): void {
    super.write(at);
    this.color.write(at + 20);
  }
}

/** The outline of a rectangle. */
export class Box extends Rectangle {
  constructor(x: i32, y: i32, width: u32, height: u32, public thickness: u32, public color: Color) {
    super(3, x, y, width, height);
  }

  write(at: usize): void {
    super.write(at);
    store<u32>(at, this.thickness, 20);
    this.color.write(at + 24);
  }
}

/** The corner of a text's box that its place tells. */
export enum Anchor { TopLeft, TopRight, BottomLeft, BottomRight, Center }

/** A text, 6 to 512 pixels high, which the server writes. */
export class Text extends Layer {
  constructor(
    x: i32,
    y: i32,
    public anchor: Anchor,
    public text: string,
    public size: u32,
    public color: Color,
    public background: Color,
  ) {
    super(4, x, y);
  }

  write(at: usize): void {
    super.write(at);
    store<u8>(at, u8(this.anchor), 12);
    writeText(at + 16, this.text);
    store<u32>(at, this.size, 24);
    this.color.write(at + 28);
    this.background.write(at + 32);
  }
}

/** What an overlay wants to see: nothing new, or layers; `untilMs` spares the calls until then. */
export class Drawing {
  constructor(public layers: Layer[] | null, public untilMs: u64 = 0) {}

  static unchanged(): Drawing {
    return new Drawing(null);
  }

  write(at: usize): void {
    const layers = this.layers;
    if (layers === null) {
      store<u8>(at, 0);
      return;
    }
    store<u8>(at, this.untilMs > 0 ? 2 : 1);
    const list = room(layers.length * LAYER);
    for (let i = 0; i < layers.length; i++) {
      layers[i].write(list + i * LAYER);
    }
    store<usize>(at, list, 8);
    store<i32>(at, layers.length, 12);
    store<u64>(at, this.untilMs, 16);
  }
}

export enum Level { Debug, Info, Warn, Error }
export enum Shrink { None, Half, Quarter, Eighth }
export enum Phase { Start, End, Moment }

let failure: string | null = null;

/** Makes this call fail with a text for people, once it has returned. What it returns doesn't count. */
export function fail(text: string): void {
  failure = text;
}

/** Writes to the server's log. */
export function log(level: Level, text: string): void {
  writeLog(level, text);
}

function writeLog(level: Level, text: string): void {
  const bytes = String.UTF8.encode(text);
  hostLog(level, changetype<usize>(bytes), bytes.byteLength);
}

/** As in a browser: lines for the server's log. */
export namespace console {
  export function log(text: string): void {
    writeLog(Level.Info, text);
  }

  export function warn(text: string): void {
    writeLog(Level.Warn, text);
  }

  export function error(text: string): void {
    writeLog(Level.Error, text);
  }
}

/** Reads a file that the step names; null if it can't be read, and then the call fails. */
export function readAsset(name: string): Uint8Array | null {
  const bytes = utf8(name);
  hostReadAsset(bytes.ptr, bytes.len, ANSWER);
  return isError(4) ? null : takeBytes(ANSWER + 4);
}

export function streamName(): string {
  hostStreamName(ANSWER);
  return takeText(ANSWER);
}

export function variable(name: string): string | null {
  const bytes = utf8(name);
  hostVariable(bytes.ptr, bytes.len, ANSWER);
  return load<u8>(ANSWER) == 0 ? null : takeText(ANSWER + 4);
}

/** What the stream's inspecting filters found when they looked last. */
export function regions(): FoundRegion[] {
  hostRegions(ANSWER);
  const list = load<usize>(ANSWER);
  const found = new Array<FoundRegion>(0);
  for (let i = 0; i < load<i32>(ANSWER, 4); i++) {
    const at = list + i * FOUND;
    const track = load<u8>(at, 32) == 0 ? -1 : load<i64>(at, 40);
    const region = new Region(Area.read(at), takeText(at + 16), load<f32>(at, 24), track);
    found.push(new FoundRegion(region, takeText(at + 48), load<u64>(at, 56)));
  }
  if (list != 0 && load<i32>(ANSWER, 4) > 0) {
    __unpin(list);
  }
  return found;
}

/** The brightness of the picture; null if it can't be had, and then the call fails. */
export function viewLuma(shrink: Shrink, area: Area | null = null): Luma | null {
  const a = area === null ? new Area(0, 0, 0, 0) : area;
  hostLuma(shrink, i32(area !== null), a.x, a.y, a.width, a.height, ANSWER);
  if (isError(4)) {
    return null;
  }
  return new Luma(load<u32>(ANSWER, 4), load<u32>(ANSWER, 8), takeBytes(ANSWER + 12));
}

/** The colours of the picture; null if they can't be had, and then the call fails. */
export function viewRgb(shrink: Shrink, area: Area | null = null): Image | null {
  const a = area === null ? new Area(0, 0, 0, 0) : area;
  hostRgb(shrink, i32(area !== null), a.x, a.y, a.width, a.height, ANSWER);
  if (isError(4)) {
    return null;
  }
  return new Image(load<u32>(ANSWER, 4), load<u32>(ANSWER, 8), takeBytes(ANSWER + 12));
}

/** Shows a small picture to whoever tunes the filter on the page. */
export function show(picture: Luma): void {
  hostShow(picture.width, picture.height, picture.luma.dataStart, picture.luma.length, ANSWER);
  isError(4);
}

/** Gives a variable a text, for some milliseconds, or for good if that is -1. */
export function setVariable(name: string, text: string, ttlMs: i64 = -1): void {
  const a = utf8(name);
  const b = utf8(text);
  hostSetVariable(a.ptr, a.len, b.ptr, b.len, i32(ttlMs >= 0), u32(ttlMs), ANSWER);
  isError(4);
}

/** Tells of an event of this stream. */
export function event(kind: string, phase: Phase, text: string): void {
  const a = utf8(kind);
  const b = utf8(text);
  hostEvent(a.ptr, a.len, phase, b.ptr, b.len, ANSWER);
  isError(4);
}

/** Reads a setting of flat settings: its JSON, or `null`. The server has checked them, has filled in the
 *  schema's defaults, and writes them without spaces. */
export function setting(json: string, name: string): string {
  const key = '"' + name + '":';
  let start = json.indexOf(key);
  if (start < 0) {
    return "null";
  }
  start += key.length;
  if (json.charAt(start) == '"') {
    return json.slice(start + 1, json.indexOf('"', start + 1));
  }
  let end = start;
  while (end < json.length && json.charAt(end) != "," && json.charAt(end) != "}") {
    end++;
  }
  return json.slice(start, end);
}

// ---- The canonical ABI ----

// The size of a layer, of a region, and of one with who found it, in a list.
const LAYER = 36;
const REGION = 48;
const FOUND = 64;
// Where results lie, and the answers of the server.
const RESULT = memory.data(64, 8);
const ANSWER = memory.data(64, 8);

// What the server reads after a call: it may not be collected before.
let kept: ArrayBuffer[] = [];

class Utf8 {
  constructor(public ptr: usize, public len: i32) {}
}

function keep(buffer: ArrayBuffer): usize {
  kept.push(buffer);
  return changetype<usize>(buffer);
}

function room(size: i32): usize {
  return keep(new ArrayBuffer(size));
}

function utf8(text: string): Utf8 {
  const buffer = String.UTF8.encode(text);
  return new Utf8(keep(buffer), buffer.byteLength);
}

function writeText(at: usize, text: string): void {
  const bytes = utf8(text);
  store<usize>(at, bytes.ptr);
  store<i32>(at, bytes.len, 4);
}

function writeBytes(at: usize, bytes: Uint8Array): void {
  keep(bytes.buffer);
  store<usize>(at, bytes.dataStart);
  store<i32>(at, bytes.length, 4);
}

function takeText(at: usize): string {
  const bytes = takeBytes(at);
  return String.UTF8.decodeUnsafe(bytes.dataStart, bytes.length);
}

// Bytes that the server put into memory of `cabi_realloc`, without copying.
function takeBytes(at: usize): Uint8Array {
  return takeBuffer(load<usize>(at), load<i32>(at, 4));
}

function takeBuffer(ptr: usize, len: i32): Uint8Array {
  if (len == 0) {
    return new Uint8Array(0);
  }
  const buffer = changetype<ArrayBuffer>(ptr);
  __unpin(ptr);
  return Uint8Array.wrap(buffer, 0, len);
}

function isError(at: usize): bool {
  if (load<u8>(ANSWER) == 0) {
    return false;
  }
  fail(takeText(ANSWER + at));
  return true;
}

// Writes the error of this call, if it has one, and tells whether.
function failed(at: usize): bool {
  const text = failure;
  store<u8>(RESULT, u8(text !== null));
  if (text === null) {
    return false;
  }
  failure = null;
  writeText(RESULT + at, text);
  return true;
}

export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  if (old != 0 && oldSize > 0) {
    return __renew(old, size);
  }
  return __pin(__new(size, idof<ArrayBuffer>()));
}

// The text of what stops a filter (`throw`, `assert`, an index that is out of range) goes to the log, and
// from there to people.
export function abort(text: string | null, file: string | null, line: u32, column: u32): void {
  const place = file === null ? "" : ` (${file}:${line}:${column})`;
  log(Level.Error, (text === null ? "abort" : text) + place);
  unreachable();
}

// Writes what a filter tells of itself, and gives the address.
export function describe(it: Description): usize {
  writeText(RESULT, it.name);
  writeText(RESULT + 8, it.version);
  writeText(RESULT + 16, it.summary);
  writeText(RESULT + 24, it.schema);
  return RESULT;
}

// Reads the settings that the server handed over.
export function settings(ptr: usize, len: i32): string {
  const json = takeBuffer(ptr, len);
  return String.UTF8.decodeUnsafe(json.dataStart, json.length);
}

export function configured(): usize {
  failed(4);
  return RESULT;
}

export function drawn(drawing: Drawing): usize {
  if (!failed(8)) {
    drawing.write(RESULT + 8);
  }
  return RESULT;
}

// The picture that the server handed over, without copying.
export function picture(width: u32, height: u32, ptr: usize, len: i32): Image {
  return new Image(width, height, takeBuffer(ptr, len));
}

export function applied(picture: Image): usize {
  if (!failed(4)) {
    store<u32>(RESULT, picture.width, 4);
    store<u32>(RESULT, picture.height, 8);
    writeBytes(RESULT + 12, picture.rgb);
  }
  return RESULT;
}

export function looked(regions: Region[]): usize {
  if (failed(4)) {
    return RESULT;
  }
  const list = room(regions.length * REGION);
  for (let i = 0; i < regions.length; i++) {
    const at = list + i * REGION;
    const region = regions[i];
    region.area.write(at);
    writeText(at + 16, region.label);
    store<f32>(at, region.score, 24);
    store<u8>(at, u8(region.track >= 0), 32);
    store<i64>(at, region.track, 40);
  }
  store<usize>(RESULT, list, 4);
  store<i32>(RESULT, regions.length, 8);
  return RESULT;
}

// To be called after the server has read a result.
export function done(_: usize): void {
  kept = [];
}

@external("mattebox:filter/host@0.2.0", "log")
declare function hostLog(level: u32, text: usize, len: i32): void;
@external("mattebox:filter/host@0.2.0", "read-asset")
declare function hostReadAsset(name: usize, len: i32, answer: usize): void;
@external("mattebox:filter/context@0.2.0", "stream-name")
declare function hostStreamName(answer: usize): void;
@external("mattebox:filter/context@0.2.0", "variable")
declare function hostVariable(name: usize, len: i32, answer: usize): void;
@external("mattebox:filter/context@0.2.0", "regions")
declare function hostRegions(answer: usize): void;
@external("mattebox:filter/view@0.2.0", "luma")
declare function hostLuma(shrink: u32, hasArea: i32, x: u32, y: u32, width: u32, height: u32, answer: usize): void;
@external("mattebox:filter/view@0.2.0", "rgb")
declare function hostRgb(shrink: u32, hasArea: i32, x: u32, y: u32, width: u32, height: u32, answer: usize): void;
@external("mattebox:filter/publish@0.2.0", "show")
declare function hostShow(width: u32, height: u32, luma: usize, len: i32, answer: usize): void;
@external("mattebox:filter/publish@0.2.0", "set-variable")
declare function hostSetVariable(name: usize, nameLen: i32, text: usize, textLen: i32, hasTtl: i32, ttl: u32, answer: usize): void;
@external("mattebox:filter/publish@0.2.0", "event")
declare function hostEvent(kind: usize, kindLen: i32, phase: u32, text: usize, textLen: i32, answer: usize): void;
