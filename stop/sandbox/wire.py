"""Plain data as bytes: msgpack with a strict array extension, for both sides of the sandbox.

Owns: packing, unpacking within caps, framing.  Does not own: what the messages mean (shim, child).
Nothing here can run code: there is no extension that names a class, a module or a function.
Runs in the host, the zygote and the child, so it imports numpy only when an array passes.
"""

from __future__ import annotations

import math
import os
import re
import struct
import sys
from collections.abc import Callable

import msgpack

ARRAY, COMPLEX, BIG_INT = 1, 2, 3
ARRAY_KINDS = frozenset("biufc")  # never object, structured, datetime or text
DTYPE_NAME = re.compile(r"[<>|=]?[biufc]\d{1,2}")  # numpy parses other names, with errors of every kind
MOST_ITEM_BYTES = {"c": 16}  # else 8: a long double differs between machines and is no number to Python
MOST_BIG_INT_BYTES = 1 << 13
MOST_BYTES = 1 << 28
MOST_LISTS = 1 << 18  # one byte of a frame can be a list of 56 bytes: count, do not trust
MOST_MAPS = 1 << 16
MOST_DEPTH = 64
MOST_PARTS = 8  # of a message
MOST_ARGS = 8  # of an ask
MOST_TEXTS = 1000  # of an argument that is a list
MOST_ARGUMENT_ITEMS = MOST_TEXTS + 100  # a little more passes, to be refused with words
EXACT_INT = 1 << 53  # larger int keys could be chosen to collide in a dict
_HEADER = struct.Struct("<I")
_PAIR = struct.Struct("<dd")
LOOKED_INTO = frozenset({list, dict, msgpack.Timestamp})


class WireError(Exception):
    """Bytes or values that do not cross: not plain data, or over a cap."""


def pack(value: object) -> bytes:
    """Bytes of plain data: None, bool, int, float, complex, str, bytes, list, dict, numeric arrays.

    Tuples, sets, ranges and numpy scalars cross as lists and numbers. Raises WireError for anything else.
    """
    try:
        return msgpack.packb(value, default=_plain, unicode_errors="surrogatepass")
    except WireError:
        raise
    except (TypeError, ValueError, OverflowError, RecursionError) as why:
        raise WireError(f"not plain data: {str(why)[:200]}") from None


def unpack(data: bytes) -> object:
    """The value of bytes made by pack, or by an adversary. Raises WireError, and nothing else.

    Memory is bounded by a small multiple of len(data) plus the caps on lists and maps.
    """
    count = _Count(MOST_LISTS, MOST_MAPS)
    return _unpack(data, count, lambda code, inside: _extension(code, inside, count), len(data))


def unpack_message(data: bytes) -> list[object]:
    """The parts of one message of a child: a flat list of text, bytes and numbers. Raises WireError."""
    return _as_list(_unpack(data, _Count(1, 0), _no_extension, MOST_PARTS), "a message")


def unpack_arguments(data: bytes) -> list[object]:
    """The arguments of an ask: text, numbers and lists of them, so that refusing one costs little to decode."""
    return _as_list(_unpack(data, _Count(1 + MOST_ARGS, 0), _no_extension, MOST_ARGUMENT_ITEMS), "the arguments")


def _as_list(value: object, what: str) -> list[object]:
    if type(value) is not list:
        raise WireError(f"{what}: a list was expected, not {type(value).__name__}")
    return value


def _unpack(data: bytes, count: _Count, extension: Callable[[int, bytes], object], most_items: int) -> object:
    if len(data) > MOST_BYTES:
        raise WireError(f"{len(data)} bytes are more than {MOST_BYTES}")
    size = len(data)
    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            unicode_errors="surrogatepass",
            strict_map_key=False,
            ext_hook=extension,
            list_hook=count.one_list,
            object_pairs_hook=count.one_map,
            max_str_len=size,
            max_bin_len=size,
            max_array_len=most_items,
            max_map_len=min(size, count.maps_left * 16),
            max_ext_len=size,
        )
    except WireError:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError, MemoryError, msgpack.UnpackException) as why:
        raise WireError(f"not a packed value: {type(why).__name__}: {str(why)[:200]}") from None
    _check_inside(value)
    return value


def frame(data: bytes) -> bytes:
    """data behind its length, as it goes through a stream."""
    return _HEADER.pack(len(data)) + data


HEADER_BYTES = _HEADER.size


def frame_length(header: bytes | bytearray) -> int:
    """The length that a frame claims to have; it is a claim, so check it before allocating."""
    return int(_HEADER.unpack_from(header)[0])


def write_frame(fd: int, data: bytes) -> None:
    """Write one frame to a blocking descriptor."""
    rest = memoryview(frame(data))
    while rest:
        rest = rest[os.write(fd, rest) :]


def read_frame(fd: int) -> bytes:
    """Read one frame from a blocking descriptor whose other end is trusted. Raises EOFError."""
    return _read_exactly(fd, frame_length(_read_exactly(fd, HEADER_BYTES)))


def _read_exactly(fd: int, size: int) -> bytes:
    first = os.read(fd, size)
    if len(first) == size:
        return first
    parts, missing = [first], size - len(first)
    while missing:
        if not parts[-1]:
            raise EOFError("the other end closed the stream")
        parts.append(os.read(fd, min(missing, 1 << 20)))
        missing -= len(parts[-1])
    return b"".join(parts)


class _Count:
    """Counts containers while they are decoded, so that tiny bytes cannot become a large heap."""

    def __init__(self, most_lists: int, most_maps: int) -> None:
        self.lists_left = most_lists
        self.maps_left = most_maps

    def one_list(self, items: list[object]) -> list[object]:
        self.lists_left -= 1
        if self.lists_left < 0:
            raise WireError("too many lists")
        return items

    def one_array(self, shape: list[int]) -> None:
        """It counts as the lists that tolist() makes of it: millions of empty rows take not one byte."""
        self.lists_left -= sum(math.prod(shape[:axis]) for axis in range(len(shape)))
        if self.lists_left < 0:
            raise WireError("too many lists")

    def one_map(self, pairs: list[tuple[object, object]]) -> dict[object, object]:
        self.maps_left -= 1
        if self.maps_left < 0:
            raise WireError("too many maps")
        for key, _ in pairs:
            kind = type(key)
            if kind is int:
                if not -EXACT_INT < key < EXACT_INT:  # type: ignore[operator]
                    raise WireError("an integer key beyond 2**53")
            elif kind not in (str, bytes, bool, type(None)):
                raise WireError(f"a key of type {kind.__name__}")
        return dict(pairs)


def _check_inside(value: object) -> None:
    """Deeper values would break whoever prints or compares them; msgpack makes its Timestamp without asking a hook."""
    level = [value] if type(value) in LOOKED_INTO else []
    for _ in range(MOST_DEPTH):
        if not level:
            return
        if any(type(box) is msgpack.Timestamp for box in level):
            raise WireError("a timestamp is not plain data")
        level = [
            item
            for box in level
            for item in (box.values() if isinstance(box, dict) else box)  # type: ignore[attr-defined]
            if type(item) in LOOKED_INTO
        ]
    raise WireError(f"nested deeper than {MOST_DEPTH}")


def _plain(value: object) -> object:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return _pack_array(value)
    if numpy is not None and isinstance(value, numpy.generic):
        return _pack_scalar(value.item())
    if isinstance(value, int):
        return _pack_big_int(value)
    if isinstance(value, complex):
        return msgpack.ExtType(COMPLEX, _PAIR.pack(value.real, value.imag))
    if isinstance(value, set | frozenset | range):
        return list(value)
    raise WireError(f"a {type(value).__name__} is not plain data (return numbers, text, lists, dicts or arrays)")


def _pack_scalar(item: object) -> object:
    if hasattr(item, "dtype"):  # a long double is its own item: it would come back here for ever
        raise WireError(f"a {type(item).__name__} is not plain data")
    return item


def _pack_array(array: object) -> object:
    dtype = array.dtype  # type: ignore[attr-defined]
    if dtype.kind == "U":
        return array.tolist()  # type: ignore[attr-defined]
    if dtype.kind not in ARRAY_KINDS or dtype.itemsize > MOST_ITEM_BYTES.get(dtype.kind, 8):
        raise WireError(f"an array of dtype {str(dtype)[:40]} is not plain data")
    shape = list(array.shape)  # type: ignore[attr-defined]
    return msgpack.ExtType(ARRAY, msgpack.packb([dtype.str, shape, array.tobytes()]))  # type: ignore[attr-defined]


def _pack_big_int(value: int) -> object:
    size = value.bit_length() // 8 + 1
    if size > MOST_BIG_INT_BYTES:
        raise WireError(f"an integer of {size} bytes is larger than {MOST_BIG_INT_BYTES}")
    return msgpack.ExtType(BIG_INT, value.to_bytes(size, "little", signed=True))


def _extension(code: int, data: bytes, count: _Count) -> object:
    try:
        return _unpack_extension(code, data, count)
    except WireError:
        raise
    except Exception as why:  # of numpy or msgpack, whatever an adversary's bytes make them raise
        raise WireError(f"extension {code}: {type(why).__name__}: {str(why)[:200]}") from None


def _unpack_extension(code: int, data: bytes, count: _Count) -> object:
    if code == ARRAY:
        return _unpack_array(data, count)
    if code == BIG_INT and len(data) <= MOST_BIG_INT_BYTES:
        return int.from_bytes(data, "little", signed=True)
    if code == COMPLEX and len(data) == _PAIR.size:
        return complex(*_PAIR.unpack(data))
    raise WireError(f"extension {code} of {len(data)} bytes")


def _no_extension(code: int, data: bytes) -> object:
    raise WireError(f"extension {code} where only text, bytes, numbers and lists may be")


def _unpack_array(data: bytes, count: _Count) -> object:
    import numpy

    parts = msgpack.unpackb(data, ext_hook=_no_extension, max_array_len=32, max_map_len=0, max_ext_len=0)
    if type(parts) is not list or len(parts) != 3:
        raise WireError("an array header of other than three parts")
    name, shape, raw = parts
    if type(name) is not str or len(name) > 4 or type(raw) is not bytes or type(shape) is not list:
        raise WireError("an array header of wrong types")
    if not all(type(size) is int and 0 <= size <= MOST_BYTES for size in shape):
        raise WireError("an array of impossible shape")
    count.one_array(shape)
    if DTYPE_NAME.fullmatch(name) is None:
        raise WireError(f"an array of dtype {name!r}")
    dtype = numpy.dtype(name)
    if dtype.kind not in ARRAY_KINDS or dtype.hasobject or dtype.itemsize > MOST_ITEM_BYTES.get(dtype.kind, 8):
        raise WireError(f"an array of dtype {name!r}")
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise WireError("an array whose shape and bytes differ")
    if dtype.kind == "b" and raw.translate(None, b"\0\1"):
        raise WireError("a truth value that is neither true nor false")  # numpy would count with it as it is
    return numpy.ndarray(shape, dtype, buffer=bytearray(raw)) if raw else numpy.zeros(shape, dtype)
