"""What calls cost: the table, a table of one's own, the worst case."""

from __future__ import annotations

import datetime

import pytest

from models.conftest import ask, client
from stop.model import UnknownModel, open_model
from stop.model.prices import FREE, Price, price_of, price_table

OWN = """date = "2030-01-02"
[anthropic]
claude-opus-4-8 = { input = 1.0, output = 2.0 }
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    def write(text: str) -> None:
        (tmp_path / "own.toml").write_text(text)
        monkeypatch.setenv("STOP_PRICES", str(tmp_path / "own.toml"))

    return write


def test_every_row_of_the_table_has_a_date_a_source_and_prices_in_order():
    for id, price in price_table().items():
        assert datetime.date.fromisoformat(price.date) and price.source.startswith("https://"), id
        assert 0 < price.cache_read < price.input <= price.cache_write < price.output, id


def test_tokens_cost_what_the_table_says_cached_ones_apart():
    price = Price(3.0, 15.0, 0.3, 3.75)
    assert price.usd(1_000_000, 100_000) == pytest.approx(4.5)
    assert price.usd(1_000_000, 0, cache_read=800_000, cache_write=100_000) == pytest.approx(0.3 + 0.24 + 0.375)


def test_a_long_prompt_can_cost_more_per_token():
    price = price_of("anthropic/claude-haiku-5-5")
    assert price.usd(200_000, 0) == pytest.approx(10 * price.usd(100_000, 0))


def test_a_dated_name_costs_what_the_name_costs_and_an_unknown_one_is_unknown():
    assert price_of("anthropic/claude-haiku-4-5-20251001") == price_of("anthropic/claude-haiku-4-5")
    assert price_of("anthropic/claude-haiku-9") is None
    assert price_of("openai/gpt-4o-mini") != price_of("openai/gpt-4o")


def test_own_prices_come_first_and_the_others_stay(own):
    own(OWN)
    assert price_of("anthropic/claude-opus-4-8") == Price(1.0, 2.0, 1.0, 1.0, date="2030-01-02")
    assert price_of("anthropic/claude-opus-4-7").output == 25.0


@pytest.mark.parametrize(
    "text",
    ["[", "x = 1", 'date = "d"\n[a]\nb = 3', 'date = "d"\n[a]\nb = {input = 1}',
     'date = "d"\n[a]\nb = {input = -1, output = 1}', 'date = "d"\n[a]\nb = {input = 1, output = "1"}',
     'date = "d"\n[a]\nb = {input = 1, output = 1, cached = 2}'],
)  # fmt: skip
def test_a_file_that_is_no_price_table_is_refused_in_one_line(own, text):
    own(text)
    with pytest.raises(UnknownModel, match=r"^STOP_PRICES=.*no price table[^\n]*$"):
        price_table()


def test_no_attempt_can_cost_more_than_its_worst_case(serve):
    for price in price_table().values():
        with_price = client("openai", serve().url, price=price)
        request = ask("a" * 1000)
        tokens, usd = with_price.worst_case(request)
        assert tokens == 1000 + 64 + request.max_tokens
        assert usd >= price.usd(1000, request.max_tokens, cache_write=1000)


def test_the_worst_case_of_an_unknown_price_is_unknown_and_of_ones_own_server_nothing(serve):
    assert client("openai", serve().url, price=None).worst_case(ask())[1] is None
    assert client("openai", serve().url, price=FREE).worst_case(ask())[1] == 0.0


@pytest.mark.parametrize("kind", ["anthropic", "openai", "dspy/openai"])
def test_own_prices_hold_at_any_address_and_those_of_the_table_only_at_the_providers(own, monkeypatch, kind):
    own("date = 'd'\n" + "".join(f"[{p}]\nmine = {{ input = 1.0, output = 2.0 }}\n" for p in ("anthropic", "openai")))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False), monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    for url in ("http://127.0.0.1:9", "https://gateway.example.org"):
        assert open_model(f"{kind}/mine", url).price == Price(1.0, 2.0, 1.0, 1.0, date="d")
    assert open_model(f"{kind}/gpt-4o", "http://127.0.0.1:9").price == FREE
    assert open_model(f"{kind}/gpt-4o", "https://gateway.example.org").price is None
