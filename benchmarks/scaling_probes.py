"""What one stage costs at one size, measured in a process of its own: see `benchmarks/scaling.py`.

    python benchmarks/scaling_probes.py STAGE SIZE LIST.tsv   # prints seconds and MiB as JSON

Seconds are those of the CPU, of one thread, after what a process does only once (imports, the first
step of a training). Captions are real ones, and grown from them where there
are not as many: the first half of the words of one, and the second half of those of another, both
drawn at random. That keeps the frequencies of words, and nearly all of those of two words.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.corpus import read_captions, write_captions
from lib.ledger import IMAGE, ROW, make_captions, read_ledgers, select_pairs, write_ledger
from lib.neighbours import find_neighbours, normalise, order_by_terms, vectorise
from lib.swaps import swap

BLOCK = 8192  # rows of which the most similar are looked for, to tell what all would take
NEIGHBOURS = 64
ROWS_PER_LEDGER = 10_000
WIDTHS, DIM, BATCH = (768, 512), 512, 1024  # of ViT-B/16, and of a step of fine-tuning


def grow_captions(real: list[str], count: int) -> list[str]:
    """As many captions as are asked for: the real ones first."""
    generator = np.random.default_rng(0)
    words = [caption.split() for caption in real]
    missing = max(count - len(real), 0)
    grown = [
        " ".join(words[a][: len(words[a]) // 2] + words[b][len(words[b]) // 2 :])
        for a, b in generator.integers(len(words), size=(missing, 2)).tolist()
    ]
    return (real + grown)[:count]


def probe_tabulate(captions: list[str]) -> dict[str, float]:
    """The caption table of all ledgers, written and read."""
    import pyarrow as pa

    with tempfile.TemporaryDirectory() as name:
        paths = []
        for first in range(0, len(captions), ROWS_PER_LEDGER):
            part = enumerate(captions[first : first + ROWS_PER_LEDGER], start=first)
            rows = [
                {"row": n, "key": f"{n:010d}", "caption": caption, "status": "success", "error": ""}
                for n, caption in part
            ]
            paths.append(Path(name, f"{first}.parquet"))
            write_ledger(paths[-1], rows, pa.schema([*ROW, *IMAGE]))

        def tabulate() -> None:
            ledger = read_ledgers(paths)
            rows = select_pairs(ledger, len(captions), 0)
            table = make_captions(ledger, rows, len(captions), [])
            write_captions(Path(name, "captions.parquet"), table)
            read_captions(Path(name, "captions.parquet"))

        return {"tabulate_corpus": time_cpu(tabulate)}


def probe_product(captions: list[str]) -> dict[str, float]:
    """The two parts of the search for neighbours; of the second only a block of rows is run."""
    from sparse_dot_topn import sp_matmul_topn

    vectorise(captions[:100])
    started = time.process_time()
    vectors = vectorise([normalise(caption) for caption in captions])
    seconds = time.process_time() - started
    vectors = vectors[order_by_terms(vectors)]
    rows = np.sort(np.random.default_rng(0).permutation(len(captions))[:BLOCK])
    block, transposed = vectors[rows], vectors.T.tocsr()
    product = time_cpu(
        lambda: sp_matmul_topn(block, transposed, top_n=NEIGHBOURS + 1, sort=True, n_threads=1)
    )
    return {"TF-IDF vectors": seconds, "TF-IDF product": product * len(captions) / len(rows)}


def probe_swap(captions: list[str]) -> dict[str, float]:
    """All of the search for neighbours, and one swap of half of the captions."""
    found = []
    find_neighbours(captions[:100])
    seconds = time_cpu(lambda: found.append(find_neighbours(captions, NEIGHBOURS)))
    swapping = time_cpu(lambda: swap(found[0], 0.5, "similar", seed=0))
    return {"find_neighbours": seconds, "swap_captions": swapping}


def probe_finetune(captions: list[str]) -> dict[str, float]:
    """One epoch of fine-tuning on features of a ViT-B/16."""
    import torch

    from lib.finetune import Recipe, finetune, select_pairs
    from lib.heads import Head

    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    count = len(captions)
    head = Head(*(generator.normal(size=(w, DIM)).astype(np.float32) / w for w in WIDTHS), 2.0)
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name, f"{width}.npy") for width in WIDTHS]
        for path, width in zip(paths, WIDTHS, strict=True):
            np.save(path, generator.standard_normal((count, width), np.float32))
        images, texts = (np.load(path, mmap_mode="r") for path in paths)
        permutation = np.arange(count)[::-1]

        def run(rows: np.ndarray) -> None:
            pairs = select_pairs([images[None]], texts, captions, permutation, rows)
            finetune(head, pairs, lambda head: 0.0, Recipe(epochs=1, batch_size=BATCH), seed=0)

        run(np.arange(BATCH))
        return {"finetune_heads": time_cpu(lambda: run(np.arange(count)))}


def probe_images(captions: list[str]) -> dict[str, float]:
    """Images recoded, as a download does: of 300 to 600 pixels, to 256."""
    from benchmarks.web import draw_pictures
    from lib.recode import recode

    pictures = draw_pictures((300, 600))

    def run() -> None:
        for number in range(len(captions)):
            recode(pictures[number % len(pictures)], 256, 10**8)

    return {"recode": time_cpu(run)}


def probe_towers(captions: list[str]) -> dict[str, float]:
    """Floating-point operations of a pass of ViT-B/16's towers, and the time that it takes."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from lib.architectures import read_architecture
    from lib.models import build_model, get_tokenizer

    torch.set_num_threads(1)
    root = Path(__file__).resolve().parents[1]
    architecture = read_architecture("config/architectures/laclip_ViT-B-16.json", root)
    model = build_model(architecture, seed=0).eval()
    images = torch.zeros(8, 3, 224, 224)
    tokens = get_tokenizer(architecture)(captions[:8])
    costs = {}
    with torch.inference_mode():
        for name, encode, batch in (
            ("image", model.encode_image, images),
            ("text", model.encode_text, tokens),
        ):
            with FlopCounterMode(display=False) as counter:
                encode(batch)
            costs[f"{name} FLOP"] = counter.get_total_flops() / len(batch)
            costs[f"{name} seconds"] = time_cpu(lambda e=encode, b=batch: e(b)) / len(batch)
    return costs


def time_cpu(action: Callable[[], object]) -> float:
    """Seconds of the CPU that an action takes, of all threads."""
    started = time.process_time()
    action()
    return time.process_time() - started


PROBES = {
    "tabulate": probe_tabulate,
    "product": probe_product,
    "swap": probe_swap,
    "finetune": probe_finetune,
    "images": probe_images,
    "towers": probe_towers,
}


if __name__ == "__main__":
    stage, size, links = sys.argv[1:]
    lines = Path(links).read_text(encoding="utf-8").splitlines()
    found = PROBES[stage](grow_captions([line.split("\t")[0] for line in lines], int(size)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": found, "MiB": peak}))
