// Reads settings. The server has checked them against the schema of `describe` and has filled in its
// defaults: they are a JSON object without spaces, and every setting is in it. `"name":` stands in it
// only where the setting does, since quotes within texts are escaped. For settings within settings,
// take a JSON library instead.

#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

// The setting `name` in `json`: its JSON, without the quotes of a text.
inline std::string_view setting(std::string_view json, std::string_view name) {
    std::string key = "\"" + std::string(name) + "\":";
    size_t start = json.find(key);
    if (start == std::string_view::npos) {
        return "null";
    }
    std::string_view value = json.substr(start + key.size());
    if (value.front() == '"') {
        value.remove_prefix(1);
        return value.substr(0, value.find('"'));
    }
    return value.substr(0, value.find_first_of(",}"));
}

inline std::uint32_t number(std::string_view text, int base = 10) {
    std::uint32_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, base);
    return value;
}
