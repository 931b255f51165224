#!/usr/bin/env python3
"""How soon something that moves is known elsewhere: the time from the first frame with it until a
subscriber of mosquitto, a webhook and a listener to server-sent events have the event `motion`. A
camera of 1280 x 720 at 15 fps shows a street that stands still; again and again a square walks
through it. Motion is looked for every 200 ms, with nobody watching. The clock is the same for all,
and starts when the camera sends the frame. The webhook refuses the first event, which is then tried
again.

    docs/event_latency.py target/release/mattebox [TURNS]

Needs ffmpeg, mosquitto and mosquitto-clients. Only loopback addresses and free ports are used.
"""

import http.server
import json
import pathlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

FPS = 15
MOVING, STILL = 20, 45
PIPELINE = """
mqtt: {{ broker: "mqtt://127.0.0.1:{mqtt}" }}
on: [{{ event: motion, when: start, post: "http://127.0.0.1:{web}/", picture: true }}]
streams:
  street:
    source: {{ driver: http, url: "http://127.0.0.1:{web}/video" }}
    run: always
    filters: [{{ use: motion, every: 200ms, with: {{ event-gap: 1s }} }}]
"""


def pictures(folder):
    """The street alone, and the same with a square at some places, as JPEGs with noise like a
    camera's."""
    still = "smptebars=s=1280x720:r=15,hue=s=0,eq=contrast=0.3,noise=alls=6:allf=t+u"
    walking = lambda place: f"{still},drawbox=x={200 + 24 * place}:y=300:w=90:h=160:c=white:t=fill"
    commands = [(still, 15, "still")] + [
        (walking(place), 1, f"walking{place:02}") for place in range(MOVING)
    ]
    for graph, count, name in commands:
        command = [
            "ffmpeg",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            graph,
            "-frames:v",
            str(count),
            "-q:v",
            "4",
            "-huffman",
            "default",
        ]
        subprocess.run([*command, f"{folder}/{name}-%02d.jpg"], check=True)
    read = lambda pattern: [
        path.read_bytes() for path in sorted(pathlib.Path(folder).glob(pattern))
    ]
    return read("still*.jpg"), read("walking*.jpg")


class Turns:
    """What happened when."""

    def __init__(self):
        self.sent, self.known = [], {"MQTT": [], "webhook": [], "SSE": []}
        self.refused = 0

    def note(self, where, message):
        if message.get("kind") == "motion" and message.get("end") is None:
            ids = [known for known, _ in self.known[where]]
            if message["id"] not in ids:
                self.known[where].append((message["id"], time.time()))


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        try:
            self.send_frames()
        except OSError:
            pass  # The server has ended.

    def send_frames(self):
        still, walking = self.server.pictures
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
        self.end_headers()
        due = time.time()
        for turn in range(-1, self.server.count):
            # Each time at another moment between two looks.
            length = STILL + random.randrange(FPS) if turn >= 0 else 10 * FPS
            for frame in range(length + (MOVING if turn >= 0 else 0)):
                due += 1 / FPS
                time.sleep(max(due + random.random() / 60 - time.time(), 0))
                jpeg = walking[frame - length] if frame >= length else still[frame % len(still)]
                if frame == length and turn >= 0:
                    self.server.turns.sent.append(time.time())
                # The boundary behind it says that it is whole.
                self.wfile.write(
                    b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                    + jpeg
                    + b"\r\n"
                )
        self.server.is_over.set()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        arrived = json.loads(body[body.index(b"{") : body.index(b"\r\n--", body.index(b"{"))])
        if not self.server.turns.refused:
            self.server.turns.refused = 1
            self.send_error(503)
            return
        self.server.turns.note("webhook", arrived)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


def web(turns, frames, count):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.turns, server.pictures, server.count, server.is_over = (
        turns,
        frames,
        count,
        threading.Event(),
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(port):
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"nothing listens on port {port}")


def read_mqtt(process, turns):
    for line in process.stdout:
        turns.note("MQTT", json.loads(line))


def read_events(address, turns):
    try:
        with urllib.request.urlopen(f"{address}/api/v1/events?kind=motion") as events:
            for line in events:
                if line.startswith(b"data:"):
                    turns.note("SSE", json.loads(line[5:]))
    except OSError:
        pass


def show(turns):
    for where, known in turns.known.items():
        delays = []
        for sent, after in zip(turns.sent, [*turns.sent[1:], float("inf")]):
            arrived = [at for _, at in known if sent <= at < after]
            delays += [(arrived[0] - sent) * 1000] if arrived else []
        if not delays:
            print(f"  {where:8} nothing")
            continue
        # The first was refused.
        rest = delays[1:] if where == "webhook" else delays
        within = sum(delay < 300 for delay in rest)
        print(
            f"  {where:8} {len(rest)} events: {statistics.median(rest):4.0f} ms in the median, "
            f"{min(rest):.0f} to {max(rest):.0f}; "
            f"{within} of {len(rest)} under 300 ms"
            + (f"; the refused one {delays[0]:.0f}" if where == "webhook" else "")
        )


def main():
    binary, count = sys.argv[1], int((sys.argv[2:] or ["20"])[0])
    turns, running = Turns(), []
    with tempfile.TemporaryDirectory() as folder:
        camera = web(turns, pictures(folder), count)
        mqtt = free_port()
        try:
            running.append(
                subprocess.Popen(["mosquitto", "-p", str(mqtt)], stderr=subprocess.DEVNULL)
            )
            wait_for(mqtt)
            topic = ["mosquitto_sub", "-p", str(mqtt), "-t", "mattebox/street/events"]
            running.append(subprocess.Popen(topic, stdout=subprocess.PIPE))
            threading.Thread(target=read_mqtt, args=(running[-1], turns), daemon=True).start()
            file = pathlib.Path(folder, "pipeline.yaml")
            file.write_text(PIPELINE.format(mqtt=mqtt, web=camera.server_port))
            command = [
                binary,
                "serve",
                "--config",
                str(file),
                "--listen",
                "127.0.0.1:0",
                "--state",
                str(pathlib.Path(folder, "state")),
            ]
            running.append(
                subprocess.Popen(
                    command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
                )
            )
            address = running[-1].stdout.readline().split()[-1].rstrip("/")
            threading.Thread(target=read_events, args=(address, turns), daemon=True).start()
            camera.is_over.wait(60 + count * (STILL + FPS + MOVING) / FPS)
            time.sleep(2)
        finally:
            for process in reversed(running):
                process.terminate()
            for process in running:
                process.wait(10)
        print(f"from the first frame with something that moves, {len(turns.sent)} times:")
        show(turns)


main()
