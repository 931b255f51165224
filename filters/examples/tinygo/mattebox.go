// The contract of `filter.wit` for TinyGo: what a filter is given, what it gives, and what it may call. The
// file of the filter's kind exports its functions.

package main

import (
	"encoding/json"
	"unsafe"
)

type Frame struct {
	// Counted by the stream; numbers may be left out.
	Sequence uint64
	// Milliseconds since 1970-01-01 00:00 UTC.
	CapturedAtMs     uint64
	UtcOffsetMinutes int32
	Width            uint32
	Height           uint32
}

type Color struct{ Red, Green, Blue, Alpha uint8 }

type Area struct{ X, Y, Width, Height uint32 }

// Width * Height * 3 bytes: red, green, blue; rows from top to bottom.
type Image struct {
	Width, Height uint32
	Rgb           []byte
}

// Width * Height bytes, 0 black to 255 white; rows from top to bottom.
type Luma struct {
	Width, Height uint32
	Luma          []byte
}

// Something that was found. Track is nil, or a number that the same thing keeps while it moves.
type Region struct {
	Area  Area
	Label string
	Score float32
	Track *uint64
}

type FoundRegion struct {
	Region       Region
	FoundBy      string
	CapturedAtMs uint64
}

// Something to be drawn: Rgba, Mask, Fill, Box or Text.
type Layer interface{ write(at uintptr) }

// Pixels: red, green, blue and straight alpha.
type Rgba struct {
	X, Y          int32
	Width, Height uint32
	Rgba          []byte
}

// One colour through a stencil.
type Mask struct {
	X, Y          int32
	Width, Height uint32
	Color         Color
	Alpha         []byte
}

// A rectangle of one colour.
type Fill struct {
	X, Y          int32
	Width, Height uint32
	Color         Color
}

// The outline of a rectangle.
type Box struct {
	X, Y          int32
	Width, Height uint32
	Thickness     uint32
	Color         Color
}

type Anchor uint8

const (
	TopLeft Anchor = iota
	TopRight
	BottomLeft
	BottomRight
	Center
)

// A text, 6 to 512 pixels high, which the server writes.
type Text struct {
	X, Y              int32
	Anchor            Anchor
	Text              string
	Size              uint32
	Color, Background Color
}

// What an overlay wants to see: nothing new, or layers; UntilMs spares the calls until then.
type Drawing struct {
	IsUnchanged bool
	Layers      []Layer
	UntilMs     uint64
}

type Level uint32

const (
	Debug Level = iota
	Info
	Warn
	Error
)

type Shrink uint32

const (
	Whole Shrink = iota
	Half
	Quarter
	Eighth
)

type Phase uint32

const (
	Start Phase = iota
	End
	Moment
)

// A failure, with what the server says of it.
type hostError string

func (text hostError) Error() string { return string(text) }

// Log writes to the server's log.
func Log(level Level, text string) {
	hostLog(uint32(level), pointer(text), uint32(len(text)))
}

// ReadAsset reads a file that the step names.
func ReadAsset(name string) ([]byte, error) {
	hostReadAsset(pointer(name), uint32(len(name)), answerAt(0))
	if err := answerError(4); err != nil {
		return nil, err
	}
	return takeBytes(answerAt(4)), nil
}

func StreamName() string {
	hostStreamName(answerAt(0))
	return string(takeBytes(answerAt(0)))
}

// Variable gives the text of a variable, and whether it has one.
func Variable(name string) (string, bool) {
	hostVariable(pointer(name), uint32(len(name)), answerAt(0))
	if answer[0] == 0 {
		return "", false
	}
	return string(takeBytes(answerAt(4))), true
}

// Regions gives what the stream's inspecting filters found when they looked last.
func Regions() []FoundRegion {
	hostRegions(answerAt(0))
	list, count := loadU32(answerAt(0)), loadU32(answerAt(4))
	found := make([]FoundRegion, count)
	for i := range found {
		at := uintptr(list) + uintptr(i)*foundSize
		it := &found[i]
		it.Region.Area = *(*Area)(address(at))
		it.Region.Label = string(takeBytes(address(at + 16)))
		it.Region.Score = *(*float32)(address(at + 24))
		if *(*uint8)(address(at + 32)) != 0 {
			track := *(*uint64)(address(at + 40))
			it.Region.Track = &track
		}
		it.FoundBy = string(takeBytes(address(at + 48)))
		it.CapturedAtMs = *(*uint64)(address(at + 56))
	}
	return found
}

// ViewLuma gives the brightness of the picture, or of an area of it.
func ViewLuma(shrink Shrink, area *Area) (Luma, error) {
	has, a := option(area)
	hostLuma(uint32(shrink), has, a.X, a.Y, a.Width, a.Height, answerAt(0))
	if err := answerError(4); err != nil {
		return Luma{}, err
	}
	return Luma{loadU32(answerAt(4)), loadU32(answerAt(8)), takeBytes(answerAt(12))}, nil
}

// ViewRgb gives the colours of the picture, or of an area of it.
func ViewRgb(shrink Shrink, area *Area) (Image, error) {
	has, a := option(area)
	hostRgb(uint32(shrink), has, a.X, a.Y, a.Width, a.Height, answerAt(0))
	if err := answerError(4); err != nil {
		return Image{}, err
	}
	return Image{loadU32(answerAt(4)), loadU32(answerAt(8)), takeBytes(answerAt(12))}, nil
}

// Show shows a small picture to whoever tunes the filter on the page.
func Show(picture Luma) error {
	luma := unsafe.Pointer(unsafe.SliceData(picture.Luma))
	hostShow(picture.Width, picture.Height, luma, uint32(len(picture.Luma)), answerAt(0))
	return answerError(4)
}

// SetVariable gives a variable a text, for some milliseconds, or for good if that is nil.
func SetVariable(name, text string, ttlMs *uint32) error {
	has, ttl := option(ttlMs)
	hostSetVariable(pointer(name), uint32(len(name)), pointer(text), uint32(len(text)), has, ttl, answerAt(0))
	return answerError(4)
}

// Event tells of an event of this stream.
func Event(kind string, phase Phase, text string) error {
	hostEvent(pointer(kind), uint32(len(kind)), uint32(phase), pointer(text), uint32(len(text)), answerAt(0))
	return answerError(4)
}

// ---- The canonical ABI ----

// The size of a layer, of a region, and of one with who found it, in a list.
const (
	layerSize  = 36
	regionSize = 48
	foundSize  = 64
)

// Where results lie, and the server's answers. Eight bytes each, so that they lie as the server wants.
var result, answerRoom [8]uint64

var answer = (*[64]byte)(unsafe.Pointer(&answerRoom))

// What the server writes to, or reads after a call: it may not be collected before.
var kept []any

func main() {}

//go:wasmexport cabi_realloc
func cabiRealloc(old unsafe.Pointer, oldSize, _, size uint32) unsafe.Pointer {
	// Of words, so that it lies as the server wants.
	room := make([]uint64, size/8+1)
	kept = append(kept, room)
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&room[0])), size), unsafe.Slice((*byte)(old), oldSize))
	}
	return unsafe.Pointer(&room[0])
}

//go:wasmexport mattebox:filter/lifecycle@0.2.0#describe
func exportDescribe() unsafe.Pointer {
	writeText(resultAt(0), Name)
	writeText(resultAt(8), Version)
	writeText(resultAt(16), Summary)
	writeText(resultAt(24), Schema)
	return resultAt(0)
}

//go:wasmexport cabi_post_mattebox:filter/lifecycle@0.2.0#describe
func afterDescribe(unsafe.Pointer) { kept = nil }

//go:wasmexport mattebox:filter/lifecycle@0.2.0#configure
func exportConfigure(text unsafe.Pointer, size uint32) unsafe.Pointer {
	err := json.Unmarshal(unsafe.Slice((*byte)(text), size), &settings)
	if err == nil {
		err = configure()
	}
	fails(err, 4)
	return resultAt(0)
}

//go:wasmexport cabi_post_mattebox:filter/lifecycle@0.2.0#configure
func afterConfigure(unsafe.Pointer) { kept = nil }

func resultAt(offset uintptr) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(&result), offset)
}

func answerAt(offset uintptr) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(&answerRoom), offset)
}

func address(at uintptr) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(nil), at)
}

func loadU32(at unsafe.Pointer) uint32 {
	return *(*uint32)(at)
}

func store[T any](at unsafe.Pointer, offset uintptr, value T) {
	*(*T)(unsafe.Add(at, offset)) = value
}

func pointer(text string) unsafe.Pointer {
	return unsafe.Pointer(unsafe.StringData(text))
}

func option[T any](value *T) (has uint32, given T) {
	if value == nil {
		return 0, given
	}
	return 1, *value
}

// Room for a list, which stays until the server has read it.
func room(size int) unsafe.Pointer {
	words := make([]uint64, size/8+1)
	kept = append(kept, words)
	return unsafe.Pointer(&words[0])
}

func writeText(at unsafe.Pointer, text string) {
	kept = append(kept, text)
	writeList(at, pointer(text), len(text))
}

func writeBytes(at unsafe.Pointer, bytes []byte) {
	kept = append(kept, bytes)
	writeList(at, unsafe.Pointer(unsafe.SliceData(bytes)), len(bytes))
}

func writeList(at, list unsafe.Pointer, length int) {
	store(at, 0, uint32(uintptr(list)))
	store(at, 4, uint32(length))
}

// Bytes that the server put into memory of `cabi_realloc`, without copying.
func takeBytes(at unsafe.Pointer) []byte {
	return unsafe.Slice((*byte)(address(uintptr(loadU32(at)))), loadU32(unsafe.Add(at, 4)))
}

func answerError(at uintptr) error {
	if answer[0] == 0 {
		return nil
	}
	return hostError(takeBytes(answerAt(at)))
}

// Writes the error of this call, if there is one, and tells whether.
func fails(err error, at uintptr) bool {
	store(resultAt(0), 0, err != nil)
	if err != nil {
		writeText(resultAt(at), err.Error())
	}
	return err != nil
}

func giveDrawing(drawing Drawing, err error) unsafe.Pointer {
	if fails(err, 8) {
		return resultAt(0)
	}
	tag := uint8(1)
	switch {
	case drawing.IsUnchanged:
		tag = 0
	case drawing.UntilMs > 0:
		tag = 2
	}
	store(resultAt(8), 0, tag)
	list := room(len(drawing.Layers) * layerSize)
	for i, layer := range drawing.Layers {
		layer.write(uintptr(list) + uintptr(i)*layerSize)
	}
	writeList(resultAt(16), list, len(drawing.Layers))
	store(resultAt(24), 0, drawing.UntilMs)
	return resultAt(0)
}

func giveImage(picture Image, err error) unsafe.Pointer {
	if !fails(err, 4) {
		store(resultAt(4), 0, picture.Width)
		store(resultAt(8), 0, picture.Height)
		writeBytes(resultAt(12), picture.Rgb)
	}
	return resultAt(0)
}

func giveRegions(regions []Region, err error) unsafe.Pointer {
	if fails(err, 4) {
		return resultAt(0)
	}
	list := room(len(regions) * regionSize)
	for i, region := range regions {
		at := unsafe.Add(list, i*regionSize)
		store(at, 0, region.Area)
		writeText(unsafe.Add(at, 16), region.Label)
		store(at, 24, region.Score)
		has, track := option(region.Track)
		store(at, 32, uint8(has))
		store(at, 40, track)
	}
	writeList(resultAt(4), list, len(regions))
	return resultAt(0)
}

func (it Rgba) write(at uintptr) {
	writeRectangle(at, 0, it.X, it.Y, it.Width, it.Height)
	writeBytes(address(at+20), it.Rgba)
}

func (it Mask) write(at uintptr) {
	writeRectangle(at, 1, it.X, it.Y, it.Width, it.Height)
	store(address(at), 20, it.Color)
	writeBytes(address(at+24), it.Alpha)
}

func (it Fill) write(at uintptr) {
	writeRectangle(at, 2, it.X, it.Y, it.Width, it.Height)
	store(address(at), 20, it.Color)
}

func (it Box) write(at uintptr) {
	writeRectangle(at, 3, it.X, it.Y, it.Width, it.Height)
	store(address(at), 20, it.Thickness)
	store(address(at), 24, it.Color)
}

func (it Text) write(at uintptr) {
	store(address(at), 0, uint8(4))
	store(address(at), 4, it.X)
	store(address(at), 8, it.Y)
	store(address(at), 12, it.Anchor)
	writeText(address(at+16), it.Text)
	store(address(at), 24, it.Size)
	store(address(at), 28, it.Color)
	store(address(at), 32, it.Background)
}

func writeRectangle(at uintptr, tag uint8, x, y int32, width, height uint32) {
	store(address(at), 0, tag)
	store(address(at), 4, x)
	store(address(at), 8, y)
	store(address(at), 12, width)
	store(address(at), 16, height)
}

//go:wasmimport mattebox:filter/host@0.2.0 log
func hostLog(level uint32, text unsafe.Pointer, size uint32)

//go:wasmimport mattebox:filter/host@0.2.0 read-asset
func hostReadAsset(name unsafe.Pointer, size uint32, answer unsafe.Pointer)

//go:wasmimport mattebox:filter/context@0.2.0 stream-name
func hostStreamName(answer unsafe.Pointer)

//go:wasmimport mattebox:filter/context@0.2.0 variable
func hostVariable(name unsafe.Pointer, size uint32, answer unsafe.Pointer)

//go:wasmimport mattebox:filter/context@0.2.0 regions
func hostRegions(answer unsafe.Pointer)

//go:wasmimport mattebox:filter/view@0.2.0 luma
func hostLuma(shrink, hasArea, x, y, width, height uint32, answer unsafe.Pointer)

//go:wasmimport mattebox:filter/view@0.2.0 rgb
func hostRgb(shrink, hasArea, x, y, width, height uint32, answer unsafe.Pointer)

//go:wasmimport mattebox:filter/publish@0.2.0 show
func hostShow(width, height uint32, luma unsafe.Pointer, size uint32, answer unsafe.Pointer)

//go:wasmimport mattebox:filter/publish@0.2.0 set-variable
func hostSetVariable(name unsafe.Pointer, nameSize uint32, text unsafe.Pointer, textSize, hasTtl, ttl uint32, answer unsafe.Pointer)

//go:wasmimport mattebox:filter/publish@0.2.0 event
func hostEvent(kind unsafe.Pointer, kindSize, phase uint32, text unsafe.Pointer, textSize uint32, answer unsafe.Pointer)
