"""CLIP-style models: open_clip's own class, built from JSON, divided into towers and head.

An architecture is a mapping in the form of open_clip's model configs (see `lib.architectures`),
with an optional `preprocess_cfg` (`mean`, `std`, `interpolation`, `resize_mode`): a model is never
evaluated under another model's preprocessing.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import lib.vision_imports  # noqa: F401  (before torchvision, timm and open_clip)

# isort: split
import numpy as np
import open_clip
import torch
from open_clip.model import set_model_preprocess_cfg
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL.Image import Image
from safetensors.torch import save_file
from timm.models import register_model
from timm.models.resnet import ResNet, test_resnet
from timm.models.vision_transformer import (
    VisionTransformer,
    vit_base_patch16_224,
    vit_large_patch16_224,
    vit_small_patch16_224,
)
from torch import nn
from torchvision.transforms import Compose, InterpolationMode, RandomResizedCrop
from torchvision.transforms.functional import resized_crop

from lib.architectures import context_length, explain_refusal, image_size
from lib.files import atomic_path
from lib.heads import Head
from lib.towers import Towers
from lib.weights import check_weights, read_weights

Model = open_clip.CLIP | open_clip.CustomTextCLIP


@register_model
def glyph_resnet(pretrained: bool = False, **kwargs) -> ResNet:
    """timm's small `test_resnet` with a last stage of 128 channels instead of 96.

    An embedding of 128 dimensions can have orthogonal neurons only on a tower at least as wide.
    """
    return test_resnet(pretrained, **{"channels": (32, 48, 48, 128), **kwargs})


@register_model
def laclip_vit_small_patch16_224(pretrained: bool = False, **kwargs) -> VisionTransformer:
    """LaCLIP's ViT-S/16: queries and keys are normalised, in 12 heads instead of timm's 6."""
    return vit_small_patch16_224(pretrained, **{"qk_norm": True, "num_heads": 12, **kwargs})


@register_model
def laclip_vit_base_patch16_224(pretrained: bool = False, **kwargs) -> VisionTransformer:
    """LaCLIP's ViT-B/16: queries and keys are normalised."""
    return vit_base_patch16_224(pretrained, **{"qk_norm": True, **kwargs})


@register_model
def laclip_vit_large_patch16_224(pretrained: bool = False, **kwargs) -> VisionTransformer:
    """LaCLIP's ViT-L/16: queries and keys are normalised."""
    return vit_large_patch16_224(pretrained, **{"qk_norm": True, **kwargs})


def build_model(architecture: dict, seed: int = 0) -> Model:
    """Build a model with random weights, the same for the same seed.

    Raises:
        ValueError: the model cannot be studied (`architectures.explain_refusal`).
    """
    reason = explain_refusal(architecture)
    if reason:
        raise ValueError(f"the architecture cannot be studied: {reason}")
    others = ("preprocess_cfg", "custom_text", "vision_cfg")
    settings = {key: value for key, value in architecture.items() if key not in others}
    # some of open_clip's configs ask timm for a tower's weights, which would be downloaded
    vision = architecture["vision_cfg"] | {"timm_model_pretrained": False}
    build = open_clip.CustomTextCLIP if architecture.get("custom_text") else open_clip.CLIP
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(vision_cfg=vision, **settings)
    set_model_preprocess_cfg(model, asdict(_get_preprocessing(architecture)))
    _find_image_projection(model)
    _find_text_projection(model)
    return model


def complete_architecture(architecture: dict) -> dict:
    """An architecture with all that it leaves to open_clip's defaults written out."""
    preprocess = asdict(_get_preprocessing(architecture))
    return architecture | {
        "quick_gelu": architecture.get("quick_gelu", False),
        "custom_text": architecture.get("custom_text", False),
        "preprocess_cfg": {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in preprocess.items()
        },
    }


def save_model(path: str | Path, model: nn.Module, metadata: dict[str, str]) -> None:
    """Write the whole state dict as safetensors, with what made it as metadata."""
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(state, temporary, metadata)


def load_model(path: str | Path, architecture: dict) -> Model:
    """Build the architecture and load the weights of a file that `save_model` wrote, all of them.

    Raises:
        ValueError: the file is no safetensors file, or names or shapes in it are not those of the
            architecture.
    """
    model = build_model(architecture)
    weights = read_weights(path)
    check_weights(weights, model.state_dict(), path)
    model.load_state_dict(weights)
    return model


def split_head(model: Model) -> tuple[Towers, Head]:
    """Take the projections off a model (it is changed) and return the frozen towers and the head.

    The towers' `encode_image` and `encode_text` then end before the projection: (n, image width)
    and (n, text width). They are in evaluation mode and require no gradient.
    """
    owner, name = _find_image_projection(model)
    text_owner, text_name = _find_text_projection(model)
    head = Head(
        _get_matrix(getattr(owner, name)),
        _get_matrix(getattr(text_owner, text_name)),
        float(model.logit_scale.detach()),
    )
    is_layer = isinstance(getattr(owner, name), nn.Linear)
    setattr(owner, name, nn.Identity() if is_layer else None)
    setattr(text_owner, text_name, None)
    return Towers(model), head


def get_tokenizer(architecture: dict) -> Callable[[list[str]], torch.Tensor]:
    """open_clip's byte-pair tokenizer: texts to token ids (n, context length).

    LaCLIP's yields the same ids (compared on the 15,833 captions of CC3M's validation split).
    """
    settings = architecture["text_cfg"].get("tokenizer_kwargs") or {}
    return open_clip.SimpleTokenizer(context_length=context_length(architecture), **settings)


def get_transform(architecture: dict) -> Callable[[Image], torch.Tensor]:
    """The model's own preprocessing: an RGB Pillow image to pixels (size, size, 3) uint8.

    All but open_clip's last steps, which turn pixels into floats and normalise them: the towers do.
    """
    *steps, _, _ = image_transform_v2(_get_preprocessing(architecture), is_train=False).transforms
    resize = Compose(steps)
    return lambda image: torch.from_numpy(np.array(resize(image)))


def get_crop(architecture: dict, scale: tuple[float, float]) -> Callable[[Image, int], Image]:
    """Training's crop: of a share of an image's area in `scale`, drawn from a seed below 2**63.

    It is resized to the size that the model takes, which `get_transform` then leaves alone.
    """
    preprocess = _get_preprocessing(architecture)
    crop = RandomResizedCrop(
        preprocess.size, scale, interpolation=InterpolationMode(preprocess.interpolation)
    )

    def draw(image: Image, seed: int) -> Image:
        torch.manual_seed(seed)
        box = crop.get_params(image, crop.scale, crop.ratio)
        return resized_crop(image, *box, crop.size, crop.interpolation)

    return draw


def _get_preprocessing(architecture: dict) -> PreprocessCfg:
    """The preprocessing in an architecture, to the size that its image tower takes."""
    size = {"size": image_size(architecture)}
    return PreprocessCfg(**(architecture.get("preprocess_cfg", {}) | size))


def _get_matrix(projection: nn.Linear | nn.Parameter) -> np.ndarray:
    """A projection as (width, dim) float32, in memory of its own."""
    weight = projection.weight.T if isinstance(projection, nn.Linear) else projection
    return weight.detach().numpy(force=True).copy()


def _find_image_projection(model: Model) -> tuple[nn.Module, str]:
    """The module and the attribute's name that hold the image tower's last linear layer."""
    visual = model.visual
    for owner in (visual, getattr(visual, "head", None)):
        if _is_projection(getattr(owner, "proj", None)):
            return owner, "proj"
    raise ValueError(_no_projection("image", visual))


def _find_text_projection(model: Model) -> tuple[nn.Module, str]:
    """The module and the attribute's name that hold the text tower's last linear layer."""
    owner = getattr(model, "text", model)
    if _is_projection(owner.text_projection):
        return owner, "text_projection"
    raise ValueError(_no_projection("text", owner))


def _is_projection(candidate: object) -> bool:
    """Whether it is a linear layer without bias, as a module or as a matrix."""
    is_layer = isinstance(candidate, nn.Linear) and candidate.bias is None
    return is_layer or isinstance(candidate, nn.Parameter)


def _no_projection(tower: str, found: nn.Module) -> str:
    return (
        f"the {tower} tower {type(found).__name__} does not end in a linear layer without bias; "
        "neurons are columns of such a projection"
    )
