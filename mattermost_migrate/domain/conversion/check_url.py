"""``DB_CONNECTION_CHECK_URL`` as the v1beta1 operator judges it (operator facts 1.3).

It refuses the whole installation for a URL that a ClusterInstallation never looked at, and it
looks even where the readiness check is off. The rules of the URL itself are those of Go's parser.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["database_type", "trouble"]

_WEB: Final = ("http", "https")
_SCHEMES: Final = {
    "mysql": _WEB,
    "postgres": (*_WEB, "postgres"),
    "unknown": (*_WEB, "mysql", "postgres"),
}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})")
_USER: Final = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_PORT: Final = re.compile(r"(?::[0-9]*)?")
#: Every ASCII character that Go takes in a host, besides percent escapes.
_HOST: Final = re.compile(r"(?:[A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"]|[^\x00-\x7f])*")
_HOST_ESCAPE: Final = re.compile(r"%(?:25|[89a-fA-F][0-9a-fA-F])")
_SPACE: Final = " \t\n\v\f\r\x85\xa0"


def database_type(connection: str) -> str:
    """``mysql``, ``postgres`` or ``unknown``, by how the connection string begins."""
    return next((kind for kind in ("mysql", "postgres") if connection.startswith(kind)), "unknown")


def trouble(url: str, connection: str) -> str:
    """Why the operator would refuse the URL beside that connection string; empty if it would not.

    The URL may hold a password, so nothing of it but its scheme is repeated.
    """
    url = url.strip(_SPACE)
    if not url:
        return "is empty"
    scheme, host = _split(url)
    if host is None:
        return "is not a URL"
    if not host:
        return "has no hostname"
    kind = database_type(connection)
    if scheme not in _SCHEMES[kind]:
        allowed = ", ".join(_SCHEMES[kind])
        return f"has the scheme {scheme!r}; for a database of type {kind} it may be {allowed}"
    return ""


def _split(url: str) -> tuple[str, str | None]:
    """Scheme and hostname; the hostname is None where Go cannot parse the URL."""
    url, _, fragment = url.partition("#")
    if _CONTROL.search(url) or url.startswith(":") or _BAD_ESCAPE.search(fragment):
        return "", None
    matched = _SCHEME.match(url)
    scheme = matched[1].lower() if matched else ""
    rest = url[matched.end() :] if matched else url
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        return _rootless(scheme, rest)
    authority, path = "", rest
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, tail = rest[2:].partition("/")
        path = slash + tail
    return scheme, None if _BAD_ESCAPE.search(path) else _hostname(authority)


def _rootless(scheme: str, rest: str) -> tuple[str, str | None]:
    """``mailto:x`` has no host; ``a:b/c`` without a scheme is an error, ``a/b:c`` is a path."""
    if scheme:
        return scheme, ""
    broken = ":" in rest.partition("/")[0] or _BAD_ESCAPE.search(rest)
    return scheme, None if broken else ""


def _hostname(authority: str) -> str | None:
    user, at, host = authority.rpartition("@")
    if at and (not _USER.fullmatch(user) or _BAD_ESCAPE.search(user)):
        return None
    if host.startswith("["):
        return _literal(host)
    name, colon, port = host.rpartition(":")
    if not colon:
        name, port = host, ""
    if not _PORT.fullmatch(colon + port) or not _HOST.fullmatch(_HOST_ESCAPE.sub("", host)):
        return None
    return name


def _literal(host: str) -> str | None:
    """The address between brackets; a zone behind ``%25`` may hold any escape."""
    address, bracket, port = host[1:].rpartition("]")
    if not bracket or not _PORT.fullmatch(port):
        return None
    plain, _, zone = address.partition("%25")
    if _BAD_ESCAPE.search(zone) or not _HOST.fullmatch(_HOST_ESCAPE.sub("", plain)):
        return None
    return address
