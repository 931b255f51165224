//! The brightest spot of the picture, as a region: an inspecting filter for Mattebox in Zig.

const std = @import("std");
const mattebox = @import("mattebox.zig");

comptime {
    mattebox.exportInspect(@This());
}
pub const panic = mattebox.panic;
pub const std_options = mattebox.std_options;

pub const name = "example-filter";
pub const version = "0.1.0";
pub const summary = "Finds the brightest spot of the picture";
pub const schema =
    \\{"type": "object", "additionalProperties": false, "properties": {
    \\  "threshold": {"description": "How bright a spot must be.", "type": "integer",
    \\    "minimum": 1, "maximum": 255, "default": 200}}}
;
pub const Settings = struct { threshold: u8 };

/// The side of a pixel of the small picture, in pixels of the whole one.
const shrink = 8;

var settings: Settings = undefined;
var was_bright = false;

/// The server has checked the settings against the schema and has filled in its defaults.
pub fn configure(given: Settings) !void {
    settings = given;
}

pub fn look(_: mattebox.Frame) ![]const mattebox.Region {
    const picture = try mattebox.viewLuma(.eighth, null);
    const brightest = std.mem.indexOfMax(u8, picture.luma);
    const brightness = picture.luma[brightest];
    try tell(brightness);
    if (!was_bright) return &.{};
    const x: u32 = @intCast(brightest % picture.width);
    const y: u32 = @intCast(brightest / picture.width);
    const regions = try mattebox.scratch.alloc(mattebox.Region, 1);
    regions[0] = .{
        .area = .{ .x = x * shrink, .y = y * shrink, .width = shrink, .height = shrink },
        .label = "bright",
        .score = @as(f32, @floatFromInt(brightness)) / 255,
    };
    return regions;
}

/// Sets the variable `brightness`, and tells of an event when it becomes bright and when it is over.
fn tell(brightness: u8) !void {
    var buffer: [3]u8 = undefined;
    const text = try std.fmt.bufPrint(&buffer, "{d}", .{brightness});
    try mattebox.setVariable("brightness", text, 30_000);
    const is_bright = brightness >= settings.threshold;
    if (is_bright != was_bright) {
        was_bright = is_bright;
        try mattebox.event("bright-spot", if (is_bright) .start else .end, "");
    }
}
