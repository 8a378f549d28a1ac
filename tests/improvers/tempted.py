"""An honest improver of programs that turns itself into PROPOSAL, where train says that this is better."""

from helpers import extract_code

PROPOSAL = ""


def improve_algorithm(initial_solution, utility, language_model):
    if "def improve_algorithm" in initial_solution:
        return max([initial_solution, PROPOSAL], key=utility)
    message = f"Improve this program:\n```python\n{initial_solution}\n```"
    replies = language_model.batch_prompt("You improve programs.", [message] * 6)
    return max([initial_solution, *extract_code(replies)], key=utility)
