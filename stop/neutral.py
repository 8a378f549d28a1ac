"""Foreign text made harmless for a terminal or a log: it can neither move the cursor nor colour nor hide anything."""

from __future__ import annotations

import unicodedata

KEPT = {"\n", "\t"}
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # controls, direction marks, surrogates, private use, odd line ends


def neutral(text: str, *, lines: bool = False, most: int = 2000) -> str:
    """Escapes control and formatting characters; one line unless `lines`; at most `most` characters."""
    shown, kept = text[:most], KEPT if lines else set()
    if not "".join(shown.split("\n") if lines else [shown]).isprintable():  # nearly all is: be quick about it
        shown = "".join(
            c
            if c in kept or unicodedata.category(c) not in HIDDEN
            else c.encode("unicode_escape", "surrogatepass").decode()
            for c in shown
        )
    return shown + (f"... ({len(text) - most} more characters)" if len(text) > most else "")
