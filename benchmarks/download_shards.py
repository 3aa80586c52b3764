"""Downloads all shards of a list of URLs as the workflow does: each in a process of its own.

python benchmarks/download_shards.py LIST FOLDER --urls 4000 --shards 4 --jobs 2 --threads 1
"""

import argparse
import multiprocessing
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.download import DownloadSettings, download_shard, read_links
from lib.fetch import Limits

# The default patience and manners; the hosts are those of benchmarks/web.py.
LIMITS = Limits("benchmark (mailto:nobody@example.org)", allowed_addresses=["127.0.0.0/8"])


def download(urls: Path, folder: Path, shard: int, rows: int, threads: int) -> None:
    """Download one shard, as workflow/scripts/download_shard.py does."""
    links = read_links(urls, shard * rows, rows)
    paths = [folder / f"{shard:05d}.{suffix}" for suffix in ("tar", "parquet")]
    download_shard(links, *paths, DownloadSettings(LIMITS, threads=threads))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list", type=Path, help="a TSV of captions and URLs")
    parser.add_argument("folder", type=Path, help="for the shards and ledgers")
    parser.add_argument("--urls", type=int, required=True, help="rows of the list")
    parser.add_argument("--shards", type=int, required=True)
    parser.add_argument("--jobs", type=int, required=True, help="processes at a time")
    parser.add_argument("--threads", type=int, required=True, help="of each process")
    args = parser.parse_args()
    rows = args.urls // args.shards
    calls = [(args.list, args.folder, shard, rows, args.threads) for shard in range(args.shards)]
    # a fresh process a shard, as Snakemake starts one
    with multiprocessing.get_context("spawn").Pool(args.jobs, maxtasksperchild=1) as pool:
        pool.starmap(download, calls, chunksize=1)


if __name__ == "__main__":
    main()
