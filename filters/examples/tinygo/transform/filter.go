// The picture as a mirror shows it: a transform for Mattebox in Go, for TinyGo.

package main

const (
	Name    = "example-filter"
	Version = "0.1.0"
	Summary = "Shows the picture as a mirror does"
	Schema  = `{"type": "object", "additionalProperties": false, "properties": {
		"direction": {"description": "Which sides change places.",
			"enum": ["left-right", "top-bottom"], "default": "top-bottom"}}}`

	// The bytes of a pixel: red, green, blue.
	pixel = 3
)

// The server has checked them against the schema and has filled in its defaults.
var settings struct {
	Direction string `json:"direction"`
}

func configure() error {
	return nil
}

// The picture that the server hands over is changed in place and given back, so nothing is copied.
func apply(_ Frame, picture Image) (Image, error) {
	row, height := int(picture.Width)*pixel, int(picture.Height)
	if settings.Direction == "top-bottom" {
		for y := 0; y < height/2; y++ {
			swap(picture.Rgb[y*row:][:row], picture.Rgb[(height-1-y)*row:][:row])
		}
		return picture, nil
	}
	for y := 0; y < height; y++ {
		pixels := picture.Rgb[y*row:][:row]
		for one, other := 0, row-pixel; one < other; one, other = one+pixel, other-pixel {
			swap(pixels[one:][:pixel], pixels[other:][:pixel])
		}
	}
	return picture, nil
}

func swap(one, other []byte) {
	for i := range one {
		one[i], other[i] = other[i], one[i]
	}
}
