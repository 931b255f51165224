// A crosshair in the middle of the picture: an overlay for Mattebox in C.

#include <stdlib.h>
#include <string.h>

#include "overlay_filter.h"
#include "settings.h"

typedef overlay_filter_string_t string_t;
typedef exports_mattebox_filter_lifecycle_description_t description_t;
typedef exports_mattebox_filter_overlay_frame_info_t frame_info_t;
typedef exports_mattebox_filter_overlay_drawing_t drawing_t;
typedef exports_mattebox_filter_overlay_color_t color_t;
typedef exports_mattebox_filter_overlay_layer_t layer_t;

#define THICKNESS 3

static uint32_t size;
static color_t color;
static uint32_t drawn_width, drawn_height;

void exports_mattebox_filter_lifecycle_describe(description_t *description) {
    overlay_filter_string_dup(&description->name, "example-filter");
    overlay_filter_string_dup(&description->version, "0.1.0");
    overlay_filter_string_dup(&description->summary, "Draws a crosshair in the middle of the picture");
    overlay_filter_string_dup(
        &description->config_schema,
        "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
        "\"color\": {\"description\": \"Its colour.\", \"type\": \"string\","
        "\"pattern\": \"^#[0-9a-fA-F]{6}$\", \"examples\": [\"#ff4040\"], \"default\": \"#ff4040\"},"
        "\"size\": {\"description\": \"Its width and height in pixels.\", \"type\": \"integer\","
        "\"minimum\": 8, \"maximum\": 4096, \"default\": 120}}}");
}

// What the server hands over belongs to the filter, so the text is freed.
bool exports_mattebox_filter_lifecycle_configure(string_t *json, string_t *error) {
    char *text = strndup((const char *)json->ptr, json->len);
    overlay_filter_string_free(json);
    if (text == NULL) {
        overlay_filter_string_dup(error, "out of memory");
        return false;
    }
    size = strtoul(setting(text, "size"), NULL, 10);
    // A quote, and a `#`.
    uint32_t rgb = strtoul(setting(text, "color") + 2, NULL, 16);
    color = (color_t){rgb >> 16, rgb >> 8, rgb, 255};
    free(text);
    return true;
}

static layer_t bar(int32_t x, int32_t y, uint32_t width, uint32_t height) {
    layer_t layer = {.tag = EXPORTS_MATTEBOX_FILTER_OVERLAY_LAYER_FILL};
    layer.val.fill = (exports_mattebox_filter_overlay_fill_layer_t){x, y, width, height, color};
    return layer;
}

// What is given here (the layers, a text of an error) the bindings free after the server has read it.
bool exports_mattebox_filter_overlay_draw(frame_info_t *frame, drawing_t *drawing, string_t *error) {
    if (frame->width == drawn_width && frame->height == drawn_height) {
        drawing->tag = EXPORTS_MATTEBOX_FILTER_OVERLAY_DRAWING_UNCHANGED;
        return true;
    }
    layer_t *bars = calloc(2, sizeof *bars);
    if (bars == NULL) {
        overlay_filter_string_dup(error, "out of memory");
        return false;
    }
    int32_t x = frame->width / 2, y = frame->height / 2, half = size / 2;
    bars[0] = bar(x - half, y - THICKNESS / 2, size, THICKNESS);
    bars[1] = bar(x - THICKNESS / 2, y - half, THICKNESS, size);
    drawing->tag = EXPORTS_MATTEBOX_FILTER_OVERLAY_DRAWING_LAYERS;
    drawing->val.layers.ptr = bars;
    drawing->val.layers.len = 2;
    drawn_width = frame->width;
    drawn_height = frame->height;
    return true;
}
