package main

import "unsafe"

//go:wasmexport mattebox:filter/overlay@0.2.0#draw
func exportDraw(sequence, at uint64, offset int32, width, height uint32) unsafe.Pointer {
	return giveDrawing(draw(Frame{sequence, at, offset, width, height}))
}

//go:wasmexport cabi_post_mattebox:filter/overlay@0.2.0#draw
func afterCall(unsafe.Pointer) { kept = nil }
