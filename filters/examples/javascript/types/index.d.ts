// Made from filter.wit by filters/examples/types.sh.

declare module 'mattebox:filter/context@0.2.0' {
  /**
   * The name of the stream.
   */
  export function streamName(): string;
  /**
   * The text that the server was given under this name, for instance a sensor's reading.
   */
  export function variable(name: string): string | null;
  /**
   * What the stream's inspecting filters found when they looked last.
   */
  export function regions(): Array<FoundRegion>;
  export type Region = import('mattebox:filter/types@0.2.0').Region;
  /**
   * A region, and the look that it comes from.
   */
  export interface FoundRegion {
    /**
     * The region, in pixels of the picture at this point of the chain.
     */
    region: Region,
    /**
     * The filter that found it, by the name that the pipeline file has for it.
     */
    foundBy: string,
    /**
     * When the picture that it was found in was taken: milliseconds since 1970-01-01 00:00 UTC.
     */
    capturedAtMs: number,
  }
}
declare module 'mattebox:filter/host@0.2.0' {
  /**
   * Writes a line to the server's log, under the name of the stream and the step. Long lines are
   * cut, and a flood of them is thinned out.
   */
  export function log(level: Level, message: string): void;
  /**
   * Reads a file below the pipeline file's folder. Only files that the step names are granted: in
   * its `with` settings or its `assets` list.
   */
  export function readAsset(name: string): Uint8Array;
  /**
   * How much a line of the log matters.
   * # Variants
   * 
   * ## `"debug"`
   * 
   * ## `"info"`
   * 
   * ## `"warn"`
   * 
   * ## `"error"`
   */
  export type Level = 'debug' | 'info' | 'warn' | 'error';
}
declare module 'mattebox:filter/inspect@0.2.0' {
  /**
   * Looks at a frame, by the functions of `view`. An error fails this one look, not the filter.
   */
  export function look(frame: FrameInfo): Findings;
  export type FrameInfo = import('mattebox:filter/types@0.2.0').FrameInfo;
  export type Region = import('mattebox:filter/types@0.2.0').Region;
  /**
   * What was found.
   */
  export interface Findings {
    /**
     * At most 256. They take the place of those of the call before. What lies outside the
     * picture is cut off.
     */
    regions: Array<Region>,
  }
}
declare module 'mattebox:filter/lifecycle@0.2.0' {
  /**
   * Introduces the filter. Called before `configure`, also on instances that never run.
   */
  export function describe(): Description;
  /**
   * Takes the settings, a JSON object. Called once per instance, before the first frame. An error
   * is shown to whoever wrote the pipeline file.
   */
  export function configure(configJson: string): void;
  /**
   * How a filter introduces itself.
   */
  export interface Description {
    /**
     * The name that pipeline files use for it.
     */
    name: string,
    /**
     * Its version.
     */
    version: string,
    /**
     * One line for people.
     */
    summary: string,
    /**
     * The JSON Schema (2020-12) of its settings, always an object. The server checks the
     * settings against it before `configure` is called.
     */
    configSchema: string,
  }
}
declare module 'mattebox:filter/overlay@0.2.0' {
  /**
   * Says what is to be seen over this frame. An error fails this one frame's step, not the filter.
   */
  export function draw(frame: FrameInfo): Drawing;
  export type FrameInfo = import('mattebox:filter/types@0.2.0').FrameInfo;
  export type Color = import('mattebox:filter/types@0.2.0').Color;
  /**
   * Pixels of its own.
   */
  export interface RgbaLayer {
    /**
     * The left edge, in pixels from the picture's left edge. May be negative, as all places
     * of layers: what lies outside the picture is cut off.
     */
    x: number,
    /**
     * The top edge, in pixels from the picture's top edge.
     */
    y: number,
    /**
     * The width in pixels, 1 to 16384.
     */
    width: number,
    /**
     * The height in pixels, 1 to 16384.
     */
    height: number,
    /**
     * `width * height * 4` bytes: red, green, blue and straight alpha, 8 bits each; rows from
     * top to bottom, without padding.
     */
    rgba: Uint8Array,
  }
  /**
   * One colour through a stencil.
   */
  export interface MaskLayer {
    x: number,
    y: number,
    width: number,
    height: number,
    color: Color,
    /**
     * `width * height` bytes, 0 to 255: how much of the colour is seen; rows from top to
     * bottom, without padding.
     */
    alpha: Uint8Array,
  }
  /**
   * A rectangle of one colour.
   */
  export interface FillLayer {
    x: number,
    y: number,
    width: number,
    height: number,
    color: Color,
  }
  /**
   * The outline of a rectangle.
   */
  export interface BoxLayer {
    /**
     * The outer edges.
     */
    x: number,
    y: number,
    width: number,
    height: number,
    /**
     * The line's width in pixels, 1 to 256, inwards.
     */
    thickness: number,
    color: Color,
  }
  /**
   * The corner of a text's box that its place tells.
   * # Variants
   * 
   * ## `"top-left"`
   * 
   * ## `"top-right"`
   * 
   * ## `"bottom-left"`
   * 
   * ## `"bottom-right"`
   * 
   * ## `"center"`
   */
  export type Anchor = 'top-left' | 'top-right' | 'bottom-left' | 'bottom-right' | 'center';
  /**
   * A text, which the server writes in its fonts, in every script. It is moved into the picture
   * where it would be cut off, and written smaller where it is larger than the picture.
   */
  export interface TextLayer {
    /**
     * The place of the anchor.
     */
    x: number,
    y: number,
    anchor: Anchor,
    /**
     * 1 to 1000 characters; a line break starts a new line.
     */
    text: string,
    /**
     * The height of a line in pixels, 6 to 512.
     */
    size: number,
    color: Color,
    /**
     * The colour of the box behind it.
     */
    background: Color,
  }
  /**
   * Something to be drawn over the picture.
   */
  export type Layer = LayerRgba | LayerMask | LayerFill | LayerBox | LayerText;
  export interface LayerRgba {
    tag: 'rgba',
    val: RgbaLayer,
  }
  export interface LayerMask {
    tag: 'mask',
    val: MaskLayer,
  }
  export interface LayerFill {
    tag: 'fill',
    val: FillLayer,
  }
  export interface LayerBox {
    tag: 'box',
    val: BoxLayer,
  }
  export interface LayerText {
    tag: 'text',
    val: TextLayer,
  }
  /**
   * Layers that stay for a while.
   */
  export interface TimedLayers {
    layers: Array<Layer>,
    /**
     * Milliseconds since 1970-01-01 00:00 UTC. Frames that were captured before are drawn on
     * without a call, for as long as the picture's size, the variables and the regions are
     * those of this call.
     */
    untilMs: number,
  }
  /**
   * What an overlay wants to see on the picture.
   */
  export type Drawing = DrawingUnchanged | DrawingLayers | DrawingLayersUntil;
  /**
   * The same as after the call before. The server then keeps whatever it computed from it.
   */
  export interface DrawingUnchanged {
    tag: 'unchanged',
  }
  /**
   * These layers, the first at the bottom; at most 256. An empty list draws nothing.
   */
  export interface DrawingLayers {
    tag: 'layers',
    val: Array<Layer>,
  }
  /**
   * The same, and when it is to be called again.
   */
  export interface DrawingLayersUntil {
    tag: 'layers-until',
    val: TimedLayers,
  }
}
declare module 'mattebox:filter/publish@0.2.0' {
  /**
   * Shows a small picture, up to 1 000 000 pixels, to whoever tunes the filter on the page: what
   * it looked at, or what it thinks of that.
   */
  export function show(picture: LumaImage): void;
  /**
   * Gives a variable a text, until a time in milliseconds from now, or for good. Others see it at
   * the next frame. Fails for a name that the server itself measures, and when there are too many.
   */
  export function setVariable(name: string, text: string, ttlMs: number | null): void;
  /**
   * Tells of an event of this stream: `kind` is one word of `a-z 0-9 -`, such as `motion`, and
   * `text` one line for people, or nothing. It has the regions and the picture of this call.
   */
  export function event(kind: string, phase: Phase, text: string): void;
  export type LumaImage = import('mattebox:filter/types@0.2.0').LumaImage;
  /**
   * The part of an event that is told.
   * # Variants
   * 
   * ## `"start"`
   * 
   * It begins. One of the same kind that lasts goes on.
   * ## `"end"`
   * 
   * It is over. Without a start nothing happens.
   * ## `"moment"`
   * 
   * It has no duration.
   */
  export type Phase = 'start' | 'end' | 'moment';
}
declare module 'mattebox:filter/transform@0.2.0' {
  /**
   * Gives the picture that goes on instead, of the same or another size. An error fails this one
   * frame's step, not the filter.
   */
  export function apply(frame: FrameInfo, picture: Image): Image;
  export type FrameInfo = import('mattebox:filter/types@0.2.0').FrameInfo;
  export type Image = import('mattebox:filter/types@0.2.0').Image;
}
declare module 'mattebox:filter/types@0.2.0' {
  /**
   * The frame at hand.
   */
  export interface FrameInfo {
    /**
     * The frame's number, counted by its stream, which goes on when the camera is opened again.
     * Numbers may be left out: whoever is slower than the camera skips frames.
     */
    sequence: number,
    /**
     * When the picture was taken: milliseconds since 1970-01-01 00:00 UTC.
     */
    capturedAtMs: number,
    /**
     * The server's local time zone at that moment: minutes to add to UTC.
     */
    utcOffsetMinutes: number,
    /**
     * The picture's width in pixels at this point of the chain.
     */
    width: number,
    /**
     * The picture's height in pixels at this point of the chain.
     */
    height: number,
  }
  /**
   * A colour with straight (not premultiplied) alpha: 0 is transparent, 255 opaque.
   */
  export interface Color {
    red: number,
    green: number,
    blue: number,
    alpha: number,
  }
  /**
   * A rectangle in pixels of the picture as people see it, from its upper left corner.
   */
  export interface Area {
    x: number,
    y: number,
    width: number,
    height: number,
  }
  /**
   * A whole picture.
   */
  export interface Image {
    /**
     * The width in pixels, 1 to 16384.
     */
    width: number,
    /**
     * The height in pixels, 1 to 16384.
     */
    height: number,
    /**
     * `width * height * 3` bytes: red, green and blue, 8 bits each; rows from top to bottom,
     * without padding.
     */
    rgb: Uint8Array,
  }
  /**
   * A whole picture without colours.
   */
  export interface LumaImage {
    /**
     * The width in pixels.
     */
    width: number,
    /**
     * The height in pixels.
     */
    height: number,
    /**
     * `width * height` bytes, 0 black to 255 white; rows from top to bottom, without padding.
     */
    luma: Uint8Array,
  }
  /**
   * Something that an inspecting filter found in a picture.
   */
  export interface Region {
    /**
     * Its place.
     */
    area: Area,
    /**
     * The kind of thing, such as `person`. 1 to 100 characters.
     */
    label: string,
    /**
     * How sure that is, 0 to 1.
     */
    score: number,
    /**
     * A number that the same thing keeps while it moves, where the filter follows things.
     */
    track?: number,
  }
}
declare module 'mattebox:filter/view@0.2.0' {
  /**
   * The brightness of the picture, or of an area of it, which must lie within the picture.
   */
  export function luma(shrink: Shrink, area: Area | null): LumaImage;
  /**
   * The colours of the picture, or of an area of it, which must lie within the picture.
   */
  export function rgb(shrink: Shrink, area: Area | null): Image;
  export type Area = import('mattebox:filter/types@0.2.0').Area;
  export type Image = import('mattebox:filter/types@0.2.0').Image;
  export type LumaImage = import('mattebox:filter/types@0.2.0').LumaImage;
  /**
   * By how much both sides of a picture are made smaller. The size is rounded up.
   * # Variants
   * 
   * ## `"none"`
   * 
   * Not at all.
   * ## `"half"`
   * 
   * ## `"quarter"`
   * 
   * ## `"eighth"`
   * 
   * A pixel for each 8 × 8: for nearly every camera nothing needs to be decoded for it.
   */
  export type Shrink = 'none' | 'half' | 'quarter' | 'eighth';
}
