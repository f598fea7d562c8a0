"""Find the raw files of a dataset: under the data root, in the cache, or by download.

The data root is only ever read. Cache and data root share one layout, `<family>/<name>/raw/...`,
so a cache folder can serve as the data root of another machine.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from smoothbit.errors import DatasetError

DATA_ROOT_VARIABLE = "SMOOTHBIT_DATA"
CACHE_VARIABLE = "SMOOTHBIT_CACHE"
TIMEOUT_S = 30.0


def locate(folder: str, files: Mapping[str, str], data_root: str | Path | None, cache_dir: str | Path | None) -> Path:
    """Return a folder that holds all `files`.

    Args:
        folder: Place below data root and cache, e.g. "amazon/Photo/raw".
        files: File name -> URL; an empty mapping needs no files.
        data_root: Folder laid out as `<family>/<name>/raw`; None takes $SMOOTHBIT_DATA if set.
        cache_dir: Folder for downloads; None takes $SMOOTHBIT_CACHE, else ~/.cache/smoothbit.

    Raises:
        DatasetError: a file is in neither place and cannot be downloaded.
    """
    root = data_root or os.environ.get(DATA_ROOT_VARIABLE)
    cached = _cache_root(cache_dir) / folder
    for place in ([Path(root) / folder] if root else []) + [cached]:
        if all((place / name).is_file() for name in files):
            return place
    try:
        download(files, cached)
    except (OSError, http.client.HTTPException) as error:
        looked_for = Path(root or "<data-root>") / folder / next(iter(files))
        raise DatasetError(
            f"Expected {', '.join(files)} to be under the data root, in the cache or downloadable "
            f"(got data root {root or 'not set'}, no complete set at {looked_for.parent}, "
            f"download into {cached} failed with {type(error).__name__}: {error}). "
            f"Put the file at {looked_for}, or pass `data_root` or set {DATA_ROOT_VARIABLE}."
        ) from error
    return cached


def download(files: Mapping[str, str], folder: Path) -> None:
    """Download `files` (name -> URL) into `folder`; each appears under its name only when complete.

    Files arrive in a temporary folder beside and are renamed, so two processes may download the
    same set at once, and a killed one leaves no partial file under a final name.

    Raises:
        OSError: no network, no such address, a short answer, or the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as scratch:
        for name, url in files.items():
            fetch(url, Path(scratch) / name)
        for name in files:
            os.replace(Path(scratch) / name, folder / name)


def fetch(url: str, path: Path) -> None:
    """Download one URL into a file.

    Raises:
        OSError: the address cannot be read, or fewer bytes came than announced.
    """
    with contextlib.closing(urllib.request.urlopen(url, timeout=TIMEOUT_S)) as answer, path.open("wb") as out:
        shutil.copyfileobj(answer, out)
    announced = answer.headers.get("Content-Length")
    if announced is not None and int(announced) != path.stat().st_size:
        raise urllib.error.URLError(f"{url} sent {path.stat().st_size} of {announced} bytes")


def _cache_root(cache_dir: str | Path | None) -> Path:
    return Path(cache_dir or os.environ.get(CACHE_VARIABLE) or "~/.cache/smoothbit").expanduser()
