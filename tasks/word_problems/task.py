"""Word problems: short stories about who has how many things, and questions with exact answers.

Owns: templates, instances, their score and what is said of it. Does not own: limits and sizes (task.toml), words
(statement.md, which tells every template).
"""

import random

import numpy as np

SHE, HE = ("Ann", "Eva", "Mia", "Ida", "Lea", "Zoe"), ("Bob", "Tom", "Max", "Jan", "Leo", "Sam")
THINGS = ("apples", "books", "cards", "eggs", "marbles", "pens", "shells", "stamps")
WORDS = ("", "", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
TIMES = ("", "", "twice", "three times", "four times")

# a name of a template -> how it is said; the letters stand for what the statement says
STARTS = {
    "has": ("A has N ITEM.",),
    "more": ("A has N more ITEM than B.",),
    "fewer": ("A has N fewer ITEM than B.",),
    "times": ("A has TIMES as many ITEM as B.",),
}
EVENTS = {
    "gain": ("A buys N ITEM.", "A finds N more ITEM."),
    "boxes": ("A buys K boxes of N ITEM each.",),
    "lose": ("A loses N ITEM.", "A breaks N of the ITEM."),
    "sell": ("A sells N ITEM for P coins each.",),
    "give": ("A gives N ITEM to B.", "A gives B N of the ITEM."),
    "take": ("A gets N ITEM from B.",),
    "half": ("A gives half of the ITEM to B.",),
    "double": ("The number of ITEM that A has doubles.",),
    "swap": ("A and B swap all of their ITEM.",),
}
ASIDES = (
    "A is N years old.",
    "A dreams of N ITEM.",
    "A walks N miles.",
    "A wants to buy N ITEM but does not.",
    "A cousin of A has N ITEM.",
    "A shop sells ITEM for N coins each.",
)
QUESTIONS = {
    "end": "How many ITEM does A have in the end?",
    "start": "How many ITEM did A have at the start?",
    "together": "How many ITEM do A and B have together in the end?",
    "difference": "How many more ITEM does A have than B in the end?",
    "everybody": "How many ITEM do all people in the story have together in the end?",
    "full": "If A packs the ITEM into boxes of N in the end, how many boxes are full?",
    "coins": "How many coins does A get for all things sold?",
}


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [story, questions], hidden the answers."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """The share of questions that are answered exactly; 0.0 for anything but one integer for each question."""
    right = instance["hidden"]["solution"]
    answers = _answers(output, len(right))
    return sum(a == b for a, b in zip(answers, right)) / len(right) if answers else 0.0


def explain(instance: dict, output: object) -> str:
    """Whether there is an integer for each question: which are right is not said."""
    wanted = len(instance["input"][1])
    return "" if _answers(output, wanted) else f"not a list of {wanted} integers"


def _answers(output: object, wanted: int) -> list[int]:
    """The answers; none for anything but one integer for each question."""
    if type(output) is np.ndarray and output.ndim == 1 and output.dtype.kind in "iu":
        output = output.tolist()
    if type(output) not in (list, tuple) or len(output) != wanted:
        return []
    # type(), not isinstance: True is no answer, and a subclass may lie about its value
    return list(output) if all(type(answer) is int for answer in output) else []


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"word_problems/{split}/{block}/{seed}/{i}")
    which = "shown_" if split == "train" else ""
    asked: dict[str, int] = {}
    while len(asked) < SIZES["questions"]:
        world = _World(rng, SIZES[f"{which}people"], SIZES["kinds"])
        world.start()
        for _ in range(rng.randint(*SIZES[f"{which}events"])):
            world.event()
        for _ in range(rng.randint(*SIZES[f"{which}asides"])):
            world.aside()
        asked = world.questions(SIZES["questions"])
    hidden = {"solution": list(asked.values()), "method": "planted: the story is lived through as it is told"}
    return {"id": f"{split}-{block}-{i}", "input": [world.text(), list(asked)], "hidden": hidden}


class _World:
    """Who has how many of what, and what has been told."""

    def __init__(self, rng: random.Random, people: int, kinds: int) -> None:
        self.rng = rng
        self.people, self.kinds = rng.sample(SHE + HE, people), rng.sample(THINGS, kinds)
        self.have: dict[tuple[str, str], int] = {}
        self.coins = dict.fromkeys(self.people, 0)
        self.told: list[str] = []
        self.told_at_start = 0

    def start(self) -> None:
        """Tells what everybody has: of each thing a number first, then more, fewer or several times as many."""
        facts = [(person, kind) for kind in self.kinds for person in self.rng.sample(self.people, len(self.people))]
        for person, kind in facts:
            others = [p for p in self.people if (p, kind) in self.have]
            b = self.rng.choice(others) if others else ""
            held = self.have.get((b, kind), 0)
            form = self.rng.choice(["has", "more", "fewer", "times"] if others else ["has"])
            n = self.rng.randint(2, max(2, held - 4) if form == "fewer" else 30)
            if form == "fewer" and held - n < 2 or form == "times" and held > 25:
                form = "has"
            times = self.rng.randint(2, 4)
            self.have[person, kind] = {"has": n, "more": held + n, "fewer": held - n, "times": held * times}[form]
            self.tell(STARTS[form], person, b, kind, N=n, TIMES=TIMES[times])
        self.at_start, self.told_at_start = dict(self.have), len(self.told)

    def event(self) -> None:
        """Something that happens to one kind of things; what cannot happen now is drawn again."""
        rng = self.rng
        (a, b), kind = rng.sample(self.people, 2), rng.choice(self.kinds)
        form, n, k, p = rng.choice(list(EVENTS)), rng.randint(2, 20), rng.randint(2, 6), rng.randint(2, 9)
        mine, others = self.have[a, kind], self.have[b, kind]
        change = {
            "gain": (n, 0), "boxes": (k * n, 0), "lose": (-n, 0), "sell": (-n, 0), "give": (-n, n), "take": (n, -n),
            "half": (-(mine // 2), mine // 2), "double": (mine, 0), "swap": (others - mine, mine - others),
        }[form]  # fmt: skip
        after = mine + change[0], others + change[1]
        if min(after) < 2 or max(after) > 200 or (form == "half" and mine % 2) or change == (0, 0):
            return self.event()
        self.have[a, kind], self.have[b, kind] = after
        self.coins[a] += n * p if form == "sell" else 0
        return self.tell(EVENTS[form], a, b, kind, N=n, K=k, P=p)

    def aside(self) -> None:
        """Tells, somewhere behind the start, something that changes nothing."""
        self.tell(ASIDES, self.rng.choice(self.people), "", self.rng.choice(self.kinds), N=self.rng.randint(2, 30))
        self.told.insert(self.rng.randint(self.told_at_start, len(self.told) - 1), self.told.pop())

    def tell(self, forms: tuple[str, ...], a: str, b: str, kind: str, **more: int | str) -> None:
        self.told.append(_filled(self.rng.choice(forms), {"A": a, "B": b, "ITEM": kind, **self._said(more)}))

    def _said(self, more: dict[str, int | str]) -> dict[str, str]:
        """Numbers up to twelve are words now and then."""
        return {
            key: WORDS[n] if type(n) is int and n < len(WORDS) and self.rng.random() < 0.4 else str(n)
            for key, n in more.items()
        }

    def text(self) -> str:
        """The sentences; one that begins with the same name as the one before may begin with She or He."""
        sentences, before = [], ""
        for sentence in self.told:
            subject, rest = sentence.split(" ", 1)
            if subject not in self.people or rest.startswith("and "):
                subject = ""
            if subject and subject == before and self.rng.random() < 0.5:
                sentence = f"{'She' if subject in SHE else 'He'} {rest}"
            sentences.append(sentence)
            before = subject
        return " ".join(sentences)

    def questions(self, count: int) -> dict[str, int]:
        """Different questions with their answers, each above 1; fewer than count if there are not so many."""
        asked: dict[str, int] = {}
        forms = self.rng.sample(list(QUESTIONS), len(QUESTIONS)) * 2
        while forms and len(asked) < count:
            form = forms.pop()
            (a, b), kind, n = self.rng.sample(self.people, 2), self.rng.choice(self.kinds), self.rng.randint(2, 9)
            mine, others = self.have[a, kind], self.have[b, kind]
            answer = {
                "end": mine, "start": self.at_start[a, kind], "together": mine + others, "difference": mine - others,
                "everybody": sum(self.have[person, kind] for person in self.people), "full": mine // n,
                "coins": self.coins[a],
            }[form]  # fmt: skip
            if answer > 1:
                asked[_filled(QUESTIONS[form], {"A": a, "B": b, "ITEM": kind, "N": str(n)})] = answer
        return asked


def _filled(form: str, words: dict[str, str]) -> str:
    """The template with words for its letters; its own first word may be the article A."""
    article, form = ("A ", form[2:]) if form.startswith(("A cousin", "A shop")) else ("", form)
    parts = [words.get(part.rstrip(".?"), part.rstrip(".?")) + part[len(part.rstrip(".?")) :] for part in form.split()]
    return article + " ".join(parts)
