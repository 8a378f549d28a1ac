"""Every way to join two of the numbers into one, again and again, on exact fractions."""

from fractions import Fraction


def algorithm(numbers, target):
    return join([(Fraction(n), str(n)) for n in numbers], target)


def join(terms, target):
    if len(terms) == 1:
        return terms[0][1] if terms[0][0] == target else None
    for i in range(len(terms)):
        for j in range(i):
            others = [term for k, term in enumerate(terms) if k not in (i, j)]
            for made in ways(*terms[i], *terms[j]):
                found = join([*others, made], target)
                if found:
                    return found
    return None


def ways(a, left, b, right):
    yield a + b, f"({left}+{right})"
    yield a * b, f"({left}*{right})"
    yield a - b, f"({left}-{right})"
    yield b - a, f"({right}-{left})"
    if b:
        yield a / b, f"({left}/{right})"
    if a:
        yield b / a, f"({right}/{left})"
