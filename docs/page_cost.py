#!/usr/bin/env python3
"""What open pages cost the server while 20 viewers watch: 20 pages that are told of its state, with
no picture in sight, 20 that listen to events, and a scrape of the metrics every 5 s. The server's
CPU time with them and without them is compared in turns. It runs on 127.0.0.1:8080 and serves the
stream `demo`. Linux only.

    docs/page_cost.py PID
"""

import asyncio
import statistics
import sys

from cpu_time import cpu_seconds

ADDRESS = ("127.0.0.1", 8080)
HOST = "Host: 127.0.0.1:8080\r\n"
TURNS = 5
SECONDS = 6


async def ask(target, more=""):
    reader, writer = await asyncio.open_connection(*ADDRESS)
    writer.write(f"GET {target} HTTP/1.1\r\n{HOST}{more}\r\n".encode())
    return reader, writer


async def page():
    reader, _ = await ask("/api/v1/wall/stream")
    while await reader.read(1 << 16):
        pass


async def listener():
    reader, _ = await ask("/api/v1/events")
    while await reader.read(1 << 16):
        pass


async def scraper():
    while True:
        reader, _ = await ask("/metrics", "Connection: close\r\n")
        await reader.read(-1)
        await asyncio.sleep(5)


async def viewer():
    reader, _ = await ask("/demo.mjpeg")
    while await reader.read(1 << 16):
        pass


async def measure(pid):
    before = cpu_seconds(pid)
    await asyncio.sleep(SECONDS)
    return (cpu_seconds(pid) - before) / SECONDS


async def with_pages(pid):
    # Less than the minute after which a page that says nothing is cut.
    visitors = [page() for _ in range(20)] + [listener() for _ in range(20)] + [scraper()]
    visits = asyncio.gather(*visitors)
    await asyncio.sleep(1)
    share = await measure(pid)
    visits.cancel()
    await asyncio.gather(visits, return_exceptions=True)
    return share


async def main(pid):
    viewers = asyncio.gather(*[viewer() for _ in range(20)])
    await asyncio.sleep(10)
    without, more = [], []
    for _ in range(TURNS):
        without.append(await measure(pid))
        more.append(await with_pages(pid))
    viewers.cancel()
    await asyncio.gather(viewers, return_exceptions=True)
    without, more = (statistics.median(shares) for shares in (without, more))
    print(
        f"20 viewers: {without:.2%} of a core; with 20 pages, listeners and metrics "
        f"{more - without:.2%} more"
    )


asyncio.run(main(int(sys.argv[1])))
