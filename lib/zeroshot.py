"""Zero-shot classification from features: embed, and compare with the classes' prompts.

Features lie before the projection, so a head is evaluated by matrix products alone. Products are
summed in float64: the last bits of a prediction then do not depend on the number of threads.
"""

from collections.abc import Iterator, Sequence

import numpy as np

_BLOCK = 1024  # rows held in float64 at a time


def embed(features: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """Project features and scale the embeddings to unit length.

    Args:
        features: (..., width), before the projection.
        projection: (width, dim).

    Returns:
        (..., dim) float32 unit vectors; an embedding that is zero stays zero.

    Raises:
        ValueError: widths differ, or an embedding is not finite.
    """
    features, projection = np.asarray(features), np.asarray(projection)
    width, dim = projection.shape
    if features.shape[-1] != width:
        raise ValueError(
            f"features have width {features.shape[-1]}, the projection {projection.shape} "
            f"expects {width}"
        )
    weights = projection.astype(np.float64)
    rows = features.reshape(-1, width)
    embeddings = np.empty((len(rows), dim), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK].astype(np.float64) @ weights
        norms = np.linalg.norm(block, axis=1, keepdims=True)
        if not np.isfinite(norms).all():
            bad = start + int(np.argmin(np.isfinite(norms[:, 0])))
            raise ValueError(f"the embedding of row {bad} is not finite")
        embeddings[start : start + _BLOCK] = block / np.where(norms == 0, 1, norms)
    return embeddings.reshape(*features.shape[:-1], dim)


def embed_chunks(chunks: Sequence[np.ndarray], projection: np.ndarray) -> np.ndarray:
    """`embed` the first view of a corpus's images, which lie in chunks (views, rows, width)."""
    return np.concatenate([embed(chunk[0], projection) for chunk in chunks])


def pair_cosines(images: np.ndarray, texts: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The cosine of each image and the caption that it is shown with.

    Args:
        images: (n, dim) unit embeddings.
        texts: (m, dim) unit embeddings of the captions.
        shown: (n,) rows of `texts`.

    Returns:
        (n,) float64.
    """
    return np.einsum("ij,ij->i", images, texts[shown], dtype=np.float64)


def class_embeddings(texts: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """One unit embedding a class: the mean of its prompts' unit embeddings, scaled again.

    The procedure of open_clip's `build_zero_shot_classifier`.

    Args:
        texts: (classes, templates, text width), features of the prompts.
        projection: (text width, dim).

    Returns:
        (classes, dim) float32.

    Raises:
        ValueError: `texts` has another shape, or a class's prompts cancel out.
    """
    if np.ndim(texts) != 3 or 0 in np.shape(texts):
        raise ValueError(
            f"class prompts have shape (classes, templates, width), found {np.shape(texts)}"
        )
    means = embed(texts, projection).mean(axis=1, dtype=np.float64)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    if not norms.all():
        raise ValueError(f"the prompts of class {int(norms.argmin())} have a mean of zero")
    return (means / norms).astype(np.float32)


def predict(image_embeddings: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Class of highest cosine for each image; of equal ones, the first.

    Args:
        image_embeddings: (n, dim) of any length.
        classes: (classes, dim) unit vectors.

    Returns:
        (n,) int64.
    """
    predictions = np.empty(len(image_embeddings), dtype=np.int64)
    for start, logits in logit_blocks(image_embeddings, classes):
        predictions[start : start + len(logits)] = logits.argmax(axis=1)
    return predictions


def check_labels(labels: np.ndarray, n_images: int, n_classes: int) -> np.ndarray:
    """Labels as (n,) int64.

    Raises:
        ValueError: not one whole number from 0 to n_classes - 1 for each image.
    """
    labels = np.asarray(labels)
    if labels.shape != (n_images,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"expected a whole number as label of each of {n_images} images, "
            f"found {labels.dtype} of shape {labels.shape}"
        )
    if n_images == 0:
        raise ValueError("there are no images to evaluate")
    if labels.min() < 0 or labels.max() >= n_classes:
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}, expected 0 to {n_classes - 1}"
        )
    return labels.astype(np.int64)


def logit_blocks(
    image_embeddings: np.ndarray, classes: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of cosines times image length, (rows, classes) float64, each with its first row."""
    weights = classes.T.astype(np.float64)
    for start in range(0, len(image_embeddings), _BLOCK):
        yield start, image_embeddings[start : start + _BLOCK].astype(np.float64) @ weights
