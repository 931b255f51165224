// The picture as a mirror shows it: a transform for Mattebox in C++.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "settings.hpp"
#include "transform_filter.h"

using String = transform_filter_string_t;
using Description = exports_mattebox_filter_lifecycle_description_t;
using Frame = exports_mattebox_filter_transform_frame_info_t;
using Image = exports_mattebox_filter_transform_image_t;

namespace {

// Red, green, blue.
using Pixel = std::array<std::uint8_t, 3>;

constexpr char SCHEMA[] = R"({"type": "object", "additionalProperties": false, "properties": {
    "direction": {"description": "Which sides change places.",
        "enum": ["left-right", "top-bottom"], "default": "top-bottom"}}})";

bool is_upside_down;

} // namespace

void exports_mattebox_filter_lifecycle_describe(Description *description) {
    transform_filter_string_dup(&description->name, "example-filter");
    transform_filter_string_dup(&description->version, "0.1.0");
    transform_filter_string_dup(&description->summary, "Shows the picture as a mirror does");
    transform_filter_string_dup(&description->config_schema, SCHEMA);
}

// What the server hands over belongs to the filter, so the text is freed.
bool exports_mattebox_filter_lifecycle_configure(String *json, String *) {
    std::string_view text(reinterpret_cast<const char *>(json->ptr), json->len);
    is_upside_down = setting(text, "direction") == "top-bottom";
    transform_filter_string_free(json);
    return true;
}

// The picture that the server hands over is changed in place and given back, so nothing is copied;
// the bindings free it after the server has read it.
bool exports_mattebox_filter_transform_apply(Frame *, Image *picture, Image *result, String *) {
    auto *pixels = reinterpret_cast<Pixel *>(picture->rgb.ptr);
    const std::size_t width = picture->width, height = picture->height;
    if (is_upside_down) {
        for (std::size_t y = 0; y < height / 2; y++) {
            std::swap_ranges(pixels + y * width, pixels + (y + 1) * width, pixels + (height - 1 - y) * width);
        }
    } else {
        for (std::size_t y = 0; y < height; y++) {
            std::reverse(pixels + y * width, pixels + (y + 1) * width);
        }
    }
    *result = *picture;
    return true;
}
