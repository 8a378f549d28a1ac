"""The mutation model: generic changes of the program in a message, and nothing else."""

import ast
import random
import re
import runpy
import subprocess
import sys
import types
from pathlib import Path

import pytest

from stop import syntax
from stop.model import Request, UnknownModel, mutation, open_model
from stop.model.mutation import MutationModel
from stop.model.operators import OPERATORS
from stop.model.program import Program
from stop.scaffold import canonical

ROOT = Path(__file__).parents[1]
SEEDS = sorted([*ROOT.glob("tasks/*/seed.py"), *ROOT.glob("scaffolds/*.py")])
SEED_SCAFFOLD = (ROOT / "scaffolds" / "seed.py").read_text(encoding="utf-8")
WRAP = "def f(x, n):\n    # why\n    return x + n  # sum\n"
LOOP = "def g(x, score):\n    for _ in range(3):  # rounds\n        x = h(x, 1)\n    return max([x], key=score)\n"


def ask(source: str, draw: int) -> Request:
    return Request("", f"Improve this.\n\n```python\n{source}\n```\n\nThanks.", 0.7, 1024, draw=str(draw))


def program(reply: str) -> str:
    return reply.split("```python\n", 1)[1].rsplit("\n```", 1)[0] + "\n"


def variants(operator: str, source: str, donors: tuple[str, ...] = ()) -> set[str]:
    """All texts that an operator was seen to make of a source."""
    read = Program(source, ast.parse(source))
    changes = [OPERATORS[operator](read, list(donors), random.Random(seed)) for seed in range(300)]
    return {read.edited(change.edits) for change in changes if change}


def test_a_reply_depends_on_nothing_but_the_message_and_the_draw():
    first, second = MutationModel(), open_model("mutation")
    assert [first.reply(ask(WRAP, d)) for d in range(20)] == [second.reply(ask(WRAP, d)) for d in range(20)]


def test_other_draws_give_other_replies():
    assert len({MutationModel().reply(ask(SEED_SCAFFOLD, draw)).text for draw in range(60)}) > 30


@pytest.mark.parametrize("path", SEEDS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_nearly_every_reply_to_a_seed_is_another_program(path):
    source = path.read_text(encoding="utf-8")
    replies = [program(MutationModel().reply(ask(source, draw)).text) for draw in range(40)]
    for text in replies:
        compile(text, "reply", "exec")
    assert sum(canonical(text) != canonical(source) for text in replies) >= 38


@pytest.mark.parametrize(
    ("operator", "source", "expected"),
    [
        ("constant", "x = 4  # four\n", {f"x = {n}  # four\n" for n in (8, 40, 2, 5, 3)}),
        ("constant", 'é = f"{1}é"; x = 0.5\n', {f'é = f"{{1}}é"; x = {n}\n' for n in (1.0, 5.0, 0.25, 1.5, -0.5)}),
        ("operator", "x = a is not b\n", {"x = a is b\n"}),
        ("operator", "x = (a) and (  # both\n  b)\n", set()),
        ("operator", "x += 1\n", {"x -= 1\n", "x *= 1\n"}),
        ("move", "def f():\n    # on a\n    a()\n    b()\n", {"def f():\n    # on a\n    b()\n    a()\n"}),
        ("duplicate", "def f():\n    '.'\n    a()  # why\n", {"def f():\n    '.'\n    a()  # why\n    a()  # why\n"}),
        ("delete", "def f():\n  if x:\n    a()\n", {"def f():\n  pass\n", "def f():\n  if x:\n    pass\n"}),
        ("add_first_argument", "def f(a, b):\n    return max(b)\n", {"def f(a, b):\n    return max([a] + list(b))\n"}),
        ("add_first_argument", "def f(a):\n  min(x for x in b)\n", {"def f(a):\n  min([a] + list(x for x in b))\n"}),
    ],
)  # fmt: skip
def test_a_small_change_makes_exactly_the_expected_texts(operator, source, expected):
    assert variants(operator, source) == expected


def test_an_early_exit_uses_conditions_and_values_of_the_function():
    made = variants("early_exit", "def f(x):\n    for y in x:  # each\n        g(y)\n    return y\n")
    assert "        if not x:\n            break\n        g(y)\n" in "".join(made)
    assert all("# each" in text and text.count("\n") in (5, 6) for text in made)


def test_a_statement_that_moves_into_a_deeper_block_is_indented():
    assert "def f(x):\n    for y in x:\n        g(y)\n        h()\n" in variants(
        "move", "def f(x):\n    for y in x:\n        g(y)\n    h()\n"
    )


def test_iterate_keeps_the_old_function_with_its_comments_under_a_new_name():
    wrapper = "\n\ndef f(x, n):\n    for _ in range({k}):\n        x = f_once(x, n)\n    return x\n"
    old = WRAP.replace("def f(", "def f_once(")
    assert variants("iterate", WRAP) == {old + wrapper.replace("{k}", str(k)) for k in (2, 3, 4)}


def test_a_function_that_calls_itself_calls_itself_under_its_new_name():
    recursive = "def f(x, *rest, low=0, **more):\n    return f(x[1:], low=low) if x else low\n"
    for text in variants("iterate", recursive):
        assert "return f_once(x[1:], low=low) if x else low" in text
        assert "def f(x, *rest, low=0, **more):\n" in text and "x = f_once(x, *rest, low=low, **more)" in text


def test_keep_best_goes_on_from_the_best_result_of_a_loop():
    (text,) = variants("keep_best", LOOP)
    assert text == (
        "def g(x, score):\n    best_score = score(x)\n    for _ in range(3):  # rounds\n        found = h(x, 1)\n"
        "        found_score = score(found)\n        if found_score > best_score:\n"
        "            x, best_score = found, found_score\n    return max([x], key=score)\n"
    )


def test_restart_takes_the_best_of_several_results_by_a_score_of_the_program():
    source = "def f(x):\n    y = g(x)\n    print(size(y, x))\n    return y\n\n\ndef size(y, x):\n    return 1\n"
    made = variants("restart", source)
    assert len(made) == 6  # k is 2, 3 or 4; nothing says whether larger is better
    assert any("    return max(results, key=lambda y: size(y, x))\n" in text for text in made)


def test_recombine_takes_functions_of_a_donor():
    donor = "def f(a):\n    return 2\n\n\ndef other(x, n):\n    return 3\n"
    assert variants("recombine", WRAP, (donor,)) == {
        "def f(a):\n    return 2  # sum\n",
        "def f(x, n):\n    return 3  # sum\n",
    }


def test_a_donor_is_another_fenced_program_of_the_message():
    donor = "def f(x, n):\n    return 'from the donor'\n"
    message = f"```python\n{WRAP}```\n```\nno program!\n```\n```python\n{donor}```\n"
    replies = [MutationModel().reply(Request("", message, 0.7, 1024, str(draw))).text for draw in range(100)]
    assert any("from the donor" in text for text in replies)


def test_a_program_that_holds_fences_in_its_texts_is_read_whole():
    source = 'M = """\n```python\n{x}\n```\n"""\n\n\ndef f(x):\n    return M.format(x=x)\n'
    replies = [program(MutationModel().reply(ask(source, draw)).text) for draw in range(20)]
    assert all('M = """\n```python\n{x}\n```\n"""' in text for text in replies)


@pytest.mark.parametrize("operator", ["iterate", "keep_best", "restart"])
def test_the_seed_scaffold_runs_after_it_was_wrapped(operator, monkeypatch, tmp_path):
    helpers = types.ModuleType("helpers")
    helpers.extract_code = lambda replies: [program(reply) for reply in replies]
    monkeypatch.setitem(sys.modules, "helpers", helpers)
    for text in variants(operator, SEED_SCAFFOLD):
        (tmp_path / "scaffold.py").write_text(text, encoding="utf-8")
        improved = runpy.run_path(str(tmp_path / "scaffold.py"))["improve_algorithm"]("x = 1\n", Longest(), Mutations())
        assert len(improved) >= len("x = 1\n")


class Longest:
    """A utility: the longer the better."""

    budget, uses, str = 25, 0, "The longer the better."

    def __call__(self, text: str) -> float:
        return float(len(text))


class Mutations:
    """A language_model without budgets."""

    budget, times_used, max_responses_per_call = 4, 0, 6

    def batch_prompt(self, expertise: str, messages: list[str], temperature: float) -> list[str]:
        asked = [Request(expertise, message, temperature, 1024, str(i)) for i, message in enumerate(messages)]
        return [MutationModel().reply(request).text for request in asked]


def test_the_table_of_the_docstring_is_the_table_of_the_code():
    assert re.findall(r"^\| (\w+) \| (?!what)", str(mutation.__doc__), re.M) == list(OPERATORS)


def test_every_operator_is_drawn_equally_often_where_all_apply():
    words = [MutationModel().reply(ask(SEED_SCAFFOLD, draw)).text.split(":")[0].lower() for draw in range(1000)]
    counts = {name: words.count(name) for name in OPERATORS if name != "recombine"}  # no donor in the message
    assert min(counts.values()) > 60 and max(counts.values()) < 145


def test_the_model_knows_no_word_of_any_task_or_scaffold():
    known = "maxcut cut graph weights tour points distance city grid side sides utility language_model prompt expertise"
    known += " improve_algorithm algorithm initial_solution edge letters string_grid tsp solution"
    for name in ("mutation.py", "operators.py", "program.py"):
        source = (ROOT / "stop" / "model" / name).read_text(encoding="utf-8").lower()
        assert [word for word in known.split() if re.search(rf"\b{word}\b", source)] == []


HOSTILE = [
    "", "   ", "x", "\0", "\ud800", "(" * 5000, "-" * 50_000 + "1", "not " * 20_000 + "x", "a." * 30_000 + "a",
    "lambda:" * 9_000 + "1", "[" * 150, "f(" * 90 + ")" * 90, "f(" * 5000, "1+" * 30_000 + "1", "x" + "[0]" * 20_000,
    "".join(" " * i + "if 1:\n" for i in range(99)) + " " * 99 + "pass", "f'{f\"{f'{1}'}\"}'", "def f(x): return 1;",
    "if x: a(); b()", "é = 'é' ; ü = 1 + é", "def f(x):\n\treturn x if x else 1 \\\n + 2", "1" * 6000, "'\\d'",
    "def f(x):\n    '''doc'''", "class A:\n    def f(self): ...", "@d\ndef f(x):\n    return x", "x = 1\f\ny = 2",
    "def f(x):\r\n    y = 1\r    return x", "async def f(x):\n    await x", "match x:\n    case [1, *_]:\n        pass",
    "2**" * 9000 + "1", "a if b else " * 5000 + "c", "for i in x: pass\nelse: pass", "x: int = 1", "```\n```\n```",
]  # fmt: skip


def test_no_source_ends_the_process_or_raises():
    code = "from stop.model import Request\nfrom stop.model.mutation import MutationModel\n"
    code += f"HOSTILE = {HOSTILE!a}\n"
    code += (
        "for text in HOSTILE:\n    for draw in range(6):\n"
        "        MutationModel().reply(Request('', '```python\\n' + text + '\\n```', 0.7, 9, str(draw)))\n"
        "print('alive')\n"
    )
    ran = subprocess.run([sys.executable], input=code, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (ran.stdout, ran.stderr) == ("alive\n", "")


def test_a_message_without_a_program_gets_a_polite_sentence_and_no_fence():
    for message in ("Hello", "```python\nno program!\n```", "```python\nx = 1", "```\n```" * 50, "x" * 300_000):
        assert "```" not in MutationModel().reply(Request("", message, 0.7, 9, "0")).text


@pytest.mark.parametrize("text", ["(" * 5000, "-" * 50_000 + "1", "\0", "x" * 65_000, "1" * 6000, "a." * 30_000 + "a"])
def test_what_cannot_be_parsed_is_refused_in_one_line(text):
    with pytest.raises(SyntaxError) as refused:
        syntax.parse(text)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


def test_an_operator_can_be_switched_off_and_without_iterate_no_loop_is_made():
    model = open_model("mutation:no-iterate")
    replies = [model.reply(ask(SEED_SCAFFOLD, draw)).text for draw in range(200)]
    assert not any("range(" in text for text in replies if "restart" not in text.lower())
    with pytest.raises(UnknownModel, match="the operators are constant"):
        open_model("mutation:no-iteration")
