"""Scores a model by CLIP_benchmark's own functions, in its own environment: a test runs this there.

python benchmarks/clip_benchmark_scores.py FOLDER, which holds the model, `task/` (a WebDataset in
CLIP_benchmark's layout, with splits `train` and `test`) and `pairs.tar`; prints scores as JSON.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import lib.vision_imports  # noqa: F401  (before torchvision, timm and open_clip)

# isort: split
import torch
from clip_benchmark.datasets.builder import build_dataset
from clip_benchmark.metrics import linear_probe, zeroshot_classification, zeroshot_retrieval
from open_clip.transform import PreprocessCfg, image_transform_v2
from safetensors.torch import load_file
from sklearn.metrics import balanced_accuracy_score
from torch.utils.data import DataLoader

from lib.corpus import decode_image, iterate_samples
from lib.models import build_model, get_tokenizer

BATCH = 64
# It makes a number of an array of one, which NumPy 2.4 no longer does: `float` means this there.
zeroshot_classification.float = lambda array: array.item()


def main() -> None:
    folder = Path(sys.argv[1])
    architecture = json.loads((folder / "architecture.json").read_text())
    model = build_model(architecture, seed=0).eval()
    model.load_state_dict(load_file(folder / "weights.safetensors"))
    preprocessing = PreprocessCfg(**model.visual.preprocess_cfg)
    transform = image_transform_v2(preprocessing, is_train=False)
    tokenizer = get_tokenizer(architecture)
    loaders = {}
    for split in ("train", "test"):
        data = build_dataset(
            "wds/benchmark", root=str(folder / "task"), transform=transform, split=split
        )
        loaders[split] = DataLoader(data.batched(BATCH), batch_size=None)
    settings = json.loads((folder / "probe.json").read_text())
    with contextlib.redirect_stdout(io.StringIO()):  # it tells how training goes
        scores = {
            "zero_shot": zeroshot_classification.evaluate(
                model, loaders["test"], tokenizer, data.classes, data.templates, "cpu", amp=False
            ),
            "linear_probe": probe(model, loaders, settings),
            "retrieval": zeroshot_retrieval.evaluate(
                model,
                list(batch_pairs(folder / "pairs.tar", transform)),
                tokenizer,
                "cpu",
                amp=False,
                recall_k_list=[1, 5, 10],
            ),
        }
    print(json.dumps(scores))


def probe(model: torch.nn.Module, loaders: dict, settings: dict) -> dict[str, float]:
    """What `linear_probe.evaluate` does around its `train` and `infer`, but for two things: it
    insists on a GPU, and it first puts the images into an order that no seed gives again."""
    torch.nn.Module.cuda = torch.Tensor.cuda = lambda self, *_: self
    featurizer = linear_probe.Featurizer(model, normalize=True)
    features = {}
    for split, loader in loaders.items():
        with torch.no_grad():
            batches = [(featurizer(images), labels) for images, labels in loader]
        features[split] = linear_probe.FeatureDataset(*map(torch.cat, zip(*batches, strict=True)))
    train, test = features["train"], features["test"]
    trained = linear_probe.train(
        DataLoader(train, batch_size=settings["batch_size"], shuffle=True),
        train[0][0].shape[0],
        train.targets.max().item() + 1,
        settings["weight_decay"],
        settings["lr"],
        settings["epochs"],
        amp=False,
        device="cpu",
        seed=settings["seed"],
    )
    logits, target = linear_probe.infer(trained, DataLoader(test, batch_size=BATCH), False, "cpu")
    (acc1,) = zeroshot_classification.accuracy(logits.float(), target.float(), topk=(1,))
    recall = balanced_accuracy_score(target, logits.argmax(axis=1))
    return {"acc1": acc1, "mean_per_class_recall": recall}


def batch_pairs(shard: Path, transform):
    """Batches of images and of lists of their captions, as `zeroshot_retrieval` takes them."""
    pairs = [
        (transform(decode_image(sample, shard)), [sample.parts["txt"].decode()])
        for sample in iterate_samples([shard])
    ]
    for start in range(0, len(pairs), BATCH):
        images, captions = zip(*pairs[start : start + BATCH], strict=True)
        yield torch.stack(images), list(captions)


if __name__ == "__main__":
    main()
