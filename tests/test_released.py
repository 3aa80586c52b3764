"""Checkpoints from a URL and by tag, with a server of this machine and a stand-in for the hub."""

import hashlib
import http.server
import logging
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import open_clip
import pytest

from lib.architectures import find_architecture
from lib.released import apply_tag, fetch, fetch_tag, fetch_url

CONTENT = bytes(range(256)) * 10_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@contextmanager
def serve(folder):
    """Serve the files of a folder; yields the address, and the paths that were asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

        def do_GET(self):
            if self.path != "/cut.pt":
                return super().do_GET()
            self.send_response(200)  # and then the connection is lost
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:1000])

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture
def served(tmp_path):
    (tmp_path / "web").mkdir()
    (tmp_path / "web/model.pt").write_bytes(CONTENT)
    (tmp_path / "web/page.html").write_text("<html>Please sign in</html>")
    with serve(tmp_path / "web") as (base, asked):
        yield base, asked


# --- By URL ---------------------------------------------------------------------------------------


def test_a_url_gives_its_file_and_tells_how_far_it_is(tmp_path, served, caplog):
    caplog.set_level(logging.INFO)
    fetch_url(f"{served[0]}/model.pt", tmp_path / "new/model.pt", DIGEST.upper())
    assert (tmp_path / "new/model.pt").read_bytes() == CONTENT
    assert "2,560,000/2,560,000 bytes (100%)" in caplog.text


@pytest.mark.parametrize(
    ("page", "error", "message"),
    [
        ("page.html", ValueError, f"27 bytes of type text/html with .*, expected is {DIGEST}"),
        ("none.pt", OSError, "404"),
        ("cut.pt", OSError, "cut.pt ended after 1,000 of 2,560,000 bytes"),
    ],
)
def test_what_is_not_the_file_leaves_nothing_behind(tmp_path, served, page, error, message):
    path = tmp_path / "here/model.pt"
    path.parent.mkdir()
    with pytest.raises(error, match=message):
        fetch_url(f"{served[0]}/{page}", path, DIGEST)
    assert list(path.parent.iterdir()) == []


def test_the_right_file_is_kept_and_a_wrong_one_replaced(tmp_path, served):
    base, asked = served
    source = {"url": f"{base}/model.pt", "sha256": DIGEST}
    path = tmp_path / "model.pt"
    path.write_bytes(CONTENT)
    fetch(source, path)
    assert asked == []
    path.write_bytes(b"older")
    fetch(source, path)
    assert path.read_bytes() == CONTENT and len(asked) == 1


# --- By tag ---------------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch):
    """Stands for the hub: a cache with links to files that are named by their content."""
    asked = []

    def download(settings, cache_dir):
        asked.append(settings["hf_hub"])
        cache = Path(cache_dir)
        (cache / "blobs").mkdir(parents=True)
        (cache / "blobs/abc").write_bytes(CONTENT)
        (cache / "model.safetensors").symlink_to(cache / "blobs/abc")
        return str(cache / "model.safetensors")

    monkeypatch.setattr(open_clip, "download_pretrained", download)
    return asked


def test_a_tag_gives_a_file_and_leaves_no_cache(tmp_path, hub):
    source = {"architecture": "ViT-B-32", "tag": "laion2b_s34b_b79k"}
    path = tmp_path / "checkpoints/model"
    fetch(source, path)
    assert path.read_bytes() == CONTENT and not path.is_symlink()
    assert list(path.parent.iterdir()) == [path]
    assert hub == [open_clip.get_pretrained_cfg(*source.values())["hf_hub"]]
    fetch(source, path)  # is there already
    assert len(hub) == 1


def test_an_unknown_tag_is_an_error_before_anything_is_downloaded(tmp_path, hub):
    with pytest.raises(ValueError, match=r"no checkpoint 'laion9b' of ViT-B-32; known are openai"):
        fetch_tag("ViT-B-32", "laion9b", tmp_path / "model")
    assert hub == []


def test_a_hub_that_fails_is_an_os_error(tmp_path, monkeypatch):
    def fail(settings, cache_dir):
        raise RuntimeError("checksum does not match")

    monkeypatch.setattr(open_clip, "download_pretrained", fail)
    with pytest.raises(OSError, match="ViT-B-32, openai: checksum"):
        fetch_tag("ViT-B-32", "openai", tmp_path / "model")


@pytest.mark.parametrize(
    ("name", "tag", "quick_gelu"),
    [
        ("ViT-B-32", "openai", True),
        ("ViT-B-32-quickgelu", "laion400m_e32", True),
        ("ViT-B-32", "laion2b_s34b_b79k", False),
        ("convnext_base_w", "laion2b_s13b_b82k", False),
    ],
)
def test_a_tag_brings_its_activation_and_preprocessing(name, tag, quick_gelu):
    architecture = find_architecture({"kind": "open_clip", "architecture": name}, ".")
    found, known = apply_tag(architecture, name, tag), open_clip.get_pretrained_cfg(name, tag)
    assert found["quick_gelu"] is quick_gelu
    for key in ("mean", "std", "interpolation", "resize_mode"):
        assert found["preprocess_cfg"][key] == known[key]
    assert found["vision_cfg"] == architecture["vision_cfg"]
