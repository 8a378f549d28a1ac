"""Bytes that no honest program sends, and values that do not cross: wire errors and nothing else."""

from __future__ import annotations

import msgpack
import numpy
import pytest

from stop.sandbox import wire

PICKLED = b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."


def extension(code: int, data: object) -> bytes:
    return msgpack.packb(msgpack.ExtType(code, msgpack.packb(data)))  # type: ignore[no-any-return]


def array(*header: object) -> bytes:
    return extension(wire.ARRAY, list(header))


@pytest.mark.parametrize(
    "data",
    [
        *(array(name, [1], b"x" * 16) for name in (",", "01", "<f16", "<c32", "f", "?", "(", "O", "f8,", "<U4")),
        array("<i0", [1], b""),
        array("|b1", [1], b"\x02"),
        array("|O", [1], b"x" * 8),
        array("<f8", [2], b"x" * 8),
        array("<f8", [1 << 60], b""),
        array("<M8", [1], b"x" * 8),
        array("<f8", [-1], b"x" * 8),
        array("<f8", [10**7, 0], b""),
        array("|i1", [300_000, 1], bytes(300_000)),
        array("|i1", [9999, *[1] * 30], bytes(9999)),
        wire.pack([numpy.zeros((10**5, 0))] * 3),
        array("V8", [1], b"x" * 8),
        msgpack.packb(msgpack.Timestamp(1)),
        msgpack.packb([[{"a": msgpack.Timestamp(1)}]]),
        msgpack.packb(msgpack.ExtType(9, b"x")),
        msgpack.packb(msgpack.ExtType(wire.BIG_INT, b"x" * 100_000)),
        PICKLED,
        b"\x91" * 2000,
        b"\xc1",
        b"",
        b"\x92\x01",
        b"\x81\x90\x01",
        b"\x81\xcb" + b"\x40" * 8 + b"\x01",
        b"\xdf\xff\xff\xff\xff",
        b"\xdc\xff\xff" + b"\x80" * 65544,
        b"\xdd\x00\x0f\x00\x00" + b"\x80" * 0xF0000,
        b"\x91" * 100 + b"\x01",
    ],
    ids=range(37),
)
def test_bytes_that_are_not_plain_data_raise_only_wire_errors(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x91" + extension(1, ["|b1", [1], b"x"]),
        b"\x91\xdd\x00\x01\x00\x00" + b"\x00" * 65536,
        b"\x91" * 20 + b"\x90",
        b"\x91\x80",
        msgpack.packb([msgpack.Timestamp(1)]),
        msgpack.packb({}),
    ],
    ids=range(6),
)
def test_arguments_of_a_request_are_text_numbers_and_short_lists_alone(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack_arguments(data)


@pytest.mark.parametrize("value", [numpy.zeros(2, "g"), numpy.longdouble(1), numpy.zeros(2, "G")], ids=range(3))
def test_long_doubles_do_not_cross(value: object) -> None:
    with pytest.raises(wire.WireError, match="not plain data"):
        wire.pack(value)


@pytest.mark.parametrize("shape", [(), (0,), (0, 10**6), (1000, 0), (10**5, 2), (10**6,), (3, 4, 5)], ids=str)
def test_an_array_crosses_with_its_shape(shape: tuple[int, ...]) -> None:
    found = wire.unpack(wire.pack(numpy.zeros(shape, numpy.int8)))
    assert isinstance(found, numpy.ndarray) and found.shape == shape
