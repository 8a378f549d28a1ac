"""Runs behind a task's task.py, in the scorer's own process: keeps the hidden parts, decodes outputs, returns floats.

Owns: which instances a block has, and one score for one output. Does not own: what a score may be (the host checks).
"""

import wire

_blocks: dict[tuple[str, int], list[dict]] = {}


def _block(split: str, block: int, n: int, seed: int) -> list[dict]:
    key = (split, block)
    if key not in _blocks:
        _blocks[key] = instances(split, block, n, seed)  # type: ignore[name-defined]  # noqa: F821 - the task's
    return _blocks[key]


def scorer_inputs(split: str, block: int, n: int, seed: int) -> list:
    """[id, packed input] of every instance: all that a solution may see."""
    return [[str(one["id"]), wire.pack(list(one["input"]))] for one in _block(split, block, n, seed)]


def scorer_scores(split: str, block: int, n: int, seed: int, outputs: list) -> list[float | str]:
    """outputs: [index, packed output]. A score each, or a text that says why there is none."""
    made = _block(split, block, n, seed)
    return [_score(made[index], packed) for index, packed in outputs]


def _score(instance: dict, packed: bytes) -> float | str:
    try:
        output = wire.unpack(packed)
    except wire.WireError as error:
        return f"not plain data: {error}"
    return float(score(instance, output))  # type: ignore[name-defined]  # noqa: F821
