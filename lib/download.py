"""Download of a corpus from a list of captions and URLs: shards, and a ledger of every URL.

A shard is a WebDataset tar (`key.jpg`, `key.txt`, `key.json`) of the URLs that gave an image, in
the order of the list. Its ledger is a Parquet table with a row for *every* URL. A shard is whole or
absent; downloading it again asks only for what failed for a reason that may be gone.
"""

import asyncio
import collections
import csv
import hashlib
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from lib.corpus import CaptionTable, Sample, encode_json, iterate_samples, write_shard
from lib.fetch import TRANSIENT, Fetched, Limits, fetch, open_session
from lib.files import atomic_path
from lib.progress import Progress
from lib.recode import ImageError, recode

LEDGER = pa.schema(
    {
        "key": pa.string(),
        "url": pa.string(),
        "status": pa.string(),  # success, transient (may be gone at another time) or failed
        "http_code": pa.int32(),
        "error": pa.string(),  # the reason, empty for a success
        "attempts": pa.int32(),
        "bytes": pa.int64(),  # of the body, as it came
        "sha256": pa.string(),  # of the same
        "width": pa.int32(),  # of the image in the shard
        "height": pa.int32(),
    }
)
FINGERPRINT = b"fingerprint"  # of links and settings, in a ledger's metadata
WINDOW = 1024  # URLs under way or waiting for an earlier one to be written: bounds the memory


@dataclass(frozen=True)
class Settings:
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
    """A row of the list: the key that its pair will have, its caption and its URL."""

    key: str
    caption: str
    url: str


class Result(NamedTuple):
    """What came of a link: its row of the ledger, and the sample of a success."""

    row: dict
    sample: Sample | None


def read_links(path: str | Path, first: int, count: int) -> list[Link]:
    """Read rows `first` to `first + count` of a list of captions and URLs.

    The list is the official TSV (caption, URL), or a CSV without header (path, caption, URL). Keys
    are the row's number in ten digits.

    Raises:
        ValueError: a row has another number of columns, or the list ends too early.
    """
    is_tsv = Path(path).suffix == ".tsv"
    width = 2 if is_tsv else 3
    with open(path, encoding="utf-8", newline="") as stream:
        # the TSV quotes nothing: a quotation mark is a part of its caption
        rows = (
            (line.rstrip("\r\n").split("\t") for line in stream) if is_tsv else csv.reader(stream)
        )
        links = []
        for number, row in enumerate(itertools.islice(rows, first, first + count), start=first):
            if len(row) != width:
                raise ValueError(
                    f"{path}: row {number} has {len(row)} columns, expected {width} "
                    f"({'caption, URL' if is_tsv else 'path, caption, URL'})"
                )
            links.append(Link(f"{number:010d}", row[-2], row[-1].strip()))
    if len(links) < count:
        raise ValueError(f"{path} ends at row {first + len(links)}, expected {first + count} rows")
    return links


def download_shard(
    links: Sequence[Link], shard: str | Path, ledger: str | Path, settings: Settings
) -> None:
    """Download the images of some links into a shard and its ledger.

    If both are there already, of the same links and made alike, only what failed for a transient
    reason is asked for again; the rest is taken over.
    """
    made_of = _get_fingerprint(links, settings)
    settled = read_settled(shard, ledger, made_of)
    kept = iterate_samples([shard]) if settled else iter(())
    fresh = iterate_results([link for link in links if link.key not in settled], settings)
    progress = Progress("download", len(links), "URLs", done=len(settled))
    rows: list[dict] = []
    counts: collections.Counter[str] = collections.Counter()

    def iterate_successes() -> Iterator[Sample]:
        for link in links:
            row = settled.get(link.key)
            if row is None:
                row, sample = next(fresh)
                progress.advance(1, f"{counts['success'] / max(len(rows), 1):.0%} success")
            elif row["status"] == "success":
                sample = next(sample for sample in kept if sample.key == link.key)
            else:
                sample = None
            rows.append(row)
            counts[row["status"]] += 1
            if sample is not None:
                yield sample

    write_shard(shard, iterate_successes())
    with atomic_path(ledger) as temporary:
        schema = LEDGER.with_metadata({FINGERPRINT: made_of})
        pq.write_table(pa.Table.from_pylist(rows, schema), temporary)


def read_ledger(path: str | Path) -> list[dict]:
    """The rows of a ledger, in the order of the list."""
    return pq.read_table(path).to_pylist()


def summarise(ledgers: Sequence[str | Path]) -> list[dict]:
    """Count what came of all URLs: rows of status, error, urls and share, most frequent first."""
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for path in ledgers:
        table = pq.read_table(path, columns=["status", "error"])
        counts.update(zip(table["status"].to_pylist(), table["error"].to_pylist(), strict=True))
    total = sum(counts.values())
    return [
        {"status": status, "error": error, "urls": count, "share": count / total}
        for (status, error), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def check_success(summary: Sequence[dict], least: float) -> None:
    """Refuse a download of which too little succeeded.

    Raises:
        ValueError: with the shares of all errors.
    """
    success = sum(row["share"] for row in summary if row["status"] == "success")
    if success < least:
        errors = [row for row in summary if row["status"] != "success"]
        told = ", ".join(f"{row['error']} {row['share']:.1%} ({row['urls']})" for row in errors)
        raise ValueError(
            f"{success:.1%} of the URLs gave an image; expected are at least {least:.1%} "
            f"(corpus.download.min_success). The others: {told}."
        )


def read_downloaded(shards: Sequence[str | Path], validation_from: int) -> CaptionTable:
    """The caption table of downloaded shards; validation begins at that row of the list."""
    table = CaptionTable([], [], [], [])
    for sample in iterate_samples(shards):
        table.keys.append(sample.key)
        is_training = int(sample.key) < validation_from
        table.splits.append("train" if is_training else "validation")
        table.captions.append(sample.parts["txt"].decode())
    return table


def read_settled(shard: str | Path, ledger: str | Path, made_of: bytes) -> dict[str, dict]:
    """Rows that an earlier download of the same fingerprint settled, by key.

    The shard is written before its ledger, so that what the ledger calls a success is in the shard
    even after a run that was killed between the two.
    """
    if not (Path(shard).is_file() and Path(ledger).is_file()):
        return {}
    if (pq.read_schema(ledger).metadata or {}).get(FINGERPRINT) != made_of:
        return {}
    return {row["key"]: row for row in read_ledger(ledger) if row["status"] != "transient"}


def iterate_results(links: Sequence[Link], settings: Settings) -> Iterator[Result]:
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
    links: Sequence[Link], settings: Settings, pool: ThreadPoolExecutor
) -> AsyncIterator[Result]:
    """At most `WINDOW` links are under way, or done and waiting for an earlier one."""
    limits = settings.limits
    slots = asyncio.Semaphore(limits.connections)
    hosts = collections.defaultdict(lambda: asyncio.Semaphore(limits.connections_per_host))
    waiting = iter(links)
    tasks: collections.deque[asyncio.Task] = collections.deque()
    async with open_session(limits) as session:

        async def settle(link: Link) -> Result:
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


def make_result(link: Link, fetched: Fetched, settings: Settings) -> Result:
    """Decode what was fetched: a row of the ledger, and a sample if it is an image."""
    row = dict.fromkeys(LEDGER.names) | {"key": link.key, "url": link.url}
    row |= {"http_code": fetched.http_code, "attempts": fetched.attempts}
    if fetched.body is None:
        return Result(row | _describe_failure(fetched.error), None)
    digest = hashlib.sha256(fetched.body).hexdigest()
    row |= {"bytes": len(fetched.body), "sha256": digest}
    try:
        image = recode(fetched.body, settings.size, settings.max_pixels)
    except ImageError as error:
        return Result(row | _describe_failure(error.reason), None)
    facts = {"url": link.url, "sha256": digest, "width": image.width, "height": image.height}
    parts = {"jpg": image.data, "txt": link.caption.encode(), "json": encode_json(facts)}
    row |= {"status": "success", "error": "", "width": image.width, "height": image.height}
    return Result(row, Sample(link.key, parts))


def _get_fingerprint(links: Sequence[Link], settings: Settings) -> bytes:
    """Hash of all that decides what a URL's content becomes: patience and manners do not."""
    decisive = [settings.size, settings.max_pixels, settings.limits.max_bytes]
    return hashlib.sha256(json.dumps([links, decisive]).encode()).hexdigest().encode()


def _find_host(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _describe_failure(reason: str) -> dict[str, str]:
    return {"status": "transient" if reason in TRANSIENT else "failed", "error": reason}
