"""Download of a corpus from a list of captions and URLs: shards, and a ledger of every URL.

A shard is a WebDataset tar (`key.jpg`, `key.txt`, `key.json`) of the URLs that gave an image, in
the order of the list. Its ledger is a Parquet table with a row for *every* URL. A shard is whole or
absent; downloading it again asks only for what failed for a reason that may be gone, or that
another setting takes away.
"""

import asyncio
import collections
import hashlib
import itertools
import json
from collections.abc import AsyncIterator, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from lib.corpus import Sample, iterate_samples, write_shard
from lib.fetch import TRANSIENT, Fetched, Limits, fetch, open_session
from lib.ledger import IMAGE, LEFT_OUT, ROW, read_ledger, write_ledger
from lib.lists import get_key, read_rows
from lib.progress import Progress
from lib.recode import QUALITY, RESAMPLING, recode_pair

LEDGER = pa.schema(
    [
        *ROW,
        pa.field("url", pa.string()),
        pa.field("http_code", pa.int32()),
        pa.field("attempts", pa.int32()),
        *IMAGE,
    ]
)
# In a ledger's metadata: hashes of what decides what a URL's content becomes, and what is refused.
FINGERPRINT, REFUSAL = b"fingerprint", b"refusal"
# What img2dataset's JSON says of a pair too, under the same names.
FACTS = ("key", "caption", "url", "sha256", "width", "height")
WINDOW = 1024  # URLs under way or waiting for an earlier one to be written: bounds the memory


@dataclass(frozen=True)
class DownloadSettings:
    """How images are fetched and kept.

    Attributes:
        limits: see `fetch.Limits`.
        size: the shorter side of an image in pixels; smaller ones are not enlarged.
        max_pixels: of an image before it is shrunk.
        threads: that decode and encode images.
    """

    limits: Limits
    size: int = 256
    max_pixels: int = 80_000_000
    threads: int = 1


class Link(NamedTuple):
    """A row of the list: its number, its caption and its URL."""

    row: int
    caption: str
    url: str

    @property
    def key(self) -> str:
        """The key that its pair will have."""
        return get_key(self.row)


class Result(NamedTuple):
    """What came of a link: its row of the ledger, and the sample of a success."""

    row: dict
    sample: Sample | None


def read_links(path: str | Path, first: int, count: int) -> list[Link]:
    """Read rows `first` to `first + count` of a list of captions and URLs.

    The list is the official TSV (caption, URL), or a CSV without header (path, caption, URL).

    Raises:
        ValueError: a row has another number of columns, or the list ends too early.
    """
    columns = ["caption", "URL"] if Path(path).suffix == ".tsv" else ["path", "caption", "URL"]
    rows = read_rows(path, first, count, columns)
    return [
        Link(number, caption, url.strip())
        for number, (*_, caption, url) in enumerate(rows, start=first)
    ]


def download_shard(
    links: Sequence[Link],
    shard: str | Path,
    ledger: str | Path,
    settings: DownloadSettings,
    keys: Container[str] | None = None,
) -> None:
    """Download the images of some links into a shard and its ledger.

    Links whose key is not among `keys` (by default all are) are left out. If shard and ledger are
    there already, of the same links and made alike, only what failed for a transient reason is
    asked for again (all that failed, where settings that may refuse a URL are others now); the rest
    is taken over.
    """
    made_of = _get_fingerprints(links, settings)
    settled = read_settled(shard, ledger, made_of)
    kept = iterate_samples([shard]) if settled else iter(())
    chosen = {link.key for link in links if keys is None or link.key in keys}
    asked = [link for link in links if link.key in chosen and link.key not in settled]
    fresh = iterate_results(asked, settings)
    progress = Progress("download", len(chosen), "URLs", done=len(chosen) - len(asked))
    rows: list[dict] = []
    counts: collections.Counter[str] = collections.Counter()

    def iterate_successes() -> Iterator[Sample]:
        for link in links:
            row = settled.get(link.key)
            if link.key not in chosen:
                row, sample = _describe(link) | LEFT_OUT, None
            elif row is None:
                row, sample = next(fresh)
                progress.advance(1, f"{counts['success'] / max(counts.total(), 1):.0%} success")
            elif row["status"] == "success":
                sample = next(sample for sample in kept if sample.key == link.key)
            else:
                sample = None
            rows.append(row)
            if row["status"] != LEFT_OUT["status"]:
                counts[row["status"]] += 1
            if sample is not None:
                yield sample

    write_shard(shard, iterate_successes())
    write_ledger(ledger, rows, LEDGER, made_of)


def read_settled(
    shard: str | Path, ledger: str | Path, made_of: Mapping[bytes, bytes]
) -> dict[str, dict]:
    """Rows that an earlier download of the same links settled, by key.

    Args:
        made_of: the ledger's metadata as it would be written now. Of another `FINGERPRINT` nothing
            is settled, of another `REFUSAL` the successes are.

    The shard is written before its ledger, so that what the ledger calls a success is in the shard
    even after a run that was killed between the two.
    """
    if not (Path(shard).is_file() and Path(ledger).is_file()):
        return {}
    earlier = pq.read_schema(ledger).metadata or {}
    if earlier.get(FINGERPRINT) != made_of[FINGERPRINT]:
        return {}
    is_alike = earlier.get(REFUSAL) == made_of[REFUSAL]
    settled = ("success", "failed") if is_alike else ("success",)
    return {row["key"]: row for row in read_ledger(ledger) if row["status"] in settled}


def iterate_results(links: Sequence[Link], settings: DownloadSettings) -> Iterator[Result]:
    """Fetch links side by side, and yield what came of each in their order."""
    with asyncio.Runner() as runner, ThreadPoolExecutor(settings.threads) as pool:
        results = _fetch_in_order(links, settings, pool)
        latest: collections.deque[Result] = collections.deque()

        # Not returned: Runner.run spells out what its task returned, an image byte by byte.
        async def take() -> bool:
            result = await anext(results, None)
            if result is not None:
                latest.append(result)
            return result is not None

        async def close() -> None:
            await results.aclose()

        try:
            while runner.run(take()):
                yield latest.pop()
        finally:
            runner.run(close())


async def _fetch_in_order(
    links: Sequence[Link], settings: DownloadSettings, pool: ThreadPoolExecutor
) -> AsyncIterator[Result]:
    """At most `WINDOW` links are under way, or done and waiting for an earlier one."""
    limits = settings.limits
    slots = asyncio.Semaphore(limits.connections)
    hosts = collections.defaultdict(lambda: asyncio.Semaphore(limits.connections_per_host))
    waiting = iter(links)
    tasks: collections.deque[asyncio.Task] = collections.deque()
    # Names are looked up by threads, one a connection: a silent name server delays no other lookup.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(limits.connections))
    async with open_session(limits) as session:

        async def settle(link: Link) -> Result:
            if not link.caption.strip():  # no pair, whatever the image
                return make_result(link, Fetched(None, "no_caption", None, 0), settings)
            # one's turn is awaited before the deadline begins to run
            async with hosts[_find_host(link.url)], slots:
                fetched = await fetch(session, link.url, limits)
            return await asyncio.get_running_loop().run_in_executor(
                pool, make_result, link, fetched, settings
            )

        try:
            while True:
                for link in itertools.islice(waiting, WINDOW - len(tasks)):
                    tasks.append(asyncio.create_task(settle(link)))
                if not tasks:
                    return
                yield await tasks.popleft()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def make_result(link: Link, fetched: Fetched, settings: DownloadSettings) -> Result:
    """Decode what was fetched: a row of the ledger, and a sample if it is an image."""
    row = _describe(link) | {"http_code": fetched.http_code, "attempts": fetched.attempts}
    if fetched.body is None:
        status = "transient" if fetched.error in TRANSIENT else "failed"
        return Result(row | {"status": status, "error": fetched.error}, None)
    return Result(*recode_pair(row, fetched.body, FACTS, settings.size, settings.max_pixels))


def _describe(link: Link) -> dict:
    """The columns of a ledger that the list alone gives."""
    return {"row": link.row, "key": link.key, "caption": link.caption, "url": link.url}


def _get_fingerprints(links: Sequence[Link], settings: DownloadSettings) -> dict[bytes, bytes]:
    """Hashes of what decides what a URL's content becomes, and whether it is refused for good.

    A success stays one under other limits, so that none of these is part of the first. How patient
    a download is decides neither: what takes too long is transient.
    """
    limits = settings.limits
    content = [links, settings.size, RESAMPLING.name, QUALITY]
    refusal = [limits.user_agent, sorted(limits.allowed_addresses), limits.max_redirects]
    refusal += [limits.max_bytes, settings.max_pixels]
    return {FINGERPRINT: _hash(content), REFUSAL: _hash(refusal)}


def _hash(value: list) -> bytes:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest().encode()


def _find_host(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""
