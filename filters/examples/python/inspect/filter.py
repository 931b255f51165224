"""The brightest spot of the picture, as a region: an inspecting filter for Mattebox in Python."""

import json

from wit_world import exports
from wit_world.exports.inspect import Findings
from wit_world.exports.lifecycle import Description
from wit_world.imports import publish, view
from wit_world.imports.publish import Phase
from wit_world.imports.types import Area, FrameInfo, Region
from wit_world.imports.view import Shrink

# The side of a pixel of the small picture, in pixels of the whole one.
SHRINK = 8
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "threshold": {
            "description": "How bright a spot must be.",
            "type": "integer",
            "minimum": 1,
            "maximum": 255,
            "default": 200,
        },
    },
}

settings = {}
was_bright = False


class Lifecycle(exports.Lifecycle):
    def describe(self) -> Description:
        return Description(
            name="example-filter",
            version="0.1.0",
            summary="Finds the brightest spot of the picture",
            config_schema=json.dumps(SCHEMA),
        )

    # The server has checked the settings against the schema and has filled in its defaults. What is
    # wrong beyond that is told by `raise Err("…")` with `from componentize_py_types import Err`.
    def configure(self, config_json: str) -> None:
        settings.update(json.loads(config_json))


class Inspect(exports.Inspect):
    def look(self, frame: FrameInfo) -> Findings:
        picture = view.luma(Shrink.EIGHTH, None)
        brightness = max(picture.luma)
        y, x = divmod(picture.luma.index(brightness), picture.width)
        if not tell(brightness):
            return Findings([])
        area = Area(x * SHRINK, y * SHRINK, SHRINK, SHRINK)
        return Findings([Region(area, "bright", brightness / 255, None)])


# Sets the variable `brightness`, and tells of an event when it becomes bright and when it is over.
def tell(brightness: int) -> bool:
    global was_bright
    publish.set_variable("brightness", str(brightness), 30_000)
    is_bright = brightness >= settings["threshold"]
    if is_bright != was_bright:
        was_bright = is_bright
        publish.event("bright-spot", Phase.START if is_bright else Phase.END, "")
    return is_bright
