#!/usr/bin/env python3
"""What a program's viewers cost it: the CPU seconds that a running server takes for each GB of
Motion JPEG that viewers read and discard. The viewers are in this process. Linux only.

    docs/viewers_cost.py PID http://127.0.0.1:8080/demo.mjpeg VIEWERS...

`SECONDS=3` is how long each number of viewers is measured; `ulimit -n` has to be above it."""

import os
import selectors
import socket
import sys
import time
import urllib.parse

from cpu_time import cpu_seconds

SECONDS = int(os.environ.get("SECONDS", 3))
WARM_UP = 2


def watch(url, count):
    """Connects so many viewers, which ask for the stream."""
    address = urllib.parse.urlsplit(url)
    target = address.path + (f"?{address.query}" if address.query else "")
    request = f"GET {target} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    selector = selectors.DefaultSelector()
    for _ in range(count):
        viewer = socket.create_connection((address.hostname, address.port))
        viewer.sendall(request)
        selector.register(viewer, selectors.EVENT_READ)
    return selector


def discard(selector, seconds):
    """Reads what comes for so long: the bytes of all viewers."""
    buffer, total, end = bytearray(1 << 20), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for key, _ in selector.select(0.1):
            count = key.fileobj.recv_into(buffer)
            if count == 0:
                sys.exit("the server ended a connection")
            total += count
    return total


def measure(pid, url, count):
    selector = watch(url, count)
    discard(selector, WARM_UP)
    before, start = cpu_seconds(pid), time.monotonic()
    total = discard(selector, SECONDS)
    taken, seconds = cpu_seconds(pid) - before, time.monotonic() - start
    for key in list(selector.get_map().values()):
        key.fileobj.close()
    print(
        f"{count} viewers: {taken / (total / 1e9):.3f} CPU seconds a GB "
        f"({total / 1e9 / seconds:.2f} GB/s)"
    )


def main(pid, url, *counts):
    for count in counts:
        measure(pid, url, int(count))


main(*sys.argv[1:])
