"""Header blocks, compared with the ``hpack`` library."""

from __future__ import annotations

import subprocess
import sys

import hpack
import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from hypothesis import given
from hypothesis import strategies as st

from restate_reflect.http2 import Limits, huffman
from restate_reflect.http2.decoder import FieldDecoder
from restate_reflect.http2.encoder import response_block, trailer_block
from restate_reflect.http2.errors import ConnectionFault
from restate_reflect.http2.headers import HeaderReader
from tests.http2.peer import GET

NAMES = st.sampled_from([":method", ":path", "accept", "content-length", "cookie", "x-restate-invocation-id", "x-é"])
VALUES = st.one_of(
    st.sampled_from(["", "GET", "/", "gzip, deflate"]), st.text(max_size=40), st.text("ab", min_size=900, max_size=1500)
)
FIELD = st.tuples(NAMES, VALUES, st.booleans())
BLOCKS = st.lists(st.tuples(st.lists(FIELD, max_size=8), st.one_of(st.none(), st.integers(0, 4096))), max_size=12)


@given(BLOCKS, st.booleans())
def test_decoder_agrees_with_hpack(blocks: list[tuple[list[tuple[str, str, bool]], int | None]], coded: bool) -> None:
    """Sizes, evictions, indexed and literal fields: any sequence of blocks decodes to what the library encoded."""
    encoder, decoder = hpack.Encoder(), FieldDecoder(Limits())
    for headers, table_size in blocks:
        if table_size is not None:
            encoder.header_table_size = table_size
        block = encoder.encode([(name, value, secret) for name, value, secret in headers], huffman=coded)
        fields = decoder.decode(block)
        assert fields is not None
        assert [name.encode("latin-1") for name, *_ in fields] == [name.encode() for name, *_ in headers]
        for (_, got, size, kind), (name, value, _) in zip(fields, headers, strict=True):
            assert size == len(name.encode()) + len(value.encode()) + 32
            assert kind == 3 or got == value


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_decoders_refuse_the_same_blocks(blocks: list[bytes]) -> None:
    """Arbitrary bytes are refused by both decoders or decoded to the same sizes by both."""
    ours, theirs = FieldDecoder(Limits()), hpack.Decoder()
    for block in blocks:
        try:
            expected = [(len(name), len(value)) for name, value in theirs.decode(block, raw=True)]
        except hpack.HPACKError:
            with pytest.raises(ConnectionFault):
                ours.decode(block)
            return
        fields = ours.decode(block)
        assert fields is not None
        assert [size - 32 for *_, size, _ in fields] == [name + value for name, value in expected]


@given(st.binary(max_size=200))
def test_huffman_round_trip(data: bytes) -> None:
    """Whatever the library encodes comes back."""
    coded = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(data)
    assert huffman.decode(coded).encode("latin-1") == data


@given(st.binary(max_size=12))
def test_huffman_agrees_with_hpack(data: bytes) -> None:
    """Arbitrary bytes are refused by both, or decoded alike."""
    try:
        expected = decode_huffman(data)
    except hpack.HPACKError:
        with pytest.raises(ConnectionFault):
            huffman.decode(data)
        return
    assert huffman.decode(data).encode("latin-1") == expected


AT_ONCE = """
import random, sys, threading
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from restate_reflect.http2 import huffman

sys.setswitchinterval(1e-6)
encoder = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
texts = [bytes(random.Random(number).choices(range(33, 127), k=40)) for number in range(100)]
coded = [encoder.encode(text) for text in texts]
together = threading.Barrier(8)

def decode():
    together.wait()
    for text, code in zip(texts, coded):
        assert huffman.decode(code).encode() == text

threads = [threading.Thread(target=decode) for _ in range(8)]
threading.excepthook = lambda _: print("wrong", flush=True)
for thread in threads:
    thread.start()
"""


def test_huffman_states_are_met_by_several_threads_at_once() -> None:
    """In a process that has met none: endpoints in threads of their own share them."""
    done = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


TOKENS = st.from_regex(r"[a-zA-Z0-9!#$%&'*+\-.^_`|~]{1,20}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=40).map(
    lambda text: text.strip(" \t")
)


@given(st.integers(200, 999), st.lists(st.tuples(TOKENS, TEXTS), max_size=8))
def test_responses_decode_with_hpack(status: int, headers: list[tuple[str, str]]) -> None:
    """The library reads our blocks, twice alike, and its table stays empty."""
    decoder = hpack.Decoder()
    for _ in range(2):
        decoded = [tuple(field) for field in decoder.decode(response_block(status, headers), raw=True)]
        sent = [(":status", str(status)), *((name.lower(), value) for name, value in headers)]
        assert decoded == [(name.encode(), value.encode()) for name, value in sent]
        assert not decoder.header_table.dynamic_entries


def test_trailers_decode_with_hpack() -> None:
    """Trailers carry no status and bind no proxy to "never indexed"."""
    (field,) = hpack.Decoder().decode(trailer_block([("X-Sum", "1")]), raw=True)
    assert tuple(field) == (b"x-sum", b"1")
    assert field.indexable


def test_equal_blocks_share_the_request() -> None:
    """A block that repeats while the table is unchanged is not decoded again."""
    encoder, reader = hpack.Encoder(), HeaderReader(Limits())
    reader.request(encoder.encode(GET))
    block = encoder.encode(GET)
    assert reader.request(block) is not reader.request(encoder.encode([*GET, ("x", "y")]))
    assert reader.request(encoder.encode(GET)) is reader.request(encoder.encode(GET))


def test_equal_blocks_of_different_tables_differ() -> None:
    """The same bytes mean another request once the table has changed."""
    reader = HeaderReader(Limits())
    prefix = b"\x82\x86\x84"
    first = prefix + b"\xbe"  # the newest entry of the table
    reader.request(prefix + b"\x40\x01a\x011")
    assert reader.request(first)[0].headers == {"a": "1"}
    assert reader.request(first)[0].headers == {"a": "1"}
    reader.trailers(b"\x40\x01b\x012")
    assert reader.request(first)[0].headers == {"b": "2"}
    reader.discard(b"\x40\x01c\x013")
    assert reader.request(first)[0].headers == {"c": "3"}
    reader.discard(b"\x20")
    with pytest.raises(ConnectionFault, match="no table entry"):
        reader.request(first)


def test_shared_headers_are_read_only() -> None:
    """A handler can't change what the next request will see."""
    encoder, reader = hpack.Encoder(), HeaderReader(Limits())
    head, _ = reader.request(encoder.encode(GET))
    with pytest.raises(TypeError):
        head.headers["a"] = "b"  # type: ignore[index]
