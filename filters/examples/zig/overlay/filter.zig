//! A crosshair in the middle of the picture: an overlay for Mattebox in Zig.

const std = @import("std");
const c = @import("bindings.zig");

const thickness = 3;
const Settings = struct { color: []const u8, size: u31 };
const schema =
    \\{"type": "object", "additionalProperties": false, "properties": {
    \\  "color": {"description": "Its colour.", "type": "string", "pattern": "^#[0-9a-fA-F]{6}$",
    \\    "examples": ["#ff4040"], "default": "#ff4040"},
    \\  "size": {"description": "Its width and height in pixels.", "type": "integer",
    \\    "minimum": 8, "maximum": 4096, "default": 120}}}
;

var size: u31 = 0;
var color: c.exports_mattebox_filter_overlay_color_t = undefined;
var drawn_width: u32 = 0;
var drawn_height: u32 = 0;

pub fn main() void {}

export fn exports_mattebox_filter_lifecycle_describe(
    description: *c.exports_mattebox_filter_lifecycle_description_t,
) void {
    c.overlay_filter_string_dup(&description.name, "example-filter");
    c.overlay_filter_string_dup(&description.version, "0.1.0");
    c.overlay_filter_string_dup(&description.summary, "Draws a crosshair in the middle of the picture");
    c.overlay_filter_string_dup(&description.config_schema, schema);
}

/// Takes the settings, which the server has checked against the schema, with its defaults filled in.
export fn exports_mattebox_filter_lifecycle_configure(
    json: *c.overlay_filter_string_t,
    err: *c.overlay_filter_string_t,
) bool {
    // What the server hands over belongs to the filter.
    defer c.overlay_filter_string_free(json);
    configure(json.ptr[0..json.len]) catch |why| {
        c.overlay_filter_string_dup(err, @errorName(why));
        return false;
    };
    return true;
}

fn configure(json: []const u8) !void {
    const parsed = try std.json.parseFromSlice(Settings, std.heap.c_allocator, json, .{});
    defer parsed.deinit();
    size = parsed.value.size;
    const rgb = try std.fmt.parseInt(u24, parsed.value.color[1..], 16);
    color = .{
        .red = @truncate(rgb >> 16),
        .green = @truncate(rgb >> 8),
        .blue = @truncate(rgb),
        .alpha = 255,
    };
}

/// Says what to draw. The bindings free the layers after the server has read them.
export fn exports_mattebox_filter_overlay_draw(
    frame: *c.exports_mattebox_filter_overlay_frame_info_t,
    drawing: *c.exports_mattebox_filter_overlay_drawing_t,
    err: *c.overlay_filter_string_t,
) bool {
    if (frame.width == drawn_width and frame.height == drawn_height) {
        drawing.tag = c.EXPORTS_MATTEBOX_FILTER_OVERLAY_DRAWING_UNCHANGED;
        return true;
    }
    const Layer = c.exports_mattebox_filter_overlay_layer_t;
    const bars = std.heap.c_allocator.alloc(Layer, 2) catch {
        c.overlay_filter_string_dup(err, "out of memory");
        return false;
    };
    const x: i32 = @intCast(frame.width / 2);
    const y: i32 = @intCast(frame.height / 2);
    bars[0] = bar(x - size / 2, y - thickness / 2, size, thickness);
    bars[1] = bar(x - thickness / 2, y - size / 2, thickness, size);
    drawing.tag = c.EXPORTS_MATTEBOX_FILTER_OVERLAY_DRAWING_LAYERS;
    drawing.val.layers = .{ .ptr = bars.ptr, .len = bars.len };
    drawn_width = frame.width;
    drawn_height = frame.height;
    return true;
}

fn bar(x: i32, y: i32, width: u32, height: u32) c.exports_mattebox_filter_overlay_layer_t {
    return .{
        .tag = c.EXPORTS_MATTEBOX_FILTER_OVERLAY_LAYER_FILL,
        .val = .{ .fill = .{ .x = x, .y = y, .width = width, .height = height, .color = color } },
    };
}
