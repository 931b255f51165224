#!/usr/bin/env python3
"""How old a frame is when it has reached a viewer: directly, behind nginx with the block of
docs/guide/reverse-proxy.md, and behind nginx with nothing but `proxy_pass`. First for viewers that
take all frames, then for one that takes 150 kB a second.

    docs/proxy_age.py --server target/release/mattebox [--seconds 60]

Server, nginx and viewers run on this machine, on loopback, so that there is one clock: a frame's
age is the time from its `X-Timestamp` to its last byte. Needs nginx and Python 3.11; Linux only.
"""

import argparse
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import threading
import time

GUIDE = pathlib.Path(__file__).parent / "guide/reverse-proxy.md"
PLAIN = "server { listen 80; location / { proxy_pass http://127.0.0.1:8080; } }"
NGINX = """daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{ access_log off; {temp} {block} }}
"""
TEMP = "client_body proxy fastcgi uwsgi scgi"
PIPELINE = (
    "allowed-hosts: [cam.example.org]\ntrusted-proxies: [127.0.0.1]\n"
    "streams: { s: { source: { driver: demo } } }\n"
)
SLOW_BYTES = 150_000


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def documented():
    text = GUIDE.read_text()
    return re.search(r"<!-- block: nginx plain -->\n```nginx\n(.*?)```", text, re.S)[1]


def start_nginx(block, upstream, folder):
    port = free_port()
    block = re.sub(r"listen 80\b", f"listen 127.0.0.1:{port}", block)
    block = block.replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
    temp = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in TEMP.split())
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, temp=temp, block=block))
    command = ["nginx", "-e", "stderr", "-c", config]
    nginx = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for(port)
    return nginx, port


def wait_for(port):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}")


class Viewer(threading.Thread):
    """Keeps the ages of the frames that it gets, in seconds, with the time of each."""

    def __init__(self, port, end, bytes_per_second=None):
        super().__init__()
        self.port, self.end, self.rate = port, end, bytes_per_second
        self.ages = []

    def run(self):
        with socket.socket() as connection:
            if self.rate:
                # As much as is on the way in a network.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
            connection.connect(("127.0.0.1", self.port))
            connection.settimeout(30)
            connection.sendall(b"GET /s.mjpeg HTTP/1.0\r\nHost: cam.example.org\r\n\r\n")
            self.read(connection)

    def read(self, connection):
        rest, start, taken = b"", time.monotonic(), 0
        while time.monotonic() < self.end:
            piece = connection.recv(4096 if self.rate else 1 << 18)
            if not piece:
                raise SystemExit("the stream ended")
            taken += len(piece)
            rest = self.frames(rest + piece)
            if self.rate:
                time.sleep(max(0, start + taken / self.rate - time.monotonic()))

    def frames(self, rest):
        pattern = rb"Content-Length: (\d+)\r\nX-Timestamp: ([\d.]+)\r\n\r\n"
        while head := re.search(pattern, rest, re.I):
            end = head.end() + int(head[1])
            if len(rest) < end:
                break
            self.ages.append((time.monotonic(), time.time() - float(head[2])))
            rest = rest[end:]
        return rest


def measure(ports, seconds, rate=None):
    end = time.monotonic() + seconds
    viewers = {name: Viewer(port, end, rate) for name, port in ports.items()}
    for viewer in viewers.values():
        viewer.start()
    for name, viewer in viewers.items():
        viewer.join()
        # The first fifth is left out: buffers fill.
        ages = [age * 1000 for at, age in viewer.ages if at > end - seconds * 0.8]
        percentile = sorted(ages)[int(len(ages) * 0.95)]
        print(
            f"  {name:24} median {statistics.median(ages):8.1f} ms   95 % below {percentile:8.1f} "
            f"ms   {len(ages)} frames"
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    children = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "pipeline.yaml").write_text(PIPELINE)
        upstream = free_port()
        command = [pathlib.Path(options.server).resolve(), "--listen", f"127.0.0.1:{upstream}"]
        try:
            server = subprocess.Popen(
                command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            children.append(server)
            wait_for(upstream)
            ports = {"direct": upstream}
            for name, block in (
                ("nginx, documented block", documented()),
                ("nginx, only proxy_pass", PLAIN),
            ):
                inner = folder / str(len(ports))
                inner.mkdir()
                nginx, ports[name] = start_nginx(block, upstream, inner)
                children.append(nginx)
            print("viewers that take all frames:")
            measure(ports, options.seconds)
            print(f"viewers that take {SLOW_BYTES // 1000} kB a second:")
            measure(ports, options.seconds, SLOW_BYTES)
        finally:
            for child in children:
                child.terminate()
            for child in children:
                child.wait(10)


if __name__ == "__main__":
    main()
