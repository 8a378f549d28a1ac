"""Expressions: arithmetic in a text, to its exact value, without eval.

Owns: what an expression is, how large it may be, its value and its numbers. Does not own: which numbers may be used and
what a value is worth (the task.py that follows this text in one module).

An expression is made of whole numbers in the digits 0 to 9, the signs + - * / between them, round brackets and spaces,
with the usual precedence. No number has a sign of its own.
"""

import re
from fractions import Fraction

MOST_CHARS, MOST_TOKENS, MOST_DIGITS, MOST_DEPTH = 300, 100, 9, 20
MOST_BITS = 256  # of the numerator and the denominator of every value on the way


class BadExpression(ValueError):
    """A text, or something else, that is no expression; the message says what is wrong first."""


def expression_value(text: object, whole: bool = False) -> tuple[Fraction, list[int]]:
    """The value of an expression, and the numbers in it. Raises BadExpression.

    whole: every division must come out whole.
    """
    tokens = expression_tokens(text)
    numbers = [int(token) for token in tokens if token.isdigit()]
    tokens.reverse()  # the next one is the last
    value = expression_sum(tokens, 0, whole)
    if tokens:
        raise BadExpression(f"a sign was expected, not {tokens[-1]}")
    return value, numbers


def expression_tokens(text: object) -> list[str]:
    if type(text) is not str:  # not isinstance: a subclass may lie about its value
        raise BadExpression(f"an expression is a text, not {type(text).__name__}")
    if len(text) > MOST_CHARS:
        raise BadExpression(f"{len(text)} characters, {MOST_CHARS} allowed")
    strange = re.search(r"[^-+*/() 0-9]", text)
    if strange:
        raise BadExpression(f"{strange[0]!r} is no digit, sign, bracket or space")
    tokens = re.findall(r"[0-9]+|[^ ]", text)
    if len(tokens) > MOST_TOKENS or any(len(token) > MOST_DIGITS for token in tokens):
        raise BadExpression(f"more than {MOST_TOKENS} numbers, signs and brackets, or than {MOST_DIGITS} digits")
    return tokens


def expression_sum(tokens: list[str], depth: int, whole: bool) -> Fraction:
    value = expression_product(tokens, depth, whole)
    while tokens and tokens[-1] in "+-":
        value = expression_step(tokens.pop(), value, expression_product(tokens, depth, whole), whole)
    return value


def expression_product(tokens: list[str], depth: int, whole: bool) -> Fraction:
    value = expression_operand(tokens, depth, whole)
    while tokens and tokens[-1] in "*/":
        value = expression_step(tokens.pop(), value, expression_operand(tokens, depth, whole), whole)
    return value


def expression_operand(tokens: list[str], depth: int, whole: bool) -> Fraction:
    token = tokens.pop() if tokens else "the end"
    if token.isdigit():
        return Fraction(int(token))
    if token != "(":
        raise BadExpression(f"a number or ( was expected, not {token}")
    if depth == MOST_DEPTH:
        raise BadExpression(f"brackets nested deeper than {MOST_DEPTH}")
    value = expression_sum(tokens, depth + 1, whole)
    if not tokens or tokens.pop() != ")":
        raise BadExpression("a bracket is not closed")
    return value


def expression_step(sign: str, a: Fraction, b: Fraction, whole: bool) -> Fraction:
    if sign == "/" and (b == 0 or whole and a % b):
        raise BadExpression(f"{a} / {b} is " + ("not whole" if b else "a division by 0"))
    value = a + b if sign == "+" else a - b if sign == "-" else a * b if sign == "*" else a / b
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
        raise BadExpression(f"a value on the way has more than {MOST_BITS} bits")
    return value
