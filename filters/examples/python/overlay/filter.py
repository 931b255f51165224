"""A crosshair in the middle of the picture: an overlay for Mattebox in Python."""

import json

from wit_world import exports
from wit_world.exports.lifecycle import Description
from wit_world.exports.overlay import (
    Drawing,
    Drawing_Layers,
    Drawing_Unchanged,
    FillLayer,
    Layer_Fill,
)
from wit_world.imports.types import Color, FrameInfo

THICKNESS = 3
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "color": {
            "description": "Its colour.",
            "type": "string",
            "pattern": "^#[0-9a-fA-F]{6}$",
            "examples": ["#ff4040"],
            "default": "#ff4040",
        },
        "size": {
            "description": "Its width and height in pixels.",
            "type": "integer",
            "minimum": 8,
            "maximum": 4096,
            "default": 120,
        },
    },
}

settings = {}
# The size of the picture that was drawn for.
drawn = None


class Lifecycle(exports.Lifecycle):
    def describe(self) -> Description:
        return Description(
            name="example-filter",
            version="0.1.0",
            summary="Draws a crosshair in the middle of the picture",
            config_schema=json.dumps(SCHEMA),
        )

    # The server has checked the settings against the schema and has filled in its defaults. What is
    # wrong beyond that is told by `raise Err("…")` with `from componentize_py_types import Err`.
    def configure(self, config_json: str) -> None:
        settings.update(json.loads(config_json))


class Overlay(exports.Overlay):
    def draw(self, frame: FrameInfo) -> Drawing:
        global drawn
        if drawn == (frame.width, frame.height):
            return Drawing_Unchanged()
        red, green, blue = bytes.fromhex(settings["color"][1:])
        color = Color(red, green, blue, 255)
        x, y, size = frame.width // 2, frame.height // 2, settings["size"]
        bars = [
            FillLayer(x - size // 2, y - THICKNESS // 2, size, THICKNESS, color),
            FillLayer(x - THICKNESS // 2, y - size // 2, THICKNESS, size, color),
        ]
        drawn = (frame.width, frame.height)
        return Drawing_Layers([Layer_Fill(bar) for bar in bars])
