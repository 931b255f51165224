#!/usr/bin/env python3
"""How the pictures move when the page is open in two windows of one browser: for each window, how
many tiles are in sight, how many pictures a second the slowest of them gets, and for how long the
one that stood still longest did so. Needs chromium and chromedriver. The address may be a proxy's.

    docs/wall_motion.py http://127.0.0.1:8080/ [SECONDS]
"""

import json
import re
import subprocess
import sys
import time
import urllib.request

# Twenty cards fit in.
ARGUMENTS = [
    "--headless",
    "--window-size=3600,3000",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
]
WATCH = """
window.draws = new Map();
const transfer = ImageBitmapRenderingContext.prototype.transferFromImageBitmap;
ImageBitmapRenderingContext.prototype.transferFromImageBitmap = function (bitmap) {
  const times = window.draws.get(this.canvas) ?? [];
  window.draws.set(this.canvas, [...times, performance.now()]);
  return transfer.call(this, bitmap);
};
window.start = performance.now();
"""
REPORT = """
const now = performance.now();
const seen = [...document.querySelectorAll("canvas.live")].filter((canvas) => {
  const { top, bottom } = canvas.parentElement.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
});
const tiles = seen.map((canvas) => {
  const times = [window.start, ...(window.draws.get(canvas) ?? []), now];
  const gaps = times.slice(1).map((time, at) => time - times[at]);
  return { rate: (times.length - 2) / ((now - window.start) / 1000), gap: Math.max(...gaps) };
});
const resources = performance.getEntriesByType("resource");
const isStreamed = resources.some(({ name }) => name.includes("api/v1/wall/stream/"));
return {
  way: isStreamed ? "streamed answer" : "WebSocket",
  tiles: tiles.length,
  slowest: Math.min(...tiles.map(({ rate }) => rate)),
  longest: Math.max(...tiles.map(({ gap }) => gap)),
};
"""


class Browser:
    def __init__(self):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True
        )
        found = (re.search(r"on port (\d+)\.", line) for line in self.driver.stdout)
        port = next((match[1] for match in found if match), None)
        if port is None:
            sys.exit("chromedriver does not start")
        self.base = f"http://127.0.0.1:{port}"
        options = {"alwaysMatch": {"goog:chromeOptions": {"args": ARGUMENTS}}}
        session = self.ask("POST", "/session", {"capabilities": options})
        self.base += f"/session/{session['sessionId']}"

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["value"]

    def run(self, script):
        return self.ask("POST", "/execute/sync", {"script": script, "args": []})

    def close(self):
        self.ask("DELETE", "")
        self.driver.terminate()
        self.driver.wait()


def main(address, seconds):
    browser = Browser()
    try:
        windows = [browser.ask("GET", "/window")]
        windows.append(browser.ask("POST", "/window/new", {"type": "window"})["handle"])

        def each(script):
            for window in windows:
                browser.ask("POST", "/window", {"handle": window})
                yield browser.run(script)

        for window in windows:
            browser.ask("POST", "/window", {"handle": window})
            browser.ask("POST", "/window/rect", {"width": 3600, "height": 3000})
            browser.ask("POST", "/url", {"url": address})
        time.sleep(8)
        list(each(WATCH))
        time.sleep(seconds)
        for report in each(REPORT):
            print(
                "{way}: {tiles} tiles, at least {slowest:.1f} pictures a second, "
                "none still for more than {longest:.0f} ms".format(**report)
            )
    finally:
        browser.close()


main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20)
