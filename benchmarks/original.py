"""The original study's procedures in their plainest form, written anew from their description.

Sun, Zhang, Li, Wang: Contrastive Learning with Data Misalignment. NeurIPS 2025.
"""

import numpy as np
from scipy.sparse import csr_matrix


def make_similarities(vectors: csr_matrix) -> np.ndarray:
    """(n, n) float32 cosines of all captions, dense, none with itself."""
    from sklearn.metrics.pairwise import cosine_similarity

    similarities = cosine_similarity(vectors)
    np.fill_diagonal(similarities, -1)
    return similarities


def draw_swaps(similarities: np.ndarray, rate: float, seed: int, top_k: int = 10) -> np.ndarray:
    """Pairs (p, 2) of captions exchanged: visit at random, choose among the most similar unused."""
    generator = np.random.default_rng(seed)
    used = np.zeros(len(similarities), dtype=bool)
    pairs: list[tuple[int, int]] = []
    for row in generator.permutation(len(similarities)):
        if 2 * len(pairs) >= int(rate * len(similarities)):
            break
        if used[row]:
            continue
        used[row] = True
        others = np.where(used, -1, similarities[row])
        candidates = np.argsort(-others)[:top_k]
        candidates = candidates[~used[candidates]]
        if len(candidates) == 0:
            break
        partner = generator.choice(candidates)
        used[partner] = True
        pairs.append((row, partner))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def evaluate_pruned(
    embeddings: np.ndarray, labels: np.ndarray, classes: np.ndarray, kept: np.ndarray
) -> tuple[float, float]:
    """Accuracy and silhouette when only the neurons `kept` are: evaluated afresh."""
    from sklearn.metrics import silhouette_score

    masked = np.zeros_like(embeddings)
    masked[:, kept] = embeddings[:, kept]
    masked /= np.linalg.norm(masked, axis=1, keepdims=True)
    accuracy = float(((masked @ classes.T).argmax(axis=1) == labels).mean())
    return accuracy, float(silhouette_score(masked, labels, metric="cosine"))
