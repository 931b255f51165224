#!/usr/bin/env python3
"""What an RTSP camera costs: the CPU time of the server and of its ffmpeg in parts of a core, with
a timestamp on each picture and one viewer. Cameras of 1920 × 1080 at 15 fps with JPEG and with
H.264 are compared with the old way (`via: ffmpeg`), in turns. The cameras are GStreamer's, as for
the tests (tests/support/rtsp_server.py), and are not counted. Linux only.

    docs/rtsp_cost.py target/release/mattebox [SECONDS] [TURNS]
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

CAMERA = pathlib.Path(__file__).resolve().parent.parent / "tests/support/rtsp_server.py"
FILTERS = "filters: [{ use: timestamp }]"
TICKS = os.sysconf("SC_CLK_TCK")


def processes(pid):
    """The process and its children."""
    found = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as children:
            found += map(int, children.read().split())
    return found


def cpu_seconds(pid):
    total = 0
    for process in processes(pid):
        with open(f"/proc/{process}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


class Viewer(threading.Thread):
    """Takes pictures until the server ends."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.bytes = url, 0
        self.start()

    def run(self):
        try:
            with urllib.request.urlopen(self.url) as stream:
                while data := stream.read1(1 << 16):
                    self.bytes += len(data)
        except OSError:
            pass


def started(command, **more):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)
    return process, process.stdout.readline().strip()


def measure(server, port, settings, filters, seconds):
    with tempfile.TemporaryDirectory() as folder:
        pipeline = pathlib.Path(folder, "pipeline.yaml")
        source = f"{{ driver: rtsp, url: 'rtsp://127.0.0.1:{port}/live'{settings} }}"
        pipeline.write_text(f"streams:\n  s:\n    source: {source}\n    {filters}\n")
        command = [server, "serve", "--config", str(pipeline), "--listen", "127.0.0.1:0"]
        process, line = started(command, stderr=subprocess.DEVNULL)
        try:
            viewer = Viewer(line.split()[-1].rstrip("/") + "/s.mjpeg")
            time.sleep(6)
            bytes_before, before, start = viewer.bytes, cpu_seconds(process.pid), time.monotonic()
            time.sleep(seconds)
            passed = time.monotonic() - start
            share = (cpu_seconds(process.pid) - before) / passed
            return share, (viewer.bytes - bytes_before) / passed / 1000
        finally:
            process.terminate()
            process.wait()


def main(server, seconds=20, turns=3):
    ways = [
        ("JPEG, timestamp", "jpeg-1080p", "", FILTERS),
        ("JPEG, empty chain", "jpeg-1080p", "", ""),
        ("JPEG by ffmpeg, timestamp", "jpeg-1080p", ", via: ffmpeg", FILTERS),
        ("H.264, timestamp", "h264-1080p", "", FILTERS),
        ("H.264 by ffmpeg, timestamp", "h264-1080p", ", via: ffmpeg", FILTERS),
        ("H.264, empty chain", "h264-1080p", "", ""),
        ("H.264 by ffmpeg, empty chain", "h264-1080p", ", via: ffmpeg", ""),
    ]
    cameras = {}
    for coding in ("jpeg-1080p", "h264-1080p"):
        cameras[coding] = started(["/usr/bin/python3", str(CAMERA), "0", "", coding])
    try:
        shares = {name: [] for name, *_ in ways}
        for _ in range(turns):
            for name, coding, settings, filters in ways:
                share, rate = measure(server, cameras[coding][1], settings, filters, seconds)
                shares[name].append(share)
                print(f"{name}: {share:.2%} of a core, {rate:.0f} kB/s to the viewer", flush=True)
        for name, of in shares.items():
            print(f"{name}: {statistics.median(of):.2%} of a core ({min(of):.2%} to {max(of):.2%})")
    finally:
        for camera, _ in cameras.values():
            camera.terminate()
            camera.wait()


main(sys.argv[1], *map(int, sys.argv[2:]))
