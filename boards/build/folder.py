# SPDX-License-Identifier: Apache-2.0
"""Writes a folder of generated files: whole or not at all, and never over the user's own files."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mcuforge.errors import BoardError

MANIFEST = ".mcuforge.json"


def write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Make `folder` hold `files` (path below it -> text), and a manifest of them.

    A folder that does not exist appears complete, by one rename. A folder that mcuforge wrote
    before is updated file by file: old files of mcuforge are removed, files the user added stay.
    Raises BoardError and writes nothing when the folder holds other things or a file that the user
    has changed since, or when it cannot be written.
    """
    folder = folder.absolute()
    try:
        if folder.exists():
            _update(folder, files)
        else:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temp:
                fresh = Path(temp) / "folder"
                _stage(fresh, files)
                fresh.rename(folder)
    except OSError as error:
        raise BoardError(
            f"cannot write the project: {error.strerror or error}",
            str(error.filename or folder),
            "choose another folder with --out",
        ) from error


def _update(folder: Path, files: Mapping[str, str]) -> None:
    written = _written(folder)
    for name, digest in written.items():
        path = folder / name
        if path.is_file() and _digest(path.read_bytes()) not in (digest, _of(files.get(name))):
            raise BoardError(
                f"{name} was changed after mcuforge wrote it",
                str(path),
                "keep it elsewhere and delete it here, or choose another folder with --out",
            )
    for name, text in files.items():
        path = folder / name
        if name not in written and path.exists() and path.read_bytes() != text.encode():
            raise BoardError(
                f"{name} is there already and not mcuforge's",
                str(path),
                "move it away, or choose another folder with --out",
            )
    with tempfile.TemporaryDirectory(dir=folder, prefix=".mcuforge-") as temp:
        fresh = Path(temp) / "folder"
        _stage(fresh, files)
        for name in written.keys() - files.keys():
            (folder / name).unlink(missing_ok=True)
        for name in (*files, MANIFEST):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if not _same(fresh / name, folder / name):
                (fresh / name).replace(folder / name)


def _written(folder: Path) -> dict[str, str]:
    """Read the manifest: path -> SHA-256 of what mcuforge wrote; empty for an empty folder."""
    if not folder.is_dir():
        raise BoardError("not a folder", str(folder), "choose another folder with --out")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in manifest["files"].items()}
    except FileNotFoundError:
        if not any(folder.iterdir()):
            return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise BoardError(
        "the folder is not empty and mcuforge did not write it",
        str(folder),
        "choose an empty or a new folder with --out",
    )


def _stage(fresh: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    manifest = {"files": {name: _of(text) for name, text in sorted(files.items())}}
    (fresh / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _same(a: Path, b: Path) -> bool:
    return b.is_file() and a.read_bytes() == b.read_bytes()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _of(text: str | None) -> str:
    return "" if text is None else _digest(text.encode())
