"""Start sooner: leave what the Kubernetes client brings along, and we never use, unloaded.

``kubernetes.aio`` lives inside the package of its synchronous sister, whose ``__init__`` imports
all of itself, and with it OAuth, requests and pydantic: a third of the time that ``status`` takes
to start. Here those modules are empty until somebody looks into them, and then load themselves.
(``importlib.util.LazyLoader`` does not do: the import statement itself looks into a module.)

One class that the asynchronous package names, and calls only where we never go, brings pydantic and
dateutil along: it loads them when it is called.

aiohttp itself is as much again, and ``status`` asks without it; the official client's configuration
names a class of it, and one of aiohttp_retry, to say what its arguments are.

aiohttp makes two TLS contexts when it is imported, and reads all of the system's certificate
authorities for each: a fifth of the rest. Our connections have contexts of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any, Final

__all__ = ["authorities_unread", "postpone_unused_imports"]

_PACKAGE: Final = "kubernetes"
_ASYNCHRONOUS: Final = "kubernetes.aio"
#: Imported by the ``__init__`` of each of the two, and used by neither of them.
_UNUSED: Final = {
    _PACKAGE: (
        "client",
        "config",
        "dynamic",
        "informer",
        "leaderelection",
        "stream",
        "utils",
        "watch",
    ),
    _ASYNCHRONOUS: ("dynamic", "leaderelection", "stream", "utils", "watch"),
}
#: The class, and the module it is in, that only its own callers need.
_CLASS: Final = "ApiClient"
_ITS_MODULE: Final = f"{_ASYNCHRONOUS}.client.api_client"
#: Packages that a plain client has no use for, and what of them is named without being used.
_NAMED_ONLY: Final = {"aiohttp": "TraceConfig", "aiohttp_retry": "RetryOptionsBase"}


class _Postponed(ModuleType):
    """A module that loads itself when an attribute is first asked for."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        if name.startswith("__") or spec is None or spec.loader is None:
            raise AttributeError(name)
        # From here on it is a module like any other.
        self.__class__ = ModuleType  # type: ignore[assignment]  # to a base class: it may
        spec.loader.exec_module(self)
        return getattr(self, name)


class _PostponedClass(_Postponed):
    """The same, but to name the class does not load it: to call it does."""

    def __getattr__(self, name: str) -> Any:
        if name == _CLASS:
            return self._made
        return super().__getattr__(name)

    def _made(self, *args: Any, **kwargs: Any) -> Any:
        """An object of the class."""
        return _Postponed.__getattr__(self, _CLASS)(*args, **kwargs)


class _PostponedPackage(_Postponed):
    """The same, but to name what is named only does not load it."""

    def __getattr__(self, name: str) -> Any:
        if name == _NAMED_ONLY[self.__name__]:
            return object
        return super().__getattr__(name)


def postpone_unused_imports() -> None:
    """Postpone the unused modules; does nothing where the package is imported already."""
    if _PACKAGE in sys.modules:
        return
    spec: ModuleSpec | None
    for spec in _unused():
        module = module_from_spec(spec)
        module.__class__ = _PostponedClass if spec.name == _ITS_MODULE else _Postponed
        sys.modules[spec.name] = module
    for name in _NAMED_ONLY:
        spec = PathFinder.find_spec(name)
        if spec is not None and name not in sys.modules:
            module = module_from_spec(spec)
            module.__class__ = _PostponedPackage
            sys.modules[name] = module


@contextmanager
def authorities_unread() -> Iterator[None]:
    """Within it no TLS context reads the system's certificate authorities.

    One that was made in here trusts nobody, so whoever used it by mistake would be refused.
    """
    import ssl  # noqa: PLC0415 - offline commands need none of it

    def read_none(_: ssl.SSLContext) -> None:
        return

    ssl.SSLContext.set_default_verify_paths = read_none  # type: ignore[assignment,method-assign]  # for a while
    try:
        yield
    finally:
        del ssl.SSLContext.set_default_verify_paths  # what it hid is the base class's


def _unused() -> Iterator[ModuleSpec]:
    """Their specs, found without importing the packages they are in."""
    package = PathFinder.find_spec(_PACKAGE)
    if package is None or package.submodule_search_locations is None:
        return
    folders = list(package.submodule_search_locations)
    places = {_PACKAGE: folders, _ASYNCHRONOUS: [f"{folder}/aio" for folder in folders]}
    inner = PathFinder.find_spec(_ITS_MODULE, [f"{folder}/aio/client" for folder in folders])
    if inner is not None:
        yield inner
    for parent, names in _UNUSED.items():
        for name in names:
            spec = PathFinder.find_spec(f"{parent}.{name}", places[parent])
            if spec is not None:
                yield spec
