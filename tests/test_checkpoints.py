"""Projections from files of every known form, and files that must be refused."""

import argparse
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lib.checkpoints import load_state_dict, read_projections
from lib.heads import Head, write_heads

SIZE = 6  # square, so that only the name can tell the orientation


@pytest.fixture
def head():
    """Projections that differ from their transposes."""
    generator = np.random.default_rng(0)
    image, text = generator.normal(size=(2, SIZE, SIZE)).astype(np.float32)
    return Head(image, text, 4.6)


def check(found, head):
    assert set(found) == {"image", "text"}
    for matrix, expected in ((found["image"], head[0]), (found["text"], head[1])):
        assert matrix.dtype == np.float32 and matrix.flags.c_contiguous
        assert np.array_equal(matrix, expected)


def as_state(head, image_name, text_name, image_turned, text_turned):
    image, text = torch.from_numpy(head.image_projection), torch.from_numpy(head.text_projection)
    return {
        "logit_scale": torch.tensor(head.logit_scale),
        image_name: image.T.contiguous() if image_turned else image,
        text_name: text.T.contiguous() if text_turned else text,
        "vision_proj_m.weight": torch.zeros(SIZE, SIZE),  # ALBEF's and BLIP's momentum copy
        "text_proj_m.weight": torch.zeros(SIZE, SIZE),
    }


FORMS = [
    pytest.param("visual.proj", "text_projection", False, False, id="open_clip"),
    pytest.param("visual.head.proj.weight", "text_projection", True, False, id="open_clip_timm"),
    pytest.param("visual.proj", "text_projection.weight", False, True, id="open_clip_linear"),
    pytest.param("visual.proj", "text.text_projection", False, False, id="open_clip_custom"),
    pytest.param("image_projection", "text_projection", False, False, id="laclip"),
    pytest.param("visual_projection.weight", "text_projection.weight", True, True, id="hf"),
    pytest.param("vision_proj.weight", "text_proj.weight", True, True, id="albef_blip"),
]


@pytest.mark.parametrize("image_name, text_name, image_turned, text_turned", FORMS)
class TestForms:
    """Every form, in every container."""

    @pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
    @pytest.mark.parametrize("prefix", ["", "module.", "module._orig_mod."])
    @pytest.mark.parametrize("is_zip", [True, False])
    def test_torch(
        self,
        tmp_path,
        head,
        image_name,
        text_name,
        image_turned,
        text_turned,
        wrapper,
        prefix,
        is_zip,
    ):
        state = as_state(head, image_name, text_name, image_turned, text_turned)
        content = OrderedDict((prefix + name, tensor) for name, tensor in state.items())
        path = tmp_path / "checkpoint.pt"
        torch.save(
            {"epoch": 3, wrapper: content} if wrapper else content,
            path,
            _use_new_zipfile_serialization=is_zip,
        )
        check(read_projections(path), head)

    @pytest.mark.parametrize("prefix", ["", "module."])
    @pytest.mark.parametrize("name", ["model.safetensors", "model.bin"])
    def test_safetensors(
        self, tmp_path, head, image_name, text_name, image_turned, text_turned, prefix, name
    ):
        state = as_state(head, image_name, text_name, image_turned, text_turned)
        path = tmp_path / name
        save_file({prefix + key: tensor for key, tensor in state.items()}, path)
        check(read_projections(path), head)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_other_precisions(tmp_path, head, dtype, suffix):
    state = {
        "visual.proj": torch.from_numpy(head.image_projection).to(dtype),
        "text_projection": torch.from_numpy(head.text_projection).to(dtype),
    }
    path = tmp_path / f"checkpoint.{suffix}"
    (torch.save if suffix == "pt" else save_file)(state, path)
    found = read_projections(path)
    assert np.array_equal(found["image"], state["visual.proj"].float().numpy())
    assert np.array_equal(found["text"], state["text_projection"].float().numpy())


def test_models_of_open_clip_itself(tmp_path):
    import lib.vision_imports  # noqa: F401  (before torchvision, timm and open_clip)

    open_clip = pytest.importorskip("open_clip")
    vision = {"image_size": 32, "patch_size": 16, "width": 64, "layers": 1, "head_width": 32}
    text = {"vocab_size": 100, "context_length": 8, "width": 48, "heads": 2, "layers": 1}
    model = open_clip.CLIP(24, vision, text)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "whole.pt")
    found = read_projections(tmp_path / "whole.pt")
    assert np.array_equal(found["image"], model.visual.proj.detach().numpy())
    assert np.array_equal(found["text"], model.text_projection.detach().numpy())
    assert found["image"].shape == (64, 24) and found["text"].shape == (48, 24)


def test_files_of_heads(tmp_path, head):
    other = Head(head.image_projection + 1, head.text_projection + 1, 4.6)
    write_heads(tmp_path / "one.safetensors", {"pretrained": head})
    write_heads(tmp_path / "two.safetensors", {"pretrained": head, "10": other})
    check(read_projections(tmp_path / "one.safetensors"), head)
    check(read_projections(tmp_path / "two.safetensors", "pretrained"), head)
    check(read_projections(tmp_path / "two.safetensors", "10"), other)
    with pytest.raises(ValueError, match="several heads: 10, pretrained"):
        read_projections(tmp_path / "two.safetensors")
    with pytest.raises(ValueError, match="no entry '1', only 10, pretrained"):
        read_projections(tmp_path / "two.safetensors", "1")


def test_only_what_is_wanted_must_be_there(tmp_path, head):
    path = tmp_path / "text.pt"
    torch.save({"text_proj.weight": torch.from_numpy(head.text_projection)}, path)
    found = read_projections(path, which=["text"])
    assert np.array_equal(found["text"], head.text_projection.T)
    with pytest.raises(ValueError, match="no image projection: expected one of image_projection"):
        read_projections(path)


def laclip_checkpoint(head):
    """The content of LaCLIP's files: arguments, and an optimiser whose rate is a NumPy number."""
    rates = {"lr": np.float64(1e-3), "step": np.int64(7), "half": np.float16(2), "on": np.bool_(1)}
    return {
        "epoch": 35,
        "state_dict": {
            "module.image_projection": torch.from_numpy(head.image_projection),
            "module.text_projection": torch.from_numpy(head.text_projection),
        },
        "optimizer": {"state": {}, "param_groups": [{**rates, "betas": (0.9, 0.98)}]},
        "scaler": {"scale": 65536.0},
        "best_acc1": 21.5,
        "args": argparse.Namespace(model="CLIP_VITB16", lr=1e-3, betas=(0.9, 0.98)),
    }


@pytest.mark.parametrize("core", [b"numpy._core", b"numpy.core"])
@pytest.mark.parametrize("is_zip", [True, False])
def test_arguments_and_numpy_numbers_are_read(tmp_path, head, core, is_zip):
    """Both names of NumPy's module: files from before version 2 have the shorter one."""
    path = tmp_path / "laclip.pt"
    torch.save(laclip_checkpoint(head), path, _use_new_zipfile_serialization=is_zip)
    rewrite(path, lambda content: content.replace(b"numpy._core", core))
    check(read_projections(path), head)


def rewrite(path, change):
    """Change the pickle of a torch file, whichever of the two formats it has."""
    if not zipfile.is_zipfile(path):
        path.write_bytes(change(path.read_bytes()))
        return
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, change(content) if name.endswith("data.pkl") else content)


class Call:
    """Pickles as a call: reading it carelessly makes the call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("where", ["args", "state_dict"])
def test_a_malicious_pickle_is_refused_and_nothing_is_executed(tmp_path, head, is_zip, where):
    victim, path = tmp_path / "victim", tmp_path / "malicious.pt"
    content = laclip_checkpoint(head)
    content[where] = Call(Path.touch, victim)
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    torch.load(path, weights_only=False)
    assert victim.exists(), "the file does no harm: the test would show nothing"
    victim.unlink()
    for read in (read_projections, load_state_dict):
        with pytest.raises(ValueError, match=r"refused: it asks for \S+, which could") as caught:
            read(path)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    assert not victim.exists()


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(Call(eval, "1"), id="builtin"),
        pytest.param(Call(getattr, 1, "real"), id="getattr"),
        pytest.param(np.arange(3), id="numpy_array"),
        pytest.param(np.str_("a"), id="numpy_text"),
        pytest.param(Path("a"), id="path"),
        pytest.param(argparse.Namespace(inner=Call(eval, "1")), id="in_namespace"),
    ],
)
def test_only_numbers_and_namespaces_pass(tmp_path, head, payload):
    path = tmp_path / "checkpoint.pt"
    torch.save({**laclip_checkpoint(head), "args": payload}, path)
    with pytest.raises(ValueError, match=r"refused|not a readable"):
        read_projections(path)


def test_permission_is_not_left_behind(tmp_path, head):
    path = tmp_path / "checkpoint.pt"
    before = set(torch.serialization.get_safe_globals())
    torch.save(laclip_checkpoint(head), path)
    read_projections(path)
    assert set(torch.serialization.get_safe_globals()) == before


def broken_files(folder):
    """Path and the reason expected, for files that are no checkpoints."""
    torch.save({"visual.proj": torch.ones(300, 300)}, folder / "whole.pt")
    content = (folder / "whole.pt").read_bytes()
    torch.jit.script(torch.nn.Linear(2, 2)).save(folder / "program.pt")
    torch.save({"epoch": 3, "args": {}}, folder / "nothing.pt")
    torch.save([torch.ones(2, 2)], folder / "list.pt")
    files = {
        "empty.pt": (b"", "not a readable"),
        "text.pt": (b"epoch,loss\n" * 20, "not a readable"),
        "cut.pt": (content[: len(content) // 2], "not a readable"),
        "random.pt": (np.random.default_rng(0).bytes(4000), "not a readable"),
        "pickle.pt": (pickle.dumps({"a": 1}), "not a readable"),
        "random.safetensors": (np.random.default_rng(0).bytes(4000), "not a safetensors file"),
        "empty.safetensors": (b"", "not a safetensors file"),
    }
    for name, (content, reason) in files.items():
        (folder / name).write_bytes(content)
        yield folder / name, reason
    yield folder / "program.pt", "TorchScript program"
    yield folder / "nothing.pt", "holds no weights: found epoch, args"
    yield folder / "list.pt", "holds no weights: found list"


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_broken_files_are_one_clear_line(tmp_path):
    for path, reason in broken_files(tmp_path):
        for read in (read_projections, load_state_dict):
            with pytest.raises(ValueError, match=reason) as caught:
                read(path)
            message = str(caught.value)
            assert "\n" not in message and str(path) in message
            assert "weights_only" not in message, "advice to switch the safety off"


def test_tensors_beside_the_weights_do_not_hide_them(tmp_path, head):
    content = laclip_checkpoint(head)
    torch.save(content | {"epoch": torch.tensor(3)}, tmp_path / "checkpoint.pt")
    check(read_projections(tmp_path / "checkpoint.pt"), head)


def test_weights_that_are_no_projections_are_an_error(tmp_path):
    square = torch.ones(3, 3)
    states = {
        "no matrix": {"visual.proj": torch.ones(3), "text_projection": square},
        "no matrix of floating": {"visual.proj": square.long(), "text_projection": square},
        "more than one image": {
            "visual.proj": square,
            "image_projection": square,
            "text_projection": square,
        },
        "'visual.proj' twice": {"visual.proj": square, "module.visual.proj": square},
        "no ordinary matrix": {"visual.proj": square.to_sparse(), "text_projection": square},
    }
    for reason, state in states.items():
        torch.save(state, tmp_path / "checkpoint.pt")
        with pytest.raises(ValueError, match=reason):
            read_projections(tmp_path / "checkpoint.pt")


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_projections(tmp_path / "none.pt")
    with pytest.raises(IsADirectoryError):
        read_projections(tmp_path)


def test_whole_weights_come_without_prefixes(tmp_path, head):
    torch.save(laclip_checkpoint(head), tmp_path / "laclip.pt")
    state = load_state_dict(tmp_path / "laclip.pt")
    assert list(state) == ["image_projection", "text_projection"]
    assert torch.equal(state["image_projection"], torch.from_numpy(head.image_projection))
    save_file({"module.visual.proj": torch.ones(2, 2)}, tmp_path / "model.safetensors")
    assert list(load_state_dict(tmp_path / "model.safetensors")) == ["visual.proj"]
