"""The scripted model: replies by rules, in turn, from a JSON file."""

import json
from pathlib import Path

import pytest

from stop.model import Request, UnknownModel, open_model
from stop.model.scripted import ScriptedModel


def script(folder: Path, content: object) -> Path:
    path = folder / "script.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def ask(message: str, occurrence: int = 0) -> Request:
    return Request("", message, 0.7, 1024, draw="00", occurrence=occurrence)


def test_a_list_of_texts_answers_every_message_in_turn(tmp_path):
    model = ScriptedModel.read(script(tmp_path, ["one", "two"]))
    assert [model.reply(ask("any", n)).text for n in range(3)] == ["one", "two", "one"]


def test_the_first_rule_that_matches_answers(tmp_path):
    rules = [{"match": "tree", "replies": ["oak"]}, {"match": "re", "replies": ["second"]}, {"replies": ["else"]}]
    model = ScriptedModel.read(script(tmp_path, rules))
    assert [model.reply(ask(m)).text for m in ("a tree", "reed", "x")] == ["oak", "second", "else"]


def test_a_message_without_a_rule_gets_an_empty_reply_that_says_so(tmp_path):
    reply = ScriptedModel.read(script(tmp_path, [{"match": "tree", "replies": ["oak"]}])).reply(ask("stone"))
    assert (reply.text, reply.stop_reason) == ("", "no_rule")


def test_a_reply_can_echo_the_program_of_the_message(tmp_path):
    model = ScriptedModel.read(script(tmp_path, ["Same:\n```python\n{program}\n```"]))
    asked = "Improve\n```python\nx = {1: 2}\ny = x\n```\nplease"
    assert model.reply(ask(asked)).text == "Same:\n```python\nx = {1: 2}\ny = x\n```"


def test_the_id_names_the_content_and_not_the_file(tmp_path):
    first = ScriptedModel.read(script(tmp_path, ["one"]))
    (tmp_path / "sub").mkdir()
    assert first.id == ScriptedModel.read(script(tmp_path / "sub", ["one"])).id
    assert first.id != ScriptedModel.read(script(tmp_path, ["other"])).id
    assert len(first.id) == len("scripted:") + 12


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "3", "[1]", '[{"match": "x"}]', '[{"replies": []}]', '[{"replies": [1]}]',
     '[{"match": 1, "replies": ["a"]}]', '[{"matches": "a", "replies": ["a"]}]', '["a", {"replies": ["a"]}]',
     "[" * 100_000],
)  # fmt: skip
def test_a_file_that_is_no_script_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "script.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnknownModel, match=r"is no script \(.*It must be JSON") as refused:
        ScriptedModel.read(path)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused_by_its_name(tmp_path):
    with pytest.raises(UnknownModel, match="absent.json"):
        open_model(f"scripted:{tmp_path / 'absent.json'}")
