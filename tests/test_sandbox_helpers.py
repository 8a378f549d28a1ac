"""What improvers import as `helpers`, used here as ordinary functions."""

from __future__ import annotations

import pytest

from stop.sandbox.inside import helpers

FENCES_INSIDE = 'prompt = """\n```python\ninner\n```\n"""\nx = 2'


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("```python\nx = 1\n```", "x = 1"),
        ("see\n```\na\n```\nand\n~~~py\nlonger = 1\n~~~\n", "longer = 1"),
        ("```python\nx = 1\ny = 2", "x = 1\ny = 2"),
        ("x = 1\ny = x", "x = 1\ny = x"),
        ("I cannot do that.", ""),
        (None, ""),
        ("", ""),
        (f"```python\n{FENCES_INSIDE}\n```\nDone.", FENCES_INSIDE),
        ("````\n```\nx\n```\n````", "```\nx\n```"),
    ],
)
def test_the_largest_block_of_a_reply_is_its_code(reply: str | None, code: str) -> None:
    assert helpers.extract_code(reply) == code


def test_a_list_of_replies_gives_a_list_of_codes() -> None:
    assert helpers.extract_code(["```\nx\n```", None]) == ["x", ""]


SOURCE = "def f():\n    return 1\n\n\ndef g():\n    return 2\n"
BLOCK = "<<<<<<< SEARCH\n    return 2\n=======\n    return 3\n>>>>>>> REPLACE\n"
UNIFIED = "```diff\n--- a\n+++ b\n@@ -4,2 +4,2 @@\n def g():\n-    return 2\n+    return 3\n\n```\nAs asked.\n"


@pytest.mark.parametrize("diff", [BLOCK, UNIFIED, "Sure:\n" + BLOCK])
def test_a_change_is_applied_where_its_lines_stand(diff: str) -> None:
    assert helpers.apply_diff(SOURCE, diff) == SOURCE.replace("return 2", "return 3")


@pytest.mark.parametrize(
    ("source", "old", "changed"),
    [
        ("a = 1\nb = 2", "b = 2", "a = 1\nx"),  # no line break at the end
        ("a = 1\nb = 2\n", "a = 1\nb = 2", "x\n"),
        ("", "", "x\n"),
        ("a = 1\n", "", "a = 1\nx\n"),
    ],
)
def test_the_first_and_the_last_line_can_be_changed_and_lines_added(source: str, old: str, changed: str) -> None:
    assert helpers.apply_diff(source, f"<<<<<<< SEARCH\n{old}\n=======\nx\n>>>>>>> REPLACE") == changed


def test_a_part_of_a_line_is_no_line() -> None:
    """`return 2` also stands behind four blanks: what it became would stand there too, and the next line behind it."""
    with pytest.raises(ValueError, match="no such lines"):
        helpers.apply_diff(SOURCE, BLOCK.replace("    return 2", "return 2"))


@pytest.mark.parametrize(
    ("diff", "said"),
    [
        ("nothing", "no change found"),
        (BLOCK.replace("return 2", "return 9"), "change 1 does not apply"),
        (UNIFIED.replace("return 2", "return 9"), "change 1 does not apply"),
        (BLOCK.replace(">>>>>>> REPLACE", ""), "cut short"),
    ],
)
def test_a_change_that_does_not_apply_says_which_and_why(diff: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        helpers.apply_diff(SOURCE, diff)


def test_the_first_json_value_of_a_reply_is_found() -> None:
    assert helpers.parse_json('Result {x}: ```json\n{"a": [1, 2]}\n``` and [3]') == {"a": [1, 2]}
    with pytest.raises(ValueError, match="no JSON"):
        helpers.parse_json("none here")
