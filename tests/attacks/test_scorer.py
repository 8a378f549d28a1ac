"""What solutions return to attack a scorer: a score of 0 or none at all, and the next honest output is scored right."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest

from attacks.test_fuzz import malformed
from stop.cache import Answers
from stop.records import Records
from stop.sandbox import Limits, Sandbox, Text, wire
from stop.task import read_task
from stop.utility import Alone, Utility

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="confinement needs Linux")
TASKS = sorted(path.parent for path in (Path(__file__).resolve().parents[2] / "tasks").glob("[!_]*/task.toml"))
STATUSES = {"scored", "error", "timeout", "crash", "flood", "protocol", "unscorable", "not_run"}
PRELUDE = """
import collections, datetime, decimal, fractions
import numpy
class Int(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
class Text(str):
    def __eq__(self, other): return True
    def __len__(self): return 10**9
    __hash__ = str.__hash__
class List(list):
    def __len__(self): return 16
    def __iter__(self): return iter([0] * 16)
class Always:
    def __getattr__(self, name): return self
    def __call__(self, *args): return self
    def __eq__(self, other): return True
    def __float__(self): return 1.0
    def __index__(self): return 1
    def __iter__(self): return iter([self])
def nested(n, kind=list):
    value = 0
    for _ in range(n): value = [value] if kind is list else {'a': value}
    return value
def cyclic():
    value = []
    value.append(value)
    return value
N = len(args[0]) if args and hasattr(args[0], '__len__') else 8
"""
HOSTILE = """
10**4300 | -10**19000 | 10**100000 | [10**4301] * N | nested(60) | nested(63) | nested(500) | nested(60, dict)
float('nan') | float('inf') | -float('inf') | -0.0 | [float('nan')] * N | [float('inf')] * N | [1e308] * N | [-0.0] * N
'\\ud800' | ['\\ud800'] * N | '\\x00' * 1000 | '\\u0661' * N | ['\\u0661'] * N | '\\x1b[2J' * 50 | '\\u202e' * 20
True | [True] * N | [Int(0)] * N | Text('a') | List([0]) | Always() | [Always()] * N | object()
numpy.array([object()] * N) | numpy.array(['2020-01-01'] * N, 'M8[D]') | numpy.zeros(N, 'f4,i4') | numpy.zeros(N, 'S3')
numpy.zeros((0, 5)) | numpy.zeros((1,) * 32) | numpy.array(1.0) | numpy.full(N, numpy.nan) | numpy.zeros((N, N, N, 2))
numpy.zeros(N, bool) | numpy.zeros(N, complex) | numpy.ma.masked_all(N) | numpy.arange(N)[::-1] * 10**18
numpy.full(N, 2**63 - 1) | numpy.full(N, 2**64 - 1, 'u8') | numpy.float64('nan') | numpy.zeros(100_000)
{n * 2**53: 0 for n in range(-1, 2)} | {str(n): n for n in range(5000)} | {None: 0, True: 1, b'x': 2} | {} | []
[0] * 100_000 | [[]] * 100_000 | 'x' * 900_000 | b'\\xff' * 1000 | bytearray(100) | memoryview(b'x') | 1j | [1j] * N
cyclic() | (x for x in range(N)) | iter([]) | range(10**9) | set() | frozenset([1]) | collections.deque([0] * N)
'9**9**9**9' | '__import__("os").system("true")' | '(lambda: 0)()' | '[0]*10**10' | '9' * 10_000 | '1e999999' | 'nan'
'(' * 5000 | '-' * 5000 + '1' | '{0.__class__}' | '%s' * 500 | '1_0' | '0x10' | '1/0' | '()' | '2**2**30' | 'a' * 10**5
decimal.Decimal('NaN') | fractions.Fraction(1, 3) | datetime.datetime.now() | None | ... | NotImplemented | type | print
{'score': 1.0} | [1.0, 'ok'] | [['score', 1.0]] | [[1, 2]] * N | [[0, 0, 0]] * N | [-1] * N | [0.5] * N | ['0'] * N
"""
AS_SOLUTIONS = [
    "10**4300", "nested(500)", "[float('nan')] * N", "[Int(0)] * N", "print", "numpy.array([object()] * N)", "cyclic()",
    "'9**9**9**9'", "[[]] * 100_000", "numpy.zeros(N, bool)",
]  # fmt: skip
LIMITS = Limits(cpu_seconds=2.0)
EXPRESSIONS = [one.strip() for line in HOSTILE.strip().splitlines() for one in line.split(" | ")]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture(params=TASKS, ids=lambda path: path.name)
def utility(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Iterator[Utility]:
    records = Records(tmp_path)
    made = Utility(read_task(request.param), sandbox, Answers(records), Alone())
    yield made
    made.close()
    records.close()


def solution(entry: str, expression: str) -> str:
    body = "\n".join("    " + line for line in PRELUDE.strip().splitlines())
    return f"def {entry}(*args):\n{body}\n    return {expression}\n"


def results(sandbox: Sandbox, packed: bytes) -> dict[str, bytes]:
    """What of the hostile results crosses to the host, as bytes, by expression."""
    found = {}
    for expression in EXPRESSIONS:
        with sandbox.start(Text("solution.py", solution("f", expression)), limits=LIMITS) as child:
            ran = child.call("f", packed, seed=0)
        assert ran.status in STATUSES | {"ok"}, expression
        if ran.status == "ok":
            found[expression] = ran.payload
    return found


def test_no_hostile_result_earns_anything_or_breaks_the_scorer(utility: Utility, sandbox: Sandbox) -> None:
    first = utility.scorer.inputs("train", 0)[0]
    crossed = results(sandbox, first.packed)
    assert len(crossed) > len(EXPRESSIONS) // 2
    scored = utility.scorer.scores("train", 0, [(0, payload) for payload in crossed.values()])
    for expression, found in zip(crossed, scored, strict=True):
        assert not found.incident and found.score == 0.0, (expression, found)


def test_a_hostile_solution_is_an_outcome_and_the_seed_scores_as_before(utility: Utility) -> None:
    seed = utility.evaluate(utility.task.seed_source, "train", 0)
    for expression in AS_SOLUTIONS:
        found = utility.evaluate(solution(utility.task.entry, expression), "train", 0)
        assert {outcome.status for outcome in found.outcomes} <= STATUSES, expression
        assert not found.incidents and found.score == 0.0, (expression, found)
    again = utility.evaluate(utility.task.seed_source + "\nAGAIN = 1\n", "train", 0)
    assert [outcome.score for outcome in again.outcomes] == [outcome.score for outcome in seed.outcomes]


def test_bytes_that_no_honest_child_would_send_get_a_problem_or_a_score_of_zero(utility: Utility) -> None:
    rng = random.Random(utility.task.name)
    scorer = utility.scorer
    n = len(scorer.inputs("train", 0))
    raw = [malformed(rng) for _ in range(300)]
    raw += [msgpack.packb(msgpack.ExtType(wire.BIG_INT, b"\x7f" * 8000)), b"\xdd\xff\xff\xff\xff", b"\x90" * 500_000]
    raw += [b"\xdd\x00\x03\x00\x00" + b"\x90" * 0x30000, b"\x91" * 500_000, b"\xc1", b"", b"\xc0" * 2]
    for found in scorer.scores("train", 0, [(k % n, data) for k, data in enumerate(raw)]):
        assert not found.incident and found.score == 0.0


def test_one_output_that_is_far_too_large_costs_only_its_own_score(utility: Utility) -> None:
    scorer = utility.scorer
    huge = wire.pack([[0] * 10] * 25_000 + ["x" * 500_000])
    honest = wire.pack(None)
    alone = scorer.scores("train", 0, [(0, honest)])
    assert scorer.scores("train", 0, [(0, huge), (0, honest)])[1] == alone[0]
