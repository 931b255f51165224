//! The formats of texts that are checked in filters' settings: those of JSON Schema, and `color`.

/// A format: its name, a text of it in words, and an example.
struct Format(&'static str, &'static str, &'static str);

/// Those that are checked. Others are for editors and the page.
const FORMATS: &[Format] = &[
    Format("color", "a colour", "#ff8000"),
    Format("date", "a date", "2026-12-31"),
    Format("date-time", "a date and time", "2026-12-31T20:15:00Z"),
    Format("duration", "a duration", "PT5M"),
    Format("email", "an e-mail address", "me@example.org"),
    Format("hostname", "a host's name", "camera.example.org"),
    Format("idn-email", "an e-mail address", "me@example.org"),
    Format("idn-hostname", "a host's name", "camera.example.org"),
    Format("ipv4", "an IPv4 address", "192.168.1.20"),
    Format("ipv6", "an IPv6 address", "fd00::20"),
    Format("iri", "an address", "https://example.org/"),
    Format("json-pointer", "a JSON pointer", "/a/0"),
    Format("regex", "a regular expression", "^[a-z]+$"),
    Format("time", "a time", "20:15:00Z"),
    Format("uri", "an address", "https://example.org/"),
    Format("uri-reference", "an address", "/picture.jpg"),
    Format("uuid", "a UUID", "67e55044-10b1-426f-9247-bb680e5fe0c8"),
];

/// The words for a text of the format `name`, and an example; none of one that is not checked.
pub fn words(name: &str) -> Option<(&'static str, &'static str)> {
    let found = FORMATS.iter().find(|Format(known, ..)| *known == name);
    found.map(|Format(_, words, example)| (*words, *example))
}

/// Whether `text` is a colour, as CSS has them.
pub fn is_color(text: &str) -> bool {
    csscolorparser::parse(text).is_ok()
}
