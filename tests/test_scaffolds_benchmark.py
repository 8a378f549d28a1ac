"""benchmarks/scaffolds.py: what it prints of numbers that are known, and that it goes on from its rows."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parent.parent / "benchmarks" / "scaffolds.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scaffolds_benchmark", FILE)
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_medians_intervals_and_differences_are_those_of_the_rows(benchmark: ModuleType) -> None:
    def rows(name: str, *values: float) -> list:
        return [benchmark.Row(name, "t", seed, 0.0, [value, value], [24, 24]) for seed, value in enumerate(values)]

    better, worse = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0), (0.1, 0.2, 0.3, 0.4, 0.5, 0.4)
    base = rows("best_of_n", 0.4, 0.4, 0.4, 0.4, 0.5, 0.5)
    found = {("best_of_n", "t"): base, ("up", "t"): rows("up", *better), ("down", "t"): rows("down", *worse)}
    lines = benchmark.tables(found, ["best_of_n", "up", "down"], ["t"])
    assert lines[2:5] == [
        "| best_of_n | 24.0 | 0.400 [0.400, 0.500] |",
        "| up | 24.0 | 0.750 [0.500, 1.000] |",
        "| down | 24.0 | 0.350 [0.100, 0.500] |",
    ]
    up, down = lines[-2:]
    assert up.startswith("| up | +0.350 [+0.100, +0.500] | +0.3167 [") and up.endswith(" | 6, 0, 0 |")
    assert down.startswith("| down | -0.100 [-0.300, +0.000] | -0.1167 [") and down.endswith(" | 0, 2, 4 |")
    p = [line.split(" | ")[-2] for line in (up, down)]  # 12 pairs each; the smaller one is doubled by Holm
    assert p[0] == "<0.0001" and 0.001 < float(p[1]) < 0.05


def test_it_measures_what_it_does_not_know_and_goes_on_from_its_rows(
    benchmark: ModuleType, tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--tasks", tiny[0], "--scaffolds", tiny[2], "--seeds", "1000", "--preset", "local", "--repeats", "1"]
    argv += ["--rows", str(tmp_path / "rows")]
    assert benchmark.main(argv) == 0
    first = capsys.readouterr()
    assert len(first.err.splitlines()) == 2  # best_of_n is measured beside any
    rows = [json.loads(line)["row"] for line in (tmp_path / "rows").read_text().splitlines()]
    assert {row["scaffold"]: row["calls"] for row in rows} == {"best_of_n": [8], tiny[2]: [4]}
    assert benchmark.main(argv) == 0
    assert capsys.readouterr() == (first.out, "")
