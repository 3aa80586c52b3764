"""Pretraining against open_clip's own step and schedule; seeds, interruptions, captions, errors."""

import dataclasses
import io
import logging
import math
import re
import types

import numpy as np
import open_clip
import pytest
import torch
from open_clip_train.scheduler import cosine_lr
from PIL import Image

import lib.pretrain
from lib.architectures import read_architecture
from lib.corpus import CaptionTable, Sample, write_captions, write_shard
from lib.models import build_model
from lib.pretrain import (
    Normaliser,
    PixelPairs,
    PretrainSettings,
    build_optimizer,
    caption_pool,
    learning_rate,
    load_pairs,
    pretrain,
    validate,
)
from lib.progress import Progress
from lib.resume import StateFolder

CPU = torch.device("cpu")
SETTINGS = PretrainSettings(
    epochs=3,
    batch_size=16,
    lr=2e-3,
    warmup_epochs=1,
    weight_decay=0.1,
    captions=("raw", "rewrites"),
    seed=0,
)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small batches gain nothing by threads, and lose much where cores are shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def architecture(root):
    return read_architecture("config/architectures/tiny.json", root)


def make_pairs(count, sources, seed=0):
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (count, 32, 32, 3), generator=generator, dtype=torch.uint8)
    tokens = torch.randint(1, 40000, (sources, count, 16), generator=generator, dtype=torch.int32)
    return PixelPairs(pixels, tokens)


TRAIN, VALIDATION, NOTHING = make_pairs(40, 3), make_pairs(20, 3, seed=1), make_pairs(0, 3)


def run(architecture, folder, settings=SETTINGS, train=TRAIN, validation=VALIDATION):
    return pretrain(architecture, train, validation, settings, CPU, StateFolder(folder))


def same_weights(one, other):
    names, others = one.state_dict(), other.state_dict()
    return all(torch.equal(names[name], others[name]) for name in others)


@pytest.fixture(scope="module")
def finished(architecture, tmp_path_factory):
    """An uninterrupted run: model and history, and the state that it left."""
    folder = tmp_path_factory.mktemp("finished")
    return *run(architecture, folder), folder / "model.pt"


# --- Seeds and interruptions ----------------------------------------------------------------------


def test_same_seed_same_weights_and_other_seed_others(architecture, tmp_path, finished):
    model, history, _ = finished
    again, same_history = run(architecture, tmp_path / "again")
    assert same_weights(again, model)
    assert same_history == history
    other, _ = run(architecture, tmp_path / "other", dataclasses.replace(SETTINGS, seed=1))
    assert not same_weights(other, model)


@pytest.mark.parametrize("epoch", [2, 3])
def test_a_run_that_an_error_ends_goes_on_from_the_last_whole_epoch(
    architecture, tmp_path, finished, monkeypatch, caplog, epoch
):
    caplog.set_level(logging.INFO)
    states = StateFolder(tmp_path)

    def stop(self, amount, note=""):
        if note.startswith(f"epoch {epoch}"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Progress, "advance", stop)
        pretrain(architecture, TRAIN, VALIDATION, SETTINGS, CPU, states)
    model, history = pretrain(architecture, TRAIN, VALIDATION, SETTINGS, CPU, states)
    assert f"going on after epoch {epoch - 1}, found in" in caplog.text
    assert same_weights(model, finished[0])
    assert history == finished[1]


def test_a_run_that_is_stopped_at_every_step_ends_with_the_same_weights(
    architecture, tmp_path, caplog
):
    """With batch norm and dropout, whose statistics and draws are a part of the state."""
    caplog.set_level(logging.INFO)
    dropping = architecture | {"vision_cfg": architecture["vision_cfg"] | {"timm_drop": 0.5}}
    whole, whole_history = run(dropping, tmp_path / "whole")
    states = StateFolder(tmp_path / "stopped")
    states.stop()
    stops = 0
    while stops < 6 + 3:  # after each step of three epochs, and after each epoch's validation
        with pytest.raises(SystemExit) as ended:
            pretrain(dropping, TRAIN, VALIDATION, SETTINGS, CPU, states)
        assert ended.value.code == 143
        stops += 1
        torch.rand(stops)  # another process would not be where this one was
    states.is_stopping = False
    model, history = pretrain(dropping, TRAIN, VALIDATION, SETTINGS, CPU, states)
    assert same_weights(model, whole)
    assert history == whole_history
    assert "going on after epoch 1 and 1 steps, found in" in caplog.text
    places = re.findall("saved the state after (.*) in", caplog.text)[3:]  # those of the whole run
    assert len(places) == len(set(places)) == stops


@pytest.mark.parametrize(
    "change",
    [
        {"settings": dataclasses.replace(SETTINGS, lr=1e-3)},
        {"settings": dataclasses.replace(SETTINGS, epochs=4)},
        {"train": PixelPairs(255 - TRAIN.pixels, TRAIN.tokens)},
        {"train": PixelPairs(TRAIN.pixels, TRAIN.tokens.flip(0))},
    ],
    ids=["lr", "epochs", "images", "captions"],
)
def test_a_state_of_other_settings_or_data_is_ignored(
    architecture, tmp_path, finished, caplog, change
):
    caplog.set_level(logging.INFO)
    (tmp_path / "model.pt").write_bytes(finished[2].read_bytes())
    model, history = run(architecture, tmp_path, **change)
    assert "ignored, training from the start" in caplog.text
    fresh, fresh_history = run(architecture, tmp_path / "fresh", **change)
    assert same_weights(model, fresh)
    assert history == fresh_history


def test_history_and_log_tell_how_training_went(architecture, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    _, history = run(architecture, tmp_path)
    assert [record["epoch"] for record in history] == [1, 2, 3]
    assert set(history[0]) == {"epoch", "loss", "validation_loss", "validation_recall"}
    assert history[-1]["loss"] < history[0]["loss"]
    # 40 pairs are two whole batches of 16 an epoch; the last line comes whatever the interval
    assert "pretraining: 96/96 pairs (100%), " in caplog.text
    assert " pairs/s, 0 s left, epoch 3, loss " in caplog.text


# --- The step -------------------------------------------------------------------------------------


def is_decayed(name, weight):
    """open_clip's rule: no decay of vectors and scalars, norms, biases and the logit scale."""
    return weight.ndim >= 2 and not any(
        word in name for word in ("bn", "ln", "bias", "logit_scale")
    )


def test_steps_equal_plain_steps_of_open_clip(architecture, tmp_path):
    # a larger eps than usual: Adam's first step would make the least rounding error as large as lr
    settings = dataclasses.replace(SETTINGS, epochs=2, warmup_epochs=0, captions=("raw",), eps=1e-3)
    batch = make_pairs(16, sources=1)
    found, history = run(architecture, tmp_path, settings, batch, NOTHING)

    preprocess = architecture["preprocess_cfg"]
    mean, std = (torch.tensor(preprocess[key]).view(3, 1, 1) for key in ("mean", "std"))
    images = (batch.pixels.permute(0, 3, 1, 2) / 255 - mean) / std
    torch.manual_seed(settings.seed)
    model = open_clip.CLIP(**{k: v for k, v in architecture.items() if k != "preprocess_cfg"})
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    weights = dict(model.named_parameters())
    decayed = [weight for name, weight in weights.items() if is_decayed(name, weight)]
    others = [weight for name, weight in weights.items() if not is_decayed(name, weight)]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-3)
    losses = []
    for rate in (2e-3, 1e-3):  # the beginning and the middle of a cosine
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = open_clip.ClipLoss()(*model.train()(images, batch.tokens[0]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    assert not found.training
    assert [record["loss"] for record in history] == pytest.approx(losses, abs=1e-5)
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], weight, rtol=0, atol=1e-5, msg=name)
    moved = [name for name in weights if (weights[name] - before[name]).abs().max() > 1e-3]
    assert len(moved) > len(weights) / 2, "a step that tells nothing"


def test_weight_decay_is_on_matrices_only(architecture):
    model = build_model(architecture)
    decayed, others = build_optimizer(model, SETTINGS).param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    expected = {id(weight) for name, weight in model.named_parameters() if is_decayed(name, weight)}
    assert {id(weight) for weight in decayed["params"]} == expected
    everything = {id(weight) for weight in model.parameters()}
    assert {id(weight) for weight in others["params"]} == everything - expected


@pytest.mark.parametrize(("warmup_epochs", "warmup"), [(0, 0), (1, 20), (2.5, 50), (0.33, 7)])
def test_learning_rate_is_that_of_open_clip(warmup_epochs, warmup):
    settings = dataclasses.replace(SETTINGS, epochs=10, warmup_epochs=warmup_epochs)
    steps = 20
    found = [learning_rate(step, steps, settings) for step in range(10 * steps + 1)]
    optimizer = torch.optim.SGD([torch.zeros(1)])
    expected = cosine_lr(optimizer, settings.lr, warmup, 10 * steps)
    assert found == pytest.approx([expected(step) for step in range(10 * steps + 1)], abs=1e-12)
    assert found[:warmup] == sorted(found[:warmup])
    assert max(found) == found[warmup] == settings.lr
    assert found[warmup:] == sorted(found[warmup:], reverse=True)
    assert found[-1] == 0


def test_logit_scale_stays_at_most_100(architecture, tmp_path):
    hot = architecture | {"init_logit_scale": 6.0}
    settings = dataclasses.replace(SETTINGS, epochs=1, batch_size=40)
    model, _ = run(hot, tmp_path, settings, validation=NOTHING)
    assert model.logit_scale.item() == pytest.approx(math.log(100), rel=1e-6)


def test_validation_equals_a_plain_loop(architecture):
    model = build_model(architecture, seed=4)
    mean, std = map(torch.tensor, (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD))
    normalise = Normaliser(255 * mean, 255 * std)
    found = validate(model, VALIDATION, 12, normalise)
    loss = hits = 0
    for rows in (slice(0, 12), slice(12, 20)):
        pixels = (VALIDATION.pixels[rows] / 255 - mean) / std
        images, texts, scale = model.eval()(pixels.permute(0, 3, 1, 2), VALIDATION.tokens[0, rows])
        count = len(images)
        loss += count / 20 * open_clip.ClipLoss()(images, texts, scale).item()
        hits += sum(int((texts @ images[i]).argmax() == i) for i in range(count))
    assert found["validation_loss"] == pytest.approx(loss, abs=1e-5)
    assert found["validation_recall"] == hits / 20


# --- Captions -------------------------------------------------------------------------------------

TABLE = CaptionTable(
    ["a", "b", "c"],
    ["train", "train", "validation"],
    ["raw a", "raw b", "raw c"],
    [["one a", "one b", "one c"], ["two a", "two b", "two c"]],
    [0, 0, 0],
)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (("raw",), [TABLE.captions]),
        (("rewrites",), TABLE.rewrites),
        (("raw", "rewrites"), [TABLE.captions, *TABLE.rewrites]),
    ],
)
def test_captions_are_drawn_from_the_sources_named(sources, expected):
    assert caption_pool(TABLE, sources) == expected


def test_rewrites_that_do_not_exist_are_an_error():
    with pytest.raises(ValueError, match="the corpus has none"):
        caption_pool(TABLE._replace(rewrites=[]), ("raw", "rewrites"))


@pytest.mark.parametrize("captions", [(), ("raw", "translations")])
def test_unknown_sources_are_an_error(captions):
    with pytest.raises(ValueError, match=r"expected one or more of \['raw', 'rewrites'\]"):
        dataclasses.replace(SETTINGS, captions=captions)


class Recorder(torch.nn.Module):
    """A model that keeps what it is shown; normalised, pixels are what they were."""

    visual = types.SimpleNamespace(image_mean=[0, 0, 0], image_std=[1 / 255] * 3)

    def __init__(self):
        super().__init__()
        self.logit_scale = torch.nn.Parameter(torch.zeros(()))
        self.shown = []

    def forward(self, images, tokens):
        self.shown.append(torch.cat([images[:, :, 0, 0], tokens], dim=1).round().int())
        embeddings = self.logit_scale.exp() * torch.ones(len(tokens), 1)
        return embeddings, embeddings, self.logit_scale.exp()


def test_each_step_draws_one_of_the_captions_of_its_own_images(architecture, tmp_path, monkeypatch):
    count, sources, settings = 3010, 3, dataclasses.replace(SETTINGS, epochs=2, batch_size=100)
    numbers = torch.arange(count)
    # a pixel holds its pair's number in base 256, and a caption its pair's number and its source
    pixels = torch.stack([numbers // 256, numbers % 256, 0 * numbers], dim=1).to(torch.uint8)
    tokens = torch.stack(
        [torch.stack([numbers, torch.full_like(numbers, source)], 1) for source in range(sources)]
    )
    pairs = PixelPairs(pixels.view(count, 1, 1, 3), tokens.int())
    monkeypatch.setattr(lib.pretrain, "build_model", lambda *_: Recorder())
    recorder, _ = run(architecture, tmp_path, settings, pairs, NOTHING)

    assert len(recorder.shown) == 2 * 30
    chosen = {}
    for epoch, steps in enumerate((recorder.shown[:30], recorder.shown[30:])):
        high, low, _, row, source = torch.cat(steps).T
        assert torch.equal(256 * high + low, row), "a caption of another image"
        assert len(row.unique()) == 3000, "a pair twice in one epoch"
        assert torch.bincount(source) / 3000 == pytest.approx(np.full(sources, 1 / 3), abs=0.03)
        chosen[epoch] = dict(zip(row.tolist(), source.tolist(), strict=True))
    both = chosen[0].keys() & chosen[1].keys()
    assert np.mean([chosen[0][i] == chosen[1][i] for i in both]) == pytest.approx(1 / 3, abs=0.03)
    assert list(chosen[0]) != list(chosen[1])


def test_a_corpus_is_loaded_by_split(architecture, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    samples = []
    for key, pixels in zip(TABLE.keys, images, strict=True):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "png")
        samples.append(Sample(key, {"png": stream.getvalue()}))
    write_shard(tmp_path / "shard.tar", samples)
    write_captions(tmp_path / "captions.parquet", TABLE)
    arguments = [tmp_path / "shard.tar"], tmp_path / "captions.parquet", architecture
    train, validation = load_pairs(*arguments, ("raw", "rewrites"))
    np.testing.assert_array_equal(train.pixels, images[:2])
    np.testing.assert_array_equal(validation.pixels, images[2:])
    expected = [open_clip.tokenize(texts, 16) for texts in (TABLE.captions, *TABLE.rewrites)]
    np.testing.assert_array_equal(train.tokens, torch.stack(expected)[:, :2])
    np.testing.assert_array_equal(validation.tokens, torch.stack(expected)[:, 2:])


# --- Errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch_size", "what"),
    [(16, "loss is nan in epoch 1, step 2"), (40, "weights are not finite after epoch 1")],
)
def test_numbers_that_are_none_name_their_place(architecture, tmp_path, batch_size, what):
    """With one step an epoch the loss is finite, as it is taken before the weights change."""
    settings = dataclasses.replace(SETTINGS, lr=1e38, warmup_epochs=0, batch_size=batch_size)
    with pytest.raises(FloatingPointError, match=what):
        run(architecture, tmp_path, settings, validation=NOTHING)


def test_fewer_pairs_than_a_batch_are_an_error(architecture, tmp_path):
    settings = dataclasses.replace(SETTINGS, batch_size=41)
    with pytest.raises(ValueError, match="40 training pairs do not fill one batch of 41"):
        run(architecture, tmp_path, settings)
