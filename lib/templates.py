"""Sets of prompt templates: the study's own, and those that open_clip uses for ImageNet."""

import lib.vision_imports  # noqa: F401  (before torchvision, timm and open_clip)

# isort: split
from open_clip import OPENAI_IMAGENET_TEMPLATES, SIMPLE_IMAGENET_TEMPLATES

from lib.datasets import read_lines

TEMPLATES = {
    "photo": ["a photo of a {c}"],
    "imagenet_7": [template("{c}") for template in SIMPLE_IMAGENET_TEMPLATES],
    "imagenet_80": [template("{c}") for template in OPENAI_IMAGENET_TEMPLATES],
}


def choose_templates(name: str) -> list[str]:
    """The templates of a set, or those of a file (one a line); "{c}" stands for the class."""
    return TEMPLATES[name] if name in TEMPLATES else read_lines(name)
