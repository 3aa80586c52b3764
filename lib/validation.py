"""What the best epoch of a fine-tune is chosen by, computed on the device that fine-tunes.

What does not change from epoch to epoch is prepared once. A CPU would take longer over ImageNet's
50,000 validation images than a GPU over an epoch of training.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import normalize

from lib.feature_store import DatasetFeatures
from lib.finetune import FeaturePairs
from lib.heads import Head
from lib.token_words import token_words
from lib.zeroshot import check_labels

Score = Callable[[Head], float]

_ROWS_AT_ONCE = 8192  # embedded in float64: 34 MB of 512 dimensions
_CELLS_AT_ONCE = 1 << 26  # cosines held at a time: 256 MB of float32


def choose_score(
    held_out: FeaturePairs,
    dataset: DatasetFeatures | None,
    device: torch.device | str,
    context_length: int | None = None,
) -> Score:
    """The score of a head: on a dataset kept for it, or else on held-out pairs."""
    if dataset is None:
        return score_retrieval(held_out, device, context_length)
    return score_zero_shot(dataset, device)


def score_retrieval(
    pairs: FeaturePairs, device: torch.device | str, context_length: int | None = None
) -> Score:
    """Share of images (first view) whose nearest caption, of all distinct ones, is their own.

    Captions that are one to a text tower of this context length (`lib.token_words`) are one here.
    """
    words = np.array([token_words(each, context_length) for each in pairs.captions], dtype=object)
    _, first_rows, numbers = np.unique(words, return_index=True, return_inverse=True)
    images, own = pairs.view(0).to(device), torch.from_numpy(numbers).to(device)
    texts = torch.from_numpy(pairs.texts[first_rows]).to(device)

    def score(head: Head) -> float:
        embeddings = images @ torch.from_numpy(head.image_projection).to(device)
        captions = normalize(texts @ torch.from_numpy(head.text_projection).to(device), dim=-1)
        return _share(_find_nearest(embeddings, captions) == own)

    return score


def score_zero_shot(dataset: DatasetFeatures, device: torch.device | str) -> Score:
    """The zero-shot accuracy that `evaluation.evaluate` reports.

    Raises:
        ValueError: not one class for each image.
    """
    labels = check_labels(dataset.labels, len(dataset.images), len(dataset.texts))
    own, images, prompts = (
        torch.from_numpy(each).to(device) for each in (labels, dataset.images, dataset.texts)
    )

    def score(head: Head) -> float:
        texts = _embed(prompts.flatten(0, 1), head.text_projection)
        classes = normalize(texts.unflatten(0, prompts.shape[:2]).mean(dim=1), dim=-1)
        embeddings = _embed(images, head.image_projection)
        return _share(_find_nearest(embeddings, classes) == own)

    return score


def _embed(features: torch.Tensor, projection: np.ndarray) -> torch.Tensor:
    """Features (n, width) to unit embeddings (n, dim) float64."""
    weights = torch.from_numpy(projection).to(features.device).double()
    blocks = features.split(_ROWS_AT_ONCE)
    return torch.cat([normalize(block.double() @ weights, dim=-1) for block in blocks])


def _find_nearest(embeddings: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    """(n,) the row of `candidates`, unit vectors, with which each embedding has the best cosine."""
    blocks = embeddings.split(max(_CELLS_AT_ONCE // len(candidates), 1))
    return torch.cat([(block @ candidates.T).argmax(dim=1) for block in blocks])


def _share(is_right: torch.Tensor) -> float:
    return is_right.sum().item() / len(is_right)
