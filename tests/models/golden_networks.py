"""Weights, inputs and expected outputs of the golden networks, as torch tensors."""

import importlib.util
import json
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

SHARED = Path(__file__).resolve().parents[2] / "../shared"
GOLDEN = SHARED / "golden"
TABLES = SHARED / "specs/tables"
needs_golden = pytest.mark.skipif(not GOLDEN.exists(), reason="golden numbers (../shared) are not on this machine")


@cache
def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_weights", GOLDEN / "golden_weights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def description(name: str) -> dict:
    return json.loads((GOLDEN / f"networks/{name}.json").read_text())


def arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"networks/{name}.npz") as data:
        return {key: data[key] for key in data.files}


def weights(name: str, salt: str = "") -> dict[str, torch.Tensor]:
    table = json.loads((GOLDEN / f"tables/state_dict_{name}.json").read_text())
    return {key: torch.from_numpy(value) for key, value in recipe().make_state_dict(table, salt).items()}


def inputs(name: str) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(value) for key, value in recipe().make_inputs(name).items()}


def labels(name: str) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(value) for key, value in recipe().make_labels(name).items()}


def table(variant: str) -> list[tuple[str, tuple[int, ...], str]]:
    rows = json.loads((TABLES / f"state_dict_{variant}.json").read_text())["state_dict"]
    return [(row["name"], tuple(row["shape"]), row["dtype"]) for row in rows]
