"""Shards against the webdataset library, caption tables, and an error for whatever is not whole."""

import io
import itertools
import json
import struct
import tarfile
import tracemalloc
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
from PIL import EpsImagePlugin, Image

from lib.corpus import (
    CaptionTable,
    Sample,
    decode_image,
    decode_rgb,
    encode_json,
    iterate_images,
    iterate_samples,
    load_pixels,
    read_captions,
    read_shard_keys,
    select_samples,
    write_captions,
    write_shard,
)

TABLE = CaptionTable(
    keys=["a", "b", "c"],
    splits=["train", "validation", "train"],
    captions=["a red star", "", "एक लाल\tतारा\n"],
    rewrites=[["one", "two", "three"], ["1", "2", "3"]],
    shards=[0, 0, 2],
)


def encode_image(pixels, form="PNG"):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form)
    return stream.getvalue()


def make_pixels(seed, height=6, width=6):
    return np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)


def make_samples(n):
    for number in range(n):
        parts = {"png": encode_image(make_pixels(number)), "txt": f"caption {number} é".encode()}
        yield Sample(f"pair-{number:03d}", parts | {"json": encode_json({"number": number})})


def write_tar(path, files, form="w"):
    """A tar file as others write them."""
    with tarfile.open(path, form) as tar:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def read_with_webdataset(shards):
    samples = webdataset.WebDataset([str(shard) for shard in shards], shardshuffle=False)
    return [
        (each["__key__"], {suffix: part for suffix, part in each.items() if suffix[0] != "_"})
        for each in samples
    ]


# --- Shards ---------------------------------------------------------------------------------------


def test_shards_are_read_by_webdataset_and_by_us_as_they_were_written(tmp_path):
    samples = list(make_samples(7))
    shards = [tmp_path / "new" / "0.tar", tmp_path / "new" / "1.tar"]
    write_shard(shards[0], samples[:4])
    write_shard(shards[1], iter(samples[4:]))
    assert read_with_webdataset(shards) == list(iterate_samples(shards)) == samples


def test_same_samples_give_the_same_bytes_in_any_order_of_parts(tmp_path):
    samples = list(make_samples(3))
    turned = [Sample(key, dict(reversed(parts.items()))) for key, parts in samples]
    for name, some in (("a", samples), ("b", turned), ("c", samples[:2])):
        write_shard(tmp_path / name, some)
    contents = [(tmp_path / name).read_bytes() for name in "abc"]
    assert contents[0] == contents[1] != contents[2]
    with tarfile.open(tmp_path / "a") as tar:
        facts = {(each.uid, each.uname, each.mtime, each.mode) for each in tar.getmembers()}
    assert facts == {(0, "", 0, 0o644)}


@pytest.mark.parametrize("form", ["w", "w:gz", "w:bz2"])
def test_shards_of_others_are_read_as_webdataset_reads_them(tmp_path, form):
    files = [
        ("./dir.v1/one.seg.png", b"mask"),
        ("./dir.v1/one.JPG", b"image"),
        ("./dir.v1/README", b"no sample"),
        ("./dir.v1/.hidden", b"no sample"),
        ("dir/one.txt", b"another directory, another sample"),
        ("two.txt", b""),
    ]
    path = write_tar(tmp_path / "shard.tar", files, form)
    assert read_with_webdataset([path]) == list(iterate_samples([path]))
    assert list(iterate_samples([path])) == [
        ("./dir.v1/one", {"seg.png": b"mask", "jpg": b"image"}),
        ("dir/one", {"txt": b"another directory, another sample"}),
        ("two", {"txt": b""}),
    ]


@pytest.mark.parametrize("keys", [["a", "b", "a"], ["a.b"]])
def test_a_key_twice_or_with_a_dot_is_an_error_and_leaves_no_shard(tmp_path, keys):
    with pytest.raises(ValueError, match=f"key '{keys[-1]}' must be unique and without a dot"):
        write_shard(tmp_path / "shard.tar", [Sample(key, {"txt": b""}) for key in keys])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("n, size", [(60, 200_000), (4000, 10)])
def test_samples_are_read_in_bounded_memory(tmp_path, n, size):
    path = tmp_path / "shard.tar"
    write_shard(path, (Sample(f"{row:05d}", {"png": b"x" * size}) for row in range(n)))
    tracemalloc.start()
    try:
        keys = sum(1 for _ in iterate_samples([path, path]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert keys == 2 * n
    assert peak < 1.5e6  # all samples, or the entries of all, take more


def test_samples_come_before_the_next_shard_is_opened(tmp_path):
    write_shard(tmp_path / "0.tar", make_samples(2))
    samples = iterate_samples([tmp_path / "0.tar", tmp_path / "none.tar"])
    assert [key for key, _ in itertools.islice(samples, 2)] == ["pair-000", "pair-001"]
    with pytest.raises(FileNotFoundError, match=r"none.tar"):
        next(samples)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda content: b"", "is not a whole tar file: .*empty file"),
        (lambda content: b"<html>404</html>" * 99, "is not a whole tar file"),
        (lambda content: content[:700], "is not a whole tar file: unexpected end of data"),
        (lambda content: b"x" + content[1:], "is not a whole tar file"),
        (lambda content: content[:1024], "is not a whole tar file: no file and no end"),
        (lambda content: content[:1124], "is not a whole tar file: no file and no end"),
        (
            lambda content: content[:1024] + b"x" + content[1025:],
            "is not a whole tar file: no file",
        ),
    ],
)
def test_a_shard_that_is_no_tar_file_is_an_error(tmp_path, spoil, message):
    path = write_tar(tmp_path / "0.tar", [("a.txt", b"a" * 512), ("b.txt", b"b" * 512)])
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match=f"0.tar {message}"):
        list(iterate_samples([path]))


def test_a_file_twice_in_a_shard_is_an_error(tmp_path):
    path = write_tar(tmp_path / "0.tar", [("a.txt", b"1"), ("a.png", b"2"), ("a.TXT", b"3")])
    with pytest.raises(ValueError, match=r"0.tar holds a.TXT twice"):
        list(iterate_samples([path]))


# --- Images ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_images_are_those_that_pillow_decodes(tmp_path, form):
    content = encode_image(make_pixels(0), form)
    suffix = {"JPEG": "jpg"}.get(form, form.lower())
    write_shard(tmp_path / "0.tar", [Sample("a", {suffix: content, "txt": b"caption"})])
    [(key, image)] = iterate_images([tmp_path / "0.tar"])
    assert key == "a"
    assert image.mode == "RGB"
    assert np.array_equal(image, Image.open(io.BytesIO(content)))


def test_pictures_of_other_modes_become_rgb(tmp_path):
    grey = make_pixels(1)[:, :, 0]
    palette = io.BytesIO()
    Image.fromarray(make_pixels(2)).quantize(200).save(palette, "PNG")
    contents = [encode_image(grey), encode_image(np.dstack([make_pixels(3), grey])), palette]
    contents[2] = palette.getvalue()
    samples = [Sample(f"{row}", {"png": content}) for row, content in enumerate(contents)]
    write_shard(tmp_path / "0.tar", samples)
    images = [np.asarray(image) for _, image in iterate_images([tmp_path / "0.tar"])]
    assert np.array_equal(images[0], np.dstack([grey] * 3))
    assert np.array_equal(images[1], make_pixels(3))
    assert np.array_equal(images[2], make_pixels(2))


def make_bomb():
    """A PNG that claims to be of 60,000 x 60,000 pixels."""
    content = encode_image(make_pixels(0))
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


@pytest.mark.parametrize(
    "suffix, content",
    [
        ("png", b""),
        ("jpg", b"<html>404</html>"),
        ("png", encode_image(make_pixels(0, 40, 40))[:2000]),
        ("jpeg", encode_image(make_pixels(0, 40, 40), "JPEG")[:800]),
        ("webp", encode_image(make_pixels(0, 40, 40), "WEBP")[:400]),
        ("png", make_bomb()),
    ],
)
def test_a_broken_image_is_an_error_that_names_it(tmp_path, suffix, content):
    samples = [*make_samples(1), Sample("broken", {suffix: content, "txt": b"caption"})]
    write_shard(tmp_path / "0.tar", samples)
    images = iterate_images([tmp_path / "0.tar"])
    assert next(images)[0] == "pair-000"
    with pytest.raises(ValueError, match=rf"0.tar: broken.{suffix} cannot be decoded as an image"):
        next(images)


def test_a_program_is_no_image(monkeypatch):
    """Pillow would have Ghostscript run an EPS, whatever its name is."""
    run = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args: run.append(args))
    sample = Sample("a", {"jpg": encode_image(make_pixels(0), "EPS")})
    with pytest.raises(ValueError, match=r"0.tar: a.jpg cannot .*: expected JPEG, PNG"):
        decode_image(sample, "0.tar")
    assert not run


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 256, 0x8000, 0xFFFF], np.uint16), [0, 1, 128, 255]),
        (np.array([0, 100, 255], np.int32), [0, 100, 255]),  # 8 bits in the width of 32
        (np.array([-1, 0, 0xFFFF], np.int32), [0, 0, 255]),
    ],
)
def test_deep_grey_is_grey_of_eight_bits(values, expected):
    stream = io.BytesIO()
    Image.fromarray(values[None]).save(stream, "TIFF")
    found = np.asarray(decode_rgb(stream.getvalue()))
    assert found[0].tolist() == [[value] * 3 for value in expected]


def test_a_sample_without_an_image_is_an_error(tmp_path):
    write_shard(tmp_path / "0.tar", [Sample("a", {"txt": b"", "gif": b""})])
    message = r"0.tar: sample a has no image; found \['gif', 'txt'\], expected one of png, jpg"
    with pytest.raises(ValueError, match=message):
        list(iterate_images([tmp_path / "0.tar"]))


def test_pixels_in_memory(tmp_path):
    stripes = np.zeros((8, 24, 3), np.uint8)
    stripes[:, 8:16] = 200  # the square in the middle
    samples = [*make_samples(2), Sample("wide", {"png": encode_image(stripes)})]
    shards = [tmp_path / "0.tar", tmp_path / "1.tar"]
    write_shard(shards[0], samples[:1])
    write_shard(shards[1], samples[1:])
    keys, pixels = load_pixels(shards, 6)
    assert keys == ["pair-000", "pair-001", "wide"]
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels[:2], [make_pixels(0), make_pixels(1)])
    assert (pixels[2] > 150).all()


def test_pixels_of_no_shards():
    keys, pixels = load_pixels([], 6)
    assert keys == []
    assert pixels.shape == (0, 6, 6, 3)


# --- Selection ------------------------------------------------------------------------------------


@pytest.fixture
def spoilt(tmp_path):
    """Two shards of six samples, of which only a, c, e and f have an image."""
    bad = {"png": b"<html>404</html>"}
    samples = [Sample(key, {"png": encode_image(make_pixels(n))}) for n, key in enumerate("abcdef")]
    samples = [Sample(key, bad) if key in "bd" else Sample(key, parts) for key, parts in samples]
    write_shard(tmp_path / "0.tar", samples[:3])
    write_shard(tmp_path / "1.tar", samples[3:])
    return [tmp_path / "0.tar", tmp_path / "1.tar"]


@pytest.mark.parametrize("keys", ["acef", "ce", "f", "a", ""])
def test_a_pass_yields_exactly_the_keys_of_the_table(spoilt, keys):
    found = list(iterate_images(spoilt, list(keys)))
    assert [key for key, _ in found] == list(keys)
    for key, image in found:
        assert np.array_equal(image, make_pixels("abcdef".index(key)))
    loaded, pixels = load_pixels(spoilt, 6, list(keys))
    assert loaded == list(keys)
    assert len(pixels) == len(keys)


def test_a_selection_is_what_a_dictionary_of_all_samples_gives(tmp_path):
    rng = np.random.default_rng(0)
    samples = list(make_samples(40))
    shards = [tmp_path / f"{n}.tar" for n in range(4)]
    for number, shard in enumerate(shards):
        write_shard(shard, samples[10 * number : 10 * number + 10])
    for size in (1, 7, 33, 40):
        rows = np.sort(rng.choice(40, size, replace=False))
        keys = [samples[row].key for row in rows]
        expected = [(shards[row // 10], samples[row]) for row in rows]
        assert list(select_samples(shards, keys)) == expected


@pytest.mark.parametrize(
    ("keys", "absent"), [("acg", "'g' .row 2"), ("ca", "'a' .row 1"), ("aa", "'a' .row 1")]
)
def test_a_key_that_is_absent_or_out_of_order_is_an_error(spoilt, keys, absent):
    with pytest.raises(ValueError, match=rf"key {absent} of the captions. is not in the shards"):
        list(iterate_images(spoilt, list(keys)))


def test_no_shard_is_opened_after_the_last_key(spoilt, tmp_path):
    found = iterate_images([spoilt[0], tmp_path / "none.tar"], ["a", "c"])
    assert [key for key, _ in found] == ["a", "c"]


# --- Captions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_rewrites", [0, 2, 12])
def test_captions_are_read_as_they_were_written(tmp_path, n_rewrites):
    rewrites = [[f"{row} for the {number}. time" for row in "abc"] for number in range(n_rewrites)]
    table = TABLE._replace(rewrites=rewrites)
    write_captions(tmp_path / "captions.parquet", table)
    write_captions(tmp_path / "again.parquet", table)
    assert read_captions(tmp_path / "captions.parquet") == table
    contents = [(tmp_path / name).read_bytes() for name in ("captions.parquet", "again.parquet")]
    assert contents[0] == contents[1]


def test_keys_of_some_shards_are_those_of_their_rows(tmp_path):
    path = tmp_path / "captions.parquet"
    write_captions(path, TABLE)
    for first in range(4):
        for last in range(first, 5):
            shards = range(first, last)
            pairs = zip(TABLE.keys, TABLE.shards, strict=True)
            assert read_shard_keys(path, shards) == [k for k, number in pairs if number in shards]


def test_rows_of_a_split():
    assert TABLE.rows("train").tolist() == [0, 2]
    assert TABLE.rows("validation").tolist() == [1]
    assert TABLE.rows("validation").dtype == np.int64


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"keys": [], "splits": [], "captions": [], "rewrites": [], "shards": []},
            "has no captions",
        ),
        ({"keys": ["a", "b", "a"]}, "key 'a' in row 2 is empty or used before"),
        ({"keys": ["a", "", "c"]}, "key '' in row 1 is empty or used before"),
        ({"keys": ["a", None, "c"]}, "key None in row 1 is empty or used before"),
        ({"splits": ["train", "test", "train"]}, "split 'test' of b; allowed: train, validation"),
        ({"captions": ["a", "b", None]}, "a caption or rewrite of c is missing"),
        ({"rewrites": [["a", None, "c"]]}, "a caption or rewrite of b is missing"),
        ({"shards": [0, 2, 0]}, "the pairs of a shard do not lie together"),
    ],
)
def test_a_table_at_fault_is_neither_written_nor_read(tmp_path, changes, message):
    table = TABLE._replace(**changes)
    path = tmp_path / "captions.parquet"
    with pytest.raises(ValueError, match=f"captions.parquet.*{message}"):
        write_captions(path, table)
    assert not path.exists()
    columns = {"key": table.keys, "split": table.splits, "caption": table.captions}
    columns |= {f"rewrite_{i}": column for i, column in enumerate(table.rewrites, start=1)}
    columns["shard"] = table.shards
    pq.write_table(pa.table(columns), path)
    with pytest.raises(ValueError, match=f"captions.parquet.*{message}"):
        read_captions(path)


@pytest.mark.parametrize(
    "changes", [{"captions": ["a"]}, {"rewrites": [["a"] * 3, ["b"] * 4]}, {"shards": [0, 0]}]
)
def test_columns_of_different_lengths_are_an_error(tmp_path, changes):
    with pytest.raises(ValueError, match=r"captions.parquet: columns of different lengths"):
        write_captions(tmp_path / "captions.parquet", TABLE._replace(**changes))


@pytest.mark.parametrize("missing", ["key", "split", "caption", "shard"])
def test_a_table_without_a_column_is_an_error(tmp_path, missing):
    path = tmp_path / "captions.parquet"
    columns = {"key": ["a"], "split": ["train"], "caption": ["b"], "shard": [0], "text": ["c"]}
    del columns[missing]
    pq.write_table(pa.table(columns), path)
    with pytest.raises(ValueError, match=rf"lacks the column\(s\) {missing}; found .*'text'"):
        read_captions(path)


def test_a_table_that_is_no_parquet_file_is_an_error(tmp_path):
    path = tmp_path / "captions.parquet"
    path.write_text("key,split,caption\n")
    with pytest.raises(ValueError, match=r"captions.parquet is not a Parquet file"):
        read_captions(path)


def test_json_is_one_sorted_readable_line():
    facts = {"b": 'é "\n', "a": [1, 2.5]}
    encoded = encode_json(facts)
    assert json.loads(encoded) == facts
    assert encoded == '{"a": [1, 2.5], "b": "é \\"\\n"}'.encode()
