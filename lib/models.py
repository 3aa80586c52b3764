"""CLIP-style models: open_clip's own class, built from JSON, divided into towers and head.

An architecture is a mapping in the form of open_clip's model configs (`embed_dim`, `vision_cfg`,
`text_cfg`), with an optional `preprocess_cfg` (`mean`, `std`, `interpolation`): a model is never
evaluated under another model's preprocessing.
"""

from collections.abc import Callable
from pathlib import Path

import lib.compat  # noqa: F401  (must come before whatever imports torchvision)

# isort: split
import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from timm.models import register_model
from timm.models.resnet import ResNet, test_resnet
from torch import nn
from torchvision.transforms import Compose, InterpolationMode, RandomResizedCrop

from lib.files import atomic_path
from lib.heads import Head


@register_model
def glyph_resnet(pretrained: bool = False, **kwargs) -> ResNet:
    """timm's small `test_resnet` with a last stage of 128 channels instead of 96.

    An embedding of 128 dimensions can have orthogonal neurons only on a tower at least as wide.
    """
    return test_resnet(pretrained, **{"channels": (32, 48, 48, 128), **kwargs})


def build_model(architecture: dict, seed: int = 0) -> open_clip.CLIP:
    """Build a model with random weights, the same for the same seed.

    Raises:
        ValueError: a tower of the architecture does not end in a linear projection.
    """
    settings = {key: value for key, value in architecture.items() if key != "preprocess_cfg"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = open_clip.CLIP(**settings)
    _find_image_projection(model)
    if not isinstance(model.text_projection, nn.Parameter):
        raise ValueError(
            "the text tower does not end in a linear layer without bias; neurons are columns of "
            "such a projection"
        )
    return model


def save_model(path: str | Path, model: nn.Module, metadata: dict[str, str]) -> None:
    """Write the whole state dict as safetensors, with what made it as metadata."""
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(state, temporary, metadata)


def load_model(path: str | Path, architecture: dict) -> open_clip.CLIP:
    """Build the architecture and load the weights of a file that `save_model` wrote, all of them.

    Raises:
        ValueError: the file is no safetensors file, or names or shapes in it are not those of the
            architecture.
    """
    model = build_model(architecture)
    try:
        model.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} does not fit its architecture: {reason[:300]}") from error
    return model


def split_head(model: open_clip.CLIP) -> tuple[open_clip.CLIP, Head]:
    """Take the projections off a model (it is changed) and return the frozen towers and the head.

    The towers' `encode_image` and `encode_text` then end before the projection: (n, image width)
    and (n, text width). They are in evaluation mode and require no gradient.
    """
    owner, name = _find_image_projection(model)
    image_projection = getattr(owner, name)
    if isinstance(image_projection, nn.Linear):  # weight of shape (dim, width)
        image_weight, replacement = image_projection.weight.T, nn.Identity()
    else:
        image_weight, replacement = image_projection, None
    head = Head(
        image_weight.detach().numpy(force=True).copy(),
        model.text_projection.detach().numpy(force=True).copy(),
        float(model.logit_scale.detach()),
    )
    setattr(owner, name, replacement)
    model.text_projection = None
    return model.eval().requires_grad_(False), head


def get_tokenizer(architecture: dict) -> Callable[[list[str]], torch.Tensor]:
    """open_clip's byte-pair tokenizer: texts to token ids (n, context length)."""
    return open_clip.SimpleTokenizer(
        context_length=architecture["text_cfg"].get("context_length", 77)
    )


def get_transform(architecture: dict, crop_scale: tuple[float, float] | None = None) -> Callable:
    """The model's own preprocessing: an RGB Pillow image to a float tensor (3, size, size).

    Args:
        crop_scale: None resizes the shorter side and crops the centre (evaluation); a range draws a
            crop of that share of the area and resizes it (training).
    """
    preprocess = PreprocessCfg(
        size=architecture["vision_cfg"]["image_size"], **architecture.get("preprocess_cfg", {})
    )
    transform = image_transform_v2(preprocess, is_train=False)
    if crop_scale is None:
        return transform
    interpolation = InterpolationMode(preprocess.interpolation)
    crop = RandomResizedCrop(preprocess.size, scale=crop_scale, interpolation=interpolation)
    return Compose([crop, *transform.transforms[-3:]])  # after resizing: RGB, to tensor, normalise


def _find_image_projection(model: open_clip.CLIP) -> tuple[nn.Module, str]:
    """The module and the attribute's name that hold the image tower's last linear layer."""
    visual = model.visual
    if isinstance(getattr(visual, "proj", None), nn.Parameter):
        return visual, "proj"
    projection = getattr(getattr(visual, "head", None), "proj", None)
    if isinstance(projection, nn.Linear) and projection.bias is None:
        return visual.head, "proj"
    raise ValueError(
        f"the image tower {type(visual).__name__} does not end in a linear layer without bias; "
        "neurons are columns of such a projection"
    )
