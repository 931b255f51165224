#!/usr/bin/env python3
"""Measures the face detector in a running server: how often it finds a face that walks by, and what
a look costs.

    ./measure.py MATTEBOX PHOTO... [--seconds 30] [--size 1920x1080] [--height 700]

Each photo walks through a grey picture of `--size`, `--height` pixels tall, by 10 pixels from frame
to frame, ten frames a second. The chain is `motion`, the detector and `boxes`, as in the guide;
every 200 ms they look. The region's share says in what part of the looks there was a face, the
score how sure the network was. With each photo the picture with its boxes is written beside this
file, as seen-PHOTO.jpg. Needs ffmpeg and face-detector.wasm (./build.sh). Linux only."""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")
FPS, STEP = 10, 10
PIPELINE = """
streams:
  lobby:
    source: { driver: files, path: "frames/*.jpg", fps: 10, loop: true }
    run: always
    filters:
      - { use: motion }
      - { use: ./face-detector.wasm, time-limit: 5s, memory-limit: 64MiB }
      - use: boxes
        with: { found-by: [./face-detector.wasm], text: "{label} {score}", color: lime }
"""


def write_frames(photo, folder, size, height):
    """The photo on its way from the left to the right, and back."""
    folder.mkdir()
    width, _ = size.split("x")
    way = f"(W-w)/{STEP}"
    place = (
        f"x='{STEP}*if(lt(mod(n,2*{way}),{way}),mod(n,2*{way}),2*{way}-mod(n,2*{way}))':y=(H-h)/2"
    )
    graph = f"[1]scale=-2:{height}[photo];[0][photo]overlay={place}:shortest=1,noise=alls=4:allf=t"
    inputs = ["-f", "lavfi", "-i", f"color=gray:s={size}:r={FPS}", "-loop", "1", "-i", str(photo)]
    frames = str(2 * int(width) // STEP)
    coding = ["-pix_fmt", "yuvj422p", "-q:v", "4", "-huffman", "default"]
    command = [
        "ffmpeg",
        "-v",
        "error",
        *inputs,
        "-filter_complex",
        graph,
        "-frames:v",
        frames,
        *coding,
        f"{folder}/%04d.jpg",
    ]
    subprocess.run(command, check=True)


def get(address, path):
    with urllib.request.urlopen(address + path) as answer:
        return json.load(answer)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def watch(address, process, seconds):
    """What there was to see in so many seconds of looks."""
    stream = "/api/v1/streams/lobby"
    detector = lambda: get(address, stream)["filters"][1]
    # A large module is compiled first.
    while get(address, stream)["state"] == "preparing" or detector()["calls"] < 10:
        time.sleep(0.5)
    before, cpu, start = detector(), cpu_seconds(process.pid), time.time()
    scores = {}
    while time.time() < start + seconds:
        for region in get(address, stream + "/regions")["regions"]:
            if region["found_by"] == "./face-detector.wasm":
                scores[region["captured_at_ms"]] = max(
                    region["score"], scores.get(region["captured_at_ms"], 0)
                )
        time.sleep(0.05)
    after = detector()
    spent, passed = cpu_seconds(process.pid) - cpu, time.time() - start
    calls = after["calls"] - before["calls"]
    return {
        "calls": calls,
        "share": min(len(scores) / calls, 1),
        "score": statistics.median(scores.values()) if scores else 0,
        "look_ms": (after["call_seconds"] - before["call_seconds"]) * 1000 / calls,
        "p99_ms": after["p99_us"] / 1000,
        "cpu": spent / passed,
        "errors": after["errors"],
    }


def measure(binary, photo, arguments):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_frames(photo, folder / "frames", arguments.size, arguments.height)
        shutil.copy(HERE / "face-detector.wasm", folder)
        (folder / "pipeline.yaml").write_text(PIPELINE)
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--state", "off"]
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            address = process.stdout.readline().split()[-1].rstrip("/")
            seen = watch(address, process, arguments.seconds)
            print(
                f"{photo.name}: {seen['calls']} looks, a face in {seen['share']:.0%} of them, "
                f"score {seen['score']:.2f}; "
                f"{seen['look_ms']:.0f} ms a look (99 of 100 up to {seen['p99_ms']:.0f}), "
                f"{seen['cpu']:.0%} of a core, "
                f"{seen['errors']} errors",
                flush=True,
            )
        finally:
            process.terminate()
            process.wait(10)
        still(binary, photo, folder)


def still(binary, photo, folder):
    """What it finds in the photo alone."""
    picture = folder / "photo.jpg"
    subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            "-y",
            "-i",
            str(photo),
            "-q:v",
            "3",
            "-huffman",
            "default",
            str(picture),
        ],
        check=True,
    )
    subprocess.run(
        [binary, "apply", "-o", "out", "photo.jpg"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shutil.copy(folder / "out/photo.jpg", HERE / f"seen-{photo.stem}.jpg")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mattebox")
    parser.add_argument("photos", nargs="+", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--height", type=int, default=700)
    arguments = parser.parse_args()
    for photo in arguments.photos:
        measure(os.path.abspath(arguments.mattebox), photo, arguments)


main()
