"""Experiment 0: the pairs, all runs' encoders at once, the remedy, and the rank correlation."""

import copy
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from scipy.stats import spearmanr
from torch.nn.functional import cosine_similarity, cross_entropy, normalize

from lib.config import check_config
from lib.purity import measure
from lib.ranking import correlate, rank_runs
from lib.simulation import (
    RemedySettings,
    concept_cosines,
    filter_pairs,
    measure_replacement,
    neuron_abs_cosines,
    rank_correlation,
    simulate,
)
from lib.sparse_pairs import (
    PairSettings,
    draw_clean_pairs,
    draw_codes,
    draw_dictionaries,
    draw_pairs,
    find_partners,
    replace_concepts,
    seeded,
)
from lib.twin_encoders import (
    TrainingSettings,
    encode,
    infonce,
    initial_encoders,
    spectral,
    train_encoders,
)

PAIRS = PairSettings(
    concepts=8,
    dimension=16,
    active=2,
    signed=True,
    noise=0.05,
    clean_share=0.3,
    pairs=512,
    held_out=200,
    test_images=80,
    distractor=0.5,
)
TRAINING = TrainingSettings(
    neurons=20,
    init=0.1,
    threshold=0.5,
    threshold_ramp=0.5,
    loss="spectral",
    temperature=1.0,
    steps=40,
    batch_size=64,
    lr=0.003,
    weight_decay=1.0,
)
REMEDY = RemedySettings(ridge=0.001, false_replacements=0.05)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# --- Pairs ----------------------------------------------------------------------------------------


def test_dictionaries_are_orthonormal_and_differ_between_seeds_and_modalities():
    dictionaries = draw_dictionaries(PAIRS, [0, 1])
    for each in dictionaries:
        gram = each.mT @ each
        assert torch.allclose(gram, torch.eye(8).expand(2, 8, 8), atol=1e-5)
        assert not torch.allclose(each[0], each[1])
    assert not torch.allclose(dictionaries.image, dictionaries.text)


@pytest.mark.parametrize("signed", [True, False])
def test_concepts_are_as_active_as_asked(signed):
    codes = draw_codes(replace(PAIRS, signed=signed), 20000, seeded(0, "test"))
    active = (codes != 0).sum(dim=1)
    nobody = (1 - 2 / 8) ** 8  # pairs that are given one concept
    assert active.min() == 1
    assert active.double().mean() == pytest.approx(2 + nobody, abs=0.03)
    assert set(codes.unique().tolist()) == ({-1.0, 0.0, 1.0} if signed else {0.0, 1.0})


def test_a_replaced_concept_moves_to_its_partner_and_adds_up():
    codes = torch.tensor([[1.0, 0, 0, -1, 1, 1]])
    is_replaced = torch.tensor([[True, True, False, True, True, False]])
    assert replace_concepts(codes, is_replaced).tolist() == [[0, 1, -1, 0, 0, 2]]
    partners = find_partners(6)
    assert torch.equal(partners[partners], torch.arange(6))
    assert not (partners == torch.arange(6)).any()


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_active_concepts_get_their_partner_with_probability_p(p):
    """Without noise, codes can be read off the pairs again."""
    settings = replace(PAIRS, noise=0.0, pairs=20000, active=0.5)
    dictionaries = draw_dictionaries(settings, [3])
    pairs = draw_pairs(settings, dictionaries, [3], [p])
    codes = (pairs.images @ dictionaries.image)[0].round()
    text_codes = (pairs.texts @ dictionaries.text)[0].round()
    clean = pairs.is_clean[0]
    assert clean.double().mean() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(codes[clean], text_codes[clean])
    alone = (codes.abs().sum(dim=1) == 1) & ~clean  # one concept: what became of it is plain
    replaced = (codes[alone] != text_codes[alone]).any(dim=1)
    assert replaced.double().mean() == pytest.approx(p, abs=0.02)
    moved = codes[alone][replaced][:, find_partners(8)]
    assert torch.equal(moved, text_codes[alone][replaced])
    assert torch.equal(pairs.is_wrong[0], (codes != text_codes).any(dim=1))


def test_runs_of_one_seed_differ_in_p_alone():
    dictionaries = draw_dictionaries(PAIRS, [5, 5])
    pairs = draw_pairs(PAIRS, dictionaries, [5, 5], [0.0, 0.4])
    assert torch.equal(pairs.images[0], pairs.images[1])
    right = ~pairs.is_wrong[1]
    assert torch.equal(pairs.texts[0][right], pairs.texts[1][right])
    assert 0 < pairs.is_wrong[1].sum() < 512


# --- Encoders -------------------------------------------------------------------------------------


def test_neurons_are_symmetrised_relus_with_bias():
    weights = torch.randn(2, 16, 5, generator=seeded(0, "weights"))
    inputs = torch.randn(2, 7, 16, generator=seeded(0, "inputs"))
    found = encode(inputs, weights, 0.4)
    for run, row, neuron in np.ndindex(2, 7, 5):
        w, x = weights[run, :, neuron], inputs[run, row]
        bias = 0.4 * w.norm()
        expected = torch.relu(w @ x - bias) - torch.relu(-w @ x - bias)
        assert found[run, row, neuron] == pytest.approx(expected.item(), abs=1e-5)


def test_losses_are_those_of_their_definitions():
    images = torch.randn(2, 6, 5, generator=seeded(0, "images"))
    texts = torch.randn(2, 6, 5, generator=seeded(0, "texts"))
    for run in range(2):
        f, h = images[run], texts[run]
        logits = cosine_similarity(f[:, None], h[None], dim=-1) / 0.2
        target = torch.arange(6)
        expected = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
        assert infonce(images, texts, 0.2)[run] == pytest.approx(expected.item(), rel=1e-5)
        others = [(f[i] @ h[j]) ** 2 for i in range(6) for j in range(6) if i != j]
        aligned = [f[i] @ h[i] for i in range(6)]
        expected = sum(others) / 30 / 0.5 - 2 * sum(aligned) / 6
        assert spectral(images, texts, 0.5)[run] == pytest.approx(expected.item(), rel=1e-4)


def train_alone(settings, images, texts, seed):
    """One run without an axis of runs, with the plainest form of every part."""
    initial = initial_encoders(settings, images.shape[1], [seed])
    weights = [each[0].clone().requires_grad_() for each in initial[:2]]
    optimizer = torch.optim.AdamW(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    per_epoch = len(images) // settings.batch_size
    for step in range(settings.steps):
        order = torch.randperm(len(images), generator=seeded(step // per_epoch, "order"))
        rows = order.view(-1, settings.batch_size)[step % per_epoch]
        cosine = (1 + np.cos(np.pi * step / settings.steps)) / 2
        optimizer.param_groups[0]["lr"] = settings.lr * min(1, (step + 1) / 50) * cosine
        threshold = settings.threshold * min(1, step / (settings.threshold_ramp * settings.steps))
        f, h = (
            torch.relu(x[rows] @ w - threshold * w.norm(dim=0))
            - torch.relu(-x[rows] @ w - threshold * w.norm(dim=0))
            for x, w in zip((images, texts), weights, strict=True)
        )
        products = (f @ h.T) ** 2
        n = len(rows)
        repulsion = (products.sum() - products.trace()) / (n * (n - 1)) / settings.temperature
        loss = repulsion - 2 * (f * h).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [each.detach() for each in weights]


def test_all_runs_at_once_are_each_run_alone():
    seeds, shares = [0, 1, 0], [0.0, 0.3, 0.5]
    pairs = draw_pairs(PAIRS, draw_dictionaries(PAIRS, seeds), seeds, shares)
    together = train_encoders(TRAINING, pairs, seeds)
    for run, seed in enumerate(seeds):
        image, text = train_alone(TRAINING, pairs.images[run], pairs.texts[run], seed)
        moved = image - initial_encoders(TRAINING, 16, [seed]).image[0]
        assert moved.abs().mean() > 0.003  # far above the tolerance below
        assert torch.allclose(together.image[run], image, atol=2e-4)
        assert torch.allclose(together.text[run], text, atol=2e-4)


# --- The remedy -----------------------------------------------------------------------------------


def test_captions_are_replaced_by_the_rule_run_by_run():
    seeds, shares = [0, 1], [0.0, 0.5]
    dictionaries = draw_dictionaries(PAIRS, seeds)
    pairs = draw_pairs(PAIRS, dictionaries, seeds, shares)
    held_out = draw_clean_pairs(PAIRS, dictionaries, seeds)
    encoders = train_encoders(TRAINING, pairs, seeds)
    filtered = filter_pairs(encoders, pairs, held_out, REMEDY)
    for run in range(2):
        x, y = pairs.images[run].double(), pairs.texts[run].double()
        clean = pairs.is_clean[run]
        gram = x[clean].T @ x[clean] + 0.001 * clean.sum() * torch.eye(16)
        recaptioner = torch.linalg.inv(gram) @ x[clean].T @ y[clean]

        def gain(images, texts, run=run, recaptioner=recaptioner):
            def unit(inputs, weights):
                return normalize(
                    encode(inputs.float()[None], weights[run : run + 1], 0.5)[0], dim=1
                )

            f = unit(images, encoders.image)
            recaptions = unit(images.double() @ recaptioner, encoders.text)
            return (f * recaptions).sum(dim=1) - (f * unit(texts, encoders.text)).sum(dim=1)

        held_gains = gain(held_out.images[run], held_out.texts[run]).sort().values
        margin = max(0.0, held_gains[190].item())  # of 200, at most 5% lie above it
        gains = gain(x, y)
        sure = (gains - margin).abs() > 1e-4  # the rest is rounding
        expected = (gains > margin) & ~clean
        assert torch.equal(filtered.is_replaced[run][sure], expected[sure])
        kept = ~filtered.is_replaced[run]
        assert torch.equal(filtered.pairs.texts[run][kept], pairs.texts[run][kept])
        replaced = filtered.is_replaced[run]
        assert torch.allclose(
            filtered.pairs.texts[run][replaced], (x @ recaptioner).float()[replaced], atol=1e-4
        )
    assert filtered.is_replaced[0].double().mean() <= 0.08  # harmless where nothing is wrong
    assert filtered.is_replaced[1].sum() > 0


def test_replacement_is_told_by_precision_and_recall():
    wrong = torch.tensor([[True, True, False, False], [False] * 4])
    replaced = torch.tensor([[True, False, True, False], [False] * 4])
    first, second = measure_replacement(wrong, replaced)
    assert first == {
        "wrong_share": 0.5,
        "replaced_share": 0.5,
        "precision": 0.5,
        "recall": 0.5,
    }
    assert second["precision"] is None
    assert second["recall"] is None


# --- Measures -------------------------------------------------------------------------------------


def test_measures_of_neurons_are_those_of_plain_loops():
    weights = torch.randn(2, 16, 6, generator=seeded(1, "weights"))
    dictionary = draw_dictionaries(PAIRS, [0, 1]).image
    cosines = concept_cosines(weights, dictionary)
    for run in range(2):
        w = weights[run].numpy()
        for neuron, concept in np.ndindex(6, 8):
            d = dictionary[run, :, concept].numpy()
            expected = abs(w[:, neuron] @ d) / np.linalg.norm(w[:, neuron])
            assert cosines[run, neuron, concept] == pytest.approx(expected, abs=1e-5)
        mean = neuron_abs_cosines(weights)[run]
        assert mean.mean() == pytest.approx(measure(w)["avg_abs_cos_sim"], abs=1e-6)
        largest = cosines[run].amax(dim=1)
        expected = spearmanr(mean, largest).statistic
        found = rank_correlation(mean[None], largest[None]).item()
        assert found == pytest.approx(expected, abs=1e-9)


def test_the_same_seeds_give_the_same_rows_and_other_runs_do_not_change_them():
    few = simulate(PAIRS, TRAINING, REMEDY, [0.0, 0.5], [0, 1])
    again = simulate(PAIRS, TRAINING, REMEDY, [0.0, 0.5], [0, 1])
    assert few[0] == again[0]
    assert all(np.array_equal(few[1][data], again[1][data]) for data in few[1])
    rows = pd.DataFrame(few[0])
    assert rows.groupby("data").size().to_dict() == {"untrained": 2, "raw": 4, "filtered": 4}
    alone = pd.DataFrame(simulate(PAIRS, TRAINING, REMEDY, [0.5], [1])[0])
    for data in ("raw", "filtered"):
        (one,) = alone[alone["data"] == data].to_dict("records")
        place = (rows["data"] == data) & (rows["p"] == 0.5) & (rows["seed"] == 1)
        (other,) = rows[place].to_dict("records")
        assert one["true_purity"] == pytest.approx(other["true_purity"], abs=1e-2)
        assert one["mean_abs_cos"] == pytest.approx(other["mean_abs_cos"], abs=1e-2)
    assert few[1]["raw"].shape == (2, 2, 20)


# --- The rank correlation -------------------------------------------------------------------------


def make_table(noise, slope=-1.0):
    generator = np.random.default_rng(0)
    rows = [
        {"data": data, "p": p, "seed": seed, "true_purity": 1 - p + 0.1 * generator.normal()}
        for data in ("raw", "filtered")
        for p in (0.0, 0.25, 0.5)
        for seed in range(6)
    ]
    table = pd.DataFrame(rows)
    table["mean_abs_cos"] = slope * table["true_purity"] + noise * generator.normal(size=len(table))
    return table


def test_rank_correlation_across_runs_is_spearmans():
    table = make_table(noise=0.3)
    found = correlate(table, within=False, seed=0, draws=200)
    expected = spearmanr(table["mean_abs_cos"], table["true_purity"])
    assert found.estimate == pytest.approx(expected.statistic)
    assert found.low <= found.estimate <= found.high
    assert math.isnan(found.p_value)


def test_within_p_only_what_seeds_change_counts():
    table = make_table(noise=0.0)
    found = correlate(table, within=True, seed=0, draws=1000)
    assert found.estimate == pytest.approx(-1)
    assert found.p_value == pytest.approx(1 / 720)  # of all pairings of six seeds, this one alone
    # p alone moves both: within p nothing is left but chance
    table["mean_abs_cos"] = table["p"] + 0.01 * np.random.default_rng(1).normal(size=len(table))
    across, within = (correlate(table, each, 0, 200) for each in (False, True))
    assert across.estimate < -0.7
    assert abs(within.estimate) < 0.5
    assert within.p_value > 0.05


@pytest.mark.parametrize("draws", [119, 120])  # drawn, and all of them
def test_seeds_that_are_alike_in_all_conditions_count_once(draws):
    """Runs of a seed share what decides them: paired at random, they seem to be many."""
    false = 0
    for number in range(40):
        generator = np.random.default_rng(number)
        seeds = np.arange(5)
        rows = [
            {"data": "raw", "p": p, "seed": seeds, "mean_abs_cos": one, "true_purity": other}
            for one, other in [generator.normal(size=(2, 5))]
            for p in range(8)
        ]
        table = pd.concat(map(pd.DataFrame, rows), ignore_index=True)
        table["mean_abs_cos"] += 0.3 * generator.normal(size=len(table))
        false += correlate(table, within=True, seed=0, draws=draws).p_value <= 0.05
    assert false <= 5


def test_every_scope_is_ranked():
    scopes = {row["scope"]: row["runs"] for row in rank_runs(make_table(0.1), draws=50)}
    assert scopes == {
        "raw, p = 0": 6,
        "raw, p = 0.25": 6,
        "raw, p = 0.5": 6,
        "raw, within p": 18,
        "raw, across p": 18,
        "raw and filtered, across p": 36,
    }


# --- The configuration ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("p",), [0.1, 0.5], r"simulation\.p is \[0\.1, 0\.5\]; allowed: with 0"),
        (("p",), [0, 1.5], r"simulation\.p\[1\] is 1\.5; .* at most 1"),
        (("pairs", "concepts"), 7, r"pairs\.concepts is 7; allowed: a multiple of 2"),
        (("pairs", "dimension"), 10, r"pairs\.dimension is 10; allowed: at least 50"),
        (("pairs", "pairs"), 100, r"pairs\.pairs is 100; allowed: at least 128"),
        (("pairs", "test_images"), 50, r"test_images is 50; allowed: at least 51"),
        (("pairs", "active"), 60, r"pairs\.active is 60; allowed: at most the 50"),
        (("training", "loss"), "hinge", r"loss is 'hinge'; allowed: one of 'infonce', 'spectral'"),
        (("training", "speed"), 1, r"Unknown key speed in simulation\.training"),
    ],
)
def test_an_impossible_simulation_is_refused(root, path, value, message):
    config = copy.deepcopy(yaml.safe_load((root / "config/simulation.yaml").read_text()))
    *keys, last = path
    place = config["simulation"]
    for key in keys:
        place = place[key]
    place[last] = value
    with pytest.raises(ValueError, match=message):
        check_config(config, root / "workflow/schemas/config.schema.yaml", root)


def test_only_a_study_of_the_simulation_alone_has_no_models(root):
    schema = root / "workflow/schemas/config.schema.yaml"
    config = yaml.safe_load((root / "config/simulation.yaml").read_text())
    check_config(config, schema, root)
    del config["simulation"]
    with pytest.raises(ValueError, match=r"models is \[\]; allowed: at least one"):
        check_config(config, schema, root)
