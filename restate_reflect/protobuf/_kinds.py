"""Options to kinds: the same words and defaults as the Go SDK's, whose options are understood too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from restate_reflect.definitions import ServiceKind
from restate_reflect.protobuf._model import Encoding

__all__ = ["HANDLER_KINDS", "context_of", "encoding_of", "handler_word", "service_kind"]

_SERVICE: Final = ("restate_reflect.kind", "dev.restate.sdk.go.service_type")
_HANDLER: Final = ("restate_reflect.handler", "dev.restate.sdk.go.handler_type")
_ENCODING: Final = "restate_reflect.encoding"
_UNSET: Final = ("BY_DEFAULT", "UNSET", "BY_PARAMETER")
_GO_RUN: Final = "WORKFLOW_RUN"

_CONTEXTS: Final[dict[ServiceKind, dict[str, str]]] = {
    ServiceKind.SERVICE: {"": "Context"},
    ServiceKind.VIRTUAL_OBJECT: {
        "": "ObjectContext",
        "EXCLUSIVE": "ObjectContext",
        "SHARED": "ObjectSharedContext",
    },
    ServiceKind.WORKFLOW: {
        "": "WorkflowSharedContext",
        "SHARED": "WorkflowSharedContext",
        "RUN": "WorkflowContext",
    },
}
HANDLER_KINDS: Final = {
    kind: [word for word in contexts if word] or ["no handler option"] for kind, contexts in _CONTEXTS.items()
}
"""What the option may say in a service of each kind."""


def service_kind(options: Mapping[str, str]) -> ServiceKind:
    """SERVICE unless an option says otherwise."""
    return ServiceKind(_first(options, _SERVICE) or "SERVICE")


def encoding_of(options: Mapping[str, str], default: Encoding) -> Encoding:
    """The option, else the plugin's parameter."""
    word = _first(options, (_ENCODING,))
    return Encoding[word] if word else default


def handler_word(options: Mapping[str, str], kind: ServiceKind, name: str) -> str:
    """EXCLUSIVE, SHARED, RUN, or empty for the default of the kind; an rpc ``Run`` runs its workflow by default."""
    word = _first(options, _HANDLER)
    if not word and kind is ServiceKind.WORKFLOW and name == "Run":
        return "RUN"
    return "RUN" if word == _GO_RUN else word


def context_of(kind: ServiceKind, word: str) -> str | None:
    """The context class; ``None`` when a service of this kind has no such handlers."""
    return _CONTEXTS[kind].get(word)


def _first(options: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((options[name] for name in names if options.get(name, "BY_DEFAULT") not in _UNSET), "")
