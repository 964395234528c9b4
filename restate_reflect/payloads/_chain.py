"""Codecs in a row: each gets what the one before has made of a payload."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, get_args

from restate_reflect.errors import PayloadDamagedError, PayloadError, PayloadUnavailableError
from restate_reflect.options import Duration, seconds
from restate_reflect.payloads._claims import ClaimCheck
from restate_reflect.payloads._encrypt import Encrypt
from restate_reflect.payloads._envelope import NOTHING, is_enveloped, open_envelope, seal
from restate_reflect.payloads._positions import Kind, Position
from restate_reflect.payloads._zstd import Zstd

__all__ = ["Chain", "Encoded", "chain_of"]


class Encoded(NamedTuple):
    """A payload as it is written."""

    payload: bytes
    kept: bytes | None = None
    """What must be in the store of the chain's ``ClaimCheck`` before the payload is written."""


class Chain:
    """What is done to payloads: ``Chain([Zstd(), Encrypt(keys=…), ClaimCheck(store)], peers=["Billing"])``.

    A list does, where none of the arguments is needed.

    Args:
        codecs: In the order in which they write.
        also_reads: Codecs that write no more, for payloads that they have written.
        peers: Names of services that are served elsewhere with the same codecs: calls to them are encoded, too.
        plain: Positions that are left as they are, because others read them: ``plain=["awakeable"]``.
        max_bytes: A payload that would be longer once it is decoded is not read. (Inputs: ``max_input_bytes``.)
        patience: Seconds or timedelta. An input that can't be read for want of a key, a codec or a kept payload is
            tried again for so long; then its caller gets an error.

    Raises:
        TypeError: Something is no codec.
        ValueError: The order would defeat one of them.
    """

    def __init__(
        self,
        codecs: Iterable[object],
        *,
        also_reads: Iterable[object] = (),
        peers: Iterable[str] = (),
        plain: Iterable[Kind] = (),
        max_bytes: int = 64 << 20,
        patience: Duration = 300,
    ) -> None:
        writing = _checked(codecs)
        self._codecs = [codec for codec in writing if not isinstance(codec, ClaimCheck)]
        self._claims = next((codec for codec in writing if isinstance(codec, ClaimCheck)), None)
        self._by_name: dict[str, Any] = {codec.name: codec for codec in (*_checked(also_reads), *writing)}
        self.peers = frozenset(_texts("peers", peers))
        self.plain = frozenset(_texts("plain", plain))
        if unknown := self.plain - {*get_args(Kind)}:
            raise ValueError(f"plain={sorted(unknown)}: positions are {', '.join(get_args(Kind))}")
        self.max_bytes = max_bytes
        self.patience = seconds(patience)

    @property
    def hides(self) -> bool:
        """Whether what it writes is not to be read by others, so that errors must not show it."""
        return any(isinstance(codec, Encrypt) for codec in self._codecs)

    # ------------------------------------------------------------ without waiting

    def encode(self, data: bytes, position: Position, *, marked: bool = False) -> Encoded:
        """What is written in place of a payload.

        Args:
            marked: Whether it must be told from a plain one, though nothing may have to be done.

        Raises:
            PayloadError: A codec has failed.
        """
        wrapped = seal(NOTHING, data) if is_enveloped(data) else data
        for codec in self._codecs:
            try:
                written = codec.encode(wrapped, position)
            except Exception as error:
                raise PayloadError(f"{position}: {codec.name} failed: {type(error).__name__}: {error}") from error
            if written is not None:
                wrapped = seal(codec.name, written)
        if marked and not is_enveloped(wrapped):
            wrapped = seal(NOTHING, wrapped)
        if self._claims is None or len(wrapped) <= self._claims.above:
            return Encoded(wrapped)
        return Encoded(seal(self._claims.name, self._claims.claim(wrapped)), wrapped)

    def decode(self, data: bytes, position: Position, limit: int | None = None) -> bytes:
        """The payload. One that is kept elsewhere must have been fetched.

        Raises:
            PayloadDamagedError: It is not what a chain has written for this position, or longer than ``limit``.
            PayloadUnavailableError: A key or a codec is missing.
        """
        limit = self.max_bytes if limit is None else limit
        try:
            return self._decode(data, position, limit)
        except PayloadError as error:
            raise error.at(position) from error

    def _decode(self, data: bytes, position: Position, limit: int) -> bytes:
        done: set[str] = set()
        while is_enveloped(data):
            name, body = open_envelope(data)
            if name == NOTHING:
                return _within(limit, body)
            if name in done:
                raise PayloadDamagedError(f"it says that {name!r} was applied twice")
            done.add(name)
            codec = self._codec(name)
            if isinstance(codec, ClaimCheck):
                raise PayloadDamagedError("it refers to another one where none may")
            # What is inside may be longer by an envelope or two, a nonce and a tag.
            data = _decoded(codec, body, position, limit + OVERHEAD)
        return _within(limit, data)

    def _codec(self, name: str) -> Any:
        codec = self._by_name.get(name)
        if codec is None:
            known = ", ".join(self._by_name)
            raise PayloadUnavailableError(
                f"it was written by the codec {name!r}, and those of this chain are {known}. Add it, or give it by"
                " also_reads=[…]"
            )
        return codec

    # ------------------------------------------------------------ with a store

    def is_claim(self, data: bytes) -> bool:
        """Whether the payload is kept elsewhere (if it can be read here at all)."""
        try:
            return is_enveloped(data) and isinstance(self._by_name.get(open_envelope(data)[0]), ClaimCheck)
        except PayloadDamagedError:
            return False

    def at_hand(self, data: bytes, position: Position, limit: int | None = None) -> bytes:
        """``read``, for who can't wait: what is kept elsewhere must have been put or read lately."""
        if self.is_claim(data):
            name, claim = open_envelope(data)
            data = self._by_name[name].at_hand(claim)
        return self.decode(data, position, limit)

    async def fetch(self, data: bytes, position: Position, limit: int | None = None) -> bytes:
        """What ``decode`` takes in place of a claim; anything else as it is. Raises as ``decode``."""
        try:
            if not self.is_claim(data):
                return data
            name, claim = open_envelope(data)
            limit = self.max_bytes if limit is None else limit
            got: bytes = await self._by_name[name].get(claim, limit + OVERHEAD)
            return got
        except PayloadError as error:
            raise error.at(position) from error

    async def keep(self, data: bytes, position: Position) -> None:
        """Puts what ``encode`` wants to be kept.

        Raises:
            PayloadUnavailableError: The store has failed.
        """
        assert self._claims is not None
        try:
            await self._claims.put(data)
        except Exception as error:  # of the user's store
            store = type(self._claims.store).__name__
            why = f"{store}.put failed: {type(error).__name__}: {error}"
            raise PayloadUnavailableError(why).at(position) from error

    async def write(self, data: bytes, position: Position, *, marked: bool = False) -> bytes:
        """``encode``, with what is to be kept put into the store."""
        encoded = self.encode(data, position, marked=marked)
        if encoded.kept is not None:
            await self.keep(encoded.kept, position)
        return encoded.payload

    async def read(self, data: bytes, position: Position, limit: int | None = None) -> bytes:
        """``decode``, of what is kept elsewhere, too."""
        return self.decode(await self.fetch(data, position, limit), position, limit)


OVERHEAD: Final = 4096
"""Bytes by which what stands in between may be longer than the payload: envelopes, names, a nonce, a tag."""


def _within(limit: int, data: bytes) -> bytes:
    if len(data) > limit:
        raise PayloadDamagedError(f"it has {len(data):,} bytes, and at most {limit:,} are read", is_too_large=True)
    return data


def _decoded(codec: Any, body: bytes, position: Position, limit: int) -> bytes:
    try:
        data = codec.decode(body, position, limit)
    except PayloadError:
        raise
    except Exception as error:  # of the user's codec
        raise PayloadDamagedError(f"{codec.name} failed: {type(error).__name__}: {error}") from error
    if not isinstance(data, bytes):
        raise PayloadDamagedError(f"{codec.name} has made a {type(data).__name__} of it, not bytes")
    return data


def _checked(codecs: Any) -> list[Any]:
    if isinstance(codecs, str | bytes) or not isinstance(codecs, Iterable):
        raise TypeError(f"payloads={codecs!r} is no list. Write payloads=[Zstd(), Encrypt(keys=…), ClaimCheck(store)].")
    found = [*codecs]
    for codec in found:
        _check(codec)
    names = [codec.name for codec in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"payloads: {name!r} is there twice; a payload names each codec once")
    _check_order(found)
    return found


def _check(codec: Any) -> None:
    if isinstance(codec, ClaimCheck):
        return
    if isinstance(codec, type) or not all(callable(getattr(codec, verb, None)) for verb in ("encode", "decode")):
        raise TypeError(
            f"payloads: {codec!r} is no codec. Give instances: Zstd(), Encrypt(keys=…), ClaimCheck(store), or of a"
            " class with name, encode(data, position) and decode(data, position, limit)."
        )
    name = getattr(codec, "name", None)
    if not isinstance(name, str) or not name.isascii() or not 1 <= len(name) <= 255:
        raise TypeError(f"payloads: {codec!r} needs a name of 1 to 255 ASCII characters, not {name!r}")


def _check_order(codecs: list[Any]) -> None:
    kinds = [type(codec) for codec in codecs]
    if ClaimCheck in kinds[:-1]:
        after = codecs[kinds.index(ClaimCheck) + 1].name
        raise ValueError(
            f"payloads: {after!r} stands after ClaimCheck, and would not be applied to what is kept. Put ClaimCheck"
            " last."
        )
    if Zstd in kinds and Encrypt in kinds and kinds.index(Zstd) > kinds.index(Encrypt):
        raise ValueError(
            "payloads: Zstd stands after Encrypt, and nothing encrypted gets smaller. Write [Zstd(), Encrypt(keys=…)]."
        )


def _texts(option: str, given: Any) -> list[str]:
    texts = [given] if isinstance(given, str) else [*given]
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"Chain({option}=…) takes names, not {text!r}")
    return texts


def chain_of(payloads: Any) -> Chain | None:
    """From what ``endpoint(payloads=…)`` takes: a chain, or the codecs of one; ``None`` if there are none.

    Raises:
        TypeError: Something is no codec.
        ValueError: The order would defeat one of them.
    """
    if payloads is None or isinstance(payloads, Chain):
        return payloads
    chain = Chain(payloads)
    return chain if chain._by_name else None
