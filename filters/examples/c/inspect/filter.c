// The brightest spot of the picture, as a region: an inspecting filter for Mattebox in C.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect_filter.h"
#include "settings.h"

typedef inspect_filter_string_t string_t;
typedef exports_mattebox_filter_lifecycle_description_t description_t;
typedef exports_mattebox_filter_inspect_frame_info_t frame_info_t;
typedef exports_mattebox_filter_inspect_findings_t findings_t;
typedef exports_mattebox_filter_inspect_region_t region_t;
typedef mattebox_filter_view_luma_image_t luma_image_t;

// The side of a pixel of the small picture, in pixels of the whole one.
#define SHRINK 8

static uint32_t threshold;
static bool was_bright;

void exports_mattebox_filter_lifecycle_describe(description_t *description) {
    inspect_filter_string_dup(&description->name, "example-filter");
    inspect_filter_string_dup(&description->version, "0.1.0");
    inspect_filter_string_dup(&description->summary, "Finds the brightest spot of the picture");
    inspect_filter_string_dup(
        &description->config_schema,
        "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
        "\"threshold\": {\"description\": \"How bright a spot must be.\", \"type\": \"integer\","
        "\"minimum\": 1, \"maximum\": 255, \"default\": 200}}}");
}

// What the server hands over belongs to the filter, so the text is freed.
bool exports_mattebox_filter_lifecycle_configure(string_t *json, string_t *error) {
    char *text = strndup((const char *)json->ptr, json->len);
    inspect_filter_string_free(json);
    if (text == NULL) {
        inspect_filter_string_dup(error, "out of memory");
        return false;
    }
    threshold = strtoul(setting(text, "threshold"), NULL, 10);
    free(text);
    return true;
}

// Sets the variable `brightness`, and tells of an event when it becomes bright and when it is over.
// What the filter hands over by a call stays its own.
static bool tell(uint32_t brightness, string_t *error) {
    char text[16];
    snprintf(text, sizeof text, "%u", (unsigned)brightness);
    string_t name, value, kind, words;
    inspect_filter_string_set(&name, "brightness");
    inspect_filter_string_set(&value, text);
    uint32_t ttl_ms = 30000;
    if (!mattebox_filter_publish_set_variable(&name, &value, &ttl_ms, error)) {
        return false;
    }
    bool is_bright = brightness >= threshold;
    if (is_bright == was_bright) {
        return true;
    }
    was_bright = is_bright;
    inspect_filter_string_set(&kind, "bright-spot");
    inspect_filter_string_set(&words, "");
    uint8_t phase = is_bright ? MATTEBOX_FILTER_PUBLISH_PHASE_START : MATTEBOX_FILTER_PUBLISH_PHASE_END;
    return mattebox_filter_publish_event(&kind, phase, &words, error);
}

static bool add_region(findings_t *findings, uint32_t x, uint32_t y, uint32_t brightness) {
    region_t *region = calloc(1, sizeof *region);
    if (region == NULL) {
        return false;
    }
    region->area = (mattebox_filter_types_area_t){x * SHRINK, y * SHRINK, SHRINK, SHRINK};
    inspect_filter_string_dup(&region->label, "bright");
    region->score = brightness / 255.0f;
    findings->regions.ptr = region;
    findings->regions.len = 1;
    return true;
}

// What is given here (the regions, a text of an error) the bindings free after the server has read it.
bool exports_mattebox_filter_inspect_look(frame_info_t *frame, findings_t *findings, string_t *error) {
    (void)frame;
    luma_image_t picture;
    if (!mattebox_filter_view_luma(MATTEBOX_FILTER_VIEW_SHRINK_EIGHTH, NULL, &picture, error)) {
        return false;
    }
    size_t brightest = 0;
    for (size_t at = 1; at < picture.luma.len; at++) {
        if (picture.luma.ptr[at] > picture.luma.ptr[brightest]) {
            brightest = at;
        }
    }
    uint32_t brightness = picture.luma.ptr[brightest];
    uint32_t x = brightest % picture.width, y = brightest / picture.width;
    mattebox_filter_view_luma_image_free(&picture);
    findings->regions.ptr = NULL;
    findings->regions.len = 0;
    if (!tell(brightness, error)) {
        return false;
    }
    if (was_bright && !add_region(findings, x, y, brightness)) {
        inspect_filter_string_dup(error, "out of memory");
        return false;
    }
    return true;
}
