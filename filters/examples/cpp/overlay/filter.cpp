// A crosshair in the middle of the picture: an overlay for Mattebox in C++.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "overlay_filter.h"
#include "settings.hpp"

using String = overlay_filter_string_t;
using Description = exports_mattebox_filter_lifecycle_description_t;
using Frame = exports_mattebox_filter_overlay_frame_info_t;
using Drawing = exports_mattebox_filter_overlay_drawing_t;
using Color = exports_mattebox_filter_overlay_color_t;
using Layer = exports_mattebox_filter_overlay_layer_t;

namespace {

constexpr std::uint32_t THICKNESS = 3;
constexpr char SCHEMA[] = R"({"type": "object", "additionalProperties": false, "properties": {
    "color": {"description": "Its colour.", "type": "string",
        "pattern": "^#[0-9a-fA-F]{6}$", "examples": ["#ff4040"], "default": "#ff4040"},
    "size": {"description": "Its width and height in pixels.", "type": "integer",
        "minimum": 8, "maximum": 4096, "default": 120}}})";

std::uint32_t size;
Color color;
std::uint32_t drawn_width, drawn_height;

Layer bar(const Frame &frame, std::uint32_t width, std::uint32_t height) {
    Layer layer{};
    layer.tag = EXPORTS_MATTEBOX_FILTER_OVERLAY_LAYER_FILL;
    layer.val.fill = {
        static_cast<std::int32_t>(frame.width / 2) - static_cast<std::int32_t>(width / 2),
        static_cast<std::int32_t>(frame.height / 2) - static_cast<std::int32_t>(height / 2),
        width,
        height,
        color,
    };
    return layer;
}

} // namespace

void exports_mattebox_filter_lifecycle_describe(Description *description) {
    overlay_filter_string_dup(&description->name, "example-filter");
    overlay_filter_string_dup(&description->version, "0.1.0");
    overlay_filter_string_dup(&description->summary, "Draws a crosshair in the middle of the picture");
    overlay_filter_string_dup(&description->config_schema, SCHEMA);
}

// What the server hands over belongs to the filter, so the text is freed.
bool exports_mattebox_filter_lifecycle_configure(String *json, String *) {
    std::string_view text(reinterpret_cast<const char *>(json->ptr), json->len);
    size = number(setting(text, "size"));
    auto rgb = number(setting(text, "color").substr(1), 16);
    color = {static_cast<std::uint8_t>(rgb >> 16), static_cast<std::uint8_t>(rgb >> 8),
             static_cast<std::uint8_t>(rgb), 255};
    overlay_filter_string_free(json);
    return true;
}

// What is given here (the layers, a text of an error) the bindings free after the server has read it.
// That is done by `free`, so it comes from `malloc` and its kin.
bool exports_mattebox_filter_overlay_draw(Frame *frame, Drawing *drawing, String *error) {
    if (frame->width == drawn_width && frame->height == drawn_height) {
        drawing->tag = EXPORTS_MATTEBOX_FILTER_OVERLAY_DRAWING_UNCHANGED;
        return true;
    }
    std::array bars{bar(*frame, size, THICKNESS), bar(*frame, THICKNESS, size)};
    auto *layers = static_cast<Layer *>(std::malloc(sizeof bars));
    if (layers == nullptr) {
        overlay_filter_string_dup(error, "out of memory");
        return false;
    }
    std::copy(bars.begin(), bars.end(), layers);
    drawing->tag = EXPORTS_MATTEBOX_FILTER_OVERLAY_DRAWING_LAYERS;
    drawing->val.layers = {layers, bars.size()};
    drawn_width = frame->width;
    drawn_height = frame->height;
    return true;
}
