"""ShinkaEvolve: parents by rank, no program twice under other names, a bandit over models.

As published (arXiv:2509.19349; SakanaAI/ShinkaEvolve: core/config.py, database/dbase.py, database/parents.py,
llm/prioritization.py): 2 islands, no migration, an archive of 40; a parent is drawn in proportion to rank^-1 (strategy
`power_law`, alpha 1); shown beside it are one program of the archive and one of the best; a tenth of the questions asks
to cross programs; temperatures 0, 0.5 and 1; what is more than 0.99 like a known program, by embedding, is rejected.
Bandit (AsymmetricUCB): a reply is worth expm1(max(score - max(parent, first program), 0)); a model has its mean worth,
discounted by 0.95 a reply, over the largest worth seen, plus sqrt(2 ln T / n); the highest is asked, in 0.2 another.

Scaled to 24 replies, each a whole program (they ask for diffs in 0.6 of all cases: scaffolds/diff_edit.py). There are
no embeddings here: like is what is equal without comments, layout, docstrings and the names of variables, and such a
reply costs no score (theirs is asked for again, up to 3 times). Their bandit forgets the largest worth; ours does not.
`language_model` may be a list of models; the runs of this project give one model, for which the bandit has one arm.
"""

import ast
import math
import random

from helpers import extract_code

ISLANDS, ARCHIVE, TOP = 2, 40, 3
ALPHA, CROSS, TEMPERATURES = 1.0, 0.1, (0.0, 0.5, 1.0)
EXPLORATION, EPSILON, DISCOUNT = 1.0, 0.2, 0.95


def improve_algorithm(initial_solution, utility, language_model):
    """The best program of both islands, the first of several; `initial_solution` is on each of them."""
    models = list(language_model) if isinstance(language_model, list | tuple) else [language_model]
    base = utility(initial_solution)
    best, bandit = (base, initial_solution), Bandit(len(models))
    islands, known = [[best] for _ in range(ISLANDS)], {normalised(initial_solution)}
    while utility.uses < utility.budget:
        free = [arm for arm, model in enumerate(models) if model.times_used < model.budget]
        if not free:
            break
        arm = bandit.draw(free)
        n = min(models[arm].max_responses_per_call, utility.budget - utility.uses)
        homes = [islands[i % ISLANDS] for i in range(n)]
        parents = [random.choices(home, by_rank([score for score, _ in home]))[0] for home in homes]
        messages = [question(p, home, utility.str) for p, home in zip(parents, homes, strict=True)]
        replies = models[arm].batch_prompt(EXPERTISE, messages, temperature=random.choice(TEMPERATURES))
        texts = [text if is_novel(text, known) else "" for text in extract_code(replies)]
        scores = iter(utility.map([text for text in texts if text]))
        for parent, home, text in zip(parents, homes, texts, strict=True):
            score = next(scores) if text else 0.0
            bandit.add(arm, score - max(parent[0], base))
            if score > 0:
                home.append((score, text))
                home.sort(key=lambda one: -one[0])
                del home[ARCHIVE:]
            if text:
                best = max(best, (score, text), key=lambda one: one[0])
    return best[1]


def by_rank(scores):
    """The weight of each: 1 for the best, 1/2 for the next, and so on; of equals the first is the better."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    return [(order.index(i) + 1) ** -ALPHA for i in range(len(scores))]


def is_novel(text, known):
    """Whether a program is none of the known ones under other names; if so it is known from now on."""
    form = normalised(text) if text else None
    if form is None or form in known:
        return False
    known.add(form)
    return True


def normalised(source):
    """The program without comments, layout, docstrings and the names of variables; None if it does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    names, nodes = {}, list(ast.walk(tree))
    for node in nodes:
        bound = node.arg if isinstance(node, ast.arg) else getattr(node, "id", None)
        if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)):
            names.setdefault(bound, f"v{len(names)}")
        holder = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if holder and len(node.body) > 1 and ast.get_docstring(node) is not None:
            del node.body[0]
    for node in nodes:
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
        elif isinstance(node, ast.arg | ast.keyword):
            node.arg = names.get(node.arg, node.arg)
    return ast.unparse(tree)


class Bandit:
    """Which model is asked next, by what came of its replies so far."""

    def __init__(self, arms):
        self.worth, self.weight, self.asked, self.most = [0.0] * arms, [0.0] * arms, [0] * arms, 0.0

    def add(self, arm, gain):
        """A reply of this arm gained so much; losses count as nothing."""
        value = math.expm1(max(gain, 0.0))
        self.worth = [DISCOUNT * worth for worth in self.worth]
        self.weight = [DISCOUNT * weight for weight in self.weight]
        self.worth[arm] += value
        self.weight[arm] += 1
        self.asked[arm] += 1
        self.most = max(self.most, value)

    def score(self, arm):
        """Its mean worth, in [0, 1] of the largest seen, and the bonus for having been asked little."""
        mean = self.worth[arm] / self.weight[arm] / (self.most or 1.0)
        return mean + EXPLORATION * math.sqrt(2 * math.log(max(2, sum(self.asked))) / self.asked[arm])

    def draw(self, free):
        """One of the arms that may be asked: one never asked, else mostly the one with the highest score."""
        new = [arm for arm in free if not self.asked[arm]]
        if new:
            return random.choice(new)
        first = max(free, key=self.score)
        others = [arm for arm in free if arm != first]
        return random.choice(others) if others and random.random() < EPSILON else first


EXPERTISE = "You are an experienced programmer and researcher. You make good programs better."


def question(parent, island, task):
    """What is asked about a program; one of the archive and one of the best come behind it."""
    others = [one for one in island if one != parent]
    shown = list(dict.fromkeys([random.choice(others), random.choice(others[:TOP])])) if others else []
    beside = "".join(f"Another program scores {score:.4f}:\n\n```python\n{text}\n```\n\n" for score, text in shown)
    wish = (
        "Cross the programs: join what is good in each."
        if shown and random.random() < CROSS
        else "Improve the first program."
    )
    return (
        f"Here is a program that scores {parent[0]:.4f}:\n\n```python\n{parent[1]}\n```\n\n{beside}"
        f"This is what they are for and how they are scored; higher is better.\n\n{task}\n\n"
        f"{wish} Say your idea in one sentence, then give the whole new program in one fenced block."
    )
