"""What can go wrong between a caller and the runtime."""

from __future__ import annotations

from typing import Final

from restate_reflect.errors import RestateReflectError

__all__ = [
    "DamageError",
    "EmbeddedRuntimeError",
    "InvocationNotFoundError",
    "InvocationStateError",
    "RequestError",
    "RuntimeStoppedError",
    "StoreError",
    "UndoneError",
    "UnknownHandlerError",
    "WrongKeyError",
]


class EmbeddedRuntimeError(RestateReflectError):
    """Base of the errors of the embedded runtime."""


class InvocationNotFoundError(EmbeddedRuntimeError):
    """No such invocation: it never was, or was forgotten after its retention."""

    def __init__(self, invocation_id: str) -> None:
        super().__init__(f"invocation {invocation_id} is not known: it never was, or its retention is over")
        self.invocation_id = invocation_id


class InvocationStateError(EmbeddedRuntimeError):
    """What was asked for is not possible in the invocation's state."""


class UnknownHandlerError(EmbeddedRuntimeError):
    """No registered deployment has this handler, or it was addressed the wrong way."""


class WrongKeyError(UnknownHandlerError):
    """A handler was named without the key that it needs, or with one that it has not."""


class RequestError(EmbeddedRuntimeError):
    """A request says something that no invocation can be made of; nothing of it was done."""


class UndoneError(EmbeddedRuntimeError):
    """A request was not stored, because one that was to be stored with it has failed."""


class StoreError(EmbeddedRuntimeError):
    """Nothing can be stored, or what is stored can't be read; the message says what to do."""


class DamageError(StoreError):
    """One record can't be read."""

    ADVICE: Final = "Begin anew with --fresh or another --data-dir, or bring back a copy of the file."

    @classmethod
    def of(cls, file: str | None, what: str) -> DamageError:
        """What of a store's file can't be read."""
        return cls(f"{file} is damaged: {what}. {cls.ADVICE}")


class RuntimeStoppedError(EmbeddedRuntimeError):
    """The runtime takes no requests any more: its store failed, or it broke down.

    What it has acknowledged is stored.
    """
