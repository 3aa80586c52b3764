"""The remedies against loops over single pairs."""

import numpy as np
import pytest

import lib.remedy
from lib.remedy import (
    DROPPED,
    Settings,
    apply_remedies,
    choose_clean,
    choose_margin,
    describe_remedy,
    drop_lowest,
    propose,
    replace,
)


@pytest.fixture
def embedded():
    """Unit embeddings of 60 images and captions."""
    rng = np.random.default_rng(0)
    both = rng.normal(size=(2, 60, 8))
    return both / np.linalg.norm(both, axis=-1, keepdims=True)


def test_the_clean_subset_is_a_random_part_of_the_aligned_pairs():
    is_aligned = np.arange(1000) % 3 > 0
    clean = choose_clean(is_aligned, 0.1, seed=0)
    assert len(set(clean)) == 100
    assert is_aligned[clean].all()
    assert (np.diff(clean) > 0).all()
    assert (choose_clean(is_aligned, 0.1, seed=0) == clean).all()
    assert (choose_clean(is_aligned, 0.1, seed=1) != clean).any()
    assert (choose_clean(is_aligned, 0.9, seed=0) == np.flatnonzero(is_aligned)).all()


@pytest.mark.parametrize("block", [1024, 7])
@pytest.mark.parametrize("count", [1, 5])
def test_proposals_are_the_best_captions_of_similar_clean_images(
    embedded, monkeypatch, block, count
):
    monkeypatch.setattr(lib.remedy, "_BLOCK", block)
    images, texts = embedded
    clean = np.arange(0, 60, 3)
    found = propose(images, texts, clean, count)
    for row in range(60):
        others = [other for other in clean if other != row]
        others.sort(key=lambda other: -images[row] @ images[other])
        expected = max(others[:count], key=lambda other: images[row] @ texts[other])
        assert found[row] == expected


def test_too_few_clean_pairs_are_an_error(embedded):
    with pytest.raises(ValueError, match="5 clean pairs, expected more than the 5 to propose"):
        propose(*embedded, np.arange(5), 5)


@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_a_caption_is_replaced_where_the_proposal_agrees_better(embedded, margin):
    images, texts = embedded
    rng = np.random.default_rng(1)
    shown, proposed = rng.integers(60, size=(2, 60))
    found = replace(images, texts, shown, proposed, margin)
    for row in range(60):
        agreements = images[row] @ texts[shown[row]], images[row] @ texts[proposed[row]]
        is_better = agreements[1] > agreements[0] + margin
        assert found[row] == (proposed if is_better else shown)[row]
    assert 0 < (found != shown).sum() < 60


def test_a_caption_that_agrees_equally_well_replaces_none(embedded):
    images, texts = embedded
    shown = np.arange(60)
    assert (replace(images, texts, shown, shown, 0.0) == shown).all()


@pytest.mark.parametrize("false_replacements", [0.0, 0.05, 0.3])
def test_the_margin_bounds_the_clean_captions_that_are_replaced(embedded, false_replacements):
    images, texts = embedded
    clean = np.arange(0, 60, 3)
    proposed = propose(images, texts, clean, 5)
    margin = choose_margin(images, texts, clean, proposed, false_replacements)

    def count(margin):
        return (replace(images, texts, np.arange(60), proposed, margin) != np.arange(60))[
            clean
        ].sum()

    assert count(0.0) > 7
    assert count(margin) == int(false_replacements * 20), "not one more could be spared"


def test_proposals_that_never_agree_better_need_no_margin(embedded):
    images, _ = embedded
    clean = np.arange(60)
    assert choose_margin(images, images, clean, np.roll(clean, 1), 0.05) == 0.0


@pytest.mark.parametrize(("share", "dropped"), [(0, 0), (0.25, 15), (1, 60)])
def test_the_pairs_of_lowest_cosine_are_left_out(share, dropped):
    rng = np.random.default_rng(2)
    cosines, shown = rng.normal(size=60), rng.integers(60, size=60)
    kept = drop_lowest(cosines, shown, share)
    is_dropped = kept == DROPPED
    assert is_dropped.sum() == dropped
    assert (kept[~is_dropped] == shown[~is_dropped]).all()
    if 0 < dropped < 60:
        assert cosines[is_dropped].max() < cosines[~is_dropped].min()


# --- All remedies of a corpus ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus():
    """300 images near their captions, and half of the captions rotated among their pairs."""
    rng = np.random.default_rng(5)
    texts = rng.normal(size=(300, 16))
    images = texts + 0.3 * rng.normal(size=texts.shape)
    images, texts = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (images, texts))
    shown = np.arange(300)
    swapped = rng.permutation(300)[:150]
    shown[swapped] = np.roll(swapped, 1)
    return images, texts, shown, shown != np.arange(300)


def test_remedies_find_swapped_captions_and_spare_the_others(corpus):
    images, texts, shown, is_swapped = corpus
    settings = Settings(clean_share=0.2, neighbours=3, false_replacements=0.05, drop=(0.25, 0.5))
    remedies = apply_remedies(images, texts, shown, is_swapped, settings, seed=0)
    assert list(remedies) == ["filtered", "dropped25", "dropped50"]
    effects = {n: describe_remedy(texts, shown, r, is_swapped) for n, r in remedies.items()}
    filtered = remedies["filtered"]
    assert effects["filtered"]["changed_swapped"] == np.mean((filtered != shown)[is_swapped]) > 0.9
    assert effects["filtered"]["changed_aligned"] < 0.05
    assert effects["dropped25"]["changed_swapped"] == pytest.approx(0.5, abs=0.01)
    assert effects["dropped50"]["changed_swapped"] > 0.95
    before = describe_remedy(texts, shown, shown, is_swapped)
    assert (before["changed_swapped"], before["changed_aligned"]) == (0, 0)
    assert before["caption_agreement"] == pytest.approx(np.mean((texts * texts[shown]).sum(axis=1)))
    assert before["caption_agreement"] < effects["filtered"]["caption_agreement"]
    kept = remedies["dropped50"] != DROPPED
    expected = np.mean((texts[kept] * texts[remedies["dropped50"][kept]]).sum(axis=1))
    assert effects["dropped50"]["caption_agreement"] == pytest.approx(expected)


def test_a_remedy_knows_of_the_clean_pairs_alone_which_are_aligned(corpus):
    images, texts, shown, is_swapped = corpus
    settings = Settings(clean_share=0.2, neighbours=3, false_replacements=0.05, drop=(0.25,))
    expected = apply_remedies(images, texts, shown, is_swapped, settings, seed=0)
    clean = choose_clean(~is_swapped, 0.2, seed=0)
    known = np.ones_like(is_swapped)
    known[clean] = False
    found = apply_remedies(images, texts, shown, known, settings, seed=0)
    for name, remedied in expected.items():
        assert (found[name] == remedied).all()
    assert (expected["filtered"][clean] == clean).all()
