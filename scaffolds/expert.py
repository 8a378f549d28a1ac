"""Written by hand, as a reference for what is found: build on the best program so far until the budgets are spent.

Every prompt shows the best program so far, with its score and what went wrong on its worst instance; of each round's
programs the best is kept if it is better. What fails costs nothing: the best so far is returned.
"""

from helpers import BudgetExceeded, extract_code


def improve_algorithm(initial_solution, utility, language_model):
    """`initial_solution`, or the best program that was found when calls or scores ran out; never a worse one."""
    best, best_score = initial_solution, 0.0
    fault, seen = "", {initial_solution}
    try:
        best_score, fault = scored(best, utility)
        while language_model.times_used < language_model.budget and utility.uses < utility.budget:
            n = language_model.max_responses_per_call
            message = question(best, best_score, fault, utility.str)
            replies = language_model.batch_prompt(EXPERTISE, [message] * n, temperature=0.7)
            programs = [p for p in dict.fromkeys(extract_code(replies)) if p and p not in seen]
            programs = programs[: utility.budget - utility.uses]
            seen.update(programs)
            scores = utility.map(programs) if programs else []
            for program, score in zip(programs, scores, strict=True):
                if score > best_score:
                    best, best_score, fault = program, score, ""
            if not fault and utility.uses < utility.budget:
                best_score, fault = scored(best, utility)
    except (BudgetExceeded, ValueError, TypeError):  # a prompt that is refused: what was found so far is the answer
        return best
    return best


EXPERTISE = "You are an experienced programmer and researcher. You make good programs better."


def question(program, score, fault, task):
    """What is asked about the best program so far."""
    return (
        f"Here is a program:\n\n```python\n{program}\n```\n\n"
        f"This is what it is for and how it is scored; higher is better.\n\n{task}\n\n"
        f"The program scores {score:.4f} now. {fault}\n"
        "Improve the program. Say your idea in one sentence, then give the whole new program in one fenced block."
    )


def scored(program, utility):
    """Its score, and one sentence about its worst instance."""
    report = utility.report(program)
    worst = min(report["instances"], key=lambda one: one["score"])
    said = " ".join(str(worst["detail"]).split())[-300:]
    return report["score"], f"On its worst instance it scores {worst['score']:.4f}. {said}".strip()
