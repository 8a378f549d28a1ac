"""Where a model's server is.

Owns: what a base URL may be, in which form each API wants it, which addresses are of this machine or this network.
Does not own: speaking to the server.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from stop.model import UnknownModel


def checked(base_url: str, *, has_key: bool) -> str:
    """The address without a trailing slash; "" stays "". Raises UnknownModel with what is wrong.

    It is recorded with the run, so it must hold no secret; and a key is not sent in the clear over a public network.
    """
    if not base_url:
        return ""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise UnknownModel(f"--base-url {base_url[:100]!r} is no address. Example: http://127.0.0.1:8080")
    if parts.username is not None or parts.query or parts.fragment:
        raise UnknownModel("--base-url is recorded with the run: it may hold no user, password, query or fragment.")
    if has_key and parts.scheme == "http" and not is_private(base_url):
        raise UnknownModel(f"--base-url {base_url[:100]!r}: use https: a key is set and would be sent in clear.")
    return base_url.rstrip("/")


def is_private(base_url: str) -> bool:
    """Whether the server is on this machine or in a private network, as far as the address alone can tell."""
    address = _address(base_url)
    return address is not None and (address.is_loopback or address.is_private)


def is_loopback(base_url: str) -> bool:
    """Whether the server is on this machine: no proxy stands between."""
    address = _address(base_url)
    return address is not None and address.is_loopback


def _address(base_url: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None for a host that has a name, other than localhost."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return None


def without_version(base_url: str) -> str:
    """As Anthropic's client wants it: it adds /v1 itself."""
    return re.sub(r"/v1$", "", base_url)


def with_version(base_url: str) -> str:
    """As OpenAI's client wants it: /v1 where no path was given."""
    return base_url if not base_url or urlsplit(base_url).path.strip("/") else f"{base_url}/v1"
