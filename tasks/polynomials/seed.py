def algorithm(coefficients):
    factors = []
    rest = list(coefficients)
    for root in range(-4, 5):
        quotient = divided(rest, root)
        if quotient and len(quotient) > 1:
            factors.append([-root, 1])
            rest = quotient
    return factors + [rest]


def divided(coefficients, root):
    value = 0
    quotient = []
    for c in reversed(coefficients):
        value = value * root + c
        quotient.append(value)
    if quotient.pop() != 0:
        return []
    return quotient[::-1]
