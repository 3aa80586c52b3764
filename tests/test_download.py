"""Downloading from servers that misbehave: every URL has its row, with the right reason."""

import asyncio
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import webdataset
from PIL import Image
from sklearn.datasets import load_sample_images

from lib.corpus import iterate_samples
from lib.download import DownloadSettings, Link, Result, download_shard, read_links
from lib.fetch import (
    Fetched,
    FetchError,
    Limits,
    check_address,
    fetch,
    has_opted_out,
    open_session,
    parse_retry_after,
)
from lib.ledger import read_ledger
from lib.recode import MAX_SIDE, ImageError, recode
from tests.hostile_server import BODIES, HEIGHT, JPEG, WIDTH, draw, encode, serve

SIZE = 96
LIMITS = {
    "user_agent": "test (mailto:nobody@example.org)",
    "deadline": 3.0,
    "backoff": 0.05,
    "max_bytes": 2_000_000,
    "allowed_addresses": ["127.0.0.1/32"],
    "connections_per_host": 32,
}
SETTINGS = DownloadSettings(Limits(**LIMITS), size=SIZE)
GOOD = ("success", 200, "", 1)

# what is asked for: the end of the ledger's row (status, code, reason, attempts)
CASES = {
    "/good.jpg": GOOD,
    "/good.png": GOOD,
    "/good.webp": GOOD,
    "/good.gif": GOOD,
    "/cmyk.jpg": GOOD,
    "/deep.png": GOOD,
    "/rotated.jpg": GOOD,
    "/dot.png": GOOD,
    "/mislabelled": GOOD,
    "/moved?to=/good.jpg": GOOD,
    "/private?tag=nofollow": GOOD,
    "/patience": ("success", 200, "", 2),
    "/recovers": ("success", 200, "", 2),
    "/truncated.jpg": ("failed", 200, "broken_image", 1),
    "/empty.jpg": ("failed", 200, "empty", 1),
    "/page.jpg": ("failed", 200, "not_an_image", 1),
    "/bomb.png": ("failed", 200, "too_many_pixels", 1),
    "/long.png": ("failed", 200, "too_long", 1),
    "/script.jpg": ("failed", 200, "not_an_image", 1),
    "/endless": ("failed", 200, "too_large", 1),
    "/huge": ("failed", 200, "too_large", 1),
    "/private?tag=noindex, noai": ("failed", 200, "opted_out", 1),
    "/status?code=403": ("failed", 403, "http_403", 1),
    "/status?code=404": ("failed", 404, "http_404", 1),
    "/status?code=410": ("failed", 410, "http_410", 1),
    "/status?code=429": ("transient", 429, "http_429", 3),
    "/status?code=503": ("transient", 503, "http_503", 3),
    "/drip": ("transient", None, "timeout", 1),
    "/loop": ("failed", None, "redirects", 1),
    "/moved?to=http://10.0.0.1/a.jpg": ("failed", None, "private_address", 1),
    "/moved?to=http://169.254.169.254/latest": ("failed", None, "private_address", 1),
    "/moved?to=file:///etc/passwd": ("failed", None, "bad_url", 1),
    "http://127.0.0.2:9/a.jpg": ("failed", None, "private_address", 1),
    "http://[::1]:9/a.jpg": ("failed", None, "private_address", 1),
    "http://localhost.localdomain:9/a.jpg": None,  # resolved or not, see below
    "http://127.0.0.1:9/a.jpg": ("transient", None, "connection", 3),
    "ftp://example.org/a.jpg": ("failed", None, "bad_url", 1),
    "http://[bad/a.jpg": ("failed", None, "bad_url", 1),
    "not a url": ("failed", None, "bad_url", 1),
    "SECURE/good.jpg": ("failed", None, "tls", 1),
}


def make_links(server, paths):
    urls = [path.replace("SECURE", server.secure) if "SECURE" in path else path for path in paths]
    urls = [server.base + url if url.startswith("/") else url for url in urls]
    return [Link(n, f"caption {n}", url) for n, url in enumerate(urls)]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """All cases downloaded into one shard: its path, its ledger by case, the seconds it took."""
    folder = tmp_path_factory.mktemp("hostile")
    with serve() as server:
        links = make_links(server, CASES)
        started = time.monotonic()
        download_shard(links, folder / "0.tar", folder / "0.parquet", SETTINGS)
        seconds = time.monotonic() - started
    rows = read_ledger(folder / "0.parquet")
    assert [(row["row"], row["key"], row["caption"], row["url"]) for row in rows] == [
        (n, f"{n:010d}", f"caption {n}", link.url) for n, link in enumerate(links)
    ]
    return folder / "0.tar", dict(zip(CASES, rows, strict=True)), seconds


@pytest.mark.parametrize("case", CASES)
def test_every_url_has_its_row_with_the_right_reason(hostile, case):
    row = hostile[1][case]
    if CASES[case] is None:
        assert row["error"] in ("dns", "dns_temporary", "private_address", "connection")
        return
    assert (row["status"], row["http_code"], row["error"], row["attempts"]) == CASES[case]


def test_nothing_stalls(hostile):
    assert hostile[2] < 3 * LIMITS["deadline"]


def test_the_shard_holds_the_successes_in_order(hostile):
    shard, rows, _ = hostile
    samples = list(iterate_samples([shard]))
    successes = [row for row in rows.values() if row["status"] == "success"]
    assert [sample.key for sample in samples] == [row["key"] for row in successes]
    for sample, row in zip(samples, successes, strict=True):
        image = Image.open(io.BytesIO(sample.parts["jpg"]))
        assert (image.format, image.mode) == ("JPEG", "RGB")
        assert image.size == (row["width"], row["height"])
        assert min(image.size) == min(SIZE, min(image.size))
        assert sample.parts["txt"].decode() == f"caption {int(row['key'])}"
        facts = json.loads(sample.parts["json"])
        assert (facts["url"], facts["sha256"]) == (row["url"], row["sha256"])


def test_readers_of_img2datasets_shards_read_ours(hostile):
    """The pipeline of open_clip's training, and the fields of the JSON."""
    shard, rows, _ = hostile
    dataset = (
        webdataset.WebDataset(str(shard), shardshuffle=False, handler=webdataset.reraise_exception)
        .decode("pilrgb", handler=webdataset.reraise_exception)
        .rename(image="jpg;png;jpeg;webp", text="txt", facts="json")
        .to_tuple("image", "text", "facts")
    )
    successes = [row for row in rows.values() if row["status"] == "success"]
    for row, (image, text, facts) in zip(successes, dataset, strict=True):
        assert image.size == (row["width"], row["height"])
        assert text == row["caption"]
        assert facts == {name: row[name] for name in facts}
        assert {"key", "caption", "url", "sha256", "width", "height"} <= facts.keys()


def test_the_ledger_tells_the_body_as_it_came(hostile):
    row = hostile[1]["/good.jpg"]
    assert row["bytes"] == len(JPEG)
    assert row["sha256"] == hashlib.sha256(JPEG).hexdigest()
    assert (row["width"], row["height"]) == (round(WIDTH * SIZE / HEIGHT), SIZE)
    turned = hostile[1]["/rotated.jpg"]
    assert (turned["width"], turned["height"]) == (SIZE, round(WIDTH * SIZE / HEIGHT))
    assert (hostile[1]["/dot.png"]["width"], hostile[1]["/dot.png"]["height"]) == (1, 1)


# --- Again, and after a kill ----------------------------------------------------------------------


def test_a_second_download_asks_only_for_what_may_have_passed(tmp_path):
    shard, ledger = tmp_path / "0.tar", tmp_path / "0.parquet"
    with serve() as server:
        paths = ["/good.jpg", "/status?code=404", "/status?code=503", "/good.png", "/page.jpg"]
        links = make_links(server, paths)
        download_shard(links, shard, ledger, SETTINGS)
        first, samples = read_ledger(ledger), list(iterate_samples([shard]))
        server.asked.clear()
        download_shard(links, shard, ledger, SETTINGS)
        assert set(server.asked) == {"/status"}
        assert read_ledger(ledger) == first
        assert list(iterate_samples([shard])) == samples
        server.asked.clear()
        download_shard(links[:2], shard, ledger, SETTINGS)  # other links: nothing is taken over
        assert set(server.asked) == {"/good.jpg", "/status"}


PATIENCE = {"attempts": 2, "deadline": 4.0, "connections": 2}  # refuses nothing for good


@pytest.mark.parametrize(
    ("path", "refusal", "change", "outcome"),
    [
        ("http://127.0.0.2:9/a", {}, {"allowed_addresses": ["127.0.0.0/8"]}, "connection"),
        ("/moved?to=/good.jpg", {"max_redirects": 0}, {"max_redirects": 1}, ""),
        ("/private?tag=test: noai", {}, {"user_agent": "another"}, ""),
        ("/good.jpg", {"max_bytes": len(JPEG) - 1}, {"max_bytes": len(JPEG)}, ""),
        ("/good.jpg", {"max_pixels": WIDTH * HEIGHT - 1}, {"max_pixels": WIDTH * HEIGHT}, ""),
        ("/good.jpg", {"max_bytes": len(JPEG) - 1}, PATIENCE, None),
    ],
)
def test_what_a_setting_refused_is_asked_for_again(tmp_path, path, refusal, change, outcome):
    """Once that setting is another; what came before stays."""

    def make_settings(max_pixels=10**6, **limits):
        return DownloadSettings(Limits(**LIMITS | limits), size=SIZE, max_pixels=max_pixels)

    shard, ledger = tmp_path / "0.tar", tmp_path / "0.parquet"
    with serve() as server:
        links = make_links(server, ["/dot.png", path])
        download_shard(links, shard, ledger, make_settings(**refusal))
        before, [sample] = read_ledger(ledger), iterate_samples([shard])
        assert [row["status"] for row in before] == ["success", "failed"]
        server.asked.clear()
        download_shard(links, shard, ledger, make_settings(**refusal | change))
    after, samples = read_ledger(ledger), list(iterate_samples([shard]))
    assert "/dot.png" not in server.asked
    assert (after[0], samples[0]) == (before[0], sample)
    assert after[1]["error"] == (before[1]["error"] if outcome is None else outcome)
    assert len(samples) == (2 if outcome == "" else 1)
    if outcome is None:
        assert not server.asked


def test_an_image_without_a_caption_is_not_asked_for(tmp_path):
    with serve() as server:
        links = make_links(server, ["/good.png", "/good.jpg"])
        links[1] = links[1]._replace(caption=" \u00a0")
        download_shard(links, tmp_path / "0.tar", tmp_path / "0.parquet", SETTINGS)
        assert set(server.asked) == {"/good.png"}
    row = read_ledger(tmp_path / "0.parquet")[1]
    assert (row["status"], row["error"], row["attempts"]) == ("failed", "no_caption", 0)
    assert [sample.key for sample in iterate_samples([tmp_path / "0.tar"])] == [links[0].key]


def test_what_no_key_names_is_not_asked_for_and_can_be_later(tmp_path):
    shard, ledger = tmp_path / "0.tar", tmp_path / "0.parquet"
    with serve() as server:
        links = make_links(server, ["/good.jpg", "/good.png", "/status?code=404", "/good.webp"])
        for keys, asked in (({1, 2}, {"/good.png", "/status"}), ({0, 1}, {"/good.jpg"})):
            server.asked.clear()
            chosen = {links[n].key for n in keys}
            download_shard(links, shard, ledger, SETTINGS, chosen)
            assert set(server.asked) == asked
            rows = read_ledger(ledger)
            assert [row["row"] for row in rows] == [0, 1, 2, 3]
            left_out = {row["row"] for row in rows if row["status"] == "left_out"}
            assert left_out == {0, 1, 2, 3} - keys
            successes = [row["key"] for row in rows if row["status"] == "success"]
            assert [sample.key for sample in iterate_samples([shard])] == successes
        assert successes == [links[0].key, links[1].key]


@pytest.mark.parametrize("change", ["size", "caption"])
def test_what_was_made_otherwise_is_not_taken_over(tmp_path, change):
    shard, ledger = tmp_path / "0.tar", tmp_path / "0.parquet"
    with serve() as server:
        links = make_links(server, ["/good.jpg"])
        download_shard(links, shard, ledger, SETTINGS)
        settings = replace(SETTINGS, size=50) if change == "size" else SETTINGS
        links = [links[0]._replace(caption="another")] if change == "caption" else links
        download_shard(links, shard, ledger, settings)
    [sample] = iterate_samples([shard])
    assert min(Image.open(io.BytesIO(sample.parts["jpg"])).size) == settings.size
    assert sample.parts["txt"].decode() == links[0].caption


DOWNLOAD = """
import json, pathlib, sys
from lib.download import Link, DownloadSettings, download_shard
from lib.fetch import Limits
links, limits, size, shard, ledger = json.loads(sys.argv[1])
limits = Limits(**limits)
download_shard([Link(*link) for link in links], shard, ledger, DownloadSettings(limits, size=size))
print(pathlib.Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


def start_download(root, links, limits, folder):
    arguments = [links, limits, SIZE, str(folder / "0.tar"), str(folder / "0.parquet")]
    return subprocess.Popen(
        [sys.executable, "-c", DOWNLOAD, json.dumps(arguments)],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_nothing_bloats(root, tmp_path):
    """Bombs of 900 MB and endless bodies cost hardly more memory than good images do."""
    peaks = {}
    with serve() as server:
        for name, paths in (("good", ["/good.jpg"]), ("bad", ["/bomb.png", "/endless", "/huge"])):
            folder = tmp_path / name
            folder.mkdir()
            process = start_download(root, make_links(server, paths * 8), LIMITS, folder)
            peaks[name] = int(process.communicate(timeout=60)[0]) / 2**10
            assert len(read_ledger(folder / "0.parquet")) == 8 * len(paths)
    in_flight = 8 * LIMITS["max_bytes"] / 2**20  # MiB
    assert peaks["bad"] < peaks["good"] + 2 * in_flight


def test_a_killed_download_loses_and_doubles_nothing(root, tmp_path):
    with serve() as server:
        server.delay = 0.05
        links = make_links(server, [f"/{n}/numbered" for n in range(60)])
        limits = LIMITS | {"connections": 2}
        process = start_download(root, links, limits, tmp_path)
        while len(server.asked) < 20:
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "0.tar").exists()
        assert not (tmp_path / "0.parquet").exists()
        server.delay = 0.0
        process = start_download(root, links, limits, tmp_path)
        process.communicate(timeout=60)
    keys = [sample.key for sample in iterate_samples([tmp_path / "0.tar"])]
    assert keys == [link.key for link in links]
    assert [row["key"] for row in read_ledger(tmp_path / "0.parquet")] == keys


def test_no_image_is_spelled_out(tmp_path, monkeypatch):
    """As asyncio does with what a task returned, at a cost above that of fetching."""
    spelled = []
    monkeypatch.setattr(Result, "__repr__", lambda self: spelled.append(self) or "")
    with serve() as server:
        links = make_links(server, ["/good.jpg", "/good.png"])
        download_shard(links, tmp_path / "0.tar", tmp_path / "0.parquet", SETTINGS)
    assert not spelled


# --- Parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address, is_public",
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::a00:1", False),
        ("::a00:1", False),
        ("fec0::1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_only_public_addresses_are_asked(address, is_public):
    if is_public:
        check_address(address, [])
    else:
        with pytest.raises(FetchError, match="private_address"):
            check_address(address, [])


@pytest.mark.parametrize(
    ("host", "address", "error"),
    [
        ("inside.example.org", "10.0.0.1", "private_address"),
        ("inside.example.org", "::ffff:169.254.169.254", "private_address"),
        # other spellings of 127.0.0.1
        ("127.1", "127.0.0.1", "bad_url"),
        ("2130706433", "127.0.0.1", "bad_url"),
        ("0177.0.0.1", "127.0.0.1", "bad_url"),
    ],
)
def test_names_are_asked_for_their_address_first(monkeypatch, host, address, error):
    def look_up(*_, **__):
        place = (address, 80, 0, 0) if ":" in address else (address, 80)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", place)]

    async def ask():
        limits = Limits("test")
        async with open_session(limits) as session:
            return await fetch(session, f"http://{host}/a.jpg", limits)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert asyncio.run(ask()) == Fetched(None, error, None, 1)


def test_a_network_can_be_allowed():
    check_address("10.1.2.3", ["10.0.0.0/8"])
    with pytest.raises(FetchError):
        check_address("10.1.2.3", ["12.0.0.0/8"])


@pytest.mark.parametrize(
    "headers, expected",
    [
        ([], False),
        (["noai"], True),
        (["NoImageAI"], True),
        (["nofollow", "max-snippet, noindex"], True),
        (["googlebot: noindex, noai"], False),
        (["test: noimageindex"], True),
        (["nofollow"], False),
        (["none"], True),
        (["max-image-preview: large, noai"], True),
        (["noindex, max-snippet: -1"], True),
        (["unavailable_after: 25 Jun 2030 15:00:00 PST, noai"], True),
        (["unavailable_after: Tue, 25 Jun 2030 15:00:00 GMT, noai"], True),
        (["noai, googlebot: nofollow"], True),
        (["googlebot: nofollow, max-snippet: 5, noai"], False),
        (["googlebot: unavailable_after: 25 Jun 2030 15:00:00 PST, noai"], False),
        (["googlebot: nofollow, test: noai"], True),
        (["test: nofollow, googlebot: noai"], False),
        (["googlebot: noai", "noindex"], True),  # an addressee is that of its header
    ],
)
def test_opting_out(headers, expected):
    assert has_opted_out(headers, LIMITS["user_agent"]) == expected


@pytest.mark.parametrize(
    "value, expected",
    [
        (None, None),
        ("7", 7.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("soon", None),
        ("Thu, 01 Jan 99999 00:00:00 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 +999999999999999999", None),
        (f"Thu, 01 Jan 1970 00:00:{'9' * 30} GMT", None),
    ],
)
def test_retry_after(value, expected):
    assert parse_retry_after(value, now=10.0) == expected


def decode(recoded):
    return np.asarray(Image.open(io.BytesIO(recoded.data)), float)


@pytest.mark.parametrize("name", ["good.jpg", "good.png", "good.webp", "cmyk.jpg"])
def test_recoded_images_look_as_before(name):
    recoded = recode(BODIES[name], SIZE, 10**6)
    expected = np.asarray(draw().resize((recoded.width, recoded.height), Image.Resampling.BOX))
    assert np.abs(decode(recoded) - expected).mean() < 6


def test_sixteen_bits_become_eight():
    gradient = decode(recode(BODIES["deep.png"], HEIGHT, 10**6)).mean(axis=(1, 2))
    assert gradient[0] < 3
    assert gradient[-1] > 252


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 100, 200], [0, 100, 200]),
        ([0, 200, 255], [0, 200, 255]),
        ([0, 256, 0x8000], [0, 1, 128]),
        ([-1, 0xFFFF, 2**31 - 1], [0, 255, 255]),
    ],
)
def test_32_bits_become_eight(values, expected):
    pixels = np.repeat(np.array(values, np.int32), 16)[None].repeat(16, axis=0)
    grey = decode(recode(encode(Image.fromarray(pixels), "TIFF"), SIZE, 10**6)).mean(axis=2)
    assert np.abs(grey[8, 8::16] - expected).max() <= 2


def test_transparent_parts_become_white():
    image = Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    assert decode(recode(encode(image, "PNG"), SIZE, 10**6)).min() > 250


@pytest.mark.parametrize("size", [32, 100])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_images_are_turned_upright_once(form, size):
    image = Image.new("RGB", (80, 40), "white")
    image.paste("red", (0, 0, 40, 20))  # the upper left quarter
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: to be turned by 90 degrees to the right
    pixels = decode(recode(encode(image, form, exif=exif), size, 10**6))
    height, width, _ = pixels.shape
    assert height == 2 * width == 2 * min(size, 40)
    quarters = pixels[height // 4 :: height // 2, width // 4 :: width // 2]
    is_red = quarters[..., 1] < 100
    assert is_red.tolist() == [[False, True], [False, False]]


@pytest.mark.parametrize("size", [SIZE, WIDTH])
def test_metadata_is_left_behind(size):
    exif = Image.Exif()
    exif[0x010E] = "a description"
    told = encode(draw(), "JPEG", comment=b"mine", exif=exif, dpi=(72, 72))
    image = Image.open(io.BytesIO(recode(told, size, 10**6).data))
    assert not {"comment", "exif", "dpi", "icc_profile"} & set(image.info)


def test_shrinking_lies_nearer_to_lanczos_than_averaging_areas():
    photo = Image.fromarray(load_sample_images().images[0])
    recoded = recode(encode(photo, "PNG"), 256, 10**6)
    size = (recoded.width, recoded.height)
    best = np.asarray(photo.resize(size, Image.Resampling.LANCZOS), float)
    areas = np.asarray(photo.resize(size, Image.Resampling.BOX), float)
    assert np.square(decode(recoded) - best).mean() < np.square(areas - best).mean()


def test_images_are_never_enlarged():
    recoded = recode(encode(draw(size=(50, 40)), "PNG"), SIZE, 10**6)
    assert (recoded.width, recoded.height) == (50, 40)


@pytest.mark.parametrize("side", [MAX_SIDE, MAX_SIDE + 1])
def test_an_image_is_as_long_as_a_jpeg_can_be(side):
    content = encode(Image.new("L", (2, side)), "PNG")
    if side == MAX_SIDE:
        assert recode(content, SIZE, 10**6).height == side
    else:
        with pytest.raises(ImageError, match="too_long"):
            recode(content, SIZE, 10**6)


def test_pixels_are_counted_before_decoding():
    with pytest.raises(ImageError, match="too_many_pixels"):
        recode(JPEG, SIZE, WIDTH * HEIGHT - 1)


# --- The list -------------------------------------------------------------------------------------


def test_both_forms_of_the_list_give_the_same_links(tmp_path):
    rows = [
        ('a "quoted" cat', "http://a/1"),
        ("ein Hund, grün", "http://b/2"),
        ("猫", "http://c/3"),
    ]
    tsv, table = tmp_path / "list.tsv", tmp_path / "list.csv"
    tsv.write_text("".join(f"{caption}\t{url}\n" for caption, url in rows), encoding="utf-8")
    quoted = ['"a ""quoted"" cat"', '"ein Hund, grün"', "猫"]
    lines = [f"x/{n}.jpg,{caption},{rows[n][1]}" for n, caption in enumerate(quoted)]
    table.write_text("\n".join(lines), encoding="utf-8")
    expected = [Link(n, caption, url) for n, (caption, url) in enumerate(rows)]
    assert read_links(tsv, 0, 3) == read_links(table, 0, 3) == expected
    assert read_links(tsv, 1, 1) == expected[1:2]


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("l.tsv", "a\thttp://a\nb\n", r"row 1 has 1 columns, expected 2 \(caption, URL\)"),
        ("l.csv", "p,a\n", r"row 0 has 2 columns, expected 3 \(path, caption, URL\)"),
        ("l.tsv", "a\thttp://a\n", "ends at row 1, expected 2 rows"),
    ],
)
def test_a_list_of_another_form_is_an_error(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_links(tmp_path / name, 0, 2)
