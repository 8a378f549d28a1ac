"""Replies read from a file: for tests and lessons, where every reply must be known beforehand.

Owns: the file's format and which reply answers which request. Does not own: anything that thinks.

The file is JSON: a list of reply texts, or a list of rules `{"match": TEXT, "replies": [TEXT, ...]}`. The first rule
whose `match` is in the message answers (one without `match` answers all), and a request made again gets the rule's next
reply. `{program}` in a reply becomes the first fenced program of the message. Earlier turns are not looked at.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from stop.model import Reply, Request, UnknownModel

_EXAMPLE = '["a reply", ...] or [{"match": "a text", "replies": ["a reply", ...]}, ...]'
_FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Rule:
    """Answers messages that contain `match`, with `replies` in turn."""

    match: str
    replies: tuple[str, ...]


@dataclass
class ScriptedModel:
    """Replies by rules. `id` names the file's content, so that an edited script is another model."""

    id: str
    rules: tuple[Rule, ...]

    @classmethod
    def read(cls, path: str | Path) -> ScriptedModel:
        """The model of a script file. Raises UnknownModel if there is none, or it is no script."""
        try:
            data = Path(path).read_bytes()
            rules = _rules(json.loads(data))
        except OSError as error:
            why = f"no script {str(path)!r} ({error.strerror}). It must be a JSON file: {_EXAMPLE}"
            raise UnknownModel(why) from None
        except (ValueError, RecursionError) as error:
            raise UnknownModel(f"{str(path)!r} is no script ({error}). It must be JSON: {_EXAMPLE}") from None
        return cls("scripted:" + hashlib.sha256(data).hexdigest()[:12], rules)

    def reply(self, request: Request) -> Reply:
        """The text of the first rule that matches; empty with stop_reason "no_rule" if none does."""
        for rule in self.rules:
            if rule.match in request.message:
                text = rule.replies[request.occurrence % len(rule.replies)]
                return Reply(text.replace("{program}", _first_program(request.message)))
        return Reply("", stop_reason="no_rule")


def _rules(content: object) -> tuple[Rule, ...]:
    if not isinstance(content, list) or not content:
        raise ValueError("the top is not a list with something in it")
    if all(isinstance(item, str) for item in content):
        return (Rule("", tuple(content)),)
    return tuple(_rule(item, number) for number, item in enumerate(content, start=1))


def _rule(item: object, number: int) -> Rule:
    if not isinstance(item, dict) or not set(item) <= {"match", "replies"}:
        raise ValueError(f"rule {number} is not an object with 'match' and 'replies'")
    match, replies = item.get("match", ""), item.get("replies")
    if not isinstance(match, str) or not isinstance(replies, list) or not replies:
        raise ValueError(f"rule {number} needs a text as 'match' and a list as 'replies'")
    if not all(isinstance(reply, str) for reply in replies):
        raise ValueError(f"a reply of rule {number} is not a text")
    return Rule(match, tuple(replies))


def _first_program(message: str) -> str:
    found = _FENCED.search(message)
    return found[1].rstrip("\n") if found else ""
