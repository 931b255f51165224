// The brightest spot of the picture, as a region: an inspecting filter for Mattebox in Go, for TinyGo.

package main

import "strconv"

const (
	Name    = "example-filter"
	Version = "0.1.0"
	Summary = "Finds the brightest spot of the picture"
	Schema  = `{"type": "object", "additionalProperties": false, "properties": {
		"threshold": {"description": "How bright a spot must be.", "type": "integer",
			"minimum": 1, "maximum": 255, "default": 200}}}`

	// The side of a pixel of the small picture, in pixels of the whole one.
	shrink = 8
)

// The server has checked them against the schema and has filled in its defaults.
var settings struct {
	Threshold uint8 `json:"threshold"`
}

var wasBright bool

func configure() error {
	return nil
}

func look(_ Frame) ([]Region, error) {
	picture, err := ViewLuma(Eighth, nil)
	if err != nil {
		return nil, err
	}
	brightest := 0
	for at, luma := range picture.Luma {
		if luma > picture.Luma[brightest] {
			brightest = at
		}
	}
	brightness := picture.Luma[brightest]
	if err := tell(brightness); err != nil || !wasBright {
		return nil, err
	}
	x, y := uint32(brightest)%picture.Width, uint32(brightest)/picture.Width
	area := Area{x * shrink, y * shrink, shrink, shrink}
	return []Region{{Area: area, Label: "bright", Score: float32(brightness) / 255}}, nil
}

// Sets the variable `brightness`, and tells of an event when it becomes bright and when it is over.
func tell(brightness uint8) error {
	ttlMs := uint32(30_000)
	if err := SetVariable("brightness", strconv.Itoa(int(brightness)), &ttlMs); err != nil {
		return err
	}
	isBright := brightness >= settings.Threshold
	if isBright == wasBright {
		return nil
	}
	wasBright = isBright
	phase := End
	if isBright {
		phase = Start
	}
	return Event("bright-spot", phase, "")
}
