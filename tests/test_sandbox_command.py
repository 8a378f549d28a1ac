"""python -m stop.sandbox, and the bytes that its values cross as."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy
import pytest

from stop.sandbox import wire
from stop.sandbox.__main__ import json_safe, main

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="confinement needs Linux")
PROGRAM = """
import numpy
def f(x):
    print('said')
    return {'array': numpy.eye(2), 'nan': float('nan'), 'big': 10**40, 'text': '\\ud800', 5: x}
def g(): raise ValueError('no')
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return str(path)


@pytest.mark.parametrize("mode", [[], ["--unsafe-no-sandbox"]])
def test_a_program_is_run_and_its_outcome_is_one_json_object(
    program: str, mode: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([program, "--entry", "f", "--input", "[[1]]", *mode]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["status"] == "ok" and shown["output"] == "said\n"
    assert shown["value"] == {
        "array": [[1.0, 0.0], [0.0, 1.0]],
        "nan": "nan",
        "big": str(10**40),
        "text": "\\ud800",
        "5": [1],
    }


def test_a_program_that_fails_exits_with_one(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([program, "--entry", "g"]) == 1
    assert json.loads(capsys.readouterr().out)["kind"] == "ValueError"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.py", "--entry", "f"], "cannot read none.py"),
        ([], "needs FILE and --entry"),
        (["PROGRAM", "--entry", "f", "--input", "{"], "--input is not JSON"),
        (["PROGRAM", "--entry", "f", "--input", "{}"], "is to be a JSON list"),
        (["PROGRAM", "--entry", "f", "--cpu-seconds", "0"], "more than 0"),
    ],
)
def test_wrong_usage_is_one_clear_line_and_exit_two(
    program: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([program if one == "PROGRAM" else one for one in arguments]) == 2
    printed = capsys.readouterr().err
    assert said in printed and printed.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sandbox", "landlok"], "no sandbox level 'landlok'; nearest: landlock; found: auto, "),
        (["--sanbox", "auto"], "no option --sanbox. Nearest: --sandbox."),
        (["--cpu-seconds", "soon"], "--cpu-seconds: invalid float value: 'soon'"),
        (["PROGRAM", "other.py"], "unexpected argument 'other.py'"),
    ],
)
def test_an_option_that_is_none_is_one_clear_line_and_exit_two(
    program: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([program if one == "PROGRAM" else one for one in arguments])
    printed = capsys.readouterr().err
    assert said in printed and printed.count("\n") == 1 and printed.startswith("python -m stop.sandbox: ")


def test_the_help_tells_what_the_exit_status_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "Exit status: 0 " in capsys.readouterr().out


def test_the_self_test_prints_each_probe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--self-test", "--sandbox", "landlock"]) == 0
    printed = capsys.readouterr().out
    assert printed.count(" blocked ") >= 11 and "known leak" in printed and "GETS OUT" not in printed


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -1,
        2**70,
        -(2**70),
        1.5,
        "é\ud800",
        b"\x00",
        [],
        {},
        [[1, [2]], {"a": {"b": None}}],
        {1: 2, None: 3},
        2j,
    ],
)
def test_plain_data_comes_back_as_it_was(value: object) -> None:
    assert wire.unpack(wire.pack(value)) == value


@pytest.mark.parametrize("dtype", ["?", "i1", "<u2", ">i4", "<f4", "<f8", "<c16"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3)])
def test_arrays_come_back_with_their_type_and_shape(dtype: str, shape: tuple[int, ...]) -> None:
    array = numpy.ones(shape, dtype)
    back = wire.unpack(wire.pack(array))
    assert isinstance(back, numpy.ndarray) and back.dtype == array.dtype and back.shape == shape
    assert (back == array).all() and back.flags.writeable


@pytest.mark.parametrize("value", [object(), numpy.array([object()]), 1 << 100_000, set, [[len]]], ids=range(5))
def test_what_is_not_plain_data_is_refused_when_packed(value: object) -> None:
    with pytest.raises(wire.WireError):
        wire.pack(value)


def test_json_safe_leaves_nothing_that_json_cannot_say() -> None:
    safe = json_safe([math.inf, b"x", 1j, 2**60, {None: numpy.float64(1)}])
    assert json.loads(json.dumps(safe, allow_nan=False)) == ["inf", "b'x'", "1j", str(2**60), {"None": 1.0}]
