#!/usr/bin/env python3
"""How soon a filter's new build is live: the time from the end of a build until the first frame
with the new filter reaches a viewer. An overlay is made by `mattebox new`, built, and served with a
still picture; then the colour in its source is changed and it is built again, turn by turn.

    docs/saved_to_live.py target/release/mattebox LANGUAGE [TURNS] [ARGUMENT OF new ...]

    docs/saved_to_live.py target/release/mattebox zig
    docs/saved_to_live.py target/release/mattebox rust 5 --sdk filter-sdk

Needs what `build.sh` needs of the language; `.venv` and `node_modules` are taken from the folder
that the variable TOOLS names, if it has them. Only a free port of 127.0.0.1 is used.
"""

import os
import pathlib
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

PIPELINE = """streams:
  demo:
    source: { driver: files, path: still.jpg, fps: 30, loop: true }
    filters: [use: ./measured.wasm]
"""
SOURCES = (".rs", ".c", ".cpp", ".zig", ".ts", ".js", ".py")
# What any wait may take, in seconds: a first load of half a minute of a busy processor.
PATIENCE = 300
# Frames of one filter before the next change, in seconds.
REST = 3


class Viewer(threading.Thread):
    """Reads frames without end, and knows since when they are as they are."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.sendall(b"GET /demo.mjpeg HTTP/1.0\r\n\r\n")
        self.changed = threading.Condition()
        self.frame = b""
        self.since = 0.0

    def run(self):
        stream = self.socket.makefile("rb")
        length = 0
        for line in iter(stream.readline, b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            if length and line == b"\r\n":
                self.take(stream.read(length))
                length = 0

    def take(self, frame):
        now = time.monotonic()
        with self.changed:
            if frame != self.frame:
                self.frame, self.since = frame, now
                self.changed.notify_all()

    def newest(self):
        with self.changed:
            return self.frame

    def other_than(self, frame):
        """Since when frames differ from `frame`, which is waited for."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.frame != frame, PATIENCE):
                sys.exit("no other picture came")
            return self.since


def new(server, folder, language, more):
    """The folder of a new filter in `folder`."""
    make = [server, "new", "measured", "--lang", language, *more]
    subprocess.run(make, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    project = folder / "measured"
    (project / "pipeline.yaml").write_text(PIPELINE)
    still = pathlib.Path(__file__).with_name("face-detector.jpg")
    (project / "still.jpg").write_bytes(still.read_bytes())
    tools = pathlib.Path(os.environ.get("TOOLS", "none")).resolve()
    for name in (".venv", "node_modules"):
        if (tools / name).exists():
            (project / name).symlink_to(tools / name)
    return project


def build(project, server):
    """Builds the filter. Gives the time at which that ended."""
    environment = {**os.environ, "MATTEBOX": server}
    subprocess.run(["./build.sh"], cwd=project, check=True, env=environment, capture_output=True)
    return time.monotonic()


def paint(project, color):
    """Changes the default colour in the filter's source."""
    for path in sorted(project.glob("*")) + sorted(project.glob("src/*")):
        if path.suffix in SOURCES:
            text = path.read_text()
            changed, count = re.subn(r'(default.{0,8})#[0-9a-f]{6}', rf"\g<1>{color}", text)
            if count:
                return path.write_text(changed)
    sys.exit("no source has a default colour")


def measure(project, server, port, turns):
    viewer = Viewer(port)
    viewer.start()
    times = []
    for turn in range(turns):
        time.sleep(REST)
        frame = viewer.newest()
        # Never one that was built before: that would come from the compile cache.
        paint(project, f"#{random.randrange(1 << 24):06x}")
        built_at = build(project, server)
        times.append(viewer.other_than(frame) - built_at)
    return times


def main():
    server, language, *rest = sys.argv[1:]
    server = str(pathlib.Path(server).resolve())
    turns = int(rest[0]) if rest else 5
    # Paths among the arguments start here, and not in the new folder.
    more = [str(pathlib.Path(it).resolve()) if os.path.exists(it) else it for it in rest[1:]]
    with tempfile.TemporaryDirectory() as folder:
        project = new(server, pathlib.Path(folder), language, more)
        build(project, server)
        # Compiles it.
        subprocess.run([server, "check"], cwd=project, check=True, stdout=subprocess.DEVNULL)
        command = [server, "--listen", "127.0.0.1:0"]
        environment = {**os.environ, "MATTEBOX_STATE": "off"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, cwd=project, env=environment, **pipes) as process:
            port = int(re.search(rb":(\d+)/?\s*$", process.stdout.readline()).group(1))
            times = measure(project, server, port, turns)
            process.kill()
    shown = ", ".join(f"{it:.2f}" for it in times)
    median, load = statistics.median(times), os.getloadavg()[0]
    print(f"{language}: {median:.2f} s in the median of {shown}; the machine's load is {load:.1f}")


main()
