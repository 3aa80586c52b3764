"""A web server for tests that does what servers of the open web do, good and bad."""

import asyncio
import io
import ssl
import threading
import zlib
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from aiohttp import web
from PIL import Image

CERTIFICATE = Path(__file__).parent / "data/self_signed.pem"  # no authority has signed it
WIDTH, HEIGHT = 400, 300


def draw(mode="RGB", size=(WIDTH, HEIGHT)):
    """A smooth picture: what is left of it after encoding can be compared."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    pixels = 255 * np.stack([x, y, 1 - x], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8)).convert(mode)


def encode(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def make_bomb(side=30_000):
    """A PNG of a few kB that would take side * side bytes."""

    def chunk(kind, data):
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    header = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    rows = zlib.compress(bytes(1_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def make_rotated():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    return encode(draw(), "JPEG", exif=exif)


JPEG = encode(draw(), "JPEG", quality=95)
DEEP = Image.fromarray(np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, -1).astype(np.uint16))
BODIES = {
    "good.jpg": JPEG,
    "good.png": encode(draw(), "PNG"),
    "good.webp": encode(draw(), "WEBP"),
    "good.gif": encode(draw(), "GIF"),
    "cmyk.jpg": encode(draw("CMYK"), "JPEG"),
    "deep.png": encode(DEEP, "PNG"),
    "rotated.jpg": make_rotated(),
    "dot.png": encode(draw(size=(1, 1)), "PNG"),
    "truncated.jpg": JPEG[: len(JPEG) // 2],
    "empty.jpg": b"",
    "bomb.png": make_bomb(),
    "long.png": encode(draw(size=(70_000, 2)), "PNG"),  # longer than a JPEG can be
    "script.jpg": encode(draw(), "EPS"),  # a program, which Pillow would have Ghostscript run
    "page.jpg": b"<html><body>Not found</body></html>",
}


class Server:
    """The requests that were made, and where: `base` for HTTP, `secure` for HTTPS."""

    def __init__(self):
        self.asked = Counter()
        self.bodies = dict(BODIES)
        self.delay = 0.0
        self.base = self.secure = ""

    async def answer(self, request):
        name = request.path.rpartition("/")[2]
        self.asked[request.path] += 1
        await asyncio.sleep(self.delay)
        if name in self.bodies:
            return web.Response(body=self.bodies[name])
        answer = getattr(self, f"answer_{name.partition('.')[0]}", self.answer_nothing)
        return await answer(request)

    async def answer_nothing(self, request):
        return web.Response(status=404, text="no")

    async def answer_numbered(self, request):
        return web.Response(body=JPEG)

    async def answer_status(self, request):
        return web.Response(status=int(request.query["code"]), text="no")

    async def answer_patience(self, request):
        """429 with Retry-After, then good."""
        if self.asked[request.path] == 1:
            return web.Response(status=429, headers={"Retry-After": "1"})
        return web.Response(body=JPEG)

    async def answer_recovers(self, request):
        """500, then good."""
        if self.asked[request.path] == 1:
            return web.Response(status=500)
        return web.Response(body=JPEG)

    async def answer_mislabelled(self, request):
        return web.Response(body=JPEG, content_type="text/html")

    async def answer_private(self, request):
        return web.Response(body=JPEG, headers={"X-Robots-Tag": request.query["tag"]})

    async def answer_huge(self, request):
        response = web.StreamResponse(headers={"Content-Length": str(10 * 2**30)})
        await response.prepare(request)
        await response.write(JPEG)
        return response

    async def answer_drip(self, request):
        return await self._stream(request, b"\xff", pause=1.0)

    async def answer_endless(self, request):
        return await self._stream(request, bytes(1 << 16), pause=0)

    async def answer_loop(self, request):
        raise web.HTTPFound(request.path)

    async def answer_moved(self, request):
        raise web.HTTPMovedPermanently(request.query["to"])

    async def _stream(self, request, data, pause):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        while True:
            await response.write(data)
            await asyncio.sleep(pause)


@contextmanager
def serve():
    """Run the server on free ports of 127.0.0.1, in a thread of its own."""
    server, loop, ready = Server(), asyncio.new_event_loop(), threading.Event()

    async def start():
        app = web.Application()
        app.router.add_get("/{path:.*}", server.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(CERTIFICATE)
        for kind in (None, context):
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=kind).start()
        (_, http), (_, https) = (address[:2] for address in runner.addresses)
        server.base, server.secure = f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}"
        ready.set()
        return runner

    runner = None

    def run():
        nonlocal runner
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
