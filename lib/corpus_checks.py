"""Checks of the corpus of a configuration, and the files that it asks a user for."""

import ipaddress
import os
from collections import Counter

from braceexpand import UnbalancedBracesError, braceexpand


def check_corpus(config: dict) -> list[str]:
    """What is wrong with the corpus, a sentence each: the key, its value, what is allowed."""
    corpus = config["corpus"]
    problems = _check_sizes(corpus, config.get("finetune", {}))
    if corpus["kind"] == "shards":
        problems += check_shards(corpus["shards"], "corpus.shards")
    if corpus["kind"] == "urls":
        problems += _check_networks(corpus["download"]["allowed_addresses"])
    return problems


def list_corpus_files(corpus: dict) -> dict[str, str]:
    """Files (and the folder of images) that a corpus needs and no job makes: path to what it is."""
    if corpus["kind"] == "glyphs":
        return {}
    owner, rewrites, files = f"of corpus {corpus['name']!r}", corpus.get("rewrites", {}), {}
    if corpus["kind"] == "urls":
        files[corpus["urls"]] = f"the list of captions and URLs {owner}"
    if corpus["kind"] == "table":
        files[corpus["table"]] = f"the table of image files and captions {owner}"
        files[corpus["root"]] = f"the folder of images {owner}"
    if corpus["kind"] == "shards":
        files |= dict.fromkeys(expand_shards(corpus["shards"]), f"shards {owner}")
    if "keys" in corpus:
        files[corpus["keys"]] = f"keys {owner}, one a line"
    if "captions" in rewrites:
        files[rewrites["captions"]] = f"the captions that were rewritten {owner}"
    return files | dict.fromkeys(rewrites.get("files", []), f"rewrites {owner}")


def expand_shards(patterns: list[str]) -> list[str]:
    """Paths of shards, with `{00..07}` and `{a,b}` expanded as a shell does.

    Raises:
        ValueError: braces do not match.
    """
    return [path for pattern in patterns for path in braceexpand(pattern)]


def find_places(patterns: list[str]) -> list[str]:
    """Where the paths of shards lead, however they are spelled; raises as `expand_shards`."""
    return [os.path.realpath(path) for path in expand_shards(patterns)]


def check_shards(patterns: list[str], key: str) -> list[str]:
    """Braces must match, and each path be named once; `key` is where the patterns stand."""
    try:
        places = find_places(patterns)
    except UnbalancedBracesError as error:
        return [f"{key} is {patterns}: {error}; allowed: braces that are closed."]
    times = Counter(places)
    named = zip(expand_shards(patterns), places, strict=True)
    twice = [path for path, place in named if times[place] > 1]
    return [f"{key} has {twice[0]} twice; allowed: each path once."] if twice else []


def _check_networks(networks: list[str]) -> list[str]:
    return [
        f"corpus.download.allowed_addresses has {network!r}; allowed: networks such as 10.0.0.0/8 "
        "or fc00::/7, whose bits after the first ones are 0."
        for network in networks
        if not _is_network(network)
    ]


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _check_sizes(corpus: dict, finetune: dict) -> list[str]:
    """Rows enough for the pairs, and held-out pairs unless the best epoch is chosen elsewhere."""
    problems, wanted = [], corpus["pairs"] + corpus["validation_pairs"]
    if corpus.get("rows", wanted) < wanted:
        problems.append(
            f"corpus.rows is {corpus['rows']}; allowed: at least corpus.pairs and "
            f"corpus.validation_pairs together, which are {wanted}."
        )
    if corpus["validation_pairs"] == 0 and finetune and "validation" not in finetune:
        problems.append(
            "corpus.validation_pairs is 0; allowed: at least 1 unless finetune.validation names a "
            "dataset."
        )
    return problems
