"""Can swapped pairs be told from aligned ones by the cosine of image and caption?

That cosine is what data filters go by (the CLIP score of Hessel et al., 2021; DataComp's baseline,
Gadre et al., 2023). Here it is known which pairs were swapped, so the detector can be scored.
"""

from typing import Any

import numpy as np

EDGES = np.linspace(-1, 1, 201)  # of the histograms of cosines
BINS = 10  # of the calibration
SCORES = (
    "swapped_share",
    "roc_auc",
    "average_precision",
    "calibration_error",
    "brier_skill",
)


def score_detector(cosines: np.ndarray, is_swapped: np.ndarray, seed: int) -> dict[str, Any]:
    """How well a low cosine tells that a pair was swapped.

    Calibration is that of a logistic regression on the cosine (Platt, 1999), fitted on a random
    half of the pairs and judged on the others.

    Args:
        cosines: (n,) of pairs.
        is_swapped: (n,) whether the caption is another pair's; both kinds must occur.
        seed: of the halves.

    Returns:
        swapped_share; roc_auc (0.5 is chance); average_precision (swapped_share is chance);
        calibration_error, the mean difference between predicted and observed shares of swapped
        pairs over `BINS` bins of equal size; brier_skill, the share of the Brier score of a
        constant prediction that the detector saves; and, for figures, `aligned` and `swapped`
        (counts between `EDGES`), `predicted`, `observed` and `sizes` (by bin of the calibration).

    Raises:
        ValueError: only one kind of pairs occurs.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score  # takes a second to import

    is_swapped = np.asarray(is_swapped, dtype=bool)
    if is_swapped.all() or not is_swapped.any():
        raise ValueError(
            f"{int(is_swapped.sum())} of {len(is_swapped)} pairs are swapped, expected a part"
        )
    probabilities, outcomes = _predict_other_half(cosines, is_swapped, seed)
    predicted, observed, sizes = _bin(probabilities, outcomes)
    constant = np.mean((outcomes - outcomes.mean()) ** 2)
    return {
        "swapped_share": float(is_swapped.mean()),
        "roc_auc": float(roc_auc_score(is_swapped, -cosines)),
        "average_precision": float(average_precision_score(is_swapped, -cosines)),
        "calibration_error": float(np.average(np.abs(predicted - observed), weights=sizes)),
        "brier_skill": float(1 - np.mean((probabilities - outcomes) ** 2) / constant),
        "aligned": np.histogram(cosines[~is_swapped], EDGES)[0].tolist(),
        "swapped": np.histogram(cosines[is_swapped], EDGES)[0].tolist(),
        "predicted": predicted.tolist(),
        "observed": observed.tolist(),
        "sizes": sizes.tolist(),
    }


def _predict_other_half(
    cosines: np.ndarray, is_swapped: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and outcomes (0 or 1) of the half that the regression was not fitted on."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    fitted, judged = train_test_split(
        np.arange(len(cosines)), test_size=0.5, stratify=is_swapped, random_state=seed
    )
    regression = LogisticRegression(C=np.inf).fit(cosines[fitted, None], is_swapped[fitted])
    return regression.predict_proba(cosines[judged, None])[:, 1], is_swapped[judged].astype(float)


def _bin(
    probabilities: np.ndarray, outcomes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, share of outcomes and size of bins of (almost) equal size."""
    parts = np.array_split(np.argsort(probabilities, kind="stable"), min(BINS, len(outcomes)))
    means = [(probabilities[part].mean(), outcomes[part].mean(), len(part)) for part in parts]
    predicted, observed, sizes = map(np.array, zip(*means, strict=True))
    return predicted, observed, sizes
