"""The largest numbers that the runtime works with; what comes from outside is brought within them where it enters.

Moments end with the year 9999, as Python's do, and with it everything that shows or compares them. A timer that would
fire later fires then, which nobody will notice.
"""

from __future__ import annotations

from restate_reflect.embedded.errors import RequestError
from restate_reflect.options import LATEST, Duration, millis

__all__ = ["check_texts", "moment_after", "no_later"]


def no_later(moment: int) -> int:
    """The moment, or ``LATEST`` if that comes first."""
    return min(moment, LATEST)


def moment_after(now: int, delay: Duration) -> int:
    """When a delay that somebody asked for is over, in milliseconds since the epoch.

    Raises:
        RequestError: It is no number, negative, or ends after the year 9999.
    """
    try:
        at = now + (millis(delay) or 0)
    except (OverflowError, ValueError):
        raise RequestError(f"a delay of {delay} is none") from None
    if not now <= at <= LATEST:
        raise RequestError(
            f"a delay of {delay} is {'negative' if at < now else 'too long: it ends after the year 9999'}"
        )
    return at


def check_texts(*texts: object) -> None:
    """Everything that is stored, hashed or sent on must be encodable; ``None`` stands for no text.

    Raises:
        RequestError: One of them is no Unicode text.
    """
    for text in texts:
        if text is not None and not (isinstance(text, str) and _is_unicode(text)):
            raise RequestError(f"{text!r} is no Unicode text")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
