// The brightest spot of the picture, as a region: an inspecting filter for Mattebox in C++.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "inspect_filter.h"
#include "settings.hpp"

using String = inspect_filter_string_t;
using Description = exports_mattebox_filter_lifecycle_description_t;
using Frame = exports_mattebox_filter_inspect_frame_info_t;
using Findings = exports_mattebox_filter_inspect_findings_t;
using Region = exports_mattebox_filter_inspect_region_t;
using Luma = mattebox_filter_view_luma_image_t;

namespace {

// The side of a pixel of the small picture, in pixels of the whole one.
constexpr std::uint32_t SHRINK = 8;
constexpr char SCHEMA[] = R"({"type": "object", "additionalProperties": false, "properties": {
    "threshold": {"description": "How bright a spot must be.", "type": "integer",
        "minimum": 1, "maximum": 255, "default": 200}}})";

std::uint32_t threshold;
bool was_bright;

// A text for a call of the server, which stays the filter's.
String lent(const std::string &text) {
    return {reinterpret_cast<std::uint8_t *>(const_cast<char *>(text.data())), text.size()};
}

// Sets the variable `brightness`, and tells of an event when it becomes bright and when it is over.
bool tell(std::uint32_t brightness, String *error) {
    const std::string name = "brightness", text = std::to_string(brightness), kind = "bright-spot";
    String lent_name = lent(name), lent_text = lent(text), lent_kind = lent(kind), no_words = lent({});
    std::uint32_t ttl_ms = 30000;
    if (!mattebox_filter_publish_set_variable(&lent_name, &lent_text, &ttl_ms, error)) {
        return false;
    }
    bool is_bright = brightness >= threshold;
    if (is_bright == was_bright) {
        return true;
    }
    was_bright = is_bright;
    auto phase = is_bright ? MATTEBOX_FILTER_PUBLISH_PHASE_START : MATTEBOX_FILTER_PUBLISH_PHASE_END;
    return mattebox_filter_publish_event(&lent_kind, phase, &no_words, error);
}

} // namespace

void exports_mattebox_filter_lifecycle_describe(Description *description) {
    inspect_filter_string_dup(&description->name, "example-filter");
    inspect_filter_string_dup(&description->version, "0.1.0");
    inspect_filter_string_dup(&description->summary, "Finds the brightest spot of the picture");
    inspect_filter_string_dup(&description->config_schema, SCHEMA);
}

// What the server hands over belongs to the filter, so the text is freed.
bool exports_mattebox_filter_lifecycle_configure(String *json, String *) {
    threshold = number(setting({reinterpret_cast<const char *>(json->ptr), json->len}, "threshold"));
    inspect_filter_string_free(json);
    return true;
}

// What is given here (the regions, a text of an error) the bindings free after the server has read it.
// That is done by `free`, so it comes from `malloc` and its kin.
bool exports_mattebox_filter_inspect_look(Frame *, Findings *findings, String *error) {
    Luma picture;
    if (!mattebox_filter_view_luma(MATTEBOX_FILTER_VIEW_SHRINK_EIGHTH, nullptr, &picture, error)) {
        return false;
    }
    std::uint8_t *luma = picture.luma.ptr;
    std::uint32_t at = std::max_element(luma, luma + picture.luma.len) - luma;
    std::uint32_t brightness = luma[at], x = at % picture.width, y = at / picture.width;
    mattebox_filter_view_luma_image_free(&picture);
    findings->regions = {nullptr, 0};
    if (!tell(brightness, error)) {
        return false;
    }
    if (!was_bright) {
        return true;
    }
    auto *region = static_cast<Region *>(std::calloc(1, sizeof(Region)));
    if (region == nullptr) {
        inspect_filter_string_dup(error, "out of memory");
        return false;
    }
    region->area = {x * SHRINK, y * SHRINK, SHRINK, SHRINK};
    inspect_filter_string_dup(&region->label, "bright");
    region->score = brightness / 255.0f;
    findings->regions = {region, 1};
    return true;
}
