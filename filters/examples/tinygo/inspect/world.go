package main

import "unsafe"

//go:wasmexport mattebox:filter/inspect@0.2.0#look
func exportLook(sequence, at uint64, offset int32, width, height uint32) unsafe.Pointer {
	return giveRegions(look(Frame{sequence, at, offset, width, height}))
}

//go:wasmexport cabi_post_mattebox:filter/inspect@0.2.0#look
func afterCall(unsafe.Pointer) { kept = nil }
