"""--model and --base-url: what opens, and one clear line for what does not."""

from __future__ import annotations

import pytest

from models.conftest import CANARY, ask
from models.fault_server import always, first
from stop.model import UnknownModel, open_model
from stop.model.remote import model_name

LOCAL = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    """Both keys are set; the returned function unsets one."""
    monkeypatch.delenv("STOP_PRICES", raising=False)
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, CANARY)
    return monkeypatch.delenv


def test_claude_is_known_by_both_names_takes_no_temperature_and_has_a_price():
    for spec in ("claude-opus-4-8", "anthropic/claude-opus-4-8"):
        model = open_model(spec)
        assert (model.id, model.base_url) == ("anthropic/claude-opus-4-8", "")
        assert not model.takes_temperature and model.price.input == 5.0


def test_openai_takes_temperatures_where_its_model_does():
    assert open_model("openai/gpt-4o").takes_temperature
    assert not open_model("openai/gpt-5.5").takes_temperature
    assert not open_model("dspy/openai/gpt-5.5").takes_temperature
    assert not open_model("dspy/anthropic/claude-opus-4-8").takes_temperature
    assert open_model("dspy/groq/any").takes_temperature


@pytest.mark.parametrize("kind", ["anthropic", "openai", "dspy/openai"])
def test_a_server_of_ones_own_needs_no_key_takes_temperatures_and_is_free(keys, kind, serve):
    keys("ANTHROPIC_API_KEY"), keys("OPENAI_API_KEY")
    server = serve(first())
    for url in (server.url, f"{server.url}/", f"{server.url}/v1"):
        model = open_model(f"{kind}/any:name", url)
        assert model.reply(ask()).text == "answer to token-17"
        assert model.takes_temperature and model.worst_case(ask())[1] == 0.0
        model.close()
    assert {request["model"] for request in server.requests} == {"any:name"}


def test_the_price_at_somebody_elses_server_is_unknown():
    assert open_model("openai/gpt-4o", "https://gateway.example.org/v1").price is None
    assert open_model("dspy/openai/gpt-4o").price == open_model("openai/gpt-4o").price


@pytest.mark.parametrize(
    ("spec", "key"),
    [("claude-x", "ANTHROPIC_API_KEY"), ("anthropic/x", "ANTHROPIC_API_KEY"), ("openai/x", "OPENAI_API_KEY")],
)
def test_a_missing_key_is_named(keys, spec, key):
    keys(key)
    with pytest.raises(UnknownModel, match=rf"^[^\n]+set {key}[^\n]+$"):
        open_model(spec)


@pytest.mark.parametrize("key", ["with space", "schlüssel", "two\nlines"])
def test_what_cannot_be_a_key_is_refused_and_not_shown(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(UnknownModel) as error:
        open_model("openai/x")
    assert "OPENAI_API_KEY" in str(error.value) and key not in str(error.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [("localhost:80", "no address"), ("ftp://h", "no address"), ("http://", "no address"), ("http://h:x", "no address"),
     ("http://user:secret@h", "no user"), ("https://h/v1?key=secret", "query"), ("http://far.example.org", "https")],
)  # fmt: skip
def test_an_address_that_is_none_or_would_give_a_key_away_is_refused(url, why):
    with pytest.raises(UnknownModel, match=why) as error:
        open_model("openai/x", url)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "spec", ["anthropic/", "openai/", "dspy/", "dspy/openai", "dspy/openai/", "claude", "gpt-4o", "gguf:"]
)
def test_a_spec_that_names_no_model_is_told_what_there_is(spec):
    with pytest.raises(UnknownModel, match="Found: mutation"):
        open_model(spec)


@pytest.mark.parametrize("spec", ["mutation", "scripted:x", "gguf:x"])
def test_a_base_url_is_refused_for_models_without_a_server(spec):
    with pytest.raises(UnknownModel, match="--base-url"):
        open_model(spec, LOCAL)


def test_a_gguf_file_that_is_absent_or_none_is_refused_before_anything_starts(tmp_path):
    (tmp_path / "junk.gguf").write_text("junk")
    for name, why in (("absent.gguf", "no model file"), ("junk.gguf", "no GGUF file")):
        with pytest.raises(UnknownModel, match=why):
            open_model(f"gguf:{tmp_path / name}")


def test_a_gguf_file_is_known_by_its_content(tmp_path):
    pytest.importorskip("xllamacpp")
    for name, text in (("a.gguf", b"GGUF" + b"1" * 9000), ("sub.gguf", b"GGUF" + b"1" * 8999 + b"2")):
        (tmp_path / name).write_bytes(text)
    first_, second = (open_model(f"gguf:{tmp_path / name}") for name in ("a.gguf", "sub.gguf"))
    assert first_.id.split("@")[0] == "gguf:a" and first_.id.split("@")[1] != second.id.split("@")[1]
    assert first_.base_url == "" and first_.worst_case(ask())[1] == 0.0


def test_a_file_that_only_looks_like_a_model_is_refused_with_the_first_request(tmp_path):
    pytest.importorskip("xllamacpp")
    (tmp_path / "a.gguf").write_bytes(b"GGUF" + b"1" * 9000)
    from stop.model import ModelRefused

    with pytest.raises(ModelRefused, match=r"^[^\n]+cannot be loaded[^\n]+$"):
        open_model(f"gguf:{tmp_path / 'a.gguf'}").reply(ask())


# -- keys ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["anthropic", "openai", "dspy/openai"])
@pytest.mark.parametrize("fault", ["", "400", "401", "500", "drop", "malformed"])
def test_a_key_is_sent_to_the_server_and_shown_nowhere_else(serve, caplog, capfd, kind, fault):
    """The server repeats the key in what it says; everything is logged; the model, its parts and errors are shown."""
    caplog.set_level("DEBUG")
    server = serve(always(fault))
    model = open_model(f"{kind}/x", server.url)
    model.retries = type(model.retries)(attempts=2, base_seconds=0.01)
    shown = [repr(model), repr(model.wire), str(vars(model))]
    try:
        shown.append(repr(model.reply(ask())))
    except Exception as error:  # noqa: BLE001
        found = error
        while found is not None:
            shown += [str(found), repr(found), str(found.args), str(vars(found))]
            found = found.__cause__ or found.__context__
    model.close()
    assert any(CANARY in str(request["authorization"]) for request in server.requests)
    output = capfd.readouterr()
    for text in (*shown, caplog.text, output.out, output.err):
        assert CANARY not in text


@pytest.mark.parametrize(
    ("told", "kept"),
    [("/home/me/models/m.gguf", "m.gguf"), ("C:\\models\\m.gguf", "m.gguf"), ("C:/models/m.gguf", "m.gguf"),
     ("~/m.gguf", "m.gguf"), ("org/name", "org/name"), ("claude-haiku-4-5-20251001",) * 2, (None, ""), (7, ""),
     ("x" * 300, "x" * 100)],
)  # fmt: skip
def test_of_a_path_that_a_local_server_tells_the_files_name_is_kept(told: object, kept: str) -> None:
    assert model_name(told) == kept
