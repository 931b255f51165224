"""Looks at a Mattebox with a V4L2 camera from outside: python3 check.py HTTP-PORT SHELL-PORT"""

import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

HTTP, SHELL = int(sys.argv[1]), int(sys.argv[2])
PATIENCE = 60
JPEGS = pathlib.Path(__file__).parent.parent / "jpegs"


def get(path, patience=30):
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{HTTP}{path}", timeout=patience) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def failure(name):
    """Why the camera has no picture."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{HTTP}/{name}.jpg", timeout=30)
    except urllib.error.HTTPError as error:
        assert error.code == 503, error.code
        return error.headers["X-Mattebox-Error"]
    raise AssertionError(f"{name} has a picture")


def guest(command):
    """What a command says in the guest."""
    with socket.create_connection(("127.0.0.1", SHELL), timeout=PATIENCE) as shell:
        shell.sendall(f"{command}; exit\n".encode())
        parts = []
        while part := shell.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()


def report(name):
    streams = json.loads(get("/api/streams")[1])["streams"]
    return next(stream for stream in streams if stream["name"] == name)


def until(what, condition, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            if result := condition():
                return result
        except (OSError, http_error):
            pass
        time.sleep(0.1)
    raise SystemExit(f"it never came to this: {what}; {get('/api/streams')}")


http_error = urllib.error.URLError


def open_devices():
    """How many of the server's files are cameras."""
    return guest("ls -l /proc/$(pidof mattebox)/fd").count("/dev/video")


def pixels(jpeg):
    """Width, height and 8-bit RGB rows, by another decoder."""
    ppm = subprocess.run(
        ["djpeg", "-rgb", "-pnm"], input=jpeg, capture_output=True, check=True
    ).stdout
    magic, size, depth, rgb = ppm.split(b"\n", 3)
    assert (magic, depth) == (b"P6", b"255"), (magic, depth)
    width, height = map(int, size.split())
    return width, height, rgb


def colors(jpeg):
    """The colours of the test picture's eight bars, in their middle."""
    width, height, rgb = pixels(jpeg)
    at = lambda bar: ((height * 3 // 4) * width + (2 * bar + 1) * width // 16) * 3
    return (width, height), [tuple(rgb[at(bar) : at(bar) + 3]) for bar in range(8)]


def snapshot(name):
    status, body = get(f"/{name}.jpg")
    assert status == 200, (name, status, body)
    # It is closed again before the next one opens it.
    until(f"{name} rests", lambda: report(name)["state"] == "resting")
    return colors(body)


class Viewer:
    """Reads a Motion JPEG stream part by part."""

    def __init__(self, name):
        self.answer = urllib.request.urlopen(
            f"http://127.0.0.1:{HTTP}/{name}.mjpeg", timeout=PATIENCE
        )

    def next(self):
        length = None
        while True:
            line = self.answer.readline()
            assert line, "the stream ended"
            name, _, value = line.decode().partition(":")
            if name.lower() == "content-length":
                length = int(value)
            if line == b"\r\n" and length is not None:
                return self.answer.read(length)

    def close(self):
        self.answer.close()


def formats_and_sizes():
    size, reference = snapshot("rgb")
    assert size == (640, 360), size
    assert len(set(reference)) == 8, reference
    sizes = {
        "bgr": (640, 360),
        "yuyv": (640, 360),
        "uyvy": (640, 480),
        "nv12": (640, 360),
        "yuv420": (320, 180),
    }
    for name, wanted in sizes.items():
        size, seen = snapshot(name)
        assert size == wanted, (name, size)
        off = max(abs(a - b) for one, two in zip(seen, reference) for a, b in zip(one, two))
        assert off <= 12, f"{name}: {seen} instead of {reference}"
        print(f"{name}: {size}, colours off by at most {off}")
    size, seen = snapshot("grey")
    assert all(r == g == b for r, g, b in seen), seen
    size, _ = snapshot("auto")
    assert size == (1280, 720), size
    print(f"auto: {size}")


def motion_jpeg():
    """Motion JPEG passes byte for byte; where Huffman tables are left out, the standard ones are
    put in."""
    pictures = {name: (JPEGS / name).read_bytes() for name in ["422.jpg", "nodht.jpg"]}
    viewer = Viewer("mjpeg")
    seen = {viewer.next() for _ in range(6)}
    viewer.close()
    until("mjpeg rests", lambda: report("mjpeg")["state"] == "resting")
    assert len(seen) == 2 and pictures["422.jpg"] in seen, [len(jpeg) for jpeg in seen]
    [completed] = seen - {pictures["422.jpg"]}
    at = completed.index(b"\xff\xc4")
    length = int.from_bytes(completed[at + 2 : at + 4], "big") + 2
    assert completed[:at] + completed[at + length :] == pictures["nodht.jpg"]
    assert pixels(completed) == pixels(pictures["422.jpg"])
    print("mjpeg: untouched; without tables: completed")


def mistakes():
    wanted = {
        "missing": "there is no such camera; `mattebox cameras` lists",
        "odd-size": "the camera does not offer 641x360; it offers",
        "odd-control": "no control `brightnes`; did you mean `brightness`?",
    }
    for name, words in wanted.items():
        why = failure(name)
        assert words in why, (name, why)
        print(f"{name}: {why[:100]}")


def freeze():
    """A camera that is open and gives neither frames nor an error."""
    viewer = Viewer("frozen")
    failing = until("frozen fails", lambda: (it := report("frozen"))["state"] == "failing" and it)
    assert "gave no picture for" in failing["error"], failing
    until("a picture of no signal", lambda: dark(viewer.next()))
    viewer.close()
    until("frozen rests", lambda: report("frozen")["state"] == "resting")
    assert open_devices() == 0
    print(f"frozen: {failing['error']}")


def demand_and_faults():
    assert open_devices() == 0
    viewer = Viewer("live")
    frames = [viewer.next() for _ in range(10)]
    assert pixels(frames[-1])[:2] == (640, 360)
    assert open_devices() == 1
    rate = until("a frame rate", lambda: report("live")["fps_in"])
    assert rate <= 11, rate

    why = failure("busy")
    assert "in use by another program" in why, why
    until("busy rests", lambda: report("busy")["state"] == "resting")

    # Unplugged while it is watched: the viewer stays and sees that there is no signal.
    guest("echo vivid.0 > /sys/bus/platform/drivers/vivid/unbind")
    failing = until("live fails", lambda: (it := report("live"))["state"] == "failing" and it)
    print(f"unplugged: {failing['error']}")
    while report("live")["state"] == "running":
        viewer.next()
    until("a picture of no signal", lambda: dark(viewer.next()))
    assert open_devices() == 0

    # And back, without anybody's help.
    guest("echo vivid.0 > /sys/bus/platform/drivers/vivid/bind")
    until("pictures again", lambda: not dark(viewer.next()))
    assert report("live")["state"] == "running"
    assert open_devices() == 1
    print("plugged in again: pictures")

    viewer.close()
    until("the device is closed without viewers", lambda: open_devices() == 0)
    assert report("live")["state"] == "resting"
    print("nobody watches: the device is closed")


def dark(jpeg):
    """Whether it is the picture of no signal, whose corners are nearly black; the test picture's
    are not."""
    width, height, rgb = pixels(jpeg)
    corners = [(x, y) for x in (2, width - 3) for y in (2, height - 3)]
    return all(max(rgb[(y * width + x) * 3 :][:3]) < 48 for x, y in corners)


def cameras():
    listed = guest("/bin/mattebox cameras")
    for words in [
        "/dev/video0: vivid",
        "format: yuyv",
        "size: 640x360, fps: ",
        "brightness: 128  # 0 to 255",
    ]:
        assert words in listed, listed
    print("\n".join(listed.splitlines()[:6]))


begin = time.monotonic()
until("the guest answers", lambda: get("/healthz", 5)[0] == 200, 120)
print(f"the guest answers after {time.monotonic() - begin:.0f} s")
cameras()
formats_and_sizes()
motion_jpeg()
mistakes()
freeze()
demand_and_faults()
print(f"V4L2: all fine, {time.monotonic() - begin:.0f} s")
