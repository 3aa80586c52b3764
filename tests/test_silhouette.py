"""The closed form of the cosine silhouette against scikit-learn's matrix of distances."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples as sklearn_samples
from sklearn.metrics import silhouette_score as sklearn_score

from lib.silhouette import silhouette_samples, silhouette_score


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
