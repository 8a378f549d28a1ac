"""The contexts of the attack suite, each run once for all of its tests, and what is said of them at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attacks.contexts import Context, Runs
from attacks.table import counts, fruitless


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, summaries: dict[str, list[str]]) -> Iterator[Runs]:
    """Every context that a selected test asks for."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    asked = [call.params["context"] for call in calls if call is not None and "context" in call.params]
    made = Runs(list(dict.fromkeys(one for one in asked if isinstance(one, Context))))
    yield made
    summaries["attacks"] = said(made, with_names=request.config.get_verbosity() > 0)
    made.close()


def said(runs: Runs, with_names: bool) -> list[str]:
    """A line or two for each context that came to an end."""
    lines = []
    for context, result in runs.finished().items():
        if result.get("unavailable"):
            lines.append(f"{context.name}: NOT RUN: {result['unavailable'][:200]}")
        else:
            lines.append(f"{context.name}: {counts(result)}")
        if context.level == "none":
            tries = fruitless(result)
            names = f": {', '.join(tries)}" if with_names else " (-v names them)"
            lines.append(f"  {len(tries)} tries get nothing without a sandbox either{names}")
    return lines
