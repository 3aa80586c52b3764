"""Towers without their projections: captions without padding have the features of padded ones."""

import pytest
import torch

from lib.architectures import find_architecture
from lib.features import extract_texts
from lib.models import build_model, get_tokenizer, split_head
from lib.towers import _ends_at_its_last_token

TEXTS = [
    "a dog",
    "a very long description of a dog that runs over a green meadow behind a red ball " * 3,
    "",
    "two cats on a sofa",
    "word " * 200,  # cut by the tokenizer: fills the context
]
SMALL = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 3}
VARIANTS = {
    "CLIP": {},
    "CLIP with a text tower of its own": {"custom_text": True},
    "bidirectional, last token": {
        "custom_text": True,
        "text_cfg": SMALL | {"no_causal_mask": True, "pool_type": "last"},
    },
    "bidirectional, end of text": {
        "custom_text": True,
        "text_cfg": SMALL | {"no_causal_mask": True},
    },
    "causal, last token": {"custom_text": True, "text_cfg": SMALL | {"pool_type": "last"}},
}


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS)
def architecture(request, tiny_architecture):
    return tiny_architecture | {"text_cfg": SMALL} | request.param


def test_texts_without_padding_have_the_features_of_padded_ones(architecture):
    model = build_model(architecture, seed=0).eval()
    tokenize = get_tokenizer(architecture)
    with torch.no_grad():
        whole = model.encode_text(tokenize(TEXTS))
    towers, head = split_head(model)
    for batch_size in (1, 2, 5):
        features = extract_texts(towers, tokenize, TEXTS, batch_size, torch.device("cpu"))
        found = torch.from_numpy(features @ head.text_projection)
        torch.testing.assert_close(found, whole, atol=1e-5, rtol=1e-5)


def test_the_transformer_sees_no_more_than_the_longest_text(tiny_architecture):
    architecture = tiny_architecture | {"text_cfg": SMALL}
    towers, _ = split_head(build_model(architecture, seed=0))
    lengths = []
    towers.model.transformer.register_forward_hook(
        lambda _module, inputs, _output: lengths.append(tuple(inputs[0].shape[:2]))
    )
    extract_texts(towers, get_tokenizer(architecture), TEXTS, 2, torch.device("cpu"))
    assert lengths == [(2, 4), (2, 53), (1, 77)]


def test_clip_of_openai_is_read_at_its_last_token():
    """The architectures that are studied most are those that become faster."""
    for name in ("ViT-B-32", "ViT-B-16"):
        model = build_model(find_architecture({"kind": "open_clip", "architecture": name}, "."))
        assert _ends_at_its_last_token(model)
