//! The picture as a mirror shows it: a transform for Mattebox in Zig.

const std = @import("std");
const mattebox = @import("mattebox.zig");
const Image = mattebox.Image;

comptime {
    mattebox.exportTransform(@This());
}
pub const panic = mattebox.panic;
pub const std_options = mattebox.std_options;

pub const name = "example-filter";
pub const version = "0.1.0";
pub const summary = "Shows the picture as a mirror does";
pub const schema =
    \\{"type": "object", "additionalProperties": false, "properties": {
    \\  "direction": {"description": "Which sides change places.",
    \\    "enum": ["left-right", "top-bottom"], "default": "top-bottom"}}}
;
pub const Settings = struct { direction: enum { @"left-right", @"top-bottom" } };

/// Red, green, blue.
const Pixel = [3]u8;

var settings: Settings = undefined;

/// The server has checked the settings against the schema and has filled in its defaults.
pub fn configure(given: Settings) !void {
    settings = given;
}

/// The picture that the server hands over is changed in place and given back, so nothing is copied.
pub fn apply(_: mattebox.Frame, picture: Image) !Image {
    const pixels = std.mem.bytesAsSlice(Pixel, picture.rgb);
    const width = picture.width;
    var y: usize = 0;
    switch (settings.direction) {
        .@"left-right" => while (y < picture.height) : (y += 1) {
            std.mem.reverse(Pixel, pixels[y * width ..][0..width]);
        },
        .@"top-bottom" => while (y < picture.height / 2) : (y += 1) {
            const other = picture.height - 1 - y;
            for (pixels[y * width ..][0..width], pixels[other * width ..][0..width]) |*one, *two| {
                std.mem.swap(Pixel, one, two);
            }
        },
    }
    return picture;
}
