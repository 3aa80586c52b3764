"""A web of pictures on this machine: many hosts that answer from memory, after a latency.

    python benchmarks/web.py --latency 0.1 --sides 300 600   # prints its port, and serves

The hosts are loopback addresses (127.0.1.0 and on, which Linux has by itself). Every fifth link is
gone. The connections are plain HTTP, and no names are resolved.
"""

import argparse
import asyncio
import io
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from PIL import Image

HOSTS = 345  # as many as the first 1,000 rows of CC3M's validation list name
PICTURES = 50
GONE_EVERY = 5


def draw_pictures(sides: tuple[int, int]) -> list[bytes]:
    """JPEGs of waves of colour under noise, of many sizes; always the same.

    Args:
        sides: least and most pixels of the shorter side.
    """
    generator = np.random.default_rng(0)
    return [_draw_picture(generator, sides) for _ in range(PICTURES)]


def list_urls(port: int, count: int) -> list[str]:
    """The URLs of `count` links, which a server at `port` answers or has lost."""
    hosts = _list_hosts()
    return [f"http://{hosts[n % HOSTS]}:{port}/{n}.jpg" for n in range(count)]


def is_gone(url: str) -> bool:
    """Whether a link leads to nothing."""
    return _read_number(url) % GONE_EVERY == 0


@contextmanager
def start_web(latency: float, sides: tuple[int, int]) -> Iterator[int]:
    """Run the server in a process of its own; yields its port.

    Args:
        latency: seconds before each answer.
        sides: see `draw_pictures`.
    """
    options = ["--latency", str(latency), "--sides", *map(str, sides)]
    command = [sys.executable, __file__, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


class Visit(asyncio.Protocol):
    """One connection: as little as HTTP/1.1 allows, so that the server costs little."""

    def __init__(self, pictures: Sequence[bytes], latency: float) -> None:
        self.pictures, self.latency = pictures, latency
        self.unread = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self.unread = (self.unread + data).split(b"\r\n\r\n")
        for request in requests:
            asyncio.get_running_loop().call_later(self.latency, self.answer, request)

    def answer(self, request: bytes) -> None:
        path = request.split(b" ", 2)[1].decode()
        picture = self.pictures[_read_number(path) % len(self.pictures)]
        status, body = (b"404 Not Found", b"gone") if is_gone(path) else (b"200 OK", picture)
        head = b"HTTP/1.1 %s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % (status, len(body)) + body)
        if b"connection: close" in request.lower():
            self.transport.close()


async def serve(latency: float, sides: tuple[int, int]) -> None:
    """Serve at one port of all hosts, and print it, until the process is stopped."""
    pictures = draw_pictures(sides)
    loop = asyncio.get_running_loop()
    port = 0
    for host in _list_hosts():
        listener = socket.create_server((host, port), backlog=1024)
        port = listener.getsockname()[1]
        await loop.create_server(lambda: Visit(pictures, latency), sock=listener)
    print(port, flush=True)
    await asyncio.Event().wait()


def _draw_picture(generator: np.random.Generator, sides: tuple[int, int]) -> bytes:
    height = int(generator.integers(*sides))
    width = int(height * generator.uniform(1, 1.6))
    y, x = np.mgrid[:height, :width]
    waves = [
        np.sin(x * generator.uniform(0, 0.1) + y * generator.uniform(0, 0.1)) for _ in range(3)
    ]
    noise = generator.normal(0, 12, (height, width, 3))
    pixels = 128 + 90 * np.stack(waves, axis=-1) + noise
    stream = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def _read_number(url: str) -> int:
    return int(url.rpartition("/")[2].removesuffix(".jpg"))


def _list_hosts() -> list[str]:
    return [f"127.0.{1 + n // 256}.{n % 256}" for n in range(HOSTS)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, required=True, help="seconds before an answer")
    parser.add_argument("--sides", type=int, nargs=2, required=True, help="pixels, least and most")
    args = parser.parse_args()
    asyncio.run(serve(args.latency, tuple(args.sides)))
