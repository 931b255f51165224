// The brightest spot of the picture, as a region: an inspecting filter for Mattebox in C.
// README.md in the folder above says how it is built.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect_filter.h"

typedef inspect_filter_string_t string_t;
typedef exports_mattebox_filter_lifecycle_description_t description_t;
typedef exports_mattebox_filter_inspect_frame_info_t frame_info_t;
typedef exports_mattebox_filter_inspect_findings_t findings_t;
typedef exports_mattebox_filter_inspect_region_t region_t;
typedef mattebox_filter_view_luma_image_t luma_image_t;

// The side of a pixel of the small picture, in pixels of the whole one.
#define SHRINK 8
// The side of the spot, in pixels of the small picture.
#define SPOT 5

static uint32_t threshold = 200;
static bool is_bright;

void exports_mattebox_filter_lifecycle_describe(description_t *description) {
    inspect_filter_string_dup(&description->name, "bright-spot");
    inspect_filter_string_dup(&description->version, "0.1.0");
    inspect_filter_string_dup(&description->summary, "Finds the brightest spot of the picture");
    inspect_filter_string_dup(
        &description->config_schema,
        "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\"threshold\": {"
        "\"description\": \"How bright a spot must be on average.\","
        "\"type\": \"integer\", \"minimum\": 1, \"maximum\": 255, \"default\": 200}}}");
}

// The server has checked the settings against the schema above: `threshold` is all that can be there.
// What the server hands over belongs to the filter, so the text is freed.
bool exports_mattebox_filter_lifecycle_configure(string_t *json, string_t *error) {
    (void)error;
    char text[64] = {0};
    memcpy(text, json->ptr, json->len < sizeof text ? json->len : sizeof text - 1);
    inspect_filter_string_free(json);
    const char *colon = strchr(text, ':');
    if (colon != NULL) {
        threshold = strtoul(colon + 1, NULL, 10);
    }
    return true;
}

static uint32_t sum_of_spot(const luma_image_t *picture, uint32_t x, uint32_t y) {
    uint32_t sum = 0;
    for (uint32_t row = y; row < y + SPOT; row++) {
        for (uint32_t column = x; column < x + SPOT; column++) {
            sum += picture->luma.ptr[row * picture->width + column];
        }
    }
    return sum;
}

// The place of the brightest spot, in pixels of the small picture; gives its average.
static uint32_t brightest(const luma_image_t *picture, uint32_t *left, uint32_t *top) {
    uint32_t best = 0;
    for (uint32_t y = 0; y + SPOT <= picture->height; y++) {
        for (uint32_t x = 0; x + SPOT <= picture->width; x++) {
            uint32_t sum = sum_of_spot(picture, x, y);
            if (sum > best) {
                best = sum;
                *left = x;
                *top = y;
            }
        }
    }
    return best / (SPOT * SPOT);
}

// Sets the variable `brightness` and tells of an event when it becomes bright, and of its end. What the
// filter hands over by a call stays its own.
static bool tell(uint32_t brightness, string_t *error) {
    char text[16];
    snprintf(text, sizeof text, "%u", brightness);
    string_t name, value, kind, words;
    inspect_filter_string_set(&name, "brightness");
    inspect_filter_string_set(&value, text);
    uint32_t ttl_ms = 30000;
    if (!mattebox_filter_publish_set_variable(&name, &value, &ttl_ms, error)) {
        return false;
    }
    bool was_bright = is_bright;
    is_bright = brightness >= threshold;
    if (is_bright == was_bright) {
        return true;
    }
    inspect_filter_string_set(&kind, "bright-spot");
    inspect_filter_string_set(&words, "");
    uint8_t phase = is_bright ? MATTEBOX_FILTER_PUBLISH_PHASE_START : MATTEBOX_FILTER_PUBLISH_PHASE_END;
    return mattebox_filter_publish_event(&kind, phase, &words, error);
}

static bool add_region(findings_t *findings, uint32_t left, uint32_t top, uint32_t brightness) {
    region_t *region = calloc(1, sizeof *region);
    if (region == NULL) {
        return false;
    }
    region->area = (mattebox_filter_types_area_t){left * SHRINK, top * SHRINK, SPOT * SHRINK, SPOT * SHRINK};
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
    uint32_t left = 0, top = 0;
    uint32_t brightness = brightest(&picture, &left, &top);
    mattebox_filter_view_luma_image_free(&picture);
    findings->regions.ptr = NULL;
    findings->regions.len = 0;
    if (!tell(brightness, error)) {
        return false;
    }
    if (is_bright && !add_region(findings, left, top, brightness)) {
        inspect_filter_string_dup(error, "out of memory");
        return false;
    }
    return true;
}
