#!/usr/bin/env python3
"""The time from the moment when the server has a frame of its camera to the moment when a viewer
has all of it: medians and 99th percentiles over all frames and viewers, with a timestamp that shows
milliseconds and a logo drawn on each frame. JPEG files are played as if they were a camera; each
part tells when its frame was taken (`X-Timestamp`). Linux only.

    docs/latency.py target/release/mattebox LOGO.png FRAME.jpg...

`VIEWERS=1,20 FPS=15 SECONDS=20` are the numbers of viewers, which all are in one process, of frames
a second, and of seconds that are measured at a time."""

import os
import pathlib
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time

FPS, SECONDS = (int(os.environ.get(name, value)) for name, value in [("FPS", 15), ("SECONDS", 20)])
VIEWERS = [int(count) for count in os.environ.get("VIEWERS", "1,20").split(",")]
PIPELINE = """streams:
  s:
    source: {{ driver: files, path: frames, fps: {fps} }}
    filters: {filters}
"""
OVERLAYS = """
      - { use: timestamp, with: { format: "%Y-%m-%d %H:%M:%S.%3f" } }
      - { use: watermark, with: { image: logo.png, opacity: 0.5 } }"""


class Viewer:
    def __init__(self, address):
        self.socket = socket.create_connection(address)
        self.socket.sendall(b"GET /s.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.buffer, self.filled, self.end = bytearray(4 << 20), 0, None

    def read(self):
        """Milliseconds that each frame took that is whole now."""
        with memoryview(self.buffer) as view:
            self.filled += self.socket.recv_into(view[self.filled :])
        now = time.time()
        while self.has_frame():
            yield (now - self.taken) * 1000
            rest = bytes(self.buffer[self.end : self.filled])
            self.buffer[: len(rest)] = rest
            self.filled, self.end = len(rest), None

    def has_frame(self):
        if self.end is None:
            head = self.buffer.find(b"X-Timestamp: ", 0, min(self.filled, 1000))
            end = self.buffer.find(b"\r\n\r\n", max(head, 0), min(self.filled, 1000))
            if head < 0 or end < 0:
                return False
            fields = bytes(self.buffer[:end])
            self.taken = float(fields[head:].split()[1])
            self.end = end + 4 + int(fields.split(b"Content-Length: ")[1].split()[0])
        return self.filled >= self.end


def watch(address, count):
    selector = selectors.DefaultSelector()
    for _ in range(count):
        viewer = Viewer(address)
        selector.register(viewer.socket, selectors.EVENT_READ, viewer)
    times, start = [], time.monotonic() + 3
    while (now := time.monotonic()) < start + SECONDS:
        for key, _ in selector.select(1):
            took = list(key.data.read())
            if now > start:
                times.extend(took)
    for key in list(selector.get_map().values()):
        key.fileobj.close()
    return sorted(times)


def main(binary, logo, *frames):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MATTEBOX_STATE"] = os.path.join(folder, "state")
        os.mkdir(os.path.join(folder, "frames"))
        shutil.copy(logo, os.path.join(folder, "logo.png"))
        for frame in frames:
            shutil.copy(frame, os.path.join(folder, "frames"))
        for title, filters in [("timestamp and logo", OVERLAYS), ("no filters", "[]")]:
            path = pathlib.Path(folder, "pipeline.yaml")
            path.write_text(PIPELINE.format(fps=FPS, filters=filters))
            command = [binary, "--config", path, "--listen", "127.0.0.1:0"]
            server = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            try:
                host, port = (
                    server.stdout.readline().split()[-1].rstrip("/").rsplit("/")[-1].rsplit(":", 1)
                )
                for count in VIEWERS:
                    times = watch((host, int(port)), count)
                    at = lambda share: times[int(len(times) * share)]
                    print(
                        f"{title}, {count} viewers: median {at(0.5):.2f} ms, p99 {at(0.99):.2f} ms "
                        f"({len(times)} frames)"
                    )
            finally:
                server.terminate()
                server.wait()


main(*sys.argv[1:])
