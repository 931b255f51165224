#!/usr/bin/env python3
"""What a stream costs on which motion is found five times a second and boxed with labels: the CPU
time of the whole server for a frame, beside what it takes libjpeg-turbo to decode and encode each
frame. One viewer, 15 frames a second.

    docs/annotated_cost.py target/release/mattebox [CLIP [SECONDS [TURNS]]]

The clip is OpenCV's vtest.avi (Debian's opencv-doc), enlarged to 1920 x 1080 by ffmpeg with added
grain, 4:2:2 as cameras code. Of the people in it those count who walk on the right: two at a time,
mostly. Needs ffmpeg, cjpeg and libturbojpeg.so.0 (libturbojpeg0). Linux only."""

import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

CLIP = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
FRAMES = 300
FPS = 15
TICKS = os.sysconf("SC_CLK_TCK")
ZONE = "0.35,0,0.75,0,0.75,0.55,0.35,0.55"
PIPELINE = """
streams:
  street:
    source: {{ driver: files, path: "{frames}/*.jpg", fps: 15, loop: true }}
    filters: {filters}
"""
FILTERS = f"""
      - {{ use: motion, every: 200ms, with: {{ zones: {{ walk: "{ZONE}" }} }} }}
      - {{ use: boxes, with: {{ color: yellow }} }}
"""


def frames(clip, folder, restart):
    """The clip's frames as a camera sends them."""
    raw = pathlib.Path(folder, "raw")
    raw.mkdir()
    graph = "scale=1920:1080,noise=alls=3:allf=t"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        clip,
        "-frames:v",
        str(FRAMES),
        "-vf",
        graph,
        f"{raw}/%04d.ppm",
    ]
    subprocess.run(command, check=True)
    for picture in sorted(raw.iterdir()):
        name = pathlib.Path(folder, picture.stem + ".jpg")
        with open(name, "wb") as out:
            options = ["-quality", "71", "-sample", "2x1", *(["-restart", "1"] if restart else [])]
            subprocess.run(["cjpeg", *options, picture], stdout=out, check=True)
        picture.unlink()
    raw.rmdir()


class Turbo:
    """libjpeg-turbo's C library."""

    def __init__(self):
        self.library = ctypes.CDLL("libturbojpeg.so.0")
        self.library.tjInitDecompress.restype = self.library.tjInitCompress.restype = (
            ctypes.c_void_p
        )
        self.decoder = ctypes.c_void_p(self.library.tjInitDecompress())
        self.encoder = ctypes.c_void_p(self.library.tjInitCompress())
        self.pixels = ctypes.create_string_buffer(1920 * 1080 * 3)
        self.size = ctypes.c_ulong(1920 * 1080 * 6)
        self.out = ctypes.pointer(ctypes.create_string_buffer(self.size.value))

    def again(self, jpeg):
        """Decodes a picture and encodes it; fast DCT as the benchmarks have it: none, the exact
        one."""
        sampling_422, rgb, no_realloc = 1, 0, 1024
        done = self.library.tjDecompress2(
            self.decoder, jpeg, len(jpeg), self.pixels, 1920, 0, 1080, rgb, 0
        )
        out, size = ctypes.cast(self.out, ctypes.c_void_p), ctypes.c_ulong(self.size.value)
        done |= self.library.tjCompress2(
            self.encoder,
            self.pixels,
            1920,
            0,
            1080,
            rgb,
            ctypes.byref(out),
            ctypes.byref(size),
            sampling_422,
            71,
            no_realloc,
        )
        assert done == 0 and size.value > 1000

    def per_frame(self, jpegs):
        start = time.thread_time()
        for jpeg in jpegs:
            self.again(jpeg)
        return (time.thread_time() - start) * 1000 / len(jpegs)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def watch(url):
    try:
        with urllib.request.urlopen(url) as stream:
            while stream.read1(1 << 16):
                pass
    except OSError:
        pass


def get(address, path):
    with urllib.request.urlopen(address + path) as answer:
        return json.load(answer)


def serve(binary, folder, filters, seconds):
    """Milliseconds of CPU time a frame, the paths, and the boxes that there were on average."""
    file = pathlib.Path(folder, "pipeline.yaml")
    file.write_text(PIPELINE.format(frames=folder, filters=filters))
    command = [binary, "serve", "--config", str(file), "--listen", "127.0.0.1:0", "--state", "off"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = server.stdout.readline().split()[-1].rstrip("/")
        threading.Thread(target=watch, args=(f"{address}/street.mjpeg",), daemon=True).start()
        report = lambda: get(address, "/api/v1/streams/street")
        while report()["frames_in"] < 3 * FPS:
            time.sleep(0.2)
        before, start = report(), cpu_seconds(server.pid)
        boxes = []
        for _ in range(seconds):
            time.sleep(1)
            boxes.append(len(get(address, "/api/v1/streams/street/regions")["regions"]))
        end, after = cpu_seconds(server.pid), report()
        paths = {path: after["paths"][path] - count for path, count in before["paths"].items()}
        spent = (end - start) * 1000 / sum(paths.values())
        return spent, paths, statistics.mean(boxes)
    finally:
        server.terminate()
        server.wait(10)


def main():
    given = sys.argv[1:]
    defaults = [None, CLIP, "30", "3"]
    binary, clip, seconds, turns = given + defaults[len(given) :]
    seconds, turns = int(seconds), int(turns)
    for restart in [False, True]:
        with tempfile.TemporaryDirectory() as folder:
            frames(clip, folder, restart)
            jpegs = [path.read_bytes() for path in sorted(pathlib.Path(folder).glob("*.jpg"))][::10]
            size = sum(map(len, jpegs)) // len(jpegs) // 1000
            print(
                f"frames of {size} KB, {'one' if restart else 'no'} restart interval a row:",
                flush=True,
            )
            turbo, ratios = Turbo(), []
            for _ in range(turns):
                again = turbo.per_frame(jpegs)
                plain, _, _ = serve(binary, folder, "[]", seconds)
                spent, paths, boxes = serve(binary, folder, FILTERS, seconds)
                again = (again + turbo.per_frame(jpegs)) / 2
                ratios.append(again / spent)
                print(
                    f"  {spent:.2f} ms a frame with {boxes:.1f} boxes ({plain:.2f} ms without "
                    f"filters); decode + encode {again:.1f} ms: "
                    f"1/{again / spent:.1f}  {paths}",
                    flush=True,
                )
            print(f"  in the median 1/{statistics.median(ratios):.1f}")


main()
