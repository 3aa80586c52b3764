"""Neurons one by one, held against their plainest form."""

import io

import numpy as np
import pytest
from PIL import Image

from lib.heads import Head
from lib.neurons import (
    choose_neurons,
    describe_purity,
    describe_ranked,
    number_tiles,
    rank_heads,
    rank_images,
)
from lib.purity import mean_abs_cosines, measure, neuron_scores
from lib.thumbnails import COLUMNS, make_sheet, most_tiles
from lib.zeroshot import embed


def make_head(seed, widths=(6, 5), dim=8):
    random = np.random.default_rng(seed)
    return Head(*(random.normal(size=(width, dim)).astype(np.float32) for width in widths), 1.0)


def naive_cosines(projection):
    """Mean |cos| of each neuron to the others, pair by pair."""
    columns = projection.astype(float).T
    means = []
    for i, one in enumerate(columns):
        others = [other for j, other in enumerate(columns) if j != i]
        lengths = [np.sqrt(sum(one**2)) * np.sqrt(sum(other**2)) for other in others]
        cosines = [sum(one * other) / n for other, n in zip(others, lengths, strict=True)]
        means.append(sum(map(abs, cosines)) / len(others))
    return means


def test_mean_abs_cosines_are_those_of_all_pairs():
    projection = make_head(0).image_projection
    assert mean_abs_cosines(projection) == pytest.approx(naive_cosines(projection))
    assert mean_abs_cosines(projection).mean() == pytest.approx(
        measure(projection)["avg_abs_cos_sim"]
    )


def test_neurons_are_chosen_from_both_ends():
    scores = np.array([0.5, 0.1, 0.9, 0.3, 0.7])
    assert choose_neurons(scores, 5).tolist() == [1, 3, 0, 4, 2]
    assert choose_neurons(scores, 99).tolist() == [1, 3, 0, 4, 2]
    assert choose_neurons(scores, 3).tolist() == [1, 3, 2]
    assert choose_neurons(scores, 1).tolist() == [1]


def test_a_model_is_described_by_all_its_heads():
    """|cos| of fine-tuned heads is averaged over seeds; the order is the pretrained head's."""
    heads = {"pretrained": {"pretrained": make_head(0)}, "none_Cs00": {"0": make_head(1)}}
    heads["none_Cs00"]["1"] = make_head(2)
    about = describe_purity(heads, 4)
    order = np.argsort(neuron_scores(make_head(0))).tolist()
    assert about["dim"] == 8
    assert about["neurons"] == [*order[:2], *order[-2:]]
    assert about["ranks"] == [0, 1, 6, 7]
    for name, seeds in (("pretrained", [0]), ("none_Cs00", [1, 2])):
        for projection in ("image", "text"):
            each = [
                naive_cosines(getattr(make_head(seed), f"{projection}_projection"))
                for seed in seeds
            ]
            expected = np.mean(each, axis=0)[about["neurons"]]
            assert about["cosines"][name][projection] == pytest.approx(expected, abs=1e-5)
    level, low, high = about["random"]["text"]
    assert low < level < high
    assert level == pytest.approx(measure(make_head(0).text_projection)["random_baseline"], 1e-4)


def test_images_that_excite_neurons_are_those_of_a_plain_sort():
    embeddings = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    ranked = rank_images(embeddings, np.array([5, 2]), 3)
    for i, neuron in enumerate((5, 2)):
        rows = sorted(range(30), key=lambda row, neuron=neuron: embeddings[row, neuron])
        assert ranked.least[i].tolist() == rows[:3]
        assert ranked.most[i].tolist() == rows[::-1][:3]
        assert ranked.most_values[i].tolist() == [embeddings[row, neuron] for row in rows[::-1][:3]]
        assert ranked.least_values[i].tolist() == [embeddings[row, neuron] for row in rows[:3]]


def test_no_image_both_excites_most_and_least():
    ranked = rank_images(np.zeros((5, 2)), np.array([0, 1]), 4)  # all equal: their order decides
    assert ranked.least.tolist() == [[0, 1]] * 2
    assert ranked.most.tolist() == [[4, 3]] * 2


def test_tiles_lead_back_to_the_images():
    """Each image that is named has one tile, whoever names it; of several seeds, the first."""
    features = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
    heads = {"clip": {"pretrained": {"pretrained": make_head(0)}}}
    heads["clip"]["similar_Cs30"] = {"0": make_head(2), "1": make_head(1)}
    ranked = rank_heads({"clip": features}, heads, {"clip": [3, 7]}, 2, seed=1)
    rows = number_tiles(ranked)
    assert sorted(set(rows.tolist())) == rows.tolist()
    described = describe_ranked(ranked, rows)["clip"]
    for name, seed in (("pretrained", 0), ("similar_Cs30", 1)):
        embeddings = embed(features, make_head(seed).image_projection)
        for i, neuron in enumerate((3, 7)):
            order = np.argsort(embeddings[:, neuron])
            assert rows[described[name]["least"][i]].tolist() == order[:2].tolist()
            assert rows[described[name]["most"][i]].tolist() == order[::-1][:2].tolist()
            value = embeddings[order[-1], neuron]
            assert described[name]["most_values"][i][0] == round(1000 * float(value))


def test_a_sheet_has_its_tiles_row_by_row():
    colours = [(i % 7 * 40, i % 5 * 60, i % 3 * 120) for i in range(COLUMNS + 2)]
    images = [Image.new("RGB", (20, 30), colour) for colour in colours]
    sheet = Image.open(io.BytesIO(make_sheet(images, 16)))
    assert sheet.size == (COLUMNS * 16, 2 * 16)
    for number, colour in enumerate(colours):
        row, column = divmod(number, COLUMNS)
        found = sheet.getpixel((column * 16 + 8, row * 16 + 8))
        assert np.abs(np.subtract(found, colour)).max() < 16, number


def test_a_sheet_says_how_much_it_holds():
    with pytest.raises(ValueError, match=f"1 to {most_tiles(64)}, found 0"):
        make_sheet([], 64)
