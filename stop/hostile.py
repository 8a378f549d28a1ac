"""Outputs that no task may reward, and none may stumble over: for the check of a task, and for tests.

Owns: the list. Does not own: what a task does with them (scorer), whether that is right (check).
"""

from __future__ import annotations

import math

import numpy as np

from stop.sandbox import wire

MOST_ITEMS = 100_000
EXPRESSIONS = (
    "9**9**9**9", "9" * 5000, "(" * 5000 + "1" + ")" * 5000, "1/0", "1e999999999", "0x" + "f" * 4000, "10**300*10**300",
    "((1)", "__import__('os').system('true')", "lambda: 0", "1_0", "-" * 9999 + "1", "2\u00b2", "\u0665+\u0665",
    "nan", "inf",
)  # fmt: skip
EMPTY_ROWS = wire.pack(np.zeros((10**8, 0)))  # a few bytes, of which tolist() makes lists until memory ends
NO_DATA = (b"", b"\xc1", b"\xdd\xff\xff\xff\xff", wire.pack([1, 2])[:-1], b"\x91" * 5000, EMPTY_ROWS)
ARABIC_DIGITS = str.maketrans("0123456789", "".join(map(chr, range(0x660, 0x66A))))


class _Liar(int):
    """A number that claims to be equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


def hostile_outputs(arguments: list, answer: object) -> list[bytes]:
    """At least thirty outputs, packed as a solution's are; the last ones are not even plain data.

    arguments: those of the instance that is answered. answer: an output with a score above 0, which some contain.
    """
    size = len(arguments[0]) if arguments and isinstance(arguments[0], list | str) else 10
    values = [*_wrong_values(size), *EXPRESSIONS, arguments, *around(answer)]
    return [*map(wire.pack, values), *NO_DATA]


def _wrong_values(size: int) -> list[object]:
    """Of wrong types, sizes and numbers. size: how many items an honest output may have."""
    same: list[object] = [[]] * size
    return [
        None, True, "", "x" * 10_000, "\x00\ud800", b"\xff", [], {}, {"score": 1.0}, math.nan, math.inf, -math.inf, -1,
        -0.5, 1j, 10**300, 2**60_000, _Liar(-1), [_Liar(-1)] * size, [[]], same, [same] * 20, nested(50),
        [math.nan] * size, [math.inf] * size, [10**300] * size, [-1] * size, [None] * size, [True] * size,
        ["0"] * size, [b"0"] * size, list(range(1, size + 1)), [0] * MOST_ITEMS, [[0, 0]] * (MOST_ITEMS // 10),
        {str(i): i for i in range(1000)},
        np.zeros((size, size)), np.full(size, np.nan), np.zeros(0), np.array(0), np.ones(size, dtype=bool),
        np.zeros(size, dtype=complex), np.float64("nan"), np.float32("inf"), np.int64(-1), np.bool_(True),
    ]  # fmt: skip


def around(answer: object) -> list[object]:
    """What contains an answer, or looks like one, and is none."""
    text = str(answer)
    found: list[object] = [
        [answer],
        [answer, answer],
        {"answer": answer},
        {0: answer},
        f"The answer is {text}.",
        repr(text),
    ]
    if type(answer) is not str:  # asked first: an array compares its items
        found += [text, text.translate(ARABIC_DIGITS)]
    elif text.translate(ARABIC_DIGITS) != text:
        found.append(text.translate(ARABIC_DIGITS))
    if isinstance(answer, list) and answer:
        found += [[*answer, answer], answer * (MOST_ITEMS // len(answer)), dict(enumerate(answer))]
        found += [] if all(type(part) is str for part in answer) else [[str(part) for part in answer]]
    if isinstance(answer, str) and answer:
        found += [list(answer), answer.encode(), f" {answer}\x00", answer * (MOST_ITEMS // len(answer))]
    return found


def nested(depth: int) -> list:
    """An empty list in a list in a list, and so on."""
    value: list = []
    for _ in range(depth):
        value = [value]
    return value
