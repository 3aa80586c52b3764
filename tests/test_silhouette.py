"""The closed form of the cosine silhouette against scikit-learn's matrix of distances."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples as sklearn_samples
from sklearn.metrics import silhouette_score as sklearn_score

from lib.silhouette import silhouette_pseudo_values, silhouette_samples, silhouette_score


def make_clusters(n, classes, dim, spread, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(classes, size=n)
    centres = generator.normal(size=(classes, dim))
    return centres[labels] + spread * generator.normal(size=(n, dim)), labels


def check_equal(embeddings, labels):
    expected = sklearn_samples(np.asarray(embeddings, dtype=np.float64), labels, metric="cosine")
    found = silhouette_samples(embeddings, labels)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-9
    return found


@pytest.mark.parametrize("classes", [2, 10, 90])
@pytest.mark.parametrize("spread", [0.001, 1.0, 20.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_sample_equals_scikit_learn(classes, spread, dtype):
    embeddings, labels = make_clusters(1300, classes, 24, spread)
    check_equal(embeddings.astype(dtype), labels)


def test_unit_float32_vectors_equal_scikit_learn_on_the_same_input():
    embeddings, labels = make_clusters(700, 12, 40, 1.0)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    embeddings = embeddings.astype(np.float32)
    expected = sklearn_samples(embeddings, labels, metric="cosine")
    assert np.abs(silhouette_samples(embeddings, labels) - expected).max() < 1e-6
    score = sklearn_score(embeddings, labels, metric="cosine")
    assert silhouette_score(embeddings, labels) == pytest.approx(score, abs=1e-6)


def test_length_does_not_matter():
    embeddings, labels = make_clusters(200, 5, 8, 1.0)
    lengths = np.random.default_rng(1).uniform(0.01, 100, (200, 1))
    expected = silhouette_samples(embeddings, labels)
    assert silhouette_samples(embeddings * lengths, labels) == pytest.approx(expected, abs=1e-12)


def test_singletons_score_zero():
    embeddings, labels = make_clusters(60, 4, 8, 1.0)
    labels[[5, 17]] = [40, 41]
    found = check_equal(embeddings, labels)
    assert found[5] == found[17] == 0


def test_duplicates_and_opposites():
    embeddings, labels = make_clusters(90, 3, 8, 1.0)
    embeddings[labels == 1] = embeddings[labels == 1][0]
    embeddings[labels == 2] = -embeddings[labels == 1][0]
    found = check_equal(embeddings, labels)
    assert found[labels == 1] == pytest.approx(1)


def test_classes_that_coincide_score_zero_not_rounding():
    vector = np.random.default_rng(2).normal(size=16)
    embeddings = np.tile(vector, (50, 1)) * np.linspace(0.1, 9, 50)[:, None]
    assert np.array_equal(silhouette_samples(embeddings, np.arange(50) % 3), np.zeros(50))


def test_zero_vectors_are_at_distance_one_of_all():
    embeddings, labels = make_clusters(80, 4, 8, 1.0)
    embeddings[[3, 4, 30]] = 0
    check_equal(embeddings, labels)
    embeddings[labels == 2] = 0
    check_equal(embeddings, labels)


def test_any_labels_and_more_rows_than_a_block():
    embeddings, labels = make_clusters(1100, 3, 6, 1.0)
    found = check_equal(embeddings, np.array(["red", "green", "blue"])[labels])
    shuffle = np.random.default_rng(3).permutation(1100)
    shuffled = silhouette_samples(embeddings[shuffle], labels[shuffle])
    assert shuffled == pytest.approx(found[shuffle], abs=1e-12)


def test_input_is_left_as_it_was():
    embeddings, labels = make_clusters(50, 3, 6, 1.0)
    before = embeddings.copy()
    silhouette_samples(embeddings, labels)
    assert np.array_equal(embeddings, before)


@pytest.mark.parametrize("labels", [np.zeros(6), np.arange(6)])
def test_too_few_or_too_many_classes_are_an_error_as_in_scikit_learn(labels):
    embeddings = np.random.default_rng(4).normal(size=(6, 3))
    with pytest.raises(ValueError):
        sklearn_samples(embeddings, labels, metric="cosine")
    with pytest.raises(ValueError, match="2 to n - 1 classes"):
        silhouette_samples(embeddings, labels)


def test_wrong_input_is_an_error():
    embeddings = np.ones((6, 3))
    labels = np.array([0, 0, 0, 1, 1, 1])
    with pytest.raises(ValueError, match="each of 6 labels"):
        silhouette_samples(embeddings[:5], labels)
    with pytest.raises(ValueError, match="shape"):
        silhouette_samples(embeddings, labels[:, None])
    embeddings[2, 1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        silhouette_samples(embeddings, labels)


def weighted_score(embeddings, labels, weights):
    """The score with every mean weighted, by the matrix of distances."""
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    units = embeddings / np.where(norms == 0, 1, norms)
    distances = 1 - units @ units.T
    scores = []
    for row, label in enumerate(labels):
        means = {}
        for other in np.unique(labels):
            members = (labels == other) & (np.arange(len(labels)) != row)
            if members.any():
                means[other] = np.average(distances[row, members], weights=weights[members])
        within = means.pop(label, None)
        between = min(means.values())
        alone = within is None
        scores.append(0 if alone else (between - within) / max(within, between))
    return np.average(scores, weights=weights)


@pytest.mark.parametrize("spread", [0.3, 1.0, 5.0])
def test_pseudo_values_are_derivatives_of_the_weighted_score(spread):
    embeddings, labels = make_clusters(40, 4, 6, spread)
    labels[7] = 9  # a class of one sample
    embeddings[11] = 0
    n, step = len(labels), 1e-5
    score = weighted_score(embeddings, labels, np.ones(n))
    assert score == pytest.approx(silhouette_score(embeddings, labels), abs=1e-12)
    derivatives = [
        (
            weighted_score(embeddings, labels, 1 + step * bump)
            - weighted_score(embeddings, labels, 1 - step * bump)
        )
        / (2 * step)
        for bump in np.eye(n)
    ]
    found = silhouette_pseudo_values(embeddings, labels)
    assert found == pytest.approx(score + n * np.array(derivatives), abs=1e-6)
    assert found.mean() == pytest.approx(score, abs=1e-12)


def test_pseudo_values_do_not_depend_on_blocks_or_lengths():
    embeddings, labels = make_clusters(1300, 7, 12, 2.0)
    order = np.random.default_rng(3).permutation(1300)
    found = silhouette_pseudo_values(embeddings, labels)
    shuffled = silhouette_pseudo_values(7 * embeddings[order].astype(np.float32), labels[order])
    assert shuffled == pytest.approx(found[order], abs=1e-5)


def test_pseudo_values_tell_how_a_score_varies_over_samples():
    """As the scores of many draws vary; silhouettes themselves tell too little."""
    centres = np.random.default_rng(0).normal(size=(5, 8))
    scores, told, too_little = [], [], []
    for seed in range(300):
        generator = np.random.default_rng(seed)
        labels = generator.integers(5, size=150)
        embeddings = centres[labels] + generator.normal(size=(150, 8))
        scores.append(silhouette_score(embeddings, labels))
        told.append(silhouette_pseudo_values(embeddings, labels).var(ddof=1) / 150)
        too_little.append(silhouette_samples(embeddings, labels).var(ddof=1) / 150)
    spread = np.std(scores, ddof=1)
    assert np.sqrt(np.mean(told)) == pytest.approx(spread, rel=0.12)
    assert np.sqrt(np.mean(too_little)) < 0.85 * spread
