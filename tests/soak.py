#!/usr/bin/env python3
"""Runs a server for an hour as a busy house would, and looks whether its memory stays where it was.

50 to 200 viewers come and go, network cameras break down in every way, a command that gives
pictures ends again and again, a filter crashes every few seconds and is uploaded anew, and a change
a second is made of the pipeline. Once a minute it prints a line. It ends with 1 if the memory of a
minute after the tenth is not within 5 % of that of minutes 6 to 10, if a viewer's connection ended
before the viewer did or went 30 s without a byte, or if the server is gone; with 2 if it can't
start. All of it is on loopback.

    tests/soak.py --server target/release/mattebox                 # an hour
    tests/soak.py --server target/release/mattebox --minutes 15
    TOKEN=secret tests/soak.py --server PID --url http://127.0.0.1:8080

A running server needs `filter-folder`, `allow-commands-by-api: true` and the `admin-token` that
the variable TOKEN holds; its streams `soak-…` are removed at the end. Linux only;
Python 3.11 with nothing else."""

import argparse
import asyncio
import http.client
import itertools
import json
import math
import multiprocessing
import os
import pathlib
import random
import secrets
import selectors
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
MEGABYTE = 1e6
# Seconds between two looks at the server's memory.
LOOK = 2
SETTLED_MINUTES = 10
TOLERANCE = 0.05
# Viewers of one address, so that limits by address are not what is tried.
PER_ADDRESS = 16
# A viewer that gets nothing for so many seconds counts as cut.
PATIENCE = 30
WATCHED = {
    "soak-demo": 4,
    "soak-small": 3,
    "soak-crash": 3,
    "soak-http": 3,
    "soak-stall": 2,
    "soak-still": 2,
    "soak-exec": 2,
}
# Streams that no change sets anew as a whole, so that their steps keep their ids.
KEPT = ["soak-demo", "soak-small"]


def main():
    arguments = read_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="mattebox-soak-") as folder:
        server = (
            attach(arguments)
            if arguments.server.isdigit()
            else start(arguments.server, pathlib.Path(folder))
        )
        try:
            sys.exit(run(arguments, server, pathlib.Path(folder)))
        finally:
            server.end()


def read_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--server",
        required=True,
        metavar="PATH-or-PID",
        help="the program, or a running one's process id",
    )
    parser.add_argument("--url", help="where a running one listens")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=1, help="changes a second")
    parser.add_argument(
        "--viewers", type=int, default=200, help="the most at once; a quarter of them are the least"
    )
    parser.add_argument(
        "--without",
        default="",
        help="parts to leave out, to find a cause: viewers,changes,uploads,cameras,crashes,pages",
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.without = set(filter(None, arguments.without.split(",")))
    return arguments


# The server


class Server:
    """A server's process, its API, and what the system says of it."""

    def __init__(self, pid, url, token, process=None):
        self.pid, self.token, self.process = pid, token, process
        address = urllib.parse.urlsplit(url)
        self.address = (address.hostname, address.port or 80)

    def ask(self, method, target, body=None, timeout=30):
        """The status and the JSON of an answer; 0 if there is none."""
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        body = json.dumps(body) if isinstance(body, dict) else body
        try:
            connection.request(method, target, body, {"Authorization": f"Bearer {self.token}"})
            response = connection.getresponse()
            text = response.read()
            is_json = "json" in response.getheader("Content-Type", "")
            return response.status, json.loads(text) if is_json else text
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)
        finally:
            connection.close()

    def look(self):
        """What the system says of the process now."""
        status = dict(line.split(":", 1) for line in self.read("status").splitlines())
        kilobytes = {key: int(status[key].split()[0]) for key in ("VmRSS", "RssAnon", "Threads")}
        return {
            "rss": kilobytes["VmRSS"] * 1024 / MEGABYTE,
            "anonymous": kilobytes["RssAnon"] * 1024 / MEGABYTE,
            "heap": self.heap() / MEGABYTE,
            "threads": kilobytes["Threads"],
            "files": len(os.listdir(f"/proc/{self.pid}/fd")),
            "cpu": sum(int(ticks) for ticks in self.read("stat").rpartition(")")[2].split()[11:13])
            / os.sysconf("SC_CLK_TCK"),
        }

    def heap(self):
        """Bytes of anonymous memory that can be written: heaps and stacks, without code and
        filters' guard pages."""
        total, counts = 0, False
        for line in self.read("smaps").splitlines():
            first, *rest = line.split()
            if not first.endswith(":"):
                counts = rest[0].startswith("rw") and (len(rest) == 4 or rest[4].startswith("["))
            elif counts and first == "Rss:":
                total += int(rest[0]) * 1024
        return total

    def read(self, name):
        return pathlib.Path(f"/proc/{self.pid}/{name}").read_text()

    def is_there(self):
        if self.process is not None:
            return self.process.poll() is None
        return pathlib.Path(f"/proc/{self.pid}").exists()

    def end(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def attach(arguments):
    if not arguments.url or "TOKEN" not in os.environ:
        sys.exit("a running server needs --url, and its admin token in the variable TOKEN")
    return Server(int(arguments.server), arguments.url, os.environ["TOKEN"])


def start(program, folder):
    (folder / "pipeline.yaml").write_text(
        "listen: 127.0.0.1:0\nadmin-token: { env: SOAK_TOKEN }\nallow-commands-by-api: true\n"
        "filter-folder: filters\n\n"
        "streams:\n"
        "  soak-demo:\n    source: { driver: demo }\n    idle-timeout: 2s\n    filters:\n      - "
        "use: timestamp\n"
    )
    token = secrets.token_hex(16)
    environment = os.environ | {
        "SOAK_TOKEN": token,
        "MATTEBOX_CACHE": str(folder / "cache"),
        "MATTEBOX_STATE": str(folder / "state"),
    }
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [program, "--config", str(folder / "pipeline.yaml")],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    first = process.stdout.readline().decode()
    if "http://" not in first:
        process.kill()
        process.wait()
        sys.stderr.write((folder / "log").read_text())
        sys.exit(2)
    return Server(process.pid, first[first.index("http://") :].strip(), token, process)


# The house


def streams(camera):
    """The streams that are tried, by name."""
    url = f"http://127.0.0.1:{camera}"
    quick = {"idle-timeout": "2s"}
    text = {"use": "text", "with": {"format": "{soak} of {gone}", "position": "bottom"}}
    command = [sys.executable, str(pathlib.Path(__file__).resolve()), "--pictures", str(camera)]
    return {
        "soak-demo": quick
        | {
            "source": {"driver": "demo"},
            "filters": [{"use": "timestamp", "with": {"format": "%T.%3f"}}, text],
        },
        "soak-small": quick
        | {
            "source": {"stream": "soak-demo"},
            "filters": [{"use": "resize", "with": {"width": 320}}, {"use": "timestamp"}],
        },
        "soak-http": quick
        | {
            "source": {"driver": "http", "url": f"{url}/flapping", "user": "me", "password": "x"},
            "filters": [text],
        },
        "soak-stall": quick
        | {
            "source": {"driver": "http", "url": f"{url}/stalling", "stall-timeout": "1s"},
            "filters": [],
        },
        "soak-still": quick
        | {
            "source": {"driver": "http", "url": f"{url}/still", "fps": 5},
            "filters": [{"use": "timestamp"}],
        },
        "soak-exec": quick
        | {"source": {"driver": "exec", "command": command}, "filters": [{"use": "timestamp"}]},
        "soak-crash": quick
        | {
            "source": {"stream": "soak-demo"},
            "filters": [{"use": "./filters/soak.wasm"}, {"use": "timestamp"}],
        },
    }


def crashing_filter(number):
    """The example in C, made to crash at every 64th frame. Each number makes another file, which is
    compiled anew."""
    module = (REPOSITORY / "tests/modules/crosshair.wasm").read_bytes()
    sections, at = [], 8
    while at < len(module):
        length, start = leb(module, at + 1)
        sections.append((module[at], module[start : start + length]))
        at = start + length
    imports = sum(1 for kind, _ in sections if kind == 2)
    if imports:
        sys.exit(
            "the example imports something now; tests/soak.py counts functions as if it did not"
        )
    draw = exported(
        next(body for kind, body in sections if kind == 7), b"mattebox:filter/overlay@0.2.0#draw"
    )
    made = module[:8]
    for kind, body in sections:
        body = with_crash(body, draw) if kind == 10 else body
        made += bytes([kind]) + to_leb(len(body)) + body
    name = b"\4soak"
    return made + bytes([0]) + to_leb(len(name) + 4) + name + number.to_bytes(4, "little")


def exported(section, wanted):
    """The index of the exported function of that name."""
    count, at = leb(section, 0)
    for _ in range(count):
        length, at = leb(section, at)
        name, kind = section[at : at + length], section[at + length]
        index, at = leb(section, at + length + 1)
        if kind == 0 and name == wanted:
            return index
    sys.exit("the example draws nothing any more")


def with_crash(section, function):
    """The code section with `if (sequence & 63) == 0 { unreachable }` at the start of a function
    without imports before it."""
    crash = bytes([0x20, 0, 0x42, 63, 0x83, 0x50, 0x04, 0x40, 0x00, 0x0B])
    count, at = leb(section, 0)
    made = to_leb(count)
    for index in range(count):
        length, at = leb(section, at)
        body = section[at : at + length]
        if index == function:
            groups, locals_end = leb(body, 0)
            for _ in range(groups):
                _, locals_end = leb(body, locals_end)
                locals_end += 1
            body = body[:locals_end] + crash + body[locals_end:]
        made += to_leb(len(body)) + body
        at += length
    return made


def leb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return value, at


def to_leb(value):
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes(made + bytes([value]))


# Cameras that break down: a process of their own


class Cameras:
    """/flapping, /stalling and /still, on one port; pictures come from `pictures`."""

    def __init__(self, pictures):
        self.pictures = pictures
        self.number = itertools.count()

    async def answer(self, reader, writer):
        try:
            await asyncio.wait_for(self.talk(reader, writer), 120)
        except (
            OSError,
            asyncio.IncompleteReadError,
            asyncio.TimeoutError,
            asyncio.LimitOverrunError,
        ):
            pass  # The server goes when nobody watches.
        finally:
            writer.close()

    async def talk(self, reader, writer):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            number = next(self.number)
            if b"/still" in head:
                await self.still(writer, number)
            elif b"/pictures" in head:
                writer.write(self.pictures[number % 2])
                return await writer.drain()
            else:
                return await self.stream(writer, number, stalls=b"/stalling" in head)

    async def still(self, writer, number):
        picture = self.pictures[number % 2]
        if number % 40 > 35:
            writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
                % len(picture)
                + picture
            )
        await writer.drain()

    async def stream(self, writer, number, stalls):
        if number % 5 == 4:
            writer.write(
                [
                    b"",
                    b"HTTP/1.1 503 Busy\r\n\r\n",
                    b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\n\r\n",
                ][number % 3]
            )
            return await writer.drain()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
        )
        for frame in range(20 + number * 7 % 60):
            picture = self.pictures[(frame // 10 + number) % 2]
            if frame % 17 == 16:
                picture = picture[: len(picture) // 2]
            writer.write(
                b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
                + picture
                + b"\r\n"
            )
            await writer.drain()
            await asyncio.sleep(0.07)
        if stalls:
            await asyncio.sleep(3)


def run_cameras(pipe, pictures):
    async def serve():
        listener = await asyncio.start_server(Cameras(pictures).answer, "127.0.0.1", 0)
        pipe.send(listener.sockets[0].getsockname()[1])
        while os.getppid() == parent:
            await asyncio.sleep(1)
        listener.close()

    parent = os.getppid()
    go_with_parent()
    asyncio.run(serve())


def go_with_parent():
    """Leaves Ctrl-C to the parent, which ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def write_pictures(camera):
    """What `soak-exec` runs: pictures on standard output, and then the end, sometimes with an
    error."""
    pictures = []
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", camera), 5) as connection:
            connection.sendall(b"GET /pictures HTTP/1.0\r\n\r\n")
            pictures.append(connection.makefile("rb").read())
    for frame in range(random.randrange(20, 200)):
        sys.stdout.buffer.write(pictures[frame // 8 % 2])
        sys.stdout.buffer.flush()
        time.sleep(0.1)
    if frame % 2:
        sys.exit(f"no more pictures after {frame}")


# Viewers: a process of their own


class Viewers:
    """Connections that read a stream for some seconds each, as many at once as is wanted."""

    def __init__(self, server, counts, most, chance):
        self.server, self.counts, self.most, self.chance = server, counts, most, chance
        self.selector = selectors.DefaultSelector()
        self.open = {}
        self.buffer = bytearray(1 << 20)
        self.addresses = itertools.cycle(
            f"127.0.1.{1 + index}" for index in range(math.ceil(most / PER_ADDRESS))
        )

    def run(self):
        begin, parent = time.monotonic(), os.getppid()
        while os.getppid() == parent:
            now = time.monotonic()
            # Once a minute from the least to the most and back.
            wave = abs((now - begin) / 30 % 2 - 1)
            wanted = round(self.most * (1 - 0.75 * wave))
            for _ in range(min(5, wanted - len(self.open))):
                self.come(now)
            for _ in range(len(self.open) - wanted):
                self.go(self.chance.choice(list(self.open)))
            for connection in [it for it, viewer in self.open.items() if viewer["until"] < now]:
                self.go(connection)
            for connection in [
                it for it, viewer in self.open.items() if viewer["latest"] + PATIENCE < now
            ]:
                self.cut(connection, f"got nothing for {PATIENCE} s")
            self.counts["now"].value = len(self.open)
            for key, _ in self.selector.select(0.05):
                self.read(key.fileobj)

    def come(self, now):
        name = self.chance.choices(list(WATCHED), WATCHED.values())[0]
        try:
            connection = socket.create_connection(self.server, 10, (next(self.addresses), 0))
            host = f"{self.server[0]}:{self.server[1]}"
            connection.sendall(f"GET /{name}.mjpeg HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        except OSError as error:
            return self.count(name, f"could not come: {error}")
        connection.setblocking(False)
        self.open[connection] = {
            "name": name,
            "until": now + self.chance.expovariate(1 / 30),
            "latest": now,
            "is_first": True,
        }
        self.counts["came"].value += 1
        self.selector.register(connection, selectors.EVENT_READ)

    def go(self, connection):
        self.selector.unregister(connection)
        connection.close()
        return self.open.pop(connection)

    def cut(self, connection, why):
        self.count(self.go(connection)["name"], why)

    def count(self, name, why):
        self.counts["cut"].value += 1
        print(f"a viewer of {name} {why}", flush=True)

    def read(self, connection):
        viewer = self.open.get(connection)
        try:
            length = connection.recv_into(self.buffer)
        except BlockingIOError:
            return
        except OSError as error:
            return self.cut(connection, f"was cut: {error}")
        if length == 0:
            return self.cut(connection, "was cut")
        viewer["latest"] = time.monotonic()
        self.counts["bytes"].value += length
        if viewer["is_first"]:
            viewer["is_first"] = False
            if not self.buffer.startswith(b"HTTP/1.1 200"):
                self.cut(
                    connection, f"was refused: {bytes(self.buffer[:12]).decode(errors='replace')}"
                )


def run_viewers(server, counts, most, seed):
    go_with_parent()
    Viewers(server, counts, most, random.Random(seed)).run()


# Changes and pages: threads


class Changes:
    """Makes changes one after the other, of every kind."""

    def __init__(self, server, camera, arguments):
        self.server, self.rate, self.without = server, arguments.rate, arguments.without
        self.chance = random.Random(arguments.seed)
        self.streams = streams(camera)
        self.made, self.refused, self.slowest = 0, 0, 0.0
        self.off, self.added = None, None

    def set_up(self):
        """Brings the streams up; a text if that fails."""
        status, answer = self.upload(0)
        if status not in (200, 201):
            return f"the filter: {status} {answer}"
        for name, config in self.streams.items():
            status, answer = self.server.ask("PUT", f"/api/streams/{name}", config)
            if status not in (200, 201):
                return f"{name}: {status} {answer}"
        return None

    def upload(self, number):
        return self.server.ask("PUT", "/api/filters/soak.wasm", crashing_filter(number))

    def run(self, stop):
        kinds = [
            self.set_step,
            self.switch_step,
            self.add_step,
            self.set_variable,
            self.other_source,
            self.other_stream,
            self.restart,
        ]
        for number in itertools.count(1):
            begin = time.monotonic()
            if number % 20 == 0 and "uploads" not in self.without:
                status, answer = self.upload(number)
            else:
                status, answer = self.chance.choice(kinds)(number)
            self.slowest = max(self.slowest, time.monotonic() - begin)
            self.made += 1
            if not 200 <= status < 300:
                self.refused += 1
                print(f"a change was refused: {status} {str(answer)[:300]}", flush=True)
            if stop.wait(max(0, begin + 1 / self.rate - time.monotonic())):
                return

    def any_step(self, streams):
        name = self.chance.choice(streams)
        _, answer = self.server.ask("GET", f"/api/streams/{name}/steps")
        kinds = ("timestamp", "text", "resize")
        # Not the one that is taken away next.
        is_kept = lambda step: f"/api/streams/{name}/steps/{step['id']}" != self.added
        steps = (
            [step for step in answer["steps"] if step["use"] in kinds and is_kept(step)]
            if isinstance(answer, dict)
            else []
        )
        return (name, self.chance.choice(steps)) if steps else (name, None)

    def set_step(self, number):
        name, step = self.any_step(list(self.streams))
        if step is None:
            return 200, ""
        settings = (
            {"width": 300 + number % 40} if step["use"] == "resize" else {"size": 20 + number % 20}
        )
        return self.server.ask(
            "PATCH", f"/api/streams/{name}/steps/{step['id']}", {"with": settings}
        )

    def switch_step(self, _):
        """Switches a step off, and that one on again the next time: what runs should be as much in
        every minute."""
        name, step = self.off or self.any_step(KEPT)
        if step is None:
            return 200, ""
        enabled, self.off = self.off is not None, None if self.off else (name, step)
        return self.server.ask(
            "PATCH", f"/api/streams/{name}/steps/{step['id']}", {"enabled": enabled}
        )

    def add_step(self, number):
        """Adds a step, and takes it away the next time."""
        if self.added:
            place, self.added = self.added, None
            return self.server.ask("DELETE", place)
        name = self.chance.choice(KEPT)
        step = {"use": "text", "with": {"format": f"added {number} {{soak}}"}}
        status, answer = self.server.ask("POST", f"/api/streams/{name}/steps", step)
        self.added = f"/api/streams/{name}/steps/{answer['id']}" if status == 201 else None
        return status, answer

    def set_variable(self, number):
        name, time_to_live = ("soak", 60) if number % 2 else ("gone", 1)
        return self.server.ask(
            "PUT", f"/api/variables/{name}", {"text": str(number), "ttl_seconds": time_to_live}
        )

    def other_source(self, number):
        name = self.chance.choice(["soak-http", "soak-stall", "soak-still"])
        source = self.streams[name]["source"] | {"fps": 5 + number % 10}
        self.streams[name] = self.streams[name] | {"source": source}
        return self.server.ask("PUT", f"/api/streams/{name}", self.streams[name])

    def other_stream(self, _):
        status, _ = self.server.ask("GET", "/api/streams/soak-more")
        if status == 200:
            return self.server.ask("DELETE", "/api/streams/soak-more")
        return self.server.ask(
            "PUT",
            "/api/streams/soak-more",
            {"source": {"driver": "demo"}, "filters": [{"use": "timestamp"}]},
        )

    def restart(self, _):
        name = self.chance.choice([name for name in self.streams if name not in KEPT])
        return self.server.ask("POST", f"/api/streams/{name}/restart", {})

    def clean_up(self):
        for name in [*reversed(self.streams), "soak-more"]:
            self.server.ask("DELETE", f"/api/streams/{name}")


def run_pages(server, stop):
    """What open pages, a scraper and listeners to events ask for."""
    asked = [
        "/api/streams",
        "/api/pipeline",
        "/api/access",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/openapi.json",
        "/api/filters",
    ]
    for number in itertools.count():
        server.ask("GET", asked[number % len(asked)])
        if number % 10 == 0:
            server.ask("GET", "/soak-demo.jpg")
        if stop.wait(0.2):
            return


def watch_walls(server, stop):
    """All streams by one connection, again and again; each time some frames go unread at its
    end."""
    while not stop.is_set():
        try:
            with socket.create_connection(server.address, 5) as connection:
                host = f"{server.address[0]}:{server.address[1]}"
                connection.sendall(
                    f"GET /api/wall/stream HTTP/1.0\r\nHost: {host}\r\n\r\n".encode()
                )
                connection.settimeout(10)
                read_wall(server, connection.makefile("rb"), time.monotonic() + 20, stop)
        except OSError:
            pass
        stop.wait(1)


def read_wall(server, answer, until, stop):
    while answer.readline().strip():
        pass
    session, numbers = "", {}
    while time.monotonic() < until and not stop.is_set():
        header = answer.read(22)
        if len(header) < 22:
            return
        kind, name_length, number, _, length = struct.unpack("!BBQQI", header)
        name, body = answer.read(name_length).decode(), answer.read(length)
        if kind == 0:
            session = body.decode()
        elif kind == 1:
            credit = {
                stream["name"]: numbers.get(stream["name"], 0) + 2
                for stream in json.loads(body)["streams"]
            }
            said = urllib.parse.quote(json.dumps({"credit": credit}))
            server.ask("GET", f"/api/wall/stream/{session}?message={said}")
        else:
            numbers[name] = number


def listen_to_events(server, stop):
    while not stop.is_set():
        try:
            with socket.create_connection(server.address, 5) as connection:
                host = f"{server.address[0]}:{server.address[1]}"
                connection.sendall(f"GET /api/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                connection.settimeout(1)
                until = time.monotonic() + 20
                while time.monotonic() < until and not stop.is_set():
                    try:
                        if not connection.recv(1 << 16):
                            break
                    except TimeoutError:
                        pass
        except OSError:
            pass
        stop.wait(1)


# The run


def run(arguments, server, folder):
    small = (REPOSITORY / "tests/jpegs/420.jpg").read_bytes()
    status, large = server.ask("GET", "/soak-demo.jpg") if server.process else (0, b"")
    pictures = [small, large if status == 200 else small]
    processes, stop = [], threading.Event()
    ours, theirs = multiprocessing.Pipe()
    processes.append(
        multiprocessing.Process(target=run_cameras, args=(theirs, pictures), daemon=True)
    )
    processes[0].start()
    changes = Changes(server, ours.recv(), arguments)
    if error := changes.set_up():
        processes[0].terminate()
        print(f"the streams can't be set up: {error}", file=sys.stderr)
        return 2
    leave_out(arguments.without)
    counts = {
        "now": multiprocessing.Value("i", 0, lock=False),
        "came": multiprocessing.Value("Q", 0, lock=False),
    }
    counts |= {
        "cut": multiprocessing.Value("Q", 0, lock=False),
        "bytes": multiprocessing.Value("Q", 0, lock=False),
    }
    if "viewers" not in arguments.without:
        viewers = (server.address, counts, arguments.viewers, arguments.seed)
        processes.append(multiprocessing.Process(target=run_viewers, args=viewers, daemon=True))
        processes[-1].start()
    threads = []
    if "changes" not in arguments.without:
        threads.append(threading.Thread(target=changes.run, args=(stop,)))
    if "pages" not in arguments.without:
        threads.append(threading.Thread(target=run_pages, args=(server, stop)))
        threads.append(threading.Thread(target=watch_walls, args=(server, stop)))
        threads += [
            threading.Thread(target=listen_to_events, args=(server, stop)) for _ in range(3)
        ]
    for thread in threads:
        thread.start()
    try:
        return watch(arguments, server, counts, changes, processes)
    except KeyboardInterrupt:
        return 1
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
        for process in processes:
            process.terminate()
            process.join(10)
        if server.process is None:
            changes.clean_up()
        elif os.environ.get("SOAK_LOG"):
            pathlib.Path(os.environ["SOAK_LOG"]).write_bytes((folder / "log").read_bytes())


def leave_out(without):
    if "cameras" in without:
        for name in ("soak-http", "soak-stall", "soak-still", "soak-exec"):
            del WATCHED[name]
    if "crashes" in without:
        del WATCHED["soak-crash"]


def watch(arguments, server, counts, changes, processes):
    """Prints a line a minute. Gives the exit code."""
    begin = time.monotonic()
    figures, before = [], (0, 0, 0, 0)
    for minute in range(1, math.ceil(arguments.minutes) + 1):
        looks, watching = [], []
        while time.monotonic() < min(begin + minute * 60, begin + arguments.minutes * 60):
            time.sleep(LOOK)
            if not server.is_there():
                print("the server is gone")
                return 1
            if not all(process.is_alive() for process in processes):
                print("the cameras or the viewers of this script are gone")
                return 1
            looks.append(server.look())
            watching.append(counts["now"].value)
        middle = {key: statistics.median(look[key] for look in looks) for key in looks[0]}
        now = (counts["came"].value, counts["bytes"].value, changes.made, looks[-1]["cpu"])
        came, bytes_, made, cpu = (after - since for after, since in zip(now, before))
        before = now
        figures.append(middle["rss"])
        print(
            f"minute {minute}: RSS {middle['rss']:.1f} MB (anonymous {middle['anonymous']:.1f}, "
            f"heap {middle['heap']:.1f}), "
            f"{middle['threads']:.0f} threads, {middle['files']:.0f} files, "
            f"{min(watching)} to {max(watching)} viewers ({came} came, {counts['cut'].value} cut "
            f"so far), {bytes_ / MEGABYTE:.0f} MB sent, "
            f"{made} changes ({changes.refused} refused so far, the slowest {changes.slowest:.1f} "
            f"s), {cpu:.0f} s of CPU",
            flush=True,
        )
        changes.slowest = 0.0
    return judge(figures, counts["cut"].value)


def judge(figures, cut):
    failed = cut > 0
    if cut:
        print(f"{cut} viewers were cut")
    settled, later = figures[5:SETTLED_MINUTES], figures[SETTLED_MINUTES:]
    if later:
        base = statistics.median(settled)
        lowest, highest = min(later) / base - 1, max(later) / base - 1
        print(
            f"memory of minutes 6 to 10: {base:.1f} MB; after that {lowest:+.1%} to {highest:+.1%}"
        )
        failed |= lowest < -TOLERANCE or highest > TOLERANCE
    else:
        print(f"no more than {SETTLED_MINUTES} minutes: the memory is not judged")
    print("failed" if failed else "passed")
    return int(failed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--pictures"]:
        write_pictures(int(sys.argv[2]))
    else:
        main()
