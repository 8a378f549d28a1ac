"""A Gödel agent: its logic, its actions and the program that it improves are one module, which it may change.

The host calls `evolve` again and again: one turn each, until the agent evaluates itself, stops, or has no turn left.
"""

import json

from helpers import extract_code, parse_json

EXPERTISE = "You are a program that improves itself. You know your own source and what it is scored by."
FOCUS = ""  # the definition that a reply without an order replaces; empty: those of the solution in turn, step by step
WINDOW = 10  # observations that are shown


def evolve(observations, itself, language_model):
    """One turn: ask for an action, do it, and say what came of it."""
    (reply,) = language_model.prompt(EXPERTISE, message(observations, itself))
    try:
        return act(reply, itself, language_model)
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"


def message(observations, itself):
    """What the model is shown: the definition in view, the goal, the actions, what happened so far."""
    name = in_view(itself)
    seen = "\n".join(f"- {one}" for one in [*itself.history, *observations][-WINDOW:]) or "- nothing yet"
    return (
        f"This is your definition `{name}`:\n\n```python\n{itself.read(name)}\n```\n\n"
        f"Your function `{itself.entry}` is scored by this; higher is better.\n\n{itself.statement}\n\n"
        f"What happened so far:\n{seen}\n\n"
        f"Answer with one JSON object that names an action, such as {json.dumps(EXAMPLE)}; code follows it in a fenced "
        f"block. Actions: {', '.join(sorted(ACTIONS))}. {USE}\n"
        f"An answer with only a fenced block replaces `{name}`, and then you are evaluated."
    )


def in_view(itself):
    """The name of the definition that the model is shown."""
    return FOCUS or (itself.solution[itself.step % len(itself.solution)] if itself.solution else itself.entry)


def act(reply, itself, language_model):
    """Do what a reply orders; a reply with only a fenced block replaces the definition in view, then evaluates."""
    order, code = order_of(reply), extract_code(reply)
    if order is not None:
        if order["action"] not in ACTIONS:
            return f"no action {order['action']!r}; there are: {', '.join(sorted(ACTIONS))}"
        return ACTIONS[order["action"]](order, code, itself, language_model)
    if not code:
        return "no action: the reply has neither a JSON object with an action nor a fenced block"
    action_modify({"name": in_view(itself)}, code, itself, language_model)
    return action_evaluate({}, "", itself, language_model)


def order_of(reply):
    """The JSON object before the first fence, if it names an action."""
    head = reply.split("```")[0]
    try:
        order = parse_json(head[head.index("{") :])
    except ValueError:
        return None
    return order if isinstance(order, dict) and isinstance(order.get("action"), str) else None


def action_look(order, code, itself, language_model):
    return itself.look()


def action_read(order, code, itself, language_model):
    return itself.read(order.get("name", ""))


def action_modify(order, code, itself, language_model):
    return itself.change("modify", order["name"], code)


def action_add(order, code, itself, language_model):
    return itself.change("add", order["name"], code)


def action_delete(order, code, itself, language_model):
    return itself.change("delete", order["name"], "")


def action_run(order, code, itself, language_model):
    return itself.run(code)


def action_evaluate(order, code, itself, language_model):
    report = itself.evaluate()
    worst = [one["detail"] for one in report["instances"] if one["detail"]][:2]
    return f"train utility {report['score']:.4f}" + "".join(f"; {detail}" for detail in worst)


def action_ask(order, code, itself, language_model):
    return language_model.prompt(EXPERTISE, str(order["question"]))[0]


def action_stop(order, code, itself, language_model):
    return itself.stop()


ACTIONS = {
    "look": action_look,
    "read": action_read,
    "modify": action_modify,
    "add": action_add,
    "delete": action_delete,
    "run": action_run,
    "evaluate": action_evaluate,
    "ask": action_ask,
    "stop": action_stop,
}
EXAMPLE = {"action": "modify", "name": "algorithm"}
USE = "read, modify, add and delete take the name of a definition; run takes code; ask takes a question."
