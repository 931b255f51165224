#!/usr/bin/env python3
"""What those who guess passwords cost those who watch: the gaps between the frames of a stream of
the demo camera, first with nobody guessing, then with 100 wrong logins a second, each from another
address, so that few of them have to wait. Beside that, how long one right login takes, which is the
time of one Argon2id hash.

    docs/wrong_logins.py target/release/mattebox [SECONDS]

Linux only: the guesses come from addresses in 127.0.0.0/8. Only loopback addresses and a free port
are used.
"""

import base64
import http.client
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

PIPELINE = """
anonymous: viewer
users: [{ name: vera, password: "%s" }]
streams: { front: { filters: [{ use: timestamp }] } }
"""
PASSWORD = "viewer 123"
A_SECOND = 100


def start(binary, folder):
    """The server and its address."""
    made = [binary, "passwd", "vera"]
    entry = subprocess.run(made, input=PASSWORD, capture_output=True, text=True, check=True).stdout
    hashed = entry.split('password: "')[1].split('"')[0]
    pathlib.Path(folder, "pipeline.yaml").write_text(PIPELINE % hashed)
    command = [binary, "serve", "--listen", "127.0.0.1:0", "--state", "off"]
    server = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    address = server.stdout.readline().split("http://")[1].strip().rstrip("/")
    host, port = address.split(":")
    return server, (host, int(port))


def gaps(address, seconds):
    """The seconds between the frames that come in this time."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request("GET", "/front.mjpeg")
    response, times, end = connection.getresponse(), [], time.monotonic() + seconds
    while time.monotonic() < end:
        line = response.readline()
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
            while response.readline().strip():
                pass
            response.read(length)
            times.append(time.monotonic())
    connection.close()
    # The first frames come while the camera starts.
    times = times[10:]
    return [after - before for before, after in zip(times, times[1:])]


def ask(address, password, source):
    """The status of a request with this login, from this address."""
    connection = http.client.HTTPConnection(*address, timeout=30, source_address=(source, 0))
    login = base64.b64encode(f"vera:{password}".encode()).decode()
    connection.request("GET", "/api/v1/access", headers={"Authorization": f"Basic {login}"})
    status = connection.getresponse().status
    connection.close()
    return status


def guess(address, seconds, statuses):
    """Wrong logins, each by a thread of its own, so that those that wait hold up no other."""
    threads, start = [], time.monotonic()
    for number in range(int(seconds * A_SECOND)):
        pause = start + number / A_SECOND - time.monotonic()
        time.sleep(max(pause, 0))
        source = f"127.1.{number // 250 % 250}.{number % 250 + 1}"
        note = lambda number=number, source=source: statuses.append(
            ask(address, f"wrong {number}", source)
        )
        threads.append(threading.Thread(target=note))
        threads[-1].start()
    for thread in threads:
        thread.join()


def told(name, found):
    found = sorted(found)
    p99 = found[int(len(found) * 0.99)]
    middle = statistics.median(found)
    print(f"{name}: {len(found)} gaps, median {middle * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms")


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 15
    with tempfile.TemporaryDirectory() as folder:
        server, address = start(binary, folder)
        try:
            begun = time.monotonic()
            assert ask(address, PASSWORD, "127.0.0.1") == 200
            print(f"a right login: {(time.monotonic() - begun) * 1e3:.0f} ms")
            begun = time.monotonic()
            assert ask(address, PASSWORD, "127.0.0.1") == 200
            print(f"the same again: {(time.monotonic() - begun) * 1e3:.0f} ms")
            told("nobody guesses", gaps(address, seconds))
            statuses = []
            guessing = threading.Thread(target=guess, args=(address, seconds, statuses))
            guessing.start()
            told(f"{A_SECOND} wrong logins a second", gaps(address, seconds))
            guessing.join()
            counts = {status: statuses.count(status) for status in sorted(set(statuses))}
            print("their statuses:", json.dumps(counts))
        finally:
            server.terminate()
            server.wait(timeout=10)


if __name__ == "__main__":
    main()
