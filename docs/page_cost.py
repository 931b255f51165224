#!/usr/bin/env python3
"""What open pages cost the server: 20 of them that ask each second as the page does, 20 that listen to events, and a scrape of
the metrics every 5 s, against a running server on 127.0.0.1:8080 without other viewers. Linux only.

    docs/page_cost.py PID
"""

import asyncio
import glob
import sys

ADDRESS = ("127.0.0.1", 8080)
HOST = "Host: 127.0.0.1:8080\r\n"
ASKED = ("/api/streams", "/api/pipeline", "/api/access")
SECONDS = 15


def cpu_seconds(pid):
    tasks = glob.glob(f"/proc/{pid}/task/*/schedstat")
    return sum(int(open(task).read().split()[0]) for task in tasks) / 1e9


async def ask(target, more=""):
    reader, writer = await asyncio.open_connection(*ADDRESS)
    writer.write(f"GET {target} HTTP/1.1\r\n{HOST}{more}\r\n".encode())
    return reader, writer


async def page():
    reader, writer = await asyncio.open_connection(*ADDRESS)
    while True:
        for target in ASKED:
            writer.write(f"GET {target} HTTP/1.1\r\n{HOST}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.split(b"content-length: ")[1].split(b"\r\n")[0]
            await reader.readexactly(int(length))
        await asyncio.sleep(1)


async def listener():
    reader, _ = await ask("/api/events")
    while await reader.read(1 << 16):
        pass


async def scraper():
    while True:
        reader, _ = await ask("/metrics", "Connection: close\r\n")
        await reader.read(-1)
        await asyncio.sleep(5)


async def main(pid):
    visitors = [page() for _ in range(20)] + [listener() for _ in range(20)] + [scraper()]
    visits = asyncio.gather(*visitors)
    await asyncio.sleep(2)
    before = cpu_seconds(pid)
    try:
        async with asyncio.timeout(SECONDS):
            await visits
    except TimeoutError:
        pass
    share = (cpu_seconds(pid) - before) / SECONDS
    print(f"{share:.2%} of a core")


asyncio.run(main(int(sys.argv[1])))
