"""The addresses of one server or of the nodes of a cluster, and which of them is asked first."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Addresses"]


class Addresses:
    """Base URLs; whoever answers stays at the head, whoever has failed goes to the end.

    So an address that has failed is asked again when all others have failed since: that needs no clock, and nobody is
    sent to a node that restarts over and over while another one is well.

    Args:
        urls: One, or several that lead to the same cluster.
        what: The kind of server, for error messages.

    Raises:
        ValueError: There is none, or one is no URL of a server.
    """

    def __init__(self, urls: str | Sequence[str], what: str) -> None:
        given = [urls] if isinstance(urls, str) else list(urls)
        if not given:
            raise ValueError(f"no URL of an {what} is given. Write it as http://127.0.0.1:8080")
        for url in given:
            _check(url, what)
        self._urls = list(dict.fromkeys(url.rstrip("/") for url in given))

    @property
    def first(self) -> str:
        """The one that the next request goes to, without a slash at the end."""
        return self._urls[0]

    def in_order(self) -> tuple[str, ...]:
        """All of them, as they should be asked."""
        return tuple(self._urls)

    def failed(self, url: str) -> None:
        """The others are asked before this one from now on."""
        self._urls.remove(url)
        self._urls.append(url)


def _check(url: str, what: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is not the URL of an {what}. Write it as http://127.0.0.1:8080")
    if "," in url:
        raise ValueError(f"{url!r}: several addresses are a list: [{', '.join(map(repr, url.split(',')))}]")
