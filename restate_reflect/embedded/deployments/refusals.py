"""Why a deployment can't be registered, in restate-server's words, with its status and its code of the error."""

from __future__ import annotations

__all__ = ["KindChangedError", "ManifestError"]


class ManifestError(ValueError):
    """A deployment can't be registered: its manifest is malformed, or nothing of it can be run here.

    Attributes:
        status: What the admin API answers with.
        code: Restate's code of the error, ``META0012``, if it has one.
        told: What the admin API tells, where restate-server has words of its own.
    """

    def __init__(self, message: str, *, status: int = 500, code: str | None = None, told: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.told = message if told is None else told

    @classmethod
    def undecodable(cls, message: str) -> ManifestError:
        """Of what restate-server can't read as a manifest."""
        return cls(message, told=f"received a bad response from the SDK that cannot be decoded: {message}")

    @classmethod
    def bad_response(cls, message: str) -> ManifestError:
        """Of a manifest that contradicts itself, or an answer that is none."""
        return cls(message, code="META0013", told=f"received a bad response from the SDK: {message}")

    @classmethod
    def bad_service(cls, message: str, code: str | None = None) -> ManifestError:
        """Of a service that can't be."""
        return cls(message, status=400, code=code)


class KindChangedError(ManifestError):
    """A service is of another kind than it was."""

    def __init__(self, service: str, before: str, after: str, deployment: str) -> None:
        super().__init__(
            f"{service} was a {before}, and is a {after} in {deployment}. State and journals of the two don't fit:"
            " rename it, or start with fresh data, or register it as a breaking change.",
            status=409,
            code="META0006",
            told=(
                f"detected a new service revision for '{service}' changing the service type from previous revision."
                " Service type cannot be changed across revisions."
            ),
        )
