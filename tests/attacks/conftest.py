"""The contexts of the attack suite, each run once for all of its tests, and what is said of them at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attacks.contexts import Context, Runs
from attacks.table import counts, fruitless

RUNS = pytest.StashKey[Runs]()


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """Every context that a selected test asks for."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    asked = [call.params["context"] for call in calls if call is not None and "context" in call.params]
    made = Runs(list(dict.fromkeys(one for one in asked if isinstance(one, Context))))
    request.config.stash[RUNS] = made
    yield made
    made.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash.get(RUNS, None)
    if found is None:
        return
    terminalreporter.section("attacks")
    for context, result in found.finished().items():
        if result.get("unavailable"):
            terminalreporter.line(f"{context.name}: NOT RUN: {result['unavailable'][:200]}")
        else:
            terminalreporter.line(f"{context.name}: {counts(result)}")
        if context.level == "none":
            tries = fruitless(result)
            shown = f": {', '.join(tries)}" if config.get_verbosity() > 0 else " (-v names them)"
            terminalreporter.line(f"  {len(tries)} tries get nothing without a sandbox either{shown}")
