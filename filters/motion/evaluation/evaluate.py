#!/usr/bin/env python3
"""Compares what `motion` finds on the eighth-size picture with OpenCV's MOG2 at full size.

    python3 -m venv venv && venv/bin/pip install opencv-python-headless
    venv/bin/python filters/motion/evaluation/evaluate.py CLIP...

The truth is MOG2 (history 500, threshold 16) on every frame of the clip at full size: shadows
dropped, opened by an ellipse of 5 x 5, and contours of more than 400 pixels at 768 x 576 (as large
a part of other sizes, but never less than four pixels of the eighth-size picture) are its objects.
Looks at which MOG2 takes more than a quarter of the picture for moving are left out: it takes a
change of exposure for motion. Of every look after the first five seconds:

  recall         the part of MOG2's objects of whose box half or more lies in regions
  without cause  the part of the regions in whose box MOG2 has less than 100 pixels of 768 x 576
  strictly       the part of the regions that no box of an object touches
  area           the mean part of the picture in regions, and in MOG2's boxes
  tracks         the numbers given out, and the median of seconds that one lasts

Variants change the clip for `motion` only; the truth stays that of the clip as it is:
  night   a quarter of the brightness, and noise with a deviation of 8 on each full-size pixel
  light   brightness up and down by 30 % every 20 seconds, and a lamp of 40 % switched each 15
  shake   a camera that jumps by up to 2 pixels (deviation 1) from frame to frame
"""

import argparse
import json
import pathlib
import statistics
import subprocess

import cv2
import numpy

ROOT = pathlib.Path(__file__).resolve().parents[3]
WARM_UP_SECONDS = 5
REFERENCE_AREA = 768 * 576


def frames(clip):
    video = cv2.VideoCapture(str(clip))
    while True:
        there, frame = video.read()
        if not there:
            return
        yield frame


def rate_of(clip):
    return cv2.VideoCapture(str(clip)).get(cv2.CAP_PROP_FPS)


def truth_of(clip):
    """For every frame, the boxes of MOG2's objects and its mask."""
    subtractor = cv2.createBackgroundSubtractorMOG2(
        history=500, varThreshold=16, detectShadows=True
    )
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    truth = []
    for frame in frames(clip):
        mask = subtractor.apply(frame)
        mask = numpy.where(mask == 255, 255, 0).astype(numpy.uint8)
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        least = max(400 * mask.size / REFERENCE_AREA, 4 * 8 * 8)
        boxes = [cv2.boundingRect(it) for it in contours if cv2.contourArea(it) > least]
        truth.append((boxes, mask > 0))
    return truth


def changed(grey, variant, at, seconds, random):
    if variant == "night":
        return numpy.clip(grey * 0.25 + random.normal(0, 8, grey.shape), 0, 255)
    if variant == "light":
        lamp = 1.4 if int(seconds / 15) % 2 else 1.0
        return numpy.clip(
            grey * lamp * (1 + 0.3 * numpy.sin(seconds * numpy.pi / 10)) * 0.7, 0, 255
        )
    if variant == "shake":
        x, y = numpy.clip(random.normal(0, 1, 2), -2, 2)
        size = (grey.shape[1], grey.shape[0])
        return cv2.warpAffine(
            grey, numpy.float32([[1, 0, x], [0, 1, y]]), size, borderMode=cv2.BORDER_REPLICATE
        )
    return grey


def eighths_of(clip, variant, every):
    """Each so-many'th frame as the DC coefficients have it: means of 8 x 8, edges continued."""
    rate, random = rate_of(clip), numpy.random.default_rng(1)
    small = []
    for at, frame in enumerate(frames(clip)):
        if at % every:
            continue
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        grey = changed(grey, variant, at, at / rate, random)
        down, across = -grey.shape[0] % 8, -grey.shape[1] % 8
        grey = numpy.pad(grey, ((0, down), (0, across)), mode="edge").astype(numpy.float32)
        blocks = grey.reshape(grey.shape[0] // 8, 8, grey.shape[1] // 8, 8)
        small.append(numpy.rint(blocks.mean(axis=(1, 3))).astype(numpy.uint8))
    return small


def look(small, size, looks_a_second, config):
    command = ["cargo", "run", "--quiet", "--release", "-p", "motion", "--example", "regions", "--"]
    command += [str(size[0]), str(size[1]), str(looks_a_second), json.dumps(config)]
    data = b"".join(it.tobytes() for it in small)
    out = subprocess.run(command, input=data, stdout=subprocess.PIPE, cwd=ROOT, check=True).stdout
    lines = [json.loads(line) for line in out.splitlines()]
    return lines[:-1], lines[-1]


def compare(truth, looks, every, rate):
    """The numbers that the head of this file explains."""
    left_out = objects = found = regions = without = strictly = 0
    areas, lasts = [], {}
    for number, seen in enumerate(looks):
        at = number * every
        if at < WARM_UP_SECONDS * rate:
            continue
        boxes, mask = truth[at]
        if mask.mean() > 0.25:
            left_out += 1
            continue
        least = 100 * mask.size / REFERENCE_AREA
        covered, boxed = numpy.zeros_like(mask), numpy.zeros_like(mask)
        for x, y, w, h in boxes:
            boxed[y : y + h, x : x + w] = True
        for region in seen["regions"]:
            x, y, w, h = region["area"]
            covered[y : y + h, x : x + w] = True
            regions += 1
            without += int(mask[y : y + h, x : x + w].sum() < least)
            strictly += int(not boxed[y : y + h, x : x + w].any())
            lasts.setdefault(region["track"], []).append(at / rate)
        for x, y, w, h in boxes:
            objects += 1
            found += int(covered[y : y + h, x : x + w].mean() >= 0.5)
        areas.append((covered.mean(), boxed.mean()))
    return {
        "looks": len(looks),
        "left out": left_out,
        "objects": objects,
        "recall": round(found / max(objects, 1), 3),
        "regions": regions,
        "without cause": round(without / max(regions, 1), 3),
        "strictly": round(strictly / max(regions, 1), 3),
        "area": [round(float(it), 3) for it in numpy.mean(areas, axis=0)],
        "tracks": [
            len(lasts),
            round(statistics.median(it[-1] - it[0] for it in lasts.values()), 1) if lasts else 0,
        ],
        "events": sum(it["event"] == "Started" for it in looks),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+", type=pathlib.Path, metavar="CLIP")
    parser.add_argument("--looks", type=float, default=5, help="looks a second (default: 5)")
    parser.add_argument(
        "--config", type=json.loads, default={}, help="the filter's settings in JSON"
    )
    variants = ["none", "night", "light", "shake"]
    parser.add_argument("--variants", nargs="+", choices=variants, default=variants[:1])
    arguments = parser.parse_args()
    for clip in arguments.clips:
        truth, rate = truth_of(clip), rate_of(clip)
        every = max(1, round(rate / arguments.looks))
        size = truth[0][1].shape[::-1]
        for variant in arguments.variants:
            small = eighths_of(clip, variant, every)
            looks, times = look(small, size, rate / every, arguments.config)
            numbers = compare(truth, looks, every, rate) | times
            print(json.dumps({"clip": clip.name, "variant": variant} | numbers), flush=True)


main()
