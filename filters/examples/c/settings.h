// Reads settings. The server has checked them against the schema of `describe` and has filled in its
// defaults: they are a JSON object without spaces, and every setting is in it. `"name":` stands in it
// only where the setting does, since quotes within texts are escaped. For settings within settings,
// take a JSON library instead.

#pragma once

#include <stdlib.h>
#include <string.h>

// The value of the setting `name` in `json`, a text that ends with a zero: where its JSON starts.
static const char *setting(const char *json, const char *name) {
    size_t length = strlen(name);
    for (const char *at = strchr(json, '"'); at != NULL; at = strchr(at + 1, '"')) {
        if (strncmp(at + 1, name, length) == 0 && strncmp(at + 1 + length, "\":", 2) == 0) {
            return at + length + 3;
        }
    }
    return "null";
}
