//! The contract of `filter.wit` in Zig: what a filter exports and what it may call. All memory that
//! passes between it and the server is of one call, and freed after that.

const std = @import("std");

pub const Frame = struct {
    /// Counted by the stream; numbers may be left out.
    sequence: u64,
    /// Milliseconds since 1970-01-01 00:00 UTC.
    captured_at_ms: u64,
    utc_offset_minutes: i32,
    width: u32,
    height: u32,

    fn of(sequence: u64, at: u64, offset: i32, width: u32, height: u32) Frame {
        return .{
            .sequence = sequence,
            .captured_at_ms = at,
            .utc_offset_minutes = offset,
            .width = width,
            .height = height,
        };
    }
};

pub const Color = extern struct { red: u8, green: u8, blue: u8, alpha: u8 };
pub const Area = extern struct { x: u32, y: u32, width: u32, height: u32 };

/// `width * height * 3` bytes: red, green, blue; rows from top to bottom.
pub const Image = struct { width: u32, height: u32, rgb: []u8 };
/// `width * height` bytes, 0 black to 255 white; rows from top to bottom.
pub const Luma = struct { width: u32, height: u32, luma: []u8 };

pub const Region = struct { area: Area, label: []const u8, score: f32, track: ?u64 = null };
pub const FoundRegion = struct { region: Region, found_by: []const u8, captured_at_ms: u64 };

pub const Rgba = struct { x: i32, y: i32, width: u32, height: u32, rgba: []const u8 };
pub const Mask = struct { x: i32, y: i32, width: u32, height: u32, color: Color, alpha: []const u8 };
pub const Fill = extern struct { x: i32, y: i32, width: u32, height: u32, color: Color };
pub const Box = extern struct { x: i32, y: i32, width: u32, height: u32, thickness: u32, color: Color };
pub const Anchor = enum(u8) { top_left, top_right, bottom_left, bottom_right, center };
pub const Text = struct {
    x: i32,
    y: i32,
    anchor: Anchor,
    text: []const u8,
    size: u32,
    color: Color,
    background: Color,
};
pub const Layer = union(enum) { rgba: Rgba, mask: Mask, fill: Fill, box: Box, text: Text };
pub const Drawing = union(enum) {
    unchanged,
    layers: []const Layer,
    layers_until: struct { layers: []const Layer, until_ms: u64 },
};

pub const Level = enum(u32) { debug, info, warn, @"error" };
pub const Shrink = enum(u32) { none, half, quarter, eighth };
pub const Phase = enum(u32) { start, end, moment };

/// Memory of this call, which is freed after it.
pub const scratch = arena.allocator();
/// Memory for what stays.
pub const memory = std.heap.wasm_allocator;

/// Fails this call with a text for people: `return mattebox.fail("…")`.
pub fn fail(text: []const u8) error{Failed} {
    failure = text;
    return error.Failed;
}

/// Writes to the server's log.
pub fn log(level: Level, text: []const u8) void {
    imports.log(@intFromEnum(level), text.ptr, text.len);
}

/// Options of the standard library by which `std.log` writes to the server's log.
pub const std_options: std.Options = .{ .logFn = logLine };

fn logLine(
    comptime level: std.log.Level,
    comptime _: @TypeOf(.scope),
    comptime format: []const u8,
    values: anytype,
) void {
    const text = std.fmt.allocPrint(scratch, format, values) catch return;
    log(switch (level) {
        .debug => .debug,
        .info => .info,
        .warn => .warn,
        .err => .@"error",
    }, text);
}

/// A panic's text goes to the log, and from there to people.
pub const panic = std.debug.FullPanic(struct {
    fn call(text: []const u8, _: ?usize) noreturn {
        log(.@"error", text);
        @trap();
    }
}.call);

/// Reads a file that the step names.
pub fn readAsset(name: []const u8) ![]u8 {
    var result: Result(Bytes) = undefined;
    imports.@"read-asset"(name.ptr, name.len, &result);
    return (try result.take()).slice();
}

pub fn streamName() []const u8 {
    var result: Bytes = undefined;
    imports.@"stream-name"(&result);
    return result.slice();
}

pub fn variable(name: []const u8) ?[]const u8 {
    var result: Option(Bytes) = undefined;
    imports.variable(name.ptr, name.len, &result);
    return if (result.is_some != 0) result.value.slice() else null;
}

/// What the stream's inspecting filters found when they looked last.
pub fn regions() []FoundRegion {
    var result: List(RawFound) = undefined;
    imports.regions(&result);
    const found = allocate(FoundRegion, result.len);
    for (found, result.items[0..result.len]) |*to, from| {
        to.* = .{
            .region = .{
                .area = from.region.area,
                .label = from.region.label.slice(),
                .score = from.region.score,
                .track = if (from.region.track.is_some != 0) from.region.track.value else null,
            },
            .found_by = from.found_by.slice(),
            .captured_at_ms = from.captured_at_ms,
        };
    }
    return found;
}

/// The brightness of the picture, or of an area of it.
pub fn viewLuma(shrink: Shrink, area: ?Area) !Luma {
    var result: Result(RawImage) = undefined;
    const a = area orelse std.mem.zeroes(Area);
    const is_some = @intFromBool(area != null);
    imports.luma(@intFromEnum(shrink), is_some, a.x, a.y, a.width, a.height, &result);
    const picture = try result.take();
    return .{ .width = picture.width, .height = picture.height, .luma = picture.bytes.slice() };
}

/// The colours of the picture, or of an area of it.
pub fn viewRgb(shrink: Shrink, area: ?Area) !Image {
    var result: Result(RawImage) = undefined;
    const a = area orelse std.mem.zeroes(Area);
    const is_some = @intFromBool(area != null);
    imports.rgb(@intFromEnum(shrink), is_some, a.x, a.y, a.width, a.height, &result);
    const picture = try result.take();
    return .{ .width = picture.width, .height = picture.height, .rgb = picture.bytes.slice() };
}

/// Shows a small picture to whoever tunes the filter on the page.
pub fn show(picture: Luma) !void {
    var result: Result(Nothing) = undefined;
    imports.show(picture.width, picture.height, picture.luma.ptr, picture.luma.len, &result);
    _ = try result.take();
}

/// Gives a variable a text, for some milliseconds or for good.
pub fn setVariable(name: []const u8, text: []const u8, ttl_ms: ?u32) !void {
    var result: Result(Nothing) = undefined;
    const is_some = @intFromBool(ttl_ms != null);
    imports.@"set-variable"(name.ptr, name.len, text.ptr, text.len, is_some, ttl_ms orelse 0, &result);
    _ = try result.take();
}

/// Tells of an event of this stream.
pub fn event(kind: []const u8, phase: Phase, text: []const u8) !void {
    var result: Result(Nothing) = undefined;
    imports.event(kind.ptr, kind.len, @intFromEnum(phase), text.ptr, text.len, &result);
    _ = try result.take();
}

/// Exports a filter that draws: `name`, `version`, `summary`, `schema`, `Settings`, `configure` and
/// `draw` of this file. They are not inlined, here and below, so that a trap in them is told with
/// their name.
pub fn exportOverlay(comptime Filter: type) void {
    exportLifecycle(Filter);
    const Draw = struct {
        var result: Result(RawDrawing) = undefined;

        fn draw(sequence: u64, at: u64, offset: i32, width: u32, height: u32) callconv(.c) *anyopaque {
            const frame: Frame = .of(sequence, at, offset, width, height);
            const called = @call(.never_inline, Filter.draw, .{frame});
            result = if (called) |drawing| .ok(rawDrawing(drawing)) else |why| .err(why);
            return &result;
        }
    };
    exportCall("overlay", "draw", &Draw.draw);
}

/// Exports a filter that works on the picture itself, by its `apply`.
pub fn exportTransform(comptime Filter: type) void {
    exportLifecycle(Filter);
    const Apply = struct {
        var result: Result(RawImage) = undefined;

        fn apply(
            sequence: u64,
            at: u64,
            offset: i32,
            width: u32,
            height: u32,
            picture_width: u32,
            picture_height: u32,
            rgb: [*]u8,
            len: usize,
        ) callconv(.c) *anyopaque {
            const frame: Frame = .of(sequence, at, offset, width, height);
            const picture: Image = .{ .width = picture_width, .height = picture_height, .rgb = rgb[0..len] };
            const called = @call(.never_inline, Filter.apply, .{ frame, picture });
            result = if (called) |given| .ok(.{
                .width = given.width,
                .height = given.height,
                .bytes = .of(given.rgb),
            }) else |why| .err(why);
            return &result;
        }
    };
    exportCall("transform", "apply", &Apply.apply);
}

/// Exports a filter that looks at pictures, by its `look`, which gives regions.
pub fn exportInspect(comptime Filter: type) void {
    exportLifecycle(Filter);
    const Look = struct {
        var result: Result(List(RawRegion)) = undefined;

        fn look(sequence: u64, at: u64, offset: i32, width: u32, height: u32) callconv(.c) *anyopaque {
            const frame: Frame = .of(sequence, at, offset, width, height);
            const called = @call(.never_inline, Filter.look, .{frame});
            result = if (called) |found| .ok(rawRegions(found)) else |why| .err(why);
            return &result;
        }
    };
    exportCall("inspect", "look", &Look.look);
}

const imports = struct {
    extern "mattebox:filter/host@0.2.0" fn log(level: u32, text: [*]const u8, len: usize) void;
    extern "mattebox:filter/host@0.2.0" fn @"read-asset"(
        name: [*]const u8,
        len: usize,
        result: *Result(Bytes),
    ) void;
    extern "mattebox:filter/context@0.2.0" fn @"stream-name"(result: *Bytes) void;
    extern "mattebox:filter/context@0.2.0" fn variable(
        name: [*]const u8,
        len: usize,
        result: *Option(Bytes),
    ) void;
    extern "mattebox:filter/context@0.2.0" fn regions(result: *List(RawFound)) void;
    extern "mattebox:filter/view@0.2.0" fn luma(
        shrink: u32,
        has_area: u32,
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        result: *Result(RawImage),
    ) void;
    extern "mattebox:filter/view@0.2.0" fn rgb(
        shrink: u32,
        has_area: u32,
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        result: *Result(RawImage),
    ) void;
    extern "mattebox:filter/publish@0.2.0" fn show(
        width: u32,
        height: u32,
        luma: [*]const u8,
        len: usize,
        result: *Result(Nothing),
    ) void;
    extern "mattebox:filter/publish@0.2.0" fn @"set-variable"(
        name: [*]const u8,
        name_len: usize,
        text: [*]const u8,
        text_len: usize,
        has_ttl: u32,
        ttl_ms: u32,
        result: *Result(Nothing),
    ) void;
    extern "mattebox:filter/publish@0.2.0" fn event(
        kind: [*]const u8,
        kind_len: usize,
        phase: u32,
        text: [*]const u8,
        text_len: usize,
        result: *Result(Nothing),
    ) void;
};

// The canonical ABI's types, which lie in memory as C's do.
const Bytes = extern struct {
    ptr: [*]const u8,
    len: usize,

    /// Nothing lies nowhere in Zig, but the server wants an address within memory.
    fn of(text: []const u8) Bytes {
        return .{ .ptr = if (text.len == 0) "" else text.ptr, .len = text.len };
    }

    fn slice(bytes: Bytes) []u8 {
        return @constCast(bytes.ptr[0..bytes.len]);
    }
};
const Nothing = extern struct {};
const RawImage = extern struct { width: u32, height: u32, bytes: Bytes };
const RawRegion = extern struct { area: Area, label: Bytes, score: f32, track: Option(u64) };
const RawFound = extern struct { region: RawRegion, found_by: Bytes, captured_at_ms: u64 };
const RawPixels = extern struct { x: i32, y: i32, width: u32, height: u32, rgba: Bytes };
const RawMask = extern struct { x: i32, y: i32, width: u32, height: u32, color: Color, alpha: Bytes };
const RawText = extern struct {
    x: i32,
    y: i32,
    anchor: u8,
    text: Bytes,
    size: u32,
    color: Color,
    background: Color,
};
const RawLayer = extern struct {
    tag: u8,
    value: extern union { rgba: RawPixels, mask: RawMask, fill: Fill, box: Box, text: RawText },
};
const RawDrawing = extern struct {
    tag: u8,
    value: extern union {
        none: u64,
        layers: List(RawLayer),
        timed: extern struct { layers: List(RawLayer), until_ms: u64 },
    },
};

fn List(comptime T: type) type {
    return extern struct { items: [*]const T, len: usize };
}

fn Option(comptime T: type) type {
    return extern struct { is_some: u8, value: T };
}

fn Result(comptime T: type) type {
    return extern struct {
        is_err: u8,
        value: extern union { ok: T, err: Bytes },

        fn ok(value: T) @This() {
            return .{ .is_err = 0, .value = .{ .ok = value } };
        }

        fn err(why: anyerror) @This() {
            defer failure = null;
            return .{ .is_err = 1, .value = .{ .err = .of(failure orelse @errorName(why)) } };
        }

        /// What the server answered.
        fn take(result: @This()) !T {
            return if (result.is_err != 0) fail(result.value.err.slice()) else result.value.ok;
        }
    };
}

fn rawDrawing(drawing: Drawing) RawDrawing {
    return switch (drawing) {
        .unchanged => .{ .tag = 0, .value = .{ .none = 0 } },
        .layers => |layers| .{ .tag = 1, .value = .{ .layers = rawLayers(layers) } },
        .layers_until => |timed| .{ .tag = 2, .value = .{ .timed = .{
            .layers = rawLayers(timed.layers),
            .until_ms = timed.until_ms,
        } } },
    };
}

fn rawLayers(layers: []const Layer) List(RawLayer) {
    const raw = allocate(RawLayer, layers.len);
    for (raw, layers) |*to, from| {
        to.* = .{ .tag = @intFromEnum(from), .value = switch (from) {
            .rgba => |it| .{ .rgba = .{
                .x = it.x,
                .y = it.y,
                .width = it.width,
                .height = it.height,
                .rgba = .of(it.rgba),
            } },
            .mask => |it| .{ .mask = .{
                .x = it.x,
                .y = it.y,
                .width = it.width,
                .height = it.height,
                .color = it.color,
                .alpha = .of(it.alpha),
            } },
            .fill => |it| .{ .fill = it },
            .box => |it| .{ .box = it },
            .text => |it| .{ .text = .{
                .x = it.x,
                .y = it.y,
                .anchor = @intFromEnum(it.anchor),
                .text = .of(it.text),
                .size = it.size,
                .color = it.color,
                .background = it.background,
            } },
        } };
    }
    return .{ .items = raw.ptr, .len = raw.len };
}

fn rawRegions(found: []const Region) List(RawRegion) {
    const raw = allocate(RawRegion, found.len);
    for (raw, found) |*to, from| {
        to.* = .{
            .area = from.area,
            .label = .of(from.label),
            .score = from.score,
            .track = .{ .is_some = @intFromBool(from.track != null), .value = from.track orelse 0 },
        };
    }
    return .{ .items = raw.ptr, .len = raw.len };
}

fn exportLifecycle(comptime Filter: type) void {
    const Lifecycle = struct {
        var description: extern struct { name: Bytes, version: Bytes, summary: Bytes, schema: Bytes } = undefined;
        var result: Result(Nothing) = undefined;

        fn describe() callconv(.c) *anyopaque {
            description = .{
                .name = .of(Filter.name),
                .version = .of(Filter.version),
                .summary = .of(Filter.summary),
                .schema = .of(Filter.schema),
            };
            return &description;
        }

        fn configure(json: [*]const u8, len: usize) callconv(.c) *anyopaque {
            result = if (read(json[0..len])) .ok(.{}) else |why| .err(why);
            return &result;
        }

        /// The settings stay, and what they refer to.
        fn read(json: []const u8) !void {
            const text = try memory.dupe(u8, json);
            const settings = try std.json.parseFromSliceLeaky(Filter.Settings, memory, text, .{});
            try @call(.never_inline, Filter.configure, .{settings});
        }
    };
    @export(&realloc, .{ .name = "cabi_realloc" });
    exportCall("lifecycle", "describe", &Lifecycle.describe);
    exportCall("lifecycle", "configure", &Lifecycle.configure);
}

/// Exports a function, and what the server calls when it has read the result.
fn exportCall(comptime interface: []const u8, comptime name: []const u8, comptime call: anytype) void {
    const full = "mattebox:filter/" ++ interface ++ "@0.2.0#" ++ name;
    @export(call, .{ .name = full });
    @export(&free, .{ .name = "cabi_post_" ++ full });
}

var arena = std.heap.ArenaAllocator.init(memory);
/// The text of the error at hand.
var failure: ?[]const u8 = null;

/// Has an address within memory for none, too.
fn allocate(comptime T: type, len: usize) []T {
    const room = scratch.alloc(T, @max(len, 1)) catch @panic("out of memory");
    return room[0..len];
}

/// Memory for what the server hands over.
fn realloc(old: [*]u8, old_len: usize, _: usize, len: usize) callconv(.c) [*]u8 {
    const new = scratch.alignedAlloc(u8, .@"16", len) catch @panic("out of memory");
    @memcpy(new[0..@min(old_len, len)], old[0..@min(old_len, len)]);
    return new.ptr;
}

fn free(_: *anyopaque) callconv(.c) void {
    _ = arena.reset(.retain_capacity);
}
