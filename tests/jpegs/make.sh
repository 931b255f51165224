#!/usr/bin/env bash
# Makes the test pictures from a photo: with libjpeg-turbo's tools, ffmpeg and ImageMagick.
# The committed ones come from the sample photo home.jpg of OpenCV (Apache-2.0).
# Usage: make.sh PHOTO
set -euo pipefail
photo=$(realpath "$1")
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -r "$tmp"' EXIT
djpeg -ppm -scale 1/2 "$photo" >"$tmp/large.ppm"
convert "$tmp/large.ppm" -resize 203x149! "$tmp/odd.ppm"
for sampling in 1x1:444 2x1:422 2x2:420 1x2:440 4x1:411; do
    cjpeg -quality 85 -sample "${sampling%:*}" "$tmp/odd.ppm" >"${sampling#*:}.jpg"
done
cjpeg -quality 85 -grayscale "$tmp/odd.ppm" >grey.jpg
cjpeg -quality 85 -progressive "$tmp/odd.ppm" >progressive.jpg
cjpeg -quality 85 -restart 2 "$tmp/odd.ppm" >restart.jpg
cjpeg -quality 85 -optimize "$tmp/odd.ppm" >optimized.jpg
jpegtran -arithmetic 420.jpg >arithmetic.jpg
jpegtran -arithmetic -progressive 420.jpg >arithmetic-progressive.jpg
# Baseline in a scan for each component, and in two scans.
printf '0;\n1;\n2;\n' >"$tmp/scans"
jpegtran -scans "$tmp/scans" 420.jpg >multiscan.jpg
printf '0;\n1 2;\n' >"$tmp/scans"
jpegtran -scans "$tmp/scans" 420.jpg >partscan.jpg
# Chroma finer than luma, and luma three times as fine.
djpeg 444.jpg | cjpeg -quality 85 -sample 1x1,2x2,2x2 >finer.jpg
djpeg 444.jpg | cjpeg -quality 85 -sample 3x1 >3x1.jpg
convert "$tmp/odd.ppm" -colorspace CMYK -quality 85 cmyk.jpg
ffmpeg -v error -y -i "$tmp/odd.ppm" -pix_fmt yuvj422p -q:v 4 -bitexact ffmpeg.jpg
convert "$tmp/odd.ppm" -quality 85 -set comment "left as it is" comment.jpg
head -c 3000 420.jpg >cut.jpg
# As USB cameras send them: without Huffman tables.
python3 - <<'CUT'
jpeg = open("422.jpg", "rb").read()
while (at := jpeg.find(b"\xff\xc4")) >= 0:
    jpeg = jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]
open("nodht.jpg", "wb").write(jpeg)
CUT
# With fill bytes before its markers.
perl -0777 -pe 's/\xff([\xd0-\xd7\xd9\xda])/\xff\xff\xff$1/g' restart.jpg >fill.jpg
