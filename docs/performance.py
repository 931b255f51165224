#!/usr/bin/env python3
"""Measures what a timestamp and a logo cost per frame: Mattebox, ffmpeg and OpenCV, on the same
JPEGs, one thread each, in CPU time. Start-up is taken off: each runs once over few frames and once
over many.

Usage: performance.py MATTEBOX LOGO.png FRAME.jpg... Needs ffmpeg with drawtext and, for OpenCV,
`pip install opencv-python-headless`. What isn't there is left out."""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile

FEW, MANY = 20, 220
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"
OPENCV = """
import sys, cv2, numpy as np
cv2.setNumThreads(1)
count, logo_path, *names = sys.argv[1:]
frames = [np.fromfile(name, np.uint8) for name in names]
logo = cv2.imread(logo_path, cv2.IMREAD_UNCHANGED)
alpha = logo[:, :, 3:].astype(np.float32) / 510
color = logo[:, :, :3].astype(np.float32) * alpha
h, w = logo.shape[:2]
for i in range(int(count)):
    picture = cv2.imdecode(frames[i % len(frames)], cv2.IMREAD_COLOR)
    box = picture[16:56, 16:416]
    box[:] = box // 2
    font, white = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255)
    cv2.putText(picture, "2026-11-23 12:00:00", (24, 46), font, 1, white, 2, cv2.LINE_AA)
    place = picture[-h - 16:-16, -w - 16:-16]
    place[:] = (place * (1 - alpha) + color).astype(np.uint8)
    cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
"""


def cpu_seconds(command, **options):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def per_frame(command_for):
    """Milliseconds of CPU time: the median of five."""
    times = [cpu_seconds(command_for(MANY)) - cpu_seconds(command_for(FEW)) for _ in range(5)]
    return sorted(times)[2] * 1000 / (MANY - FEW)


def mattebox(binary, folder, logo, frames):
    pipeline = f"""streams:
  s:
    filters:
      - use: timestamp
        with: {{ format: "%Y-%m-%d %H:%M:%S", size: 34 }}
      - use: watermark
        with: {{ image: {os.path.basename(logo)}, opacity: 0.5 }}
"""
    shutil.copy(logo, folder)
    path = os.path.join(folder, "pipeline.yaml")
    with open(path, "w") as file:
        file.write(pipeline)
    command = [
        binary,
        "apply",
        "--config",
        path,
        "--json",
        "--repeat",
        str(MANY // len(frames)),
        *frames,
    ]
    numbers = [json.loads(subprocess.check_output(command)) for _ in range(5)]
    print(f"  (paths: {numbers[0]['paths']})")
    return sorted(number["cpu_ms_per_frame"] for number in numbers)[2]


def ffmpeg(folder, logo, frames):
    for index, frame in enumerate(frames):
        shutil.copy(frame, os.path.join(folder, f"{index}.jpg"))
    text = (
        f"drawtext=fontfile={FONT}:text='%{{localtime}}':x=16:y=16:fontsize=34:fontcolor=white"
        ":box=1:boxcolor=black@0.5"
    )
    graph = (
        f"[1]format=rgba,colorchannelmixer=aa=0.5[logo];[0]{text}[text];"
        "[text][logo]overlay=W-w-16:H-h-16"
    )
    return lambda count: [
        "ffmpeg", "-v", "error", "-threads", "1", "-filter_complex_threads", "1",
        "-stream_loop", "-1", "-framerate", "25", "-start_number", "0",
        "-i", os.path.join(folder, "%d.jpg"),
        "-i", logo, "-filter_complex", graph, "-frames:v", str(count),
        "-c:v", "mjpeg", "-q:v", "4", "-threads", "1", "-f", "null", "-",
    ]  # fmt: skip


def main():
    binary, logo, *frames = sys.argv[1:]
    size = sum(os.path.getsize(frame) for frame in frames) // len(frames) // 1000
    print(f"{len(frames)} frames of {size} KB; CPU time per frame:")
    with tempfile.TemporaryDirectory() as folder:
        print(f"  mattebox apply {mattebox(binary, folder, logo, frames):8.2f} ms")
        if shutil.which("ffmpeg"):
            print(f"  ffmpeg         {per_frame(ffmpeg(folder, logo, frames)):8.2f} ms")
        if (
            subprocess.run([sys.executable, "-c", "import cv2"], capture_output=True).returncode
            == 0
        ):
            opencv = [sys.executable, "-c", OPENCV]
            print(
                f"  OpenCV         "
                f"{per_frame(lambda count: [*opencv, str(count), logo, *frames]):8.2f} ms"
            )


main()
