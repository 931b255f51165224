#!/usr/bin/env bash
# Makes seeds for the fuzzer from a PPM picture, with libjpeg-turbo's cjpeg. The four bytes before each JPEG say
# where the layers lie.
# Usage: seeds.sh PICTURE.ppm FOLDER
set -euo pipefail
mkdir -p "$2"
number=0
for options in "-sample 1x1" "-sample 2x1" "-sample 2x2" "-sample 1x2" "-sample 4x1" "-grayscale" \
    "-sample 2x2 -restart 1" "-sample 1x1 -restart 3B" "-optimize" "-progressive" "-quality 20" "-quality 98"; do
    number=$((number + 1))
    # shellcheck disable=SC2086  # several words each
    { printf '\x20\x20\x20\x80'; cjpeg -quality 70 $options "$1"; } >"$2/$number"
done
