"""The tasks of the set math: references that reach the best, instances worked by hand, what their scorers refuse."""

from __future__ import annotations

import itertools
import random
import re
from fractions import Fraction

import numpy as np
import pytest
from trusted import block, code, solver

from stop.task import find_tasks

MATH = ("countdown", "game_of_24", "integer_sequences", "linear_diophantine", "polynomials", "word_problems")


def said(name: str, given: list, hidden: dict, output: object) -> tuple[float, str]:
    """Score and reason of an output for an instance that is typed in."""
    made, one = code(name), {"id": "typed-in", "input": given, "hidden": hidden}
    return made["score"](one, output), made["explain"](one, output)


# -- all of them -------------------------------------------------------------------------------------------------------
def test_the_set_has_these_tasks() -> None:
    assert tuple(task.name for task in find_tasks(["math"])) == MATH


@pytest.mark.parametrize("name", MATH)
def test_what_is_said_of_an_output_tells_nothing_that_is_hidden(name: str) -> None:
    made = code(name)
    for one in made["instances"]("train", 0, 8, 1):
        shown = {**one, "hidden": {}}
        for output in (None, "", [], 7, [0] * 7, [[1, 1]], "1 + 1", [10**300]):
            assert made["explain"](shown, output) == made["explain"](one, output) != ""


# -- expressions -------------------------------------------------------------------------------------------------------
VALUES = {
    "1 + 2 * 3": 7, "(1+2)*3": 9, "8 / (3 - 8 / 3)": 24, "2 - 3 - 4": -5, "8 / 4 / 2": 1, "1/3 + 1/6": Fraction(1, 2),
    "((7))": 7, " 12 ": 12, "0 * 5": 0, "007": 7,
}  # fmt: skip
NO_EXPRESSIONS = {
    "": "a number or ( was expected, not the end", "1 +": "a number or ( was expected, not the end",
    "(1": "a bracket is not closed", "1)": "a sign was expected, not )", "1 2": "a sign was expected, not 2",
    "-1": "a number or ( was expected, not -", "2 ** 3": "not *", "9**9**9**9": "not *", "2^3": "'^' is no digit",
    "1.5": "'.' is no digit", "1e9": "'e' is no digit", "1_0": "'_' is no digit", "1 = 1": "'=' is no digit",
    "\u0663 + 4": "is no digit", "2\u00b2 + 1": "is no digit", "1\n+2": "is no digit", "1\x00": "is no digit",
    "1/0": "1 / 0 is a division by 0", "1/(2-2)": "1 / 0 is a division by 0", "9" * 10: "than 9 digits",
    "1+" * 200 + "1": "401 characters, 300 allowed", "1+" * 60 + "1": "more than 100",
    "(" * 21 + "1" + ")" * 21: "nested deeper than 20", "*".join(["999999999"] * 20): "more than 256 bits",
    "1" + "/999999999" * 20: "more than 256 bits",
}  # fmt: skip


@pytest.mark.parametrize("text", VALUES)
def test_an_expression_has_its_exact_value(text: str) -> None:
    assert code("game_of_24")["expression_value"](text)[0] == VALUES[text]


@pytest.mark.parametrize("text", NO_EXPRESSIONS)
def test_what_is_no_expression_is_refused_with_its_first_fault(text: str) -> None:
    made = code("game_of_24")
    with pytest.raises(made["BadExpression"]) as found:
        made["expression_value"](text)
    assert NO_EXPRESSIONS[text] in str(found.value)


def test_an_expression_agrees_with_python_where_python_may_be_asked() -> None:
    rng, value = random.Random(0), code("game_of_24")["expression_value"]

    def drawn(depth: int) -> str:
        if depth == 0 or rng.random() < 0.2:
            return f"Fraction({rng.randint(1, 20)})"
        left, right = drawn(depth - 1), drawn(depth - 1)
        return rng.choice(["{} + {}", "({} - {})", "{} * {}", "({} / {})", "{} - {}"]).format(left, right)

    for _ in range(200):
        text = drawn(4)
        try:
            expected = eval(text, {"Fraction": Fraction})  # noqa: S307
        except ZeroDivisionError:
            continue
        assert value(re.sub(r"Fraction\((\d+)\)", r"\1", text))[0] == expected


def test_a_subclass_of_text_is_no_expression() -> None:
    class Text(str):
        pass

    assert said("game_of_24", [[3, 3, 8, 8], 24], {}, Text("8/(3-8/3)")) == (0.0, "an expression is a text, not Text")


@pytest.mark.parametrize("name", ["countdown", "game_of_24"])
def test_the_statement_tells_every_limit_of_an_expression_that_an_answer_can_reach(name: str) -> None:
    made, statement = code(name), " ".join(find_tasks([name])[0].statement.split())
    assert f"more than {made['MOST_CHARS']} characters or of more than {made['MOST_TOKENS']} numbers" in statement
    assert f"more than {made['MOST_DIGITS']} digits, brackets nested deeper than {made['MOST_DEPTH']}" in statement


# -- game_of_24 --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("output", "score", "reason"),
    [
        ("8 / (3 - 8 / 3)", 1.0, ""),
        ("3 * 8 + 3 - 8", 0.2 * (1 - 5 / 24), "it makes 19, not 24"),
        ("3 * 3 * 8 * 8", 0.0, "it makes 576, not 24"),
        ("3 * 8", 0.0, "it uses [3, 8], not each of [3, 3, 8, 8] once"),
        ("3 * 8 * (8 - 8 + 1)", 0.0, "it uses [1, 3, 8, 8, 8], not each of [3, 3, 8, 8] once"),
        ("38 - 8 - 3", 0.0, "it uses [3, 8, 38], not each of [3, 3, 8, 8] once"),
        ("8 / (3 - 8 / 3) * (3 - 3)", 0.0, "it uses [3, 3, 3, 3, 8, 8], not each of [3, 3, 8, 8] once"),
        ("The answer is 8 / (3 - 8 / 3)", 0.0, "'T' is no digit, sign, bracket or space"),
        (24, 0.0, "an expression is a text, not int"),
        (["8 / (3 - 8 / 3)"], 0.0, "an expression is a text, not list"),
    ],
)
def test_game_of_24_by_hand(output: object, score: float, reason: str) -> None:
    assert said("game_of_24", [[3, 3, 8, 8], 24], {}, output) == (pytest.approx(score), reason)


def test_what_four_numbers_can_make_is_found() -> None:
    everything = code("game_of_24")["_everything"]
    assert 24 in everything([3, 3, 8, 8]) and 24 in everything([1, 3, 4, 6]) and 24 not in everything([1, 1, 1, 1])
    assert set(everything([2, 3])) == {5, 6, -1, 1, Fraction(2, 3), Fraction(3, 2)}


def test_no_four_numbers_are_in_two_splits_or_in_two_of_ten_blocks() -> None:
    instances = code("game_of_24")["instances"]
    blocks = [(split, b) for split in ("train", "val", "test") for b in range(10)]
    drawn = [tuple(sorted(one["input"][0])) for split, b in blocks for one in instances(split, b, 12, 1)]
    assert len(set(drawn)) == len(drawn) == 360


def test_only_hidden_instances_of_game_of_24_have_other_targets() -> None:
    assert {one["input"][1] for one in block("game_of_24", "train")} == {24}
    targets = {one["input"][1] for one in block("game_of_24", "test", 32)}
    assert len(targets) > 10 and min(targets) >= 11 and max(targets) <= 60


# -- countdown ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("output", "score", "reason"),
    [
        ("50", 1.0, "it makes 50, 1 from 51"),
        ("50 + 3", 0.5, "it makes 53, 2 from 51"),
        ("3 - 50", 1 / (1 + np.log2(98)), "it makes -47, 98 from 51"),
        ("50 / 3", 0.0, "50 / 3 is not whole"),
        ("50 / (3 - 3)", 0.0, "50 / 0 is a division by 0"),
        ("50 + 3 / 3", 0.0, "it uses [3, 3, 50], of which [3, 50] are given"),
        ("51", 0.0, "it uses [51], of which [3, 50] are given"),
        (51, 0.0, "an expression is a text, not int"),
    ],
)
def test_countdown_by_hand(output: object, score: float, reason: str) -> None:
    found = said("countdown", [[3, 50], 51], {"distance": 1}, output)
    assert found == (pytest.approx(score), reason)


def test_what_the_statement_of_countdown_says_of_values_that_are_farther_is_what_they_score() -> None:
    told = re.findall(r"(0\.\d+) for (?:one that is )?(\d+)", " ".join(find_tasks(["countdown"])[0].statement.split()))
    assert [farther for _, farther in told] == ["1", "10", "100"]
    for worth, farther in told:
        score, _ = said("countdown", [[100, 1], 100 + int(farther)], {"distance": 0}, "100")
        assert round(score, 2) == float(worth)


def reachable(numbers: tuple[Fraction, ...]) -> set[Fraction]:
    """Every value of some of the numbers, by joining two of them again and again; fractions are left out."""
    found = set(numbers)
    for i, j in itertools.permutations(range(len(numbers)), 2):
        a, b, others = numbers[i], numbers[j], [n for k, n in enumerate(numbers) if k not in (i, j)]
        for value in (a + b, a - b, a * b, *([a / b] if b and a % b == 0 else [])):
            found |= reachable((*others, value))
    return found


def test_the_nearest_value_is_that_of_plain_enumeration() -> None:
    made = code("countdown")
    for one in block("countdown", "train", shown_count=4):
        numbers, target = one["input"]
        nearest = min(abs(target - value) for value in reachable(tuple(map(Fraction, numbers))))
        assert one["hidden"]["distance"] == made["_distance"](numbers, target) == nearest


def test_hidden_instances_of_countdown_have_more_numbers_and_larger_targets() -> None:
    for split, count, lowest, highest in (("train", 5, 100, 999), ("val", 6, 1000, 9999)):
        for numbers, target in (one["input"] for one in block("countdown", split)):
            assert len(numbers) == count and lowest <= target <= highest
            assert 1 <= sum(n > 10 for n in numbers) <= 3 and all(numbers.count(n) <= 2 for n in numbers)


# -- integer_sequences -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("output", "score", "reason"),
    [
        ([22, 25, 27], 1.0, ""),
        ((22, 25, 27), 1.0, ""),
        (np.array([22, 25, 27], dtype="int16"), 1.0, ""),
        ([22, 24, 27], 2 / 3, ""),
        ([25, 27, 22], 0.0, ""),
        ([22, 25], 0.0, "not a list of 3 integers"),
        ([22, 25, 27, 30], 0.0, "not a list of 3 integers"),
        ([22.0, 25, 27], 0.0, "not a list of 3 integers"),
        (["22", "25", "27"], 0.0, "not a list of 3 integers"),
        ([[22], [25], [27]], 0.0, "not a list of 3 integers"),
        ("22, 25, 27", 0.0, "not a list of 3 integers"),
    ],
)
def test_integer_sequences_by_hand(output: object, score: float, reason: str) -> None:
    given = [[2, 5, 7, 10, 12, 15, 17, 20], 3]
    assert said("integer_sequences", given, {"solution": [22, 25, 27]}, output) == (pytest.approx(score), reason)


def test_true_is_no_term_even_where_1_is_right() -> None:
    assert said("integer_sequences", [[4, 3, 2], 1], {"solution": [1]}, [True]) == (0.0, "not a list of 1 integers")


def test_a_block_has_as_many_sequences_of_each_family_in_an_order_of_its_own() -> None:
    made = code("integer_sequences")
    orders = [[one["hidden"]["method"] for one in made["instances"]("val", b, 16, 1)] for b in range(3)]
    assert all(sorted(order[:8]) == sorted(order[8:]) and len(set(order)) == 8 for order in orders)
    assert len(set(map(tuple, orders))) == 3


def test_terms_are_those_of_their_family() -> None:
    families = {}
    for one in block("integer_sequences", "test", 16):
        terms = [*one["input"][0], *one["hidden"]["solution"]]
        families[one["hidden"]["method"].removeprefix("planted: ")] = terms
        assert len(one["input"][0]) == 24 and len(terms) == 30 and max(map(abs, terms)) <= 10**12
    assert not np.diff(np.array(families["polynomial"], dtype=object), 6).any()
    assert any(len(set(np.subtract(families["steps"][p:], families["steps"][:-p]))) == 1 for p in range(2, 7))
    assert any(not any(np.diff(families["mix"][i::p], 3).any() for i in range(p)) for p in range(2, 7))
    assert 0 <= min(families["remainders"]) <= max(families["remainders"]) < 999


def test_the_terms_shown_leave_no_other_sequence_of_the_families() -> None:
    solve = solver("integer_sequences")
    made = code("integer_sequences")
    scores = [made["score"](one, solve(*one["input"])) for b in range(5) for one in made["instances"]("test", b, 16, 1)]
    assert np.mean(scores) >= 0.99


# -- linear_diophantine ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("output", "score", "reason"),
    [
        ([3, 1, 0], 1.0, ""),
        (np.array([3, 1, 0], dtype="uint8"), 1.0, ""),
        ([0, 4, 3], 4 / 7, ""),
        ([0, 0, 1], 0.2 * (1 - 2 / 50), "equation 0: the left-hand side is 5, not 7"),
        ([9, 0, 9], 0.0, "equation 0: the left-hand side is 72, not 7"),
        ([4, 0, -1], 0.0, "not a list of 3 integers from 0 to 9"),
        ([13, 16, 0], 0.0, "not a list of 3 integers from 0 to 9"),
        ([3, True, 0], 0.0, "not a list of 3 integers from 0 to 9"),
        ([3.0, 1.0, 0.0], 0.0, "not a list of 3 integers from 0 to 9"),
        ([3, 1], 0.0, "not a list of 3 integers from 0 to 9"),
        ([3, 1, 0, 0], 0.0, "not a list of 3 integers from 0 to 9"),
        ([3, 1, 10**300], 0.0, "not a list of 3 integers from 0 to 9"),
        (np.array([[3, 1, 0]]), 0.0, "not a list of 3 integers from 0 to 9"),
    ],
)
def test_linear_diophantine_by_hand(output: object, score: float, reason: str) -> None:
    assert code("linear_diophantine")["_best"]([[3, -2, 5]], [7]) == [3, 1, 0]
    found = said("linear_diophantine", [[[3, -2, 5]], [7]], {"smallest": 4}, output)
    assert found == (pytest.approx(score), reason)


def test_the_smallest_sum_is_that_of_plain_enumeration() -> None:
    made = code("linear_diophantine", unknowns=4, largest_coefficient=8)
    for one in made["instances"]("val", 0, 6, 1):
        coefficients, right = one["input"]
        every = itertools.product(range(10), repeat=4)
        holding = [values for values in every if made["_miss"](coefficients, right, values) == 0]
        assert one["hidden"]["smallest"] == min(map(sum, holding))
        scores = [made["score"](one, values) for values in holding]
        assert max(scores) == 1.0 and min(scores) > 0.0


def test_hidden_equations_are_more_and_have_more_unknowns() -> None:
    for split, equations, unknowns in (("train", 1, 5), ("test", 2, 6)):
        for one in block("linear_diophantine", split):
            coefficients, right = one["input"]
            assert len(coefficients) == len(right) == equations and {len(row) for row in coefficients} == {unknowns}
            assert all(1 <= abs(c) <= 30 for row in coefficients for c in row) and 0 not in right


# -- polynomials -------------------------------------------------------------------------------------------------------
NO_FACTORS = "not a list of 1 to 3 polynomials"
NO_INTEGERS = "factor 0: its coefficients are no integers of at most 64 bits, the last one not 0"


@pytest.mark.parametrize(
    ("output", "score", "reason"),
    [
        ([[-1, 1], [2, 1], [3, 1]], 1.0, ""),
        ([[3, 1], [1, -1], [-2, -1]], 1.0, ""),
        ([np.array([-1, 1]), (2, 1), [3, 1]], 1.0, ""),
        ([[-1, 1], [6, 5, 1]], 0.5, ""),
        ([[-6, 1, 4, 1]], 0.0, ""),
        ([[1, 1], [2, 1], [3, 1]], 0.0, "the product is [6, 11, 6, 1], not [-6, 1, 4, 1]"),
        ([[1, -1], [2, 1], [3, 1]], 0.0, "the product is [6, -1, -4, -1], not [-6, 1, 4, 1]"),
        ([[-1, 1], [2, 1]], 0.0, "the product has degree 2, not 3"),
        (
            [[-6, 1, 4, 1], [1, 0]],
            0.0,
            "factor 1: its coefficients are no integers of at most 64 bits, the last one not 0",
        ),
        ([[-6, 1, 4, 1], [1]], 0.0, "factor 1: not a list of 2 to 4 coefficients"),
        ([[-1, 1], [2, 1], [3, 1], [1]], 0.0, NO_FACTORS),
        ([[-1.0, 1.0], [2, 1], [3, 1]], 0.0, NO_INTEGERS),
        ([[-1, True], [2, 1], [3, 1]], 0.0, NO_INTEGERS),
        ([[2**64, 1], [2, 1], [3, 1]], 0.0, NO_INTEGERS),
        (["(x - 1)", [2, 1], [3, 1]], 0.0, "factor 0: not a list of 2 to 4 coefficients"),
        ([[0] * 100_000] * 2, 0.0, "factor 0: not a list of 2 to 4 coefficients"),
        ([], 0.0, NO_FACTORS),
        ("(x - 1) (x + 2) (x + 3)", 0.0, NO_FACTORS),
        (np.array([[-1, 1], [2, 1], [3, 1]]), 0.0, NO_FACTORS),
    ],
)
def test_polynomials_by_hand(output: object, score: float, reason: str) -> None:
    hidden = {"solution": [[-1, 1], [2, 1], [3, 1]]}
    assert said("polynomials", [[-6, 1, 4, 1]], hidden, output) == (score, reason)


def test_factors_that_are_planted_cannot_be_split() -> None:
    for one in block("polynomials", "test", 24):
        factors = one["hidden"]["solution"]
        assert 3 <= len(factors) <= 5 and sum(len(factor) - 1 for factor in factors) == len(one["input"][0]) - 1
        for factor in factors:
            assert len(factor) in (2, 3, 4) and factor[-1] in (1, 2, 3, 4) and np.gcd.reduce(factor) == 1
            assert len(factor) == 2 or not any(  # of degree 2 or 3: a factor of it would have a rational root
                sum(c * Fraction(p, q) ** i for i, c in enumerate(factor)) == 0
                for p in range(-12, 13)
                for q in range(1, 5)
            )


def test_a_polynomial_that_has_a_rational_root_is_known() -> None:
    has_root = code("polynomials")["_has_root"]
    assert has_root([-6, 1, 4, 1]) and has_root([-3, 1, 2]) and has_root([1, 2, 1])
    assert not has_root([1, 0, 1]) and not has_root([-2, 0, 0, 1]) and not has_root([-1, -1, 1])


# -- word_problems -----------------------------------------------------------------------------------------------------
STORY = "Ann has 12 apples. Bob has twice as many apples as Ann. He is nine years old. Bob gives five apples to Ann."
ASKED = [
    "How many apples does Ann have in the end?",
    "How many more apples does Bob have than Ann in the end?",
    "How many apples did Bob have at the start?",
]


@pytest.mark.parametrize(
    ("output", "score", "reason"),
    [
        ([17, 2, 24], 1.0, ""),
        (np.array([17, 2, 24]), 1.0, ""),
        ([17, 2, 19], 2 / 3, ""),
        ([17, 2], 0.0, "not a list of 3 integers"),
        ([17.0, 2, 24], 0.0, "not a list of 3 integers"),
        (["17", "2", "24"], 0.0, "not a list of 3 integers"),
        ("17, 2, 24", 0.0, "not a list of 3 integers"),
    ],
)
def test_word_problems_by_hand(output: object, score: float, reason: str) -> None:
    found = said("word_problems", [STORY, ASKED], {"solution": [17, 2, 24]}, output)
    assert found == (pytest.approx(score), reason)


def test_stories_use_every_form_that_the_statement_tells_and_no_other() -> None:
    made, statement = code("word_problems"), find_tasks(["word_problems"])[0].statement
    groups = ("STARTS", "EVENTS")
    forms = [form for group in groups for some in made[group].values() for form in some]
    forms += [*made["ASIDES"], *made["QUESTIONS"].values()]
    assert all(f"`{form}`" in statement for form in forms)
    text = " ".join(one["input"][0] for b in range(8) for one in made["instances"]("test", b, 16, 1))
    patterns = [re.sub(r"\b(A|B|N|K|P|ITEM)\b", r"\\w+", re.sub(r"^A (?!cousin|shop)", "A ", f)) for f in forms[:-7]]
    patterns = [p.replace("TIMES", r"(twice|\w+ times)").rstrip(".") for p in patterns]
    seen = set()
    for sentence in text.rstrip(".").split(". "):
        matching = [p for p in patterns if re.fullmatch(p, sentence)]
        assert matching, sentence
        seen.update(matching)
    assert seen == set(patterns)


def test_stories_that_decide_have_more_people() -> None:
    made = code("word_problems")
    people = {
        split: {
            sum(name in one["input"][0] for name in made["SHE"] + made["HE"]) for one in block("word_problems", split)
        }
        for split in ("train", "val", "test")
    }
    assert people == {"train": {2}, "val": {3}, "test": {3}}


def test_a_word_problem_solved_by_another_program_has_the_same_answers() -> None:
    solve = solver("word_problems")
    made = code("word_problems")
    for b in range(10):
        for one in made["instances"]("test", b, 16, 1):
            assert solve(*one["input"]) == one["hidden"]["solution"]
