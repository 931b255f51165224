#!/usr/bin/env python3
"""What streams cost: 64 of them at 15 frames a second, each with its own viewer, from JPEG files
that are played as if they were cameras. Prints the server's CPU time a frame beside that of
`mattebox apply` for the same frames and chain, which is the work alone; how often its threads were
woken; and the memory. Then the same without filters, and while nobody watches. Linux only.

    docs/many_streams.py target/release/mattebox LOGO.png FRAME.jpg...

`STREAMS=64 FPS=15 SECONDS=10` are the numbers of streams, of frames a second, and of seconds that
are measured at a time."""

import collections
import json
import os
import pathlib
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

STREAMS, FPS, SECONDS = (
    int(os.environ.get(name, value))
    for name, value in [("STREAMS", 64), ("FPS", 15), ("SECONDS", 10)]
)
OVERLAYS = """[{ use: timestamp, with: { format: "%Y-%m-%d %H:%M:%S" } },
      { use: watermark, with: { image: logo.png, opacity: 0.5 } }]"""


class Viewers(threading.Thread):
    """Takes one stream each, and discards it."""

    def __init__(self, address, count):
        super().__init__(daemon=True)
        self.selector, self.bytes, self.over = selectors.DefaultSelector(), 0, False
        for number in range(count):
            viewer = socket.create_connection(address)
            viewer.sendall(f"GET /s{number}.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            self.selector.register(viewer, selectors.EVENT_READ)
        self.start()

    def run(self):
        buffer = bytearray(1 << 20)
        while not self.over:
            for key, _ in self.selector.select(0.1):
                self.bytes += key.fileobj.recv_into(buffer)


class Threads:
    """What the threads of a process have done so far, by their names."""

    def __init__(self, pid):
        self.seconds, self.switches = collections.Counter(), collections.Counter()
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            name = task.joinpath("comm").read_text().strip()
            # A stream's threads are called by it, as in `s12 capture`.
            name = name.split(" ", 1)[-1]
            self.seconds[name] += int(task.joinpath("schedstat").read_text().split()[0]) / 1e9
            for line in task.joinpath("status").read_text().splitlines():
                if "ctxt_switches" in line:
                    self.switches[name] += int(line.split()[1])


def memory(pid):
    """Megabytes that are the process's own."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1000


def counted(address):
    """The frames that came out of all chains."""
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /api/v1/streams HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    return sum(
        sum(stream["paths"].values())
        for stream in json.loads(answer.split(b"\r\n\r\n", 1)[1])["streams"]
    )


def measure(title, server, address, viewers):
    watching = Viewers(address, viewers)
    time.sleep(5)
    before, frames, start = Threads(server.pid), counted(address), time.monotonic()
    time.sleep(SECONDS)
    after, frames, passed = Threads(server.pid), counted(address) - frames, time.monotonic() - start
    seconds, switches = after.seconds - before.seconds, after.switches - before.switches
    total, woken = sum(seconds.values()), sum(switches.values())
    print(
        f"{title}: {total / passed:.2%} of a core, {memory(server.pid):.0f} MB, "
        f"{frames / passed:.0f} frames/s"
    )
    if frames:
        print(f"  a frame: {total / frames * 1000:.3f} ms, {woken / frames:.2f} context switches")
        for name in seconds:
            print(
                f"    {name:20} {seconds[name] / frames * 1e6:6.0f} µs "
                f"{switches[name] / frames:6.2f}"
            )
    else:
        print(f"  {woken / passed:.1f} context switches a second")
    watching.over = True
    watching.join()
    for key in list(watching.selector.get_map().values()):
        key.fileobj.close()


def run(binary, folder, streams, filters):
    path = pathlib.Path(folder, "pipeline.yaml")
    source = f"{{ driver: files, path: frames, fps: {FPS} }}"
    entries = [
        f"  s{number}:\n    source: {source}\n    idle-timeout: 1s\n    filters: {filters}\n"
        for number in range(streams)
    ]
    path.write_text("limits: { connections-per-address: 1000 }\nstreams:\n" + "".join(entries))
    command = [binary, "--config", path, "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = server.stdout.readline().split()[-1].rstrip("/").rsplit("/")[-1]
        host, port = address.rsplit(":", 1)
        time.sleep(5)
        return server, (host, int(port)), path
    except BaseException:
        server.kill()
        raise


def main(binary, logo, *frames):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MATTEBOX_STATE"] = os.path.join(folder, "state")
        os.mkdir(os.path.join(folder, "frames"))
        shutil.copy(logo, os.path.join(folder, "logo.png"))
        for frame in frames:
            shutil.copy(frame, os.path.join(folder, "frames"))
        for title, filters in [("two overlays", OVERLAYS), ("no filters", "[]")]:
            server, address, path = run(binary, folder, STREAMS, filters)
            try:
                measure(f"{STREAMS} streams, {title}, nobody watches", server, address, 0)
                measure(f"{STREAMS} streams, {title}, a viewer each", server, address, STREAMS)
                time.sleep(2)
                measure(f"{STREAMS} streams, {title}, nobody watches any more", server, address, 0)
                measure(f"{STREAMS} streams, {title}, one is watched", server, address, 1)
            finally:
                server.terminate()
                server.wait()
            command = [binary, "apply", "--config", path, "--json", "--repeat", "50", *frames]
            work = [
                json.loads(subprocess.check_output(command))["cpu_ms_per_frame"] for _ in range(3)
            ]
            print(f"mattebox apply, {title}: {sorted(work)[1]:.3f} ms a frame")


main(*sys.argv[1:])
