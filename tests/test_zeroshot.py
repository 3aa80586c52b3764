"""Zero-shot evaluation against loops and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, silhouette_samples

from lib.evaluation import evaluate, evaluate_embeddings
from lib.heads import Head
from lib.silhouette import silhouette_pseudo_values
from lib.zeroshot import class_embeddings, embed, predict


def make_task(n=300, classes=7, templates=3, width=16, text_width=12, dim=10, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(classes, size=n)
    centres = generator.normal(size=(classes, width))
    images = (centres[labels] + generator.normal(size=(n, width))).astype(np.float32)
    text_projection = generator.normal(size=(text_width, dim)).astype(np.float32)
    image_projection = generator.normal(size=(width, dim)).astype(np.float32)
    targets = centres @ image_projection @ np.linalg.pinv(text_projection)
    texts = targets[:, None] + 0.3 * generator.normal(size=(classes, templates, text_width))
    return images, labels, texts.astype(np.float32), Head(image_projection, text_projection, 4.6)


def unit(vector):
    return vector / np.sqrt(np.sum(vector**2))


def loop_classes(texts, projection):
    """open_clip's procedure, prompt by prompt."""
    weights = projection.astype(np.float64)
    return np.array([unit(np.mean([unit(p @ weights) for p in c], axis=0)) for c in texts])


def loop_cosines(images, texts, head):
    classes = loop_classes(texts, head.text_projection)
    weights = head.image_projection.astype(np.float64)
    return np.array([[unit(image @ weights) @ one for one in classes] for image in images])


def test_embeddings_are_unit_vectors_of_the_products():
    images, _, texts, head = make_task(n=1500)
    found = embed(images, head.image_projection)
    expected = [unit(row @ head.image_projection.astype(np.float64)) for row in images]
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array(expected), abs=1e-7)
    prompts = embed(texts, head.text_projection)
    assert prompts.shape == (7, 3, 10)
    assert prompts[4, 2] == pytest.approx(embed(texts[4, 2], head.text_projection), abs=1e-7)


def test_classes_average_unit_prompts_and_scale_again():
    _, _, texts, head = make_task()
    texts[:, 0] *= 50  # a long prompt must count no more than a short one
    found = class_embeddings(texts, head.text_projection)
    assert found == pytest.approx(loop_classes(texts, head.text_projection), abs=1e-7)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)


def test_evaluation_equals_loops():
    images, labels, texts, head = make_task(n=1300)
    found = evaluate(images, labels, texts, head)
    cosines = loop_cosines(images, texts, head)
    predictions = cosines.argmax(axis=1)
    top5 = np.argsort(-cosines, axis=1)[:, :5]
    embeddings = embed(images, head.image_projection).astype(np.float64)
    silhouettes = silhouette_samples(embeddings, labels, metric="cosine")
    assert 0.2 < found["accuracy"] < 0.95 and found["acc5"] < 1, "a task that tells nothing"
    assert found["accuracy"] == np.mean(predictions == labels)
    assert found["acc5"] == np.mean([labels[i] in top5[i] for i in range(len(labels))])
    assert found["mean_per_class_recall"] == pytest.approx(
        balanced_accuracy_score(labels, predictions), abs=1e-12
    )
    assert found["silhouette"] == pytest.approx(silhouettes.mean(), abs=1e-9)
    pseudo_values = silhouette_pseudo_values(embeddings, labels)
    assert found["silhouette_pseudo_values"] == pytest.approx(pseudo_values, abs=1e-12)
    assert np.array_equal(found["correct"], predictions == labels)
    assert (found["n_images"], found["n_classes"]) == (1300, 7)
    classes = class_embeddings(texts, head.text_projection)
    assert np.array_equal(predict(embed(images, head.image_projection), classes), predictions)


def test_classes_without_images_do_not_enter_the_recall():
    images, labels, texts, head = make_task()
    kept = labels < 5
    found = evaluate(images[kept], labels[kept], texts, head)
    predictions = loop_cosines(images[kept], texts, head).argmax(axis=1)
    recalls = [np.mean(predictions[labels[kept] == c] == c) for c in range(5)]
    assert found["mean_per_class_recall"] == pytest.approx(np.mean(recalls), abs=1e-12)
    assert found["n_classes"] == 7


def test_equal_classes_are_won_by_the_first():
    classes = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    images = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [1.0, 0.2]])
    assert predict(images, classes).tolist() == [0, 0, 1, 0]
    found = evaluate_embeddings(images, np.array([0, 2, 1, 0]), classes)
    assert found["correct"].tolist() == [True, False, True, True]


def test_acc5_needs_five_classes():
    images, labels, texts, head = make_task(classes=4)
    assert np.isnan(evaluate(images, labels, texts, head)["acc5"])


def test_an_image_without_embedding_stays_zero():
    images, labels, texts, head = make_task()
    images[3] = 0
    assert not embed(images, head.image_projection)[3].any()
    assert evaluate(images, labels, texts, head)["correct"][3] == (labels[3] == 0)


def test_wrong_input_is_an_error():
    images, labels, texts, head = make_task(n=40)
    with pytest.raises(ValueError, match="width 15"):
        evaluate(images[:, :15], labels, texts, head)
    with pytest.raises(ValueError, match="0 to 6"):
        evaluate(images, labels + 1, texts, head)
    with pytest.raises(ValueError, match="each of 40 images"):
        evaluate(images, labels[:39], texts, head)
    with pytest.raises(ValueError, match="whole number"):
        evaluate(images, labels + 0.5, texts, head)
    with pytest.raises(ValueError, match="no images"):
        evaluate(images[:0], labels[:0], texts, head)
    with pytest.raises(ValueError, match="templates"):
        evaluate(images, labels, texts[:, 0], head)
    with pytest.raises(ValueError, match="class 2 have a mean of zero"):
        cancelling = texts[:, :2].copy()
        cancelling[2, 1] = -cancelling[2, 0]
        evaluate(images, labels, cancelling, head)
    images[7, 2] = np.inf
    with pytest.raises(ValueError, match="row 7 is not finite"):
        evaluate(images, labels, texts, head)
