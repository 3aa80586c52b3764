"""The embedded corpus: small scenes drawn from a seed, with captions from a grammar.

A scene is one glyph (a handwritten digit of scikit-learn's `load_digits`, or a shape) in one colour
on one background. Its *raw* caption is noisy: an attribute may be missing or wrong. Its *rewrites*
are drawn from the scene itself, with noise of their own (by default none): they stand for what a
language model makes of a web caption, but are cleaner than that, so that a model trained with
rewrites does better than one without is built into these data.

Every draw comes from a generator seeded by (seed, role, index): scenes do not depend on how many
there are, images not on the captions' noise, and captions not on the number of rewrites.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from lib.corpus import CaptionTable, Sample, encode_json, write_captions, write_shard
from lib.datasets import write_prompts
from lib.progress import Progress

# "zero".."nine" would not do: TF-IDF's stop words hold most of the number words, and its tokeniser
# drops one-character words, so a red three and a red six would be the same caption.
DIGITS = tuple(f"0{digit}" for digit in range(10))
SHAPES = ("circle", "square", "triangle", "star", "cross", "heart", "ring", "crescent")
GLYPHS = DIGITS + SHAPES
COLOURS = {
    "red": (214, 40, 40),
    "yellow": (245, 225, 50),
    "green": (45, 155, 60),
    "cyan": (40, 215, 225),
    "blue": (40, 80, 210),
    "purple": (135, 50, 170),
    "white": (250, 250, 250),
    "black": (15, 15, 15),
}
BACKGROUNDS = ("grey", "brown", "pink", "beige", "striped", "checkered", "dotted", "speckled")
ATTRIBUTES = {"colour": tuple(COLOURS), "glyph": GLYPHS, "background": BACKGROUNDS}
IMAGE_SIZE = 32  # pixels

# {what} is "red star", {where} is " on a striped background" or nothing.
RAW_TEMPLATES = (
    "a photo of a {what}{where}",
    "picture of a {what}{where}",
    "a {what}{where}",
    "{what}{where}",
)
REWRITE_TEMPLATES = (
    "a photo of a {what}{where}",
    "an image of a {what}{where}",
    "a drawing of a {what}{where}",
    "the image shows a {what}{where}",
    "there is a {what}{where}",
)


@dataclass(frozen=True)
class Noise:
    """Noise of captions: an attribute is left out with probability `missing`; one that is named is
    a wrong one with probability `wrong`.
    """

    missing: float = 0.0
    wrong: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.missing <= 1 and 0 <= self.wrong <= 1):
            raise ValueError(
                f"noise missing={self.missing}, wrong={self.wrong}: expected probabilities"
            )


@dataclass(frozen=True)
class CorpusSettings:
    """What is drawn: pairs for training and validation, the noise of captions, their rewrites."""

    pairs: int
    validation_pairs: int
    pairs_per_shard: int
    seed: int = 0
    noise: Noise = field(default_factory=Noise)
    rewrites: int = 0
    rewrite_noise: Noise = field(default_factory=Noise)


def parse_settings(values: Mapping) -> CorpusSettings:
    """Settings from plain values (those that are no setting of the drawing are left aside)."""
    known = {each.name for each in fields(CorpusSettings)} & set(values)
    noises = {name: Noise(**values[name]) for name in known if name.endswith("noise")}
    return CorpusSettings(**{name: values[name] for name in known} | noises)


class Scene(NamedTuple):
    """What an image shows; `scan` is the digit scan's row in `load_digits`, -1 for a shape.

    `side` is the glyph's height in pixels, `left` and `top` its corner, `turn` in degrees.
    """

    glyph: str
    colour: str
    background: str
    scan: int
    side: int
    left: int
    top: int
    turn: float


class Task(NamedTuple):
    """A downstream task: its classes, a prompt, and what of a scene a class fixes."""

    classes: tuple[str, ...]
    template: str
    fixed: Callable[[str], dict[str, str]]


def _fixed_colour_glyph(name: str) -> dict[str, str]:
    colour, glyph = name.split()
    return {"colour": colour, "glyph": glyph}


TASKS = {
    "digits": Task(DIGITS, "a photo of a {c}", lambda name: {"glyph": name}),
    "shapes": Task(SHAPES, "a photo of a {c}", lambda name: {"glyph": name}),
    "glyphs": Task(GLYPHS, "a photo of a {c}", lambda name: {"glyph": name}),
    "colours": Task(tuple(COLOURS), "a photo of a {c} symbol", lambda name: {"colour": name}),
    "backgrounds": Task(
        BACKGROUNDS,
        "a photo of a symbol on a {c} background",
        lambda name: {"background": name},
    ),
    "colour_glyphs": Task(
        tuple(f"{colour} {glyph}" for colour in COLOURS for glyph in GLYPHS),
        "a photo of a {c}",
        _fixed_colour_glyph,
    ),
}


@dataclass(frozen=True)
class DatasetSettings:
    """A downstream test set: which of `TASKS`, how many images, from which seed.

    With `training` it is the training set of a probe, drawn with the training scans of digits.
    """

    task: str
    images: int
    seed: int
    training: bool = False

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"unknown task {self.task!r}; allowed: {', '.join(TASKS)}")
        classes = len(TASKS[self.task].classes)
        if self.images < classes:
            raise ValueError(
                f"{self.images} images cannot show the {classes} classes of {self.task}"
            )


def draw_scene(seed: int, role: str, index: int, **fixed: str) -> Scene:
    """Draw scene number `index` of a role.

    Args:
        seed: of the corpus.
        role: "train", "validation", a task's name, or "training" and that name; roles have
            independent scenes. Tasks use the test scans, all others the training scans.
        index: number of the scene.
        fixed: attributes that are given rather than drawn (`colour`, `glyph`, `background`).
    """
    rng = _get_generator(seed, f"scene {role}", index)
    drawn = {name: values[rng.integers(len(values))] for name, values in ATTRIBUTES.items()}
    drawn |= fixed
    scans = _get_scan_rows(drawn["glyph"], test=role in TASKS)
    scan = int(scans[rng.integers(len(scans))]) if len(scans) else -1
    side = int(rng.integers(24, 31))
    left, top = (int(rng.integers(IMAGE_SIZE - side + 1)) for _ in range(2))
    turn = float(np.round(rng.uniform(-12, 12), 2))
    return Scene(drawn["glyph"], drawn["colour"], drawn["background"], scan, side, left, top, turn)


def render(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Paint a scene: uint8 pixels (32, 32, 3). `rng` gives the tints, the texture and the grain."""
    image = _paint_background(scene.background, rng)
    ink = np.array(COLOURS[scene.colour]) + rng.uniform(-15, 15, 3)
    mask = np.zeros((IMAGE_SIZE, IMAGE_SIZE, 1))
    glyph = _paint_digit(scene) if scene.scan >= 0 else _paint_shape(scene)
    mask[scene.top : scene.top + scene.side, scene.left : scene.left + scene.side, 0] = glyph
    image = image * (1 - mask) + ink * mask + rng.normal(0, 4, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def encode_png(pixels: np.ndarray) -> bytes:
    """PNG bytes of uint8 pixels (height, width, 3); the same pixels give the same bytes."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=6)
    return stream.getvalue()


def describe_scene(
    scene: Scene, noise: Noise, template: str, rng: np.random.Generator
) -> tuple[str, dict[str, str]]:
    """Describe a scene with noise: the caption, and what is amiss (attribute -> missing or wrong).

    A missing glyph is a "symbol"; a missing colour or background is not spoken of.
    """
    said: dict[str, str] = {}
    amiss = {}
    for name, values in ATTRIBUTES.items():
        truth = getattr(scene, name)
        is_missing, is_wrong = rng.random(2) < (noise.missing, noise.wrong)
        other = values[(values.index(truth) + rng.integers(1, len(values))) % len(values)]
        if is_missing:
            amiss[name] = "missing"
            continue
        said[name] = other if is_wrong else truth
        if is_wrong:
            amiss[name] = "wrong"
    what = " ".join(filter(None, (said.get("colour"), said.get("glyph", "symbol"))))
    where = f" on a {said['background']} background" if "background" in said else ""
    return template.format(what=what, where=where), amiss


def caption_scene(
    scene: Scene, settings: CorpusSettings, split: str, index: int
) -> tuple[str, dict[str, str], list[str]]:
    """The raw caption of a scene of the corpus, what is amiss in it, and the rewrites.

    Rewrites of one scene go through the templates in turn, so that they differ in wording.
    """
    rng = _get_generator(settings.seed, f"raw {split}", index)
    template = RAW_TEMPLATES[rng.integers(len(RAW_TEMPLATES))]
    caption, amiss = describe_scene(scene, settings.noise, template, rng)
    rng = _get_generator(settings.seed, f"rewrites {split}", index)
    first = rng.integers(len(REWRITE_TEMPLATES))
    rewrites = []
    for number in range(settings.rewrites):
        template = REWRITE_TEMPLATES[(first + number) % len(REWRITE_TEMPLATES)]
        rewrites.append(describe_scene(scene, settings.rewrite_noise, template, rng)[0])
    return caption, amiss, rewrites


def draw_corpus(
    settings: CorpusSettings, shards: Sequence[str | Path], captions: str | Path
) -> None:
    """Draw a corpus and write its shards and its caption table.

    Training pairs come first, then validation pairs; keys are `train-0000000`, ... The same
    settings give the same bytes.

    Raises:
        ValueError: there are not as many shards as the pairs fill.
    """
    counts = (("train", settings.pairs), ("validation", settings.validation_pairs))
    rows = [(split, index) for split, count in counts for index in range(count)]
    starts = range(0, len(rows), settings.pairs_per_shard)
    if len(shards) != len(starts):
        raise ValueError(f"{len(rows)} pairs fill {len(starts)} shards; got {len(shards)} paths")
    progress = Progress("drawing pairs", len(rows), "pairs")
    table = CaptionTable([], [], [], [[] for _ in range(settings.rewrites)], [])
    for number, (shard, start) in enumerate(zip(shards, starts, strict=True)):
        part = rows[start : start + settings.pairs_per_shard]
        write_shard(shard, _draw_pairs(settings, part, table, progress))
        table.shards.extend([number] * len(part))
    write_captions(captions, table)


def draw_dataset(
    settings: DatasetSettings, shard: str | Path, names: str | Path, templates: str | Path
) -> None:
    """Draw a downstream dataset: its shard (`key.png`, `key.cls`), class names and templates."""
    task = TASKS[settings.task]
    write_shard(shard, _draw_images(settings))
    write_prompts(names, templates, task.classes, [task.template])


@cache
def load_scans() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digit scans in [0, 1], (1797, 8, 8), and their labels (1797,).

    The file that `load_digits` reads is read here: importing scikit-learn takes as long (1.4 s) as
    drawing 2,000 images.
    """
    folder = find_spec("sklearn").submodule_search_locations[0]
    rows = np.loadtxt(Path(folder, "datasets/data/digits.csv.gz"), delimiter=",")
    return rows[:, :-1].reshape(-1, 8, 8) / 16.0, rows[:, -1].astype(np.int64)


def _draw_images(settings: DatasetSettings) -> Iterator[Sample]:
    """Draw labelled images; labels go round, so a class has images / classes, to within one."""
    classes, _, fixed = TASKS[settings.task]
    # a role that is no task has the training scans
    role = f"training {settings.task}" if settings.training else settings.task
    for index in range(settings.images):
        label = index % len(classes)
        scene = draw_scene(settings.seed, role, index, **fixed(classes[label]))
        pixels = render(scene, _get_generator(settings.seed, f"paint {role}", index))
        parts = {"png": encode_png(pixels), "cls": str(label).encode()}
        yield Sample(f"{settings.task}-{index:07d}", parts)


def _draw_pairs(
    settings: CorpusSettings,
    rows: Sequence[tuple[str, int]],
    table: CaptionTable,
    progress: Progress,
) -> Iterator[Sample]:
    """Draw the pairs of one shard; their captions are appended to `table`."""
    for split, index in rows:
        scene = draw_scene(settings.seed, split, index)
        pixels = render(scene, _get_generator(settings.seed, f"paint {split}", index))
        caption, amiss, rewrites = caption_scene(scene, settings, split, index)
        for column, text in zip(table.rewrites, rewrites, strict=True):
            column.append(text)
        key = f"{split}-{index:07d}"
        table.keys.append(key)
        table.splits.append(split)
        table.captions.append(caption)
        facts = encode_json({**scene._asdict(), "amiss": amiss})
        progress.advance(1)
        parts = {"png": encode_png(pixels), "txt": caption.encode(), "json": facts}
        yield Sample(key, parts)


def _get_generator(seed: int, role: str, index: int) -> np.random.Generator:
    """A generator of its own for each (seed, role, index)."""
    digest = hashlib.sha256(role.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little"), index])


@cache
def _get_scan_rows(glyph: str, test: bool) -> np.ndarray:
    """Rows of the scans of a digit; the file's last quarter is for the tests. Empty for a shape."""
    if glyph not in DIGITS:
        return np.zeros(0, int)
    _, labels = load_scans()
    rows = np.flatnonzero(labels == DIGITS.index(glyph))
    first_test = len(labels) * 3 // 4
    return rows[rows >= first_test] if test else rows[rows < first_test]


def _paint_digit(scene: Scene) -> np.ndarray:
    """Opacity (side, side) of a scan, enlarged."""
    images, _ = load_scans()
    scan = Image.fromarray(np.uint8(np.rint(255 * images[scene.scan])))
    large = scan.resize((scene.side, scene.side), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(large) / 255 * 1.3, 0, 1)


def _paint_shape(scene: Scene) -> np.ndarray:
    """Opacity (side, side) of a shape: painted large, turned, reduced (smooth edges)."""
    large = _paint_large_shape(scene.glyph).rotate(scene.turn, Image.Resampling.BILINEAR)
    small = large.resize((scene.side, scene.side), Image.Resampling.BOX)
    return np.asarray(small) / 255


@cache
def _paint_large_shape(name: str) -> Image.Image:
    """A shape on a canvas of 128 x 128, 255 within."""
    image = Image.new("L", (128, 128), 0)
    draw = ImageDraw.Draw(image)
    if name in ("circle", "ring", "crescent"):
        draw.ellipse((10, 10, 118, 118), fill=255)
        if name == "ring":
            draw.ellipse((37, 37, 91, 91), fill=0)
        if name == "crescent":
            draw.ellipse((42, -2, 138, 94), fill=0)
    elif name == "heart":
        draw.ellipse((11, 18, 66, 72), fill=255)
        draw.ellipse((62, 18, 117, 72), fill=255)
        draw.polygon([(15, 59), (113, 59), (64, 118)], fill=255)
    elif name == "cross":
        draw.rectangle((48, 8, 80, 120), fill=255)
        draw.rectangle((8, 48, 120, 80), fill=255)
    else:
        draw.polygon(_get_corners(name), fill=255)
    return image


def _get_corners(name: str) -> list[tuple[float, float]]:
    """Corners of a square, a triangle or a star on the canvas of 128 x 128."""
    if name == "square":
        return [(19, 19), (109, 19), (109, 109), (19, 109)]
    if name == "triangle":
        return [(64, 11), (120, 112), (8, 112)]
    angles = np.pi * (np.arange(10) / 5 - 0.5)
    radii = np.where(np.arange(10) % 2 == 0, 61, 25)
    return [(64 + r * np.cos(a), 67 + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)]


PLAIN = {
    "grey": (128, 128, 128),
    "brown": (115, 75, 45),
    "pink": (245, 165, 190),
    "beige": (215, 190, 150),
}


def _paint_background(name: str, rng: np.random.Generator) -> np.ndarray:
    """Background colours (32, 32, 3) as floats; textures alternate two greys at a random phase."""
    if name in PLAIN:
        return np.ones((IMAGE_SIZE, IMAGE_SIZE, 1)) * (np.array(PLAIN[name]) + rng.uniform(-15, 15))
    dark, light = rng.uniform(85, 105), rng.uniform(145, 165)
    x, y = np.meshgrid(*(np.arange(IMAGE_SIZE) + rng.integers(8) for _ in range(2)))
    patterns = {
        "striped": (x + y) // 4 % 2 == 0,
        "checkered": (x // 4 + y // 4) % 2 == 0,
        "dotted": (x % 6 - 2.5) ** 2 + (y % 6 - 2.5) ** 2 < 4,
        "speckled": rng.random(x.shape) < 0.35,
    }
    return np.where(patterns[name], light, dark)[:, :, None] * np.ones(3)
