"""What calls cost.

Owns: the price table, dollars for tokens. Does not own: how much may be spent (budget). A price that is not in the
table is unknown, never 0.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from stop.model import UnknownModel

TABLE = Path(__file__).with_name("prices.toml")
VARIABLE = "STOP_PRICES"  # names a file of the same form, whose rows come first
_DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")


@dataclass(frozen=True)
class Price:
    """USD per million tokens. With more than over_tokens of input all of it is over_factor times as much."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    over_tokens: int = 0  # 0: there is no such step
    over_factor: float = 1.0
    date: str = ""
    source: str = ""

    def usd(self, input_tokens: int, output_tokens: int, *, cache_read: int = 0, cache_write: int = 0) -> float:
        """input_tokens includes those read from and written to the provider's prompt cache."""
        plain = max(0, input_tokens - cache_read - cache_write)
        tokens = plain * self.input + cache_read * self.cache_read + cache_write * self.cache_write
        return (tokens + output_tokens * self.output) * self._factor(input_tokens) / 1e6

    def most_usd(self, input_tokens: int, output_tokens: int) -> float:
        """What so many tokens can cost at the most."""
        dearest = max(self.input, self.cache_write, self.cache_read)
        return (input_tokens * dearest + output_tokens * self.output) * self._factor(input_tokens) / 1e6

    def _factor(self, input_tokens: int) -> float:
        return self.over_factor if self.over_tokens and input_tokens > self.over_tokens else 1.0


FREE = Price(0.0, 0.0, 0.0, 0.0, source="runs here")


def price_of(id: str) -> Price | None:
    """The price of `PROVIDER/NAME`; None: unknown. Raises UnknownModel if the file in STOP_PRICES is no table."""
    return _row(price_table(), id)


def price_elsewhere(id: str, *, private: bool) -> Price | None:
    """At another server than the provider's: as STOP_PRICES says, else 0 in a private network, else unknown."""
    return _row(_own_table(), id) or (FREE if private else None)


def price_table() -> dict[str, Price]:
    """All known prices by `PROVIDER/NAME`, those of STOP_PRICES first."""
    mine = _own_table()
    return {**mine, **{k: v for k, v in _read(TABLE, str(TABLE)).items() if k not in mine}}


def _own_table() -> dict[str, Price]:
    own = os.environ.get(VARIABLE, "")
    return _read(Path(own), f"{VARIABLE}={own}") if own else {}


def _row(table: Mapping[str, Price], id: str) -> Price | None:
    return table.get(id) or table.get(_DATED.sub("", id))


def _read(path: Path, named: str) -> dict[str, Price]:
    try:
        return _prices(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UnknownModel(f"{named}: {error.strerror}. It must name a TOML file like {TABLE}.") from None
    except (ValueError, TypeError) as error:
        raise UnknownModel(f"{named}: is no price table ({error}). See {TABLE}.") from None


def _prices(content: Mapping[str, Any]) -> dict[str, Price]:
    date, sources = content.get("date"), content.get("source", {})
    if not isinstance(date, str) or not isinstance(sources, dict):
        raise ValueError("it needs a date, as text")
    found = {}
    for provider, rows in content.items():
        if provider in ("date", "source"):
            continue
        for name, row in rows.items() if isinstance(rows, dict) else ():
            found[f"{provider}/{name}"] = _price(f"{provider}/{name}", row, date, str(sources.get(provider, "")))
    return found


def _price(id: str, row: object, date: str, source: str) -> Price:
    if not isinstance(row, dict) or not {"input", "output"} <= set(row):
        raise ValueError(f"{id} needs input and output, USD per million tokens")
    known = {f.name for f in fields(Price)} - {"date", "source"}
    if unknown := set(row) - known:
        raise ValueError(f"{id}: no {', '.join(sorted(unknown))}; found: {', '.join(sorted(known))}")
    if any(isinstance(v, bool) or not isinstance(v, int | float) or not 0 <= v < 1e6 for v in row.values()):
        raise ValueError(f"{id}: a price is a number, not negative")
    same = {"cache_read": row["input"], "cache_write": row["input"]}  # where a row does not say: no discount
    return Price(**{**same, **row}, date=date, source=source)
