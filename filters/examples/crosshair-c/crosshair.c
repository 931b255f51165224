// A crosshair in the middle of the picture: an overlay for Mattebox in C.
// README.md in the folder above says how it is built.

#include <stdlib.h>
#include <string.h>

#include "overlay_filter.h"

typedef exports_mattebox_filter_lifecycle_description_t description_t;
typedef exports_mattebox_filter_overlay_frame_info_t frame_info_t;
typedef exports_mattebox_filter_overlay_drawing_t drawing_t;
typedef mattebox_filter_types_layer_t layer_t;

#define THICKNESS 3

static const uint8_t COLOR[4] = {255, 64, 64, 220};

static uint32_t size = 120;
static uint32_t drawn_width, drawn_height;

void exports_mattebox_filter_lifecycle_describe(description_t *description) {
    overlay_filter_string_dup(&description->name, "crosshair");
    overlay_filter_string_dup(&description->version, "0.1.0");
    overlay_filter_string_dup(&description->summary, "Draws a crosshair in the middle of the picture");
    overlay_filter_string_dup(
        &description->config_schema,
        "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\"size\": {"
        "\"description\": \"Its width and height in pixels.\","
        "\"type\": \"integer\", \"minimum\": 8, \"maximum\": 4096, \"default\": 120}}}");
}

// The server has checked the settings against the schema above: `size` is all that can be there.
bool exports_mattebox_filter_lifecycle_configure(overlay_filter_string_t *json, overlay_filter_string_t *error) {
    char *text = calloc(json->len + 1, 1);
    if (text == NULL) {
        overlay_filter_string_dup(error, "out of memory");
        return false;
    }
    memcpy(text, json->ptr, json->len);
    const char *colon = strchr(text, ':');
    if (colon != NULL) {
        size = strtoul(colon + 1, NULL, 10);
    }
    free(text);
    return true;
}

static bool bar(layer_t *layer, int32_t x, int32_t y, uint32_t width, uint32_t height) {
    size_t bytes = (size_t)width * height * 4;
    uint8_t *rgba = malloc(bytes);
    if (rgba == NULL) {
        return false;
    }
    for (size_t i = 0; i < bytes; i += 4) {
        memcpy(rgba + i, COLOR, 4);
    }
    *layer = (layer_t){x, y, width, height, {rgba, bytes}};
    return true;
}

bool exports_mattebox_filter_overlay_draw(frame_info_t *frame, drawing_t *drawing, overlay_filter_string_t *error) {
    if (frame->width == drawn_width && frame->height == drawn_height) {
        drawing->tag = MATTEBOX_FILTER_TYPES_DRAWING_UNCHANGED;
        return true;
    }
    int32_t x = frame->width / 2, y = frame->height / 2, half = size / 2;
    layer_t *bars = calloc(2, sizeof *bars);
    if (bars == NULL || !bar(&bars[0], x - half, y - THICKNESS / 2, size, THICKNESS) ||
        !bar(&bars[1], x - THICKNESS / 2, y - half, THICKNESS, size)) {
        overlay_filter_string_dup(error, "out of memory");
        return false;
    }
    drawing->tag = MATTEBOX_FILTER_TYPES_DRAWING_LAYERS;
    drawing->val.layers.ptr = bars;
    drawing->val.layers.len = 2;
    drawn_width = frame->width;
    drawn_height = frame->height;
    return true;
}
