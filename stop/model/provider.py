"""A provider of models, and other servers that speak its API.

Owns: when a key is needed, what a reply costs where. Does not own: the wire (anthropic, openai), prices (prices).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stop.model import UnknownModel
from stop.model.address import checked, is_private
from stop.model.client import read_key
from stop.model.failures import Server
from stop.model.prices import price_elsewhere, price_of
from stop.model.remote import RemoteModel, Wire


@dataclass(frozen=True)
class Provider:
    """Whose API it is. url: of its own server. form: how its client wants the address of another one."""

    id: str
    key_name: str
    url: str
    form: Callable[[str], str]

    def open(self, name: str, base_url: str, wire: Callable[[Server, bool], Wire]) -> RemoteModel:
        """The model of that name. Raises UnknownModel if the key is missing, or the address is none.

        wire: makes the wire to a server; told whether it is the provider's own.
        """
        key, id = read_key(self.key_name), f"{self.id}/{name}"
        base_url = checked(base_url, has_key=bool(key))
        url = self.form(base_url) or self.url
        own = url == self.url
        if own and not key:
            raise UnknownModel(f"{id} needs a key: set {self.key_name}, or give the --base-url of a server of yours.")
        price = price_of(id) if own else price_elsewhere(id, private=is_private(url))
        return RemoteModel(id, base_url, wire(Server(id, url, self.key_name, key), own), price)
