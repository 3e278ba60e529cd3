# SPDX-License-Identifier: Apache-2.0
"""The state of a training in one .npz file, from which it continues."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcuforge.errors import CompileError
from mcuforge.nas.training.recipe import Recipe

VERSION = 1
ABOUT = "about"
Float = NDArray[np.float32]


@dataclass(frozen=True)
class Identity:
    """What a checkpoint belongs to: the recipe, the data and what is trained with them."""

    recipe: Recipe
    data: str  # the data's digest
    subject: str  # which architectures are drawn

    def differences(self, about: Mapping[str, object]) -> list[str]:
        """What distinguishes this training from the one that wrote `about`."""
        recipe = about.get("recipe")
        found = self.recipe.differences(recipe if isinstance(recipe, dict) else {})
        mine = {"version": VERSION, "data": self.data, "subject": self.subject}
        return found + [
            f"{name} {about.get(name)}, here {value}"
            for name, value in mine.items()
            if about.get(name) != value
        ]


def write(path: Path, identity: Identity, step: int, arrays: Mapping[str, Float]) -> None:
    """Write a checkpoint; the file is always the old one or the new one, and whole.

    step: the number of finished steps. arrays: float32 of any shape, by name. Raises CompileError
    where the disk does not take it.
    """
    about = {
        "version": VERSION,
        "recipe": identity.recipe.as_dict(),
        "data": identity.data,
        "subject": identity.subject,
        "step": step,
    }
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    temporary = path.with_name(f"{path.name}.part")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **{ABOUT: text}, **arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise CompileError(
            f"the checkpoint cannot be written: {error.strerror or error}",
            str(path),
            "free space on the disk; the same command goes on from the last checkpoint",
        ) from None


def read(path: Path, identity: Identity) -> tuple[int, dict[str, Float]]:
    """Read a checkpoint: the number of finished steps, and float32 arrays in their shapes.

    Raises CompileError for a file that is damaged or belongs to another training.
    """
    try:
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(arrays.pop(ABOUT).tobytes())
        step = int(about["step"])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise CompileError(
            f"the checkpoint cannot be read ({error or type(error).__name__})",
            str(path),
            "remove it to train from the beginning",
        ) from None
    different = identity.differences(about)
    if different:
        raise CompileError(
            f"the checkpoint is of another training: {'; '.join(different)}",
            str(path),
            "continue with the same settings, or remove it to train from the beginning",
        )
    return step, arrays
