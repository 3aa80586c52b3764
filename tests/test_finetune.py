"""Cached fine-tuning against end-to-end training of the same frozen model on pixels."""

import io
import json
import math
from dataclasses import replace
from functools import partial

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from lib.corpus import Sample, write_shard
from lib.exports import write_checkpoint
from lib.features import extract_texts, extract_views
from lib.finetune import (
    FeaturePairs,
    Recipe,
    contrastive_loss,
    epoch_order,
    finetune,
    label_epochs,
    learning_rates,
    select_pairs,
)
from lib.heads import Head
from lib.models import build_model, get_crop, get_tokenizer, get_transform, split_head
from lib.training_log import find_best_epoch
from lib.validation import score_retrieval

COUNT = 48
RECIPE = Recipe(epochs=9, batch_size=16, lr=1e-3, warmup_epochs=1)
KEYS = [f"key{number}" for number in range(COUNT)]
CAPTIONS = [f"a photo of thing {i % 7} and {i % 11}" for i in range(COUNT)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A shard of images without meaning."""
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3), dtype=np.uint8)
    shard = tmp_path_factory.mktemp("corpus") / "0.tar"
    write_shard(
        shard,
        (Sample(key, {"png": encode(image)}) for key, image in zip(KEYS, pixels, strict=True)),
    )
    return shard


def encode(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def extract(tmp_path, architecture, corpus, views):
    """Cached features, and the images that the towers were given, (views, n, 3, size, size)."""
    crops = []
    transform = get_transform(architecture)
    crop = get_crop(architecture, (0.5, 1.0)) if views > 1 else None

    def record(image):
        crops.append(transform(image))
        return crops[-1]

    towers, head = split_head(build_model(architecture, seed=1))
    path = tmp_path / f"images{views}.npy"
    device = torch.device("cpu")
    extract_views(path, towers, [corpus], KEYS, record, views, 0, 10, device, crop=crop)
    texts = extract_texts(towers, get_tokenizer(architecture), CAPTIONS, 10, device)
    pixels = towers.normalise(torch.stack(crops)).unflatten(0, (views, COUNT))
    return head, np.load(path, mmap_mode="r"), texts, pixels


def train_end_to_end(architecture, pixels, permutation, recipe, seed):
    """The plain form: forward passes of the whole model in every step, open_clip's own loss."""
    model = build_model(architecture, seed=1).eval().requires_grad_(False)
    trained = [model.visual.head.proj.weight, model.text_projection]
    for weight in trained:
        weight.requires_grad_(True)
    optimiser = torch.optim.AdamW(
        trained, weight_decay=recipe.weight_decay, betas=recipe.betas, eps=recipe.eps
    )
    tokens = get_tokenizer(architecture)(CAPTIONS)[torch.from_numpy(permutation)]
    steps = COUNT // recipe.batch_size
    rates = iter(learning_rates(recipe, steps))
    for epoch in range(recipe.epochs):
        for rows in epoch_order(COUNT, epoch, seed).split(recipe.batch_size):
            optimiser.param_groups[0]["lr"] = next(rates)
            images, texts, scale = model(pixels[epoch % len(pixels)][rows], tokens[rows])
            loss = open_clip.ClipLoss()(images, texts, scale)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return Head(trained[0].detach().T.numpy(), trained[1].detach().numpy(), 0.0)


def difference(one: Head, other: Head) -> float:
    return max(
        float(np.abs(one.image_projection - other.image_projection).max()),
        float(np.abs(one.text_projection - other.text_projection).max()),
    )


@pytest.fixture(scope="module", params=[1, 3])
def trained(request, tmp_path_factory, tiny_architecture, corpus):
    """Both paths for one and for three views, with a permutation of the captions."""
    folder = tmp_path_factory.mktemp("features")
    head, images, texts, pixels = extract(folder, tiny_architecture, corpus, request.param)
    permutation = np.random.default_rng(1).permutation(COUNT)
    oracle = train_end_to_end(tiny_architecture, pixels, permutation, RECIPE, seed=5)
    return head, images, texts, permutation, oracle


def no_score(head):
    """Where the best epoch is not looked at."""
    return 0.0


def run_cached(head, images, texts, permutation):
    pairs = select_pairs([images], texts, CAPTIONS, permutation, np.arange(COUNT))
    return finetune(head, pairs, no_score, RECIPE, seed=5).head


def test_cached_training_equals_training_on_pixels(trained):
    head, images, texts, permutation, oracle = trained
    assert difference(head, oracle) > 1e-2
    assert difference(run_cached(head, images, texts, permutation), oracle) < 1e-5


def test_images_in_several_chunks_give_the_same_head(trained):
    head, images, texts, permutation, _ = trained
    rows = np.random.default_rng(2).permutation(COUNT)[:40]
    heads = []
    for chunks in ([images], [images[:, :7], images[:, 7:30], images[:, 30:]]):
        pairs = select_pairs(chunks, texts, CAPTIONS, permutation, rows)
        assert pairs.views == len(images)
        heads.append(finetune(head, pairs, no_score, RECIPE, seed=5).head)
    assert difference(*heads) == 0


def test_a_wrong_permutation_is_noticed(trained):
    head, images, texts, permutation, oracle = trained
    wrong = permutation.copy()
    wrong[[0, 1]] = wrong[[1, 0]]
    assert difference(run_cached(head, images, texts, wrong), oracle) > 1e-4


def test_a_wrong_view_is_noticed(trained):
    head, images, texts, permutation, oracle = trained
    wrong = np.roll(images, 1, axis=0) if len(images) > 1 else images[:, ::-1]
    assert difference(run_cached(head, wrong, texts, permutation), oracle) > 1e-4


def test_loss_equals_that_of_open_clip():
    images, texts = torch.randn(2, 12, 8, generator=torch.Generator().manual_seed(0))
    normalised = (torch.nn.functional.normalize(x, dim=-1) for x in (images, texts))
    expected = open_clip.ClipLoss()(*normalised, torch.tensor(2.0).exp())
    assert contrastive_loss(images, texts, 2.0).item() == pytest.approx(expected.item(), abs=1e-6)


def test_learning_rate_warms_up_and_falls():
    rates = learning_rates(Recipe(epochs=10, warmup_epochs=1), steps_per_epoch=50)
    assert len(rates) == 500
    assert rates[0] == pytest.approx(1e-6)
    assert max(rates) == pytest.approx(1e-3)
    assert rates[:50] == sorted(rates[:50])
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert rates[-1] == pytest.approx(1e-5, rel=0.01)


def make_pairs(images, texts):
    rows = np.arange(len(texts))
    return FeaturePairs([images[None]], rows, texts, rows.astype(str))


@pytest.fixture
def random_pairs():
    generator = np.random.default_rng(3)
    return make_pairs(*generator.normal(size=(2, 64, 8)).astype(np.float32))


@pytest.fixture
def random_head():
    weights = np.random.default_rng(4).normal(size=(2, 8, 4)).astype(np.float32)
    return Head(weights[0], weights[1], 2.0)


def test_infinite_loss_names_epoch_and_step(random_pairs, random_head):
    random_pairs.texts[7] = np.inf
    with pytest.raises(FloatingPointError, match=r"epoch 0, step \d"):
        finetune(random_head, random_pairs, no_score, Recipe(batch_size=16), seed=0)


def test_infinite_weights_of_the_last_step_are_not_kept(random_pairs, random_head):
    recipe = Recipe(epochs=1, batch_size=64, lr_start=1e39)
    with pytest.raises(FloatingPointError, match="weights are not finite after epoch 0"):
        finetune(random_head, random_pairs, no_score, recipe, seed=0)


def test_fewer_pairs_than_a_batch_is_an_error(random_pairs, random_head):
    with pytest.raises(ValueError, match="64 training pairs are fewer than one batch of 65"):
        finetune(random_head, random_pairs, no_score, Recipe(batch_size=65), seed=0)


def test_same_seed_same_head_and_other_seed_another(random_pairs, random_head):
    train = partial(finetune, random_head, random_pairs, no_score, Recipe(batch_size=16))
    assert difference(train(seed=0).head, train(seed=0).head) == 0
    assert difference(train(seed=0).head, train(seed=1).head) > 0


def test_best_epoch_has_the_best_validation_accuracy(random_pairs, random_head):
    score = score_retrieval(random_pairs, "cpu")
    result = finetune(random_head, random_pairs, score, Recipe(batch_size=16, lr=0.1), seed=0)
    accuracies = [score(head) for head in result.epoch_heads]
    assert [record["validation_accuracy"] for record in result.history] == accuracies
    assert len(set(accuracies)) > 1
    best = find_best_epoch(result.history)
    assert accuracies[best] == max(accuracies) > max([0, *accuracies[:best]])
    json.dumps(result.history)


def test_exported_checkpoint_loads_back_into_open_clip(tmp_path, tiny_architecture, random_head):
    weights = build_model(tiny_architecture, seed=1).state_dict()
    generator = np.random.default_rng(0)
    head = Head(
        generator.normal(size=(128, 16)).astype(np.float32),
        generator.normal(size=(32, 16)).astype(np.float32),
        math.log(10),
    )
    write_checkpoint(tmp_path / "checkpoint.pt", weights, head, 9, "open_clip")
    model = build_model(tiny_architecture, seed=2)
    stored = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    model.load_state_dict(stored["state_dict"])
    features = torch.randn(3, 128)
    expected = features.numpy() @ head.image_projection
    np.testing.assert_allclose(model.visual.head(features).detach(), expected, atol=1e-4)
    np.testing.assert_array_equal(model.text_projection.detach(), head.text_projection)


def test_pairs_that_are_left_out_are_not_trained_on():
    features = np.arange(12, dtype=np.float32).reshape(6, 2)
    permutation = np.array([1, 0, -1, 3, -1, 5])
    pairs = select_pairs([features[None]], features, list("abcdef"), permutation, np.arange(5))
    assert pairs.rows.tolist() == [0, 1, 3]
    assert pairs.texts.tolist() == features[[1, 0, 3]].tolist()
    assert pairs.view(0).tolist() == features[[0, 1, 3]].tolist()


def test_the_heads_of_all_epochs_are_those_of_shorter_trainings(random_head, random_pairs):
    """With a rate that does not depend on the length of the training."""
    recipe = Recipe(epochs=3, batch_size=16, lr=1e-3, lr_end=1e-3, warmup_epochs=0)
    result = finetune(random_head, random_pairs, lambda _: 0.0, recipe, seed=0)
    labelled = label_epochs({7: result})
    assert list(labelled) == ["7/1", "7/2", "7/3"]
    for epochs, head in enumerate(labelled.values(), start=1):
        shorter = replace(recipe, epochs=epochs)
        expected = finetune(random_head, random_pairs, lambda _: 0.0, shorter, seed=0).head
        for one, other in zip(head, expected, strict=True):
            np.testing.assert_array_equal(one, other)
