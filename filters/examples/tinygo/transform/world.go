package main

import "unsafe"

//go:wasmexport mattebox:filter/transform@0.2.0#apply
func exportApply(
	sequence, at uint64, offset int32, frameWidth, frameHeight uint32,
	width, height uint32, rgb unsafe.Pointer, size uint32,
) unsafe.Pointer {
	picture := Image{width, height, unsafe.Slice((*byte)(rgb), size)}
	return giveImage(apply(Frame{sequence, at, offset, frameWidth, frameHeight}, picture))
}

//go:wasmexport cabi_post_mattebox:filter/transform@0.2.0#apply
func afterCall(unsafe.Pointer) { kept = nil }
