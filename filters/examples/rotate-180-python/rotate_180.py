"""The picture the right way up, for a camera that hangs from the ceiling: a transform for Mattebox.

README.md in the folder above says how it is built.
"""

from wit_world import exports
from wit_world.exports.lifecycle import Description
from wit_world.imports.types import FrameInfo, Image


class Lifecycle(exports.Lifecycle):
    def describe(self) -> Description:
        return Description(
            name="rotate-180",
            version="0.1.0",
            summary="Turns the picture by 180 degrees",
            config_schema='{"type": "object", "additionalProperties": false}',
        )

    def configure(self, config_json: str) -> None:
        pass


class Transform(exports.Transform):
    def apply(self, frame: FrameInfo, picture: Image) -> Image:
        turned = bytearray(len(picture.rgb))
        for channel in range(3):
            turned[channel::3] = picture.rgb[channel::3][::-1]
        return Image(width=picture.width, height=picture.height, rgb=bytes(turned))
