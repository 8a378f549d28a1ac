"""Reads every form of sentence and question, and does what it says."""

import re

NAMES = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
WORDS = {name: n for n, name in enumerate(NAMES, 2)}
EVENTS = [  # <a> and <b> are people, <n> and <k> numbers, <i> an item; then what happens
    ("<a> has <n> <i>", lambda h, a, b, i, n, k: h.update({(a, i): n})),
    ("<a> has <n> more <i> than <b>", lambda h, a, b, i, n, k: h.update({(a, i): h[b, i] + n})),
    ("<a> has <n> fewer <i> than <b>", lambda h, a, b, i, n, k: h.update({(a, i): h[b, i] - n})),
    ("<a> has <n> as many <i> as <b>", lambda h, a, b, i, n, k: h.update({(a, i): h[b, i] * n})),
    ("<a> (buys|finds) <n>( more)? <i>", lambda h, a, b, i, n, k: move(h, None, a, i, n)),
    ("<a> buys <k> boxes of <n> <i> each", lambda h, a, b, i, n, k: move(h, None, a, i, n * k)),
    ("<a> loses <n> <i>", lambda h, a, b, i, n, k: move(h, a, None, i, n)),
    ("<a> breaks <n> of the <i>", lambda h, a, b, i, n, k: move(h, a, None, i, n)),
    ("<a> sells <n> <i> for <k> coins each", lambda h, a, b, i, n, k: sell(h, a, i, n, k)),
    ("<a> gives <n> <i> to <b>", lambda h, a, b, i, n, k: move(h, a, b, i, n)),
    ("<a> gives <b> <n> of the <i>", lambda h, a, b, i, n, k: move(h, a, b, i, n)),
    ("<a> gets <n> <i> from <b>", lambda h, a, b, i, n, k: move(h, b, a, i, n)),
    ("<a> gives half of the <i> to <b>", lambda h, a, b, i, n, k: move(h, a, b, i, h[a, i] // 2)),
    ("The number of <i> that <a> has doubles", lambda h, a, b, i, n, k: move(h, None, a, i, h[a, i])),
    ("<a> and <b> swap all of their <i>", lambda h, a, b, i, n, k: move(h, a, b, i, h[a, i] - h[b, i])),
]


def algorithm(story, questions):
    have, start, subject = {}, {}, ""
    for sentence in story.rstrip(".").split(". "):
        if sentence.startswith(("She ", "He ")):
            sentence = f"{subject} {sentence.split(' ', 1)[1]}"
        subject = sentence.split()[0]
        sentence = sentence.replace("twice", "2").replace("three times", "3").replace("four times", "4")
        if sentence.startswith(("A shop", "A cousin")):
            continue
        for pattern, happen in EVENTS:
            found = re.fullmatch(re.sub(r"<(\w)>", r"(?P<\1>\\w+)", pattern), sentence)
            if found:
                given = found.groupdict()
                n, k = number(given.get("n")), number(given.get("k"))
                happen(have, given["a"], given.get("b"), given["i"], n, k)
                if pattern.startswith("<a> has"):
                    start[given["a"], given["i"]] = have[given["a"], given["i"]]
                break
    return [answer(have, start, question) for question in questions]


def number(word):
    return int(WORDS.get(word, word)) if word else 0


def move(have, giver, taker, item, n):
    if giver:
        have[giver, item] -= n
    if taker:
        have[taker, item] += n


def sell(have, a, item, n, price):
    move(have, a, None, item, n)
    have[a, "coins"] = have.get((a, "coins"), 0) + n * price


def answer(have, start, question):
    w = question.rstrip("?").split()
    if w[0] == "If":
        return have[w[1], w[4]] // int(w[8])
    if w[2] == "coins":
        return have[w[4], "coins"]
    if w[2] == "more":
        return have[w[5], w[3]] - have[w[8], w[3]]
    if w[3] == "did":
        return start[w[4], w[2]]
    if w[4] == "all":
        return sum(n for (_, item), n in have.items() if item == w[2])
    if w[5] == "and":
        return have[w[4], w[2]] + have[w[6], w[2]]
    return have[w[4], w[2]]
