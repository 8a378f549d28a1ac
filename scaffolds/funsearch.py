"""FunSearch: islands of programs in clusters of equal scores; better clusters and shorter programs are shown more.

As published (Romera-Paredes et al., Nature 625, 2024, Methods; google-deepmind/funsearch: implementation/config.py,
programs_database.py): 10 islands; programs with the same scores on all instances are one cluster; 2 clusters are drawn
by softmax of their scores at temperature 0.1 (1 - (n mod 30000) / 30000), n programs on the island; of each a program
by softmax of minus its length, (length - least) / (greatest + 1e-6), at temperature 1; the prompt shows both as
versions and asks for the next; 4 samples a prompt; every 4 hours the weaker half of the islands is emptied and founded
anew by the best program of a surviving one. What fails is not kept.

Scaled to 24 replies: 3 islands, 2 samples a prompt, a period of as many replies as an island gets, one reset after half
of the prompts. A program drawn twice is shown once. The better version comes first in the prompt, for models that read
only the first program. A cluster of theirs has the score of its last instance (`_reduce_score`), here the mean.
"""

import math
import random

from helpers import extract_code

ISLANDS, SAMPLES, SHOWN = 3, 2, 2
TEMPERATURE = 0.1


class Island:
    """Clusters by signature, each a score and its programs."""

    def __init__(self, period):
        """period: of programs, over which the temperature falls."""
        self.clusters, self.period, self.size = {}, period, 0

    def add(self, text, score, signature):
        """Puts a program into the cluster of those that do the same."""
        self.clusters.setdefault(signature, (score, []))[1].append(text)
        self.size += 1

    def best(self):
        """(score, text, signature) of the best cluster's shortest program."""
        signature = max(self.clusters, key=lambda one: self.clusters[one][0])
        score, texts = self.clusters[signature]
        return score, min(texts, key=len), signature

    def versions(self):
        """(score, text) of the one or two programs that the prompt shows, the better last."""
        scores = [score for score, _ in self.clusters.values()]
        temperature = TEMPERATURE * (1 - (self.size % self.period) / self.period)
        drawn = random.choices(list(self.clusters.values()), softmax(scores, temperature), k=min(SHOWN, len(scores)))
        return sorted({(score, random.choices(texts, by_length(texts))[0]) for score, texts in drawn})


def improve_algorithm(initial_solution, utility, language_model):
    """The best program of all islands; `initial_solution` is what each begins with."""
    period = max(1, language_model.budget * language_model.max_responses_per_call // ISLANDS)
    islands = [Island(period) for _ in range(ISLANDS)]
    best, seen = (utility.report(initial_solution), initial_solution), {initial_solution}
    for island in islands:
        island.add(initial_solution, *judged(best[0]))
    while language_model.times_used < language_model.budget and utility.uses < utility.budget:
        n = min(language_model.max_responses_per_call, utility.budget - utility.uses)
        order = random.sample(islands, len(islands))
        homes = [order[i // SAMPLES % ISLANDS] for i in range(n)]
        prompts = {id(island): question(island.versions(), utility.str) for island in dict.fromkeys(homes)}
        messages = [prompts[id(home)] for home in homes]
        replies = extract_code(language_model.batch_prompt(EXPERTISE, messages, temperature=1.0))
        for home, text in zip(homes, replies, strict=True):
            if text and text not in seen:
                seen.add(text)
                report = utility.report(text)
                if report["score"] > 0:
                    home.add(text, *judged(report))
                best = max(best, (report, text), key=lambda one: one[0]["score"])
        if language_model.times_used == language_model.budget // 2:
            reset(islands)
    return best[1]


def judged(report):
    """(score, signature): the mean over all instances, and the score of each."""
    return report["score"], tuple(row["score"] for row in report["instances"]) or (report["score"],)


def softmax(values, temperature):
    """Probabilities in proportion to exp(value / temperature)."""
    powers = [math.exp((value - max(values)) / temperature) for value in values]
    return [power / sum(powers) for power in powers]


def by_length(texts):
    """The probability of each program of a cluster: the shorter, the likelier."""
    lengths = [len(text) for text in texts]
    return softmax([-(length - min(lengths)) / (max(lengths) + 1e-6) for length in lengths], 1.0)


def reset(islands):
    """Empties the weaker half; the best program of a random other island founds each anew."""
    ranked = sorted(random.sample(islands, len(islands)), key=lambda island: island.best()[0])
    for island in ranked[: len(islands) // 2]:
        score, text, signature = random.choice(ranked[len(islands) // 2 :]).best()
        island.clusters, island.size = {}, 0
        island.add(text, score, signature)


EXPERTISE = "You are an experienced programmer. You continue a series of programs, each better than the one before."


def question(versions, task):
    """What is asked of the programs of an island."""
    shown = "\n\n".join(
        f"Version {number}, which scores {score:.4f}:\n\n```python\n{text}\n```"
        for number, (score, text) in reversed(list(enumerate(versions)))
    )
    return (
        f"{shown}\n\nThis is what they are for and how they are scored; higher is better.\n\n{task}\n\n"
        f"Write version {len(versions)}, an improved version of version {len(versions) - 1}. "
        "Give the whole program in one fenced block."
    )
