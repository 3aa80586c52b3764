"""What may be done about misaligned captions: replace them, or leave their pairs out.

The paper's remedy (recaptioning and filtering), with captions that are there: the proposal for an
image is the caption of a similar image of a clean subset. It replaces the caption shown where it
agrees better with the image, by a margin within which the clean subset's own captions stay.
Plain filtering leaves out the pairs of lowest image-text cosine (the CLIP score of DataComp's
baseline, Gadre et al., 2023). Either way what is shown is rows of one caption table, so no text is
encoded anew.
"""

from dataclasses import dataclass

import numpy as np

from lib.zeroshot import pair_cosines

DROPPED = -1  # in place of the row of a caption: the pair is left out
_BLOCK = 1024  # images whose similarities to the clean ones are in memory at a time


@dataclass(frozen=True)
class Settings:
    """Which remedies are tried, and how.

    Attributes:
        clean_share: of the pairs that are known to be aligned.
        neighbours: similar clean images whose captions are proposed for an image.
        false_replacements: largest share of the clean pairs whose own caption may be replaced.
        drop: shares of the pairs that plain filtering leaves out, a remedy each.
    """

    clean_share: float
    neighbours: int
    false_replacements: float
    drop: tuple[float, ...] = ()


def apply_remedies(
    images: np.ndarray,
    texts: np.ndarray,
    shown: np.ndarray,
    is_swapped: np.ndarray,
    settings: Settings,
    seed: int,
) -> dict[str, np.ndarray]:
    """What each remedy shows in place of `shown`: "filtered", "dropped10" (10%), and so on.

    Args:
        images, texts: (n, dim) unit embeddings; texts[i] is the caption of pair i itself.
        shown: (n,) rows of captions.
        is_swapped: (n,) whether the caption shown is another one; of this, the clean subset alone
            is known to a remedy.
        seed: of the clean subset.

    Returns:
        (n,) rows of captions by remedy, `DROPPED` where a pair is left out.

    Raises:
        ValueError: too few pairs are clean.
    """
    clean = choose_clean(~is_swapped, settings.clean_share, seed)
    proposed = propose(images, texts, clean, settings.neighbours)
    margin = choose_margin(images, texts, clean, proposed, settings.false_replacements)
    filtered = replace(images, texts, shown, proposed, margin)
    filtered[clean] = shown[clean]  # known to be right
    cosines = pair_cosines(images, texts, shown)
    dropped = {f"dropped{100 * s:g}": drop_lowest(cosines, shown, s) for s in settings.drop}
    return {"filtered": filtered} | dropped


def describe_remedy(
    texts: np.ndarray, shown: np.ndarray, remedied: np.ndarray, is_swapped: np.ndarray
) -> dict[str, float]:
    """How a remedy changed what is shown.

    Args:
        texts: (n, dim) unit embeddings of the pairs' own captions.
        shown, remedied: (n,) rows of captions without and with the remedy.
        is_swapped: (n,) whether the caption shown is another one; both kinds must occur.

    Returns:
        changed_swapped and changed_aligned, shares of the swapped and of the aligned pairs whose
        caption is replaced or left out; and caption_agreement, the mean cosine of the captions
        shown in the end with the images' own ones, over the pairs that are left.
    """
    is_changed, is_kept = remedied != shown, remedied != DROPPED
    own, final = texts[is_kept], texts[remedied[is_kept]]
    return {
        "changed_swapped": float(is_changed[is_swapped].mean()),
        "changed_aligned": float(is_changed[~is_swapped].mean()),
        "caption_agreement": float(np.einsum("ij,ij->i", own, final).mean()),
    }


def choose_clean(is_aligned: np.ndarray, share: float, seed: int) -> np.ndarray:
    """A random subset of the aligned pairs, whose captions are known to be right.

    Args:
        is_aligned: (n,) whether a pair's caption is its own.
        share: of all n pairs that the subset holds; fewer where fewer are aligned.

    Returns:
        Sorted rows.
    """
    aligned = np.flatnonzero(is_aligned)
    size = min(round(share * len(is_aligned)), len(aligned))
    return np.sort(np.random.default_rng(seed).choice(aligned, size, replace=False))


def propose(images: np.ndarray, texts: np.ndarray, clean: np.ndarray, count: int) -> np.ndarray:
    """For each image, the caption that agrees best with it of those of similar clean images.

    Args:
        images, texts: (n, dim) unit embeddings; texts[i] is the caption of pair i itself.
        clean: rows of the clean pairs; at least `count` + 1.
        count: how many of the most similar clean images lend their captions. An image is none of
            its own.

    Returns:
        (n,) rows of the captions proposed.

    Raises:
        ValueError: there are too few clean pairs.
    """
    if len(clean) <= count:
        raise ValueError(
            f"{len(clean)} clean pairs, expected more than the {count} to propose from"
        )
    place = np.full(len(images), len(clean))
    place[clean] = np.arange(len(clean))
    proposed = np.empty(len(images), dtype=np.int64)
    for start in range(0, len(images), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(images)))
        similarities = images[rows] @ images[clean].T
        own = np.flatnonzero(place[rows] < len(clean))
        similarities[own, place[rows[own]]] = -np.inf
        nearest = clean[np.argpartition(-similarities, count - 1, axis=1)[:, :count]]
        nearest.sort(axis=1)  # of captions that agree equally well, the first row's
        agreement = np.einsum("id,ikd->ik", images[rows], texts[nearest])
        proposed[rows] = nearest[np.arange(len(rows)), agreement.argmax(axis=1)]
    return proposed


def choose_margin(
    images: np.ndarray,
    texts: np.ndarray,
    clean: np.ndarray,
    proposed: np.ndarray,
    false_replacements: float,
) -> float:
    """By how much a proposal must agree better, for few right captions to be replaced: the least.

    Args:
        images, texts: (n, dim) unit embeddings; texts[i] is the caption of pair i itself.
        clean: rows of the clean pairs, whose own captions are known to be right.
        proposed: (n,) rows of the captions proposed.
        false_replacements: the largest share of clean pairs whose own caption may be replaced.
    """
    own = pair_cosines(images[clean], texts, clean)
    gains = np.sort(pair_cosines(images[clean], texts, proposed[clean]) - own)
    return max(0.0, float(gains[len(gains) - 1 - int(false_replacements * len(gains))]))


def replace(
    images: np.ndarray, texts: np.ndarray, shown: np.ndarray, proposed: np.ndarray, margin: float
) -> np.ndarray:
    """What is shown where proposals replace captions: where their cosine with the image is higher
    by more than `margin`.

    Args:
        images, texts: (n, dim) unit embeddings.
        shown, proposed: (n,) rows of captions.
    """
    gains = pair_cosines(images, texts, proposed) - pair_cosines(images, texts, shown)
    return np.where(gains > margin, proposed, shown)


def drop_lowest(cosines: np.ndarray, shown: np.ndarray, share: float) -> np.ndarray:
    """What is shown where the given share of pairs, those of lowest cosine, is left out."""
    dropped = np.argsort(cosines, kind="stable")[: round(share * len(cosines))]
    kept = shown.copy()
    kept[dropped] = DROPPED
    return kept
