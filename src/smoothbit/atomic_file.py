"""The one way to write a file: complete or not there, and an error that says what to do."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from smoothbit.errors import WriteError

REMEDIES = {
    errno.ENOSPC: "Free space on that disk, or choose another one",
    errno.EDQUOT: "Free space in your quota, or choose another disk",
    errno.EFBIG: "Raise the limit of file sizes (ulimit -f)",
    errno.EISDIR: "Name a file, not a folder",
}


@contextmanager
def atomic_file(path: str | Path, *, is_sole_writer: bool = False) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` that takes its name when the `with` block ends well.

    The bytes are synced before the rename. On failure the temporary file is removed and a file that stood
    at `path` stays as it was; a killed process may leave the temporary one, whose name starts with a dot.

    Args:
        path: Target; its folder is made when it is missing.
        is_sole_writer: Whether a lock keeps others from writing this file, so that the temporary name can be
            the same each time and what a killed process left is used up.

    Raises:
        WriteError: the folder or the file cannot be written, or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp" if is_sole_writer else f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb" if is_sole_writer else "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        remedy = REMEDIES.get(error.errno or 0, "Choose a folder that you may write to")
        raise WriteError(
            f"Expected {path} to be writable (got {error.strerror or error}). {remedy}; nothing was changed there."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
