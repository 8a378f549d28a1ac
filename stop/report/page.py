"""A record as one HTML file that can do nothing but show it.

Owns: how the record is embedded, the content security policy. The record is JSON in a block that no browser runs; it
holds no character that could end the block. The page's own script puts every text of it into the document as text.
The policy lets that one script and one style work, by their hashes, and forbids everything else: other scripts, event
handlers in markup, every request, frames, forms, and turning text into markup from the script.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources

from stop.chain import Record

ESCAPED = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Report of a run of stop</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<noscript>
<p>This report is drawn by the script inside it: allow scripts for this file. It asks nothing of a network.</p>
</noscript>
<script type="application/json" id="record">{record}</script>
<script>{script}</script>
</body>
</html>
"""


def embedded(value: object) -> str:
    """JSON of ASCII alone that can stand in an HTML script block: no `<`, `>`, `&`, or U+2028/9 as they are."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).translate(ESCAPED)


def page(record: Record) -> bytes:
    """The whole file."""
    own = {name: (resources.files(__package__) / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")}
    style, script = own["page.css"], own["page.js"]
    filled = PAGE.format(policy=_policy(style, script), style=style, script=script, record=embedded(record))
    return filled.encode()


def _policy(style: str, script: str) -> str:
    return "; ".join(
        [
            "default-src 'none'", f"script-src '{_hash(script)}'", f"style-src '{_hash(style)}'", "img-src data:",
            "base-uri 'none'", "form-action 'none'", "trusted-types 'none'", "require-trusted-types-for 'script'",
        ]
    )  # fmt: skip


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
