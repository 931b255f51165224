// The picture as a mirror shows it: a transform for Mattebox in C.

#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "transform_filter.h"

typedef transform_filter_string_t string_t;
typedef exports_mattebox_filter_lifecycle_description_t description_t;
typedef exports_mattebox_filter_transform_frame_info_t frame_info_t;
typedef exports_mattebox_filter_transform_image_t image_t;

// The bytes of a pixel: red, green, blue.
#define PIXEL 3

static bool is_upside_down;

void exports_mattebox_filter_lifecycle_describe(description_t *description) {
    transform_filter_string_dup(&description->name, "example-filter");
    transform_filter_string_dup(&description->version, "0.1.0");
    transform_filter_string_dup(&description->summary, "Shows the picture as a mirror does");
    transform_filter_string_dup(
        &description->config_schema,
        "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
        "\"direction\": {\"description\": \"Which sides change places.\","
        "\"enum\": [\"left-right\", \"top-bottom\"], \"default\": \"top-bottom\"}}}");
}

// What the server hands over belongs to the filter, so the text is freed.
bool exports_mattebox_filter_lifecycle_configure(string_t *json, string_t *error) {
    char *text = strndup((const char *)json->ptr, json->len);
    transform_filter_string_free(json);
    if (text == NULL) {
        transform_filter_string_dup(error, "out of memory");
        return false;
    }
    is_upside_down = strncmp(setting(text, "direction"), "\"top-bottom\"", 12) == 0;
    free(text);
    return true;
}

static void swap(uint8_t *one, uint8_t *other, size_t length) {
    for (size_t at = 0; at < length; at++) {
        uint8_t byte = one[at];
        one[at] = other[at];
        other[at] = byte;
    }
}

// The picture that the server hands over is changed in place and given back, so nothing is copied;
// the bindings free it after the server has read it.
bool exports_mattebox_filter_transform_apply(
    frame_info_t *frame, image_t *picture, image_t *result, string_t *error) {
    (void)frame;
    (void)error;
    size_t width = picture->width, height = picture->height, row = width * PIXEL;
    uint8_t *rgb = picture->rgb.ptr;
    if (is_upside_down) {
        for (size_t y = 0; y < height / 2; y++) {
            swap(rgb + y * row, rgb + (height - 1 - y) * row, row);
        }
    } else {
        for (uint8_t *start = rgb; start < rgb + height * row; start += row) {
            for (size_t x = 0; x < width / 2; x++) {
                swap(start + x * PIXEL, start + (width - 1 - x) * PIXEL, PIXEL);
            }
        }
    }
    *result = *picture;
    return true;
}
