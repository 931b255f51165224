"""The picture as a mirror shows it: a transform for Mattebox in Python."""

import json

from wit_world import exports
from wit_world.exports.lifecycle import Description
from wit_world.imports.types import FrameInfo, Image

# The bytes of a pixel: red, green, blue.
PIXEL = 3
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "direction": {
            "description": "Which sides change places.",
            "enum": ["left-right", "top-bottom"],
            "default": "top-bottom",
        },
    },
}

settings = {}


class Lifecycle(exports.Lifecycle):
    def describe(self) -> Description:
        return Description(
            name="example-filter",
            version="0.1.0",
            summary="Shows the picture as a mirror does",
            config_schema=json.dumps(SCHEMA),
        )

    # The server has checked the settings against the schema and has filled in its defaults. What is
    # wrong beyond that is told by `raise Err("…")` with `from componentize_py_types import Err`.
    def configure(self, config_json: str) -> None:
        settings.update(json.loads(config_json))


class Transform(exports.Transform):
    def apply(self, frame: FrameInfo, picture: Image) -> Image:
        # A loop over pixels takes seconds in Python; slices are as fast as C.
        row = picture.width * PIXEL
        rows = [picture.rgb[at : at + row] for at in range(0, len(picture.rgb), row)]
        if settings["direction"] == "top-bottom":
            return Image(picture.width, picture.height, b"".join(reversed(rows)))
        mirrored = bytearray(len(picture.rgb))
        for y, pixels in enumerate(rows):
            for color in range(PIXEL):
                start = y * row + color
                mirrored[start : start + row - color : PIXEL] = pixels[color::PIXEL][::-1]
        return Image(picture.width, picture.height, bytes(mirrored))
