//! A crosshair in the middle of the picture: an overlay for Mattebox in Zig.

const std = @import("std");
const mattebox = @import("mattebox.zig");
const Fill = mattebox.Fill;

comptime {
    mattebox.exportOverlay(@This());
}
pub const panic = mattebox.panic;
pub const std_options = mattebox.std_options;

pub const name = "example-filter";
pub const version = "0.1.0";
pub const summary = "Draws a crosshair in the middle of the picture";
pub const schema =
    \\{"type": "object", "additionalProperties": false, "properties": {
    \\  "color": {"description": "Its colour.", "type": "string",
    \\    "pattern": "^#[0-9a-fA-F]{6}$", "examples": ["#ff4040"], "default": "#ff4040"},
    \\  "size": {"description": "Its width and height in pixels.", "type": "integer",
    \\    "minimum": 8, "maximum": 4096, "default": 120}}}
;
pub const Settings = struct { color: []const u8, size: u16 };

const thickness = 3;
const Size = struct { width: u32, height: u32 };

var size: u16 = 0;
var color: mattebox.Color = undefined;
/// The size of the picture that was drawn for.
var drawn: ?Size = null;

/// The server has checked the settings against the schema and has filled in its defaults.
pub fn configure(settings: Settings) !void {
    size = settings.size;
    const rgb = try std.fmt.parseInt(u24, settings.color[1..], 16);
    color = .{ .red = @intCast(rgb >> 16), .green = @truncate(rgb >> 8), .blue = @truncate(rgb), .alpha = 255 };
}

pub fn draw(frame: mattebox.Frame) !mattebox.Drawing {
    const picture: Size = .{ .width = frame.width, .height = frame.height };
    if (std.meta.eql(drawn, picture)) return .unchanged;
    const bars = [_]Fill{ bar(picture, size, thickness), bar(picture, thickness, size) };
    const layers = try mattebox.scratch.alloc(mattebox.Layer, bars.len);
    for (layers, bars) |*layer, fill| layer.* = .{ .fill = fill };
    drawn = picture;
    return .{ .layers = layers };
}

fn bar(picture: Size, width: u16, height: u16) Fill {
    const x: i32 = @intCast(picture.width / 2);
    const y: i32 = @intCast(picture.height / 2);
    return .{ .x = x - width / 2, .y = y - height / 2, .width = width, .height = height, .color = color };
}
