"""What the v1beta1 controller demands of ``DB_CONNECTION_CHECK_URL`` (operator facts 1.3).

Go parses the URL, so this follows Go's parser as far as it can refuse one.
"""

from __future__ import annotations

import json
import re
from typing import Final

__all__ = ["fault"]

_SCHEMES: Final = {
    "mysql": {"http", "https"},
    "postgres": {"http", "https", "postgres"},
    "unknown": {"http", "https", "mysql", "postgres"},
}
_SPACES: Final = " \t\n\v\f\r\x85\xa0"
_SCHEME: Final = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*):(?P<rest>.*)", re.DOTALL)
_ESCAPE: Final = re.compile(r"%(?:[0-9a-fA-F]{2})?")
_PORT: Final = re.compile(r"(?::[0-9]*)?")
_USER: Final = re.compile(r"[a-zA-Z0-9._:~!$&'()*+,;=%@-]*")
_HOST_CHARACTER: Final = re.compile(r"[a-zA-Z0-9!$&'()*+,;=:\[\]<>\"._~%-]|[^\x00-\x7f]")


class _UrlError(Exception):
    """Go's parser gives up; the text is its."""


def fault(url: str, kind: str) -> str | None:
    """What is wrong with the URL for a database of that type; None when nothing is."""
    url = url.strip(_SPACES)
    if not url:
        return "URL is empty"
    try:
        scheme, host = _parsed(url)
    except _UrlError as error:
        return f"failed to parse URL: {error}"
    if scheme not in _SCHEMES[kind]:
        return f'scheme "{scheme}" is not allowed for database type "{kind}"'
    return None if host else "URL must contain a hostname"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _parsed(url: str) -> tuple[str, str]:
    """The scheme and the host name."""
    address, _, fragment = url.partition("#")
    try:
        found = _without_fragment(address)
    except _UrlError as error:
        raise _UrlError(f"parse {_quoted(address)}: {error}") from None
    try:
        _unescape(fragment)
    except _UrlError as error:
        raise _UrlError(f"parse {_quoted(url)}: {error}") from None
    return found


def _without_fragment(address: str) -> tuple[str, str]:
    if any(char < " " or char == "\x7f" for char in address):
        raise _UrlError("net/url: invalid control character in URL")
    if address.startswith(":"):
        raise _UrlError("missing protocol scheme")
    match = _SCHEME.fullmatch(address)
    scheme, rest = (match["scheme"].lower(), match["rest"]) if match else ("", address)
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        if scheme:
            return scheme, ""
        if ":" in rest.partition("/")[0]:
            raise _UrlError("first path segment in URL cannot contain colon")
    authority, path = "", rest
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        path = slash + path
    host = _host_name(authority)
    _unescape(path)
    return scheme, host


def _host_name(authority: str) -> str:
    user, _, host = authority.rpartition("@")
    _check_host(host)
    if not _USER.fullmatch(user):
        raise _UrlError("net/url: invalid userinfo")
    name, _, password = user.partition(":")
    _unescape(name)
    _unescape(password)
    if "]" in host:
        return host.partition("]")[0].removeprefix("[")
    return host.rpartition(":")[0] if ":" in host else host


def _check_host(host: str) -> None:
    if host.startswith("["):
        if "]" not in host:
            raise _UrlError("missing ']' in host")
        port = host.rpartition("]")[2]
    else:
        port = "".join(host.rpartition(":")[1:]) if ":" in host else ""
    if not _PORT.fullmatch(port):
        raise _UrlError(f"invalid port {_quoted(port)} after host")
    for escape in _ESCAPE.finditer(host):
        text = host[escape.start() : escape.start() + 3]
        if escape.group() == "%" or (text[1] < "8" and text != "%25"):
            raise _UrlError(f"invalid URL escape {_quoted(text)}")
    for char in host:
        if not _HOST_CHARACTER.fullmatch(char):
            raise _UrlError(f"invalid character {_quoted(char)} in host name")


def _unescape(text: str) -> None:
    for escape in _ESCAPE.finditer(text):
        if escape.group() == "%":
            raise _UrlError(
                f"invalid URL escape {_quoted(text[escape.start() : escape.start() + 3])}"
            )
