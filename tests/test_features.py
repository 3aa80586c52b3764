"""Features: what extraction writes is what the towers give, image by image."""

import io

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from lib.corpus import Sample, iterate_samples, select_samples, write_shard
from lib.feature_store import gather_rows, open_features, to_storage, write_array
from lib.features import decode_first, extract_images, extract_texts, extract_views
from lib.finetune import select_pairs
from lib.models import (
    build_model,
    get_crop,
    get_tokenizer,
    get_transform,
    load_model,
    save_model,
    split_head,
)

CPU = torch.device("cpu")


def to_tensor(image):
    """A transform that draws nothing."""
    return torch.tensor(np.asarray(image)).permute(2, 0, 1).float()


def number_letters(texts):
    """A tokeniser of one-letter texts."""
    return torch.tensor([[ord(text)] for text in texts])


@pytest.fixture(scope="module")
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 40, 40, 3), dtype=np.uint8)
    return [Image.fromarray(image) for image in pixels]


@pytest.fixture(scope="module")
def towers(tiny_architecture):
    return split_head(build_model(tiny_architecture, seed=3))[0]


def test_features_times_head_is_the_whole_model(images, tiny_architecture):
    model = build_model(tiny_architecture, seed=3).eval()
    transform, tokenize = get_transform(tiny_architecture), get_tokenizer(tiny_architecture)
    shown = open_clip.image_transform(32, is_train=False)
    texts = ["a red seven", "a blue disc", "a red seven"]
    with torch.no_grad():
        pixels = torch.stack([shown(i) for i in images])
        whole_images = model.encode_image(pixels).numpy()
        whole_texts = model.encode_text(tokenize(texts)).numpy()
    towers, head = split_head(model)
    image_features = extract_images(towers, images, transform, 3, "cpu")
    text_features = extract_texts(towers, tokenize, texts, 3, "cpu")
    np.testing.assert_allclose(image_features @ head.image_projection, whole_images, atol=1e-5)
    np.testing.assert_allclose(text_features @ head.text_projection, whole_texts, atol=1e-5)
    assert image_features.shape == (7, 128)
    np.testing.assert_array_equal(text_features[0], text_features[2])


@pytest.fixture
def shard(tmp_path, images):
    """The images as samples k0 to k6 of a shard."""

    def encode(image):
        stream = io.BytesIO()
        image.save(stream, "PNG")
        return stream.getvalue()

    samples = (Sample(f"k{n}", {"png": encode(image)}) for n, image in enumerate(images))
    write_shard(tmp_path / "shard/0.tar", samples)
    return tmp_path / "shard/0.tar"


def test_crops_depend_on_the_key_and_not_on_batches(tmp_path, shard, towers, tiny_architecture):
    keys = [f"k{n}" for n in range(7)]
    transform, crop = get_transform(tiny_architecture), get_crop(tiny_architecture, (0.5, 1.0))
    for name, batch_size in (("a", 2), ("b", 5)):
        path = tmp_path / f"{name}.npy"
        extract_views(path, towers, [shard], keys, transform, 2, 0, batch_size, CPU, crop=crop)
    some = tmp_path / "some.npy"
    extract_views(some, towers, [shard], keys[1::3], transform, 2, 0, 4, CPU, crop=crop)
    one, other = np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy")
    np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(one[:, 1::3], np.load(some), atol=1e-5)
    assert np.abs(one[0] - one[1]).max() > 1e-3


def test_workers_change_nothing(tmp_path, shard, images, towers, tiny_architecture):
    """Neither crops, which are drawn from one generator, nor the order."""
    keys = [f"k{n}" for n in range(7)]
    transform, crop = get_transform(tiny_architecture), get_crop(tiny_architecture, (0.5, 1.0))
    for workers in (0, 2):
        path = tmp_path / f"{workers}.npy"
        extract_views(
            path, towers, [shard], keys, transform, 5, 0, 3, CPU, crop=crop, workers=workers
        )
    np.testing.assert_array_equal(np.load(tmp_path / "0.npy"), np.load(tmp_path / "2.npy"))
    one, other = (
        extract_images(towers, images, transform, 3, CPU, workers=workers) for workers in (0, 2)
    )
    np.testing.assert_array_equal(one, other)
    samples, decode = select_samples([shard]), decode_first(transform)
    decoded = extract_images(towers, samples, decode, 3, CPU, workers=2)
    np.testing.assert_array_equal(one, decoded)


class CrampedTowers:
    """Towers whose GPU has memory for so many images or texts; features are what goes in."""

    def __init__(self, room):
        self.room, self.tried = room, []

    def encode_image(self, batch):
        self.tried.append(len(batch))
        if len(batch) > self.room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return batch.flatten(1)

    encode_text = encode_image


def test_a_batch_that_is_too_large_is_halved_and_stays_so(tmp_path, shard, images, caplog):
    transform, keys = to_tensor, [f"k{n}" for n in range(7)]
    cramped, roomy = CrampedTowers(room=3), CrampedTowers(room=100)
    for name, towers in (("cramped", cramped), ("roomy", roomy)):
        extract_views(tmp_path / f"{name}.npy", towers, [shard], keys, transform, 2, 0, 6, CPU)
    assert cramped.tried == [6, 3, 3, 3, 3, 2]
    assert roomy.tried == [6, 6, 2]
    assert "goes on in batches of 3" in caplog.text
    found = np.load(tmp_path / "cramped.npy")
    expected = np.stack([transform(image).flatten().numpy() for image in images])
    np.testing.assert_array_equal(found, np.stack([expected, expected]))
    np.testing.assert_array_equal(found, np.load(tmp_path / "roomy.npy"))


@pytest.mark.parametrize(("room", "tried"), [(1, [5, 2, 1, 1, 1, 1, 1]), (4, [5, 2, 2, 1])])
def test_images_and_texts_are_halved_alike(images, room, tried):
    towers = CrampedTowers(room)
    features = extract_images(towers, images[:5], to_tensor, 5, CPU)
    assert towers.tried == tried
    np.testing.assert_array_equal(features, [to_tensor(i).flatten().numpy() for i in images[:5]])
    towers, texts = CrampedTowers(room), list("edcba")
    found = extract_texts(towers, number_letters, texts, 5, CPU)
    assert towers.tried == tried
    np.testing.assert_array_equal(found[:, 0], [ord(text) for text in texts])


def test_a_single_image_that_is_too_large_is_an_error(images):
    with pytest.raises(torch.cuda.OutOfMemoryError):
        extract_images(CrampedTowers(room=0), images, to_tensor, 4, CPU)


def test_features_that_are_not_finite_are_an_error(images):
    class Broken(torch.nn.Module):
        def encode_image(self, batch):
            return batch.flatten(1) / 0

    with pytest.raises(ValueError, match="features of 3 of the 3 items of a batch are not finite"):
        extract_images(Broken(), images[:3], to_tensor, 4, CPU)


def test_chunks_are_the_bytes_that_one_job_writes(tmp_path, shard, towers, tiny_architecture):
    """Wherever a chunk begins, as long as batches begin at the same pairs."""
    samples = list(iterate_samples([shard]))
    shards = [tmp_path / "a.tar", tmp_path / "b.tar", tmp_path / "c.tar"]
    parts = [samples[:2], samples[2:4], samples[4:]]
    for path, part in zip(shards, parts, strict=True):
        write_shard(path, part)
    transform, crop = get_transform(tiny_architecture), get_crop(tiny_architecture, (0.5, 1.0))

    def extract(name, shards, keys):
        path = tmp_path / name
        extract_views(path, towers, shards, keys, transform, 2, 0, 2, CPU, crop=crop)
        return np.load(tmp_path / name)

    keys = [sample.key for sample in samples]
    whole = extract("whole.npy", shards, keys)
    extract("0.npy", shards[:2], keys[:4])
    extract("1.npy", shards[2:], keys[4:])
    extract("2.npy", shards[:1], [])  # none of its pairs is in the caption table
    write_array(tmp_path / "texts.npy", whole[0])
    paths = [tmp_path / f"{n}.npy" for n in range(3)]
    chunks, texts = open_features(paths, tmp_path / "texts.npy", [0, 0, 1, 1, 2, 2, 3], 2)
    np.testing.assert_array_equal(texts, whole[0])
    assert b"".join(np.concatenate(chunks, axis=1)) == b"".join(whole)
    rows = np.array([5, 0, 6, 3, 3])
    for view in range(2):
        gathered = gather_rows([chunk[view] for chunk in chunks], rows)
        np.testing.assert_array_equal(gathered, whole[view][rows])


def test_half_precision_on_disk_is_the_rounded_features(tmp_path, shard, towers, tiny_architecture):
    """What is gathered is float32 again, and so is what fine-tunes are given."""
    keys = [sample.key for sample in iterate_samples([shard])]
    transform = get_transform(tiny_architecture)
    for storage in ("float32", "float16"):
        path = tmp_path / f"{storage}.npy"
        extract_views(path, towers, [shard], keys, transform, 1, 0, 2, CPU, storage)
    whole, half = (
        np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("float32", "float16")
    )
    assert (whole.dtype, half.dtype) == (np.float32, np.float16)
    np.testing.assert_array_equal(half, whole.astype(np.float16))
    assert (half != whole).any()
    order = np.arange(len(keys))
    pairs = select_pairs([half], half[0], keys, order, order[::-1])
    for gathered in (pairs.view(0).numpy(), pairs.texts):
        assert gathered.dtype == np.float32
        np.testing.assert_array_equal(gathered, half[0][::-1].astype(np.float32))


def test_a_feature_beyond_half_precision_is_an_error():
    features = np.array([[1.0, -7e4]], dtype=np.float32)
    np.testing.assert_array_equal(to_storage(features, "float32"), features)
    with pytest.raises(ValueError, match=r"storage is float16, .* a feature is 7e\+04"):
        to_storage(features, "float16")


def test_a_chunk_may_hold_more_pairs_than_the_table_and_never_fewer(tmp_path):
    images = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    path = tmp_path / "0.npy"
    write_array(path, images)
    (chunk,), _ = open_features([path], path, [0, 1, 1, 2], 3)
    np.testing.assert_array_equal(chunk, images[:, :4])
    with pytest.raises(ValueError, match=r"0\.npy has features of 5 pairs; .* has 6 pairs"):
        open_features([path], path, [0, 0, 0, 1, 1, 2], 3)


@pytest.mark.parametrize("keys", [["k0", "k2", "k1"], ["k5", "k6", "k7"]])
def test_keys_that_the_shards_lack_are_an_error(tmp_path, shard, towers, tiny_architecture, keys):
    transform = get_transform(tiny_architecture)
    path = tmp_path / "images.npy"
    with pytest.raises(ValueError, match=rf"key '{keys[-1]}' \(row 2 of the captions\)"):
        extract_views(path, towers, [shard], keys, transform, 1, 0, 2, CPU)
    assert [entry.name for entry in tmp_path.iterdir()] == ["shard"]


def test_a_model_comes_back_whole_or_not_at_all(tmp_path, tiny_architecture):
    model = build_model(tiny_architecture, seed=3)
    save_model(tmp_path / "m.safetensors", model, {})
    loaded = load_model(tmp_path / "m.safetensors", tiny_architecture)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    wider = tiny_architecture | {"embed_dim": 24}
    with pytest.raises(ValueError, match="does not fit its architecture"):
        load_model(tmp_path / "m.safetensors", wider)


def test_the_same_seed_gives_the_same_weights(tiny_architecture):
    one, same, other = (build_model(tiny_architecture, seed=s).text_projection for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_tower_without_linear_projection_is_refused(tiny_architecture):
    vision = tiny_architecture["vision_cfg"] | {"timm_proj": "mlp"}
    with pytest.raises(ValueError, match="does not end in a linear layer"):
        build_model(tiny_architecture | {"vision_cfg": vision})
