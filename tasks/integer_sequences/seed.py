def algorithm(terms, wanted):
    made = list(terms)
    for _ in range(wanted):
        made.append(following(made))
    return made[len(terms) :]


def following(terms):
    for lag in range(1, 5):
        steps = differences(terms, lag)
        if steps[-1] == steps[-2] == steps[-3]:
            return terms[-lag] + steps[-1]
    return max(terms, key=terms.count)


def differences(terms, lag):
    return [terms[i] - terms[i - lag] for i in range(lag, len(terms))]
