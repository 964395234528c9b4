"""What becomes of payloads on their way into the journal: compressed, encrypted, kept elsewhere.

Bytes and their position go in, by ``endpoint(…, payloads=[Zstd(), Encrypt(keys=…), ClaimCheck(store)])``; what comes
out is what the server stores, and from that the bytes again. Start reading at ``_chain``; ``_envelope`` says how a
payload tells what was done to it.
"""

from __future__ import annotations

from restate_reflect.payloads._chain import Chain, chain_of
from restate_reflect.payloads._claims import ClaimCheck, ClaimStore, DirectoryStore
from restate_reflect.payloads._encrypt import Encrypt
from restate_reflect.payloads._positions import PayloadCodec, Position
from restate_reflect.payloads._zstd import Zstd

__all__ = [
    "Chain",
    "ClaimCheck",
    "ClaimStore",
    "DirectoryStore",
    "Encrypt",
    "PayloadCodec",
    "Position",
    "Zstd",
    "chain_of",
]
