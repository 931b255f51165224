// A crosshair in the middle of the picture: an overlay for Mattebox in Go, for TinyGo.

package main

import "strconv"

const (
	Name    = "example-filter"
	Version = "0.1.0"
	Summary = "Draws a crosshair in the middle of the picture"
	Schema  = `{"type": "object", "additionalProperties": false, "properties": {
		"color": {"description": "Its colour.", "type": "string",
			"pattern": "^#[0-9a-fA-F]{6}$", "examples": ["#ff4040"], "default": "#ff4040"},
		"size": {"description": "Its width and height in pixels.", "type": "integer",
			"minimum": 8, "maximum": 4096, "default": 120}}}`

	thickness = 3
)

// The server has checked them against the schema and has filled in its defaults.
var settings struct {
	Color string `json:"color"`
	Size  uint32 `json:"size"`
}

var color Color

// The size of the picture that was drawn for.
var drawn [2]uint32

func configure() error {
	rgb, err := strconv.ParseUint(settings.Color[1:], 16, 24)
	color = Color{uint8(rgb >> 16), uint8(rgb >> 8), uint8(rgb), 255}
	return err
}

func draw(frame Frame) (Drawing, error) {
	picture := [2]uint32{frame.Width, frame.Height}
	if picture == drawn {
		return Drawing{IsUnchanged: true}, nil
	}
	bars := []Layer{bar(frame, settings.Size, thickness), bar(frame, thickness, settings.Size)}
	drawn = picture
	return Drawing{Layers: bars}, nil
}

func bar(frame Frame, width, height uint32) Layer {
	x := int32(frame.Width/2) - int32(width/2)
	y := int32(frame.Height/2) - int32(height/2)
	return Fill{x, y, width, height, color}
}
