"""Files that are either whole or absent."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a path to write to, and move it to `path` only when the block ends without an error.

    The temporary file lies beside `path`, with the same suffix (writers such as Matplotlib choose
    their format by it), so the final rename is atomic. On an error the temporary file is removed
    and whatever lay at `path` before stays untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}.", suffix=f".partial{path.suffix}"
    )
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        _give_ordinary_permissions(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _give_ordinary_permissions(path: Path) -> None:
    """Undo mkstemp's private mode: results are for the whole group, as the umask has it."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
