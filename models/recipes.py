"""Recipe files: YAML to `Recipe`, unknown keys refused."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from models.language_model import Dropout
from models.training import Phase, Recipe


class RecipeError(Exception):
    """The recipe file is not one."""


def build_part(kind: type, values: dict[str, Any], where: str) -> Any:
    """``kind(**values)``; a key that it does not have is refused, naming ``where``."""
    known = {f.name for f in fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise RecipeError(f"{where}: unknown key {unknown[0]!r} (allowed: {sorted(known)})")
    try:
        return kind(**values)
    except TypeError as error:
        raise RecipeError(f"{where}: {error}") from None


def load_recipe(path: Path, vocabulary: int = 0, **changes: Any) -> Recipe:
    """The recipe in ``path``; ``vocabulary`` is its corpus' size; ``changes`` replace keys."""
    if not path.is_file():
        raise RecipeError(f"{path}: no such recipe")
    values = yaml.safe_load(path.read_text())
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: not a recipe")
    values = {"vocabulary": vocabulary, **values, **changes}
    if vocabulary:
        values["vocabulary"] = vocabulary
    values["layers"] = tuple(values.get("layers", ()))
    if "betas" in values:
        values["betas"] = tuple(values["betas"])
    values["dropout"] = build_part(Dropout, values.get("dropout") or {}, f"{path}: dropout")
    values["phases"] = tuple(build_part(Phase, phase, f"{path}: phases")
                             for phase in values.get("phases") or ())
    return build_part(Recipe, values, str(path))


def sha256(path: Path) -> str:
    """Hex sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
