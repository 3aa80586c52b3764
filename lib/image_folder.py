"""Image folders: one folder a class, with its images (`path/CLASS/*.jpg`)."""

import hashlib
import os
from pathlib import Path

from lib.corpus import IMAGE_SUFFIXES


def list_classes(path: str | Path) -> list[str]:
    """Names of the class folders, sorted; hidden ones and files beside them do not count.

    Raises:
        ValueError: `path` is no folder, or holds fewer than two.
    """
    if not Path(path).is_dir():
        raise ValueError(f"{path} is not a folder")
    folders = [entry.name for entry in Path(path).iterdir() if entry.is_dir()]
    classes = sorted(name for name in folders if not name.startswith("."))
    if len(classes) < 2:
        raise ValueError(f"{path} holds {len(classes)} class folders, expected at least 2")
    return classes


def list_images(path: str | Path) -> list[tuple[Path, int]]:
    """Files with their class numbers, sorted by class, then by name.

    Raises:
        ValueError: as `list_classes`; a class has fewer than 2 images (it would have no
            silhouette), or something that is neither an image nor hidden.
    """
    images = []
    for label, name in enumerate(list_classes(path)):
        files = sorted(f for f in Path(path, name).iterdir() if not f.name.startswith("."))
        for file in files:
            if file.suffix.lower().removeprefix(".") not in IMAGE_SUFFIXES:
                raise ValueError(
                    f"{file} is not expected in a class folder; allowed are files that end in "
                    f"{', '.join(IMAGE_SUFFIXES)}"
                )
            if not file.is_file():
                raise ValueError(
                    f"{file} is no file (a link that leads nowhere?); expected an image"
                )
        if len(files) < 2:
            raise ValueError(
                f"class folder {Path(path, name)} holds {len(files)} images, expected at least 2"
            )
        images += [(file, label) for file in files]
    return images


def fingerprint(path: str | Path) -> str:
    """Hash of the names and sizes of all images: another one means other images.

    The time of a folder tells nothing of what lies below its subfolders.
    """
    digest = hashlib.sha256()
    for file, _ in list_images(path):
        digest.update(os.fsencode(file.relative_to(path)) + f"\t{file.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]
