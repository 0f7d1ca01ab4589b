"""Credentials of an exec plugin, which may have to talk to whoever waits for them.

The official client keeps what a plugin writes to stderr until the plugin has ended. There a login
by hand says which page to open; and one that says more than a pipe holds never ends.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from subprocess import DEVNULL, PIPE
from typing import Any, Final

from kubernetes.aio.config import ConfigException
from kubernetes.aio.config.dateutil import parse_rfc3339
from kubernetes.aio.config.exec_provider import ExecProvider
from kubernetes.aio.config.kube_config import FileOrData, KubeConfigLoader, _is_expired

__all__ = ["Loader"]

_KILLED_SECONDS: Final = 1.0


class Loader(KubeConfigLoader):
    """The official loader, with exec plugins run as kubectl runs them.

    Args:
        config: a kubeconfig, its file names absolute.
        attended: whether somebody is there to see what a plugin says, and to answer it.
    """

    _user: Any
    exec_plugin_expiry: Any = None

    def __init__(self, config: Mapping[str, Any], *, attended: bool) -> None:
        super().__init__(config, config_base_path="")  # type: ignore[no-untyped-call]  # the official client's
        self._attended = attended

    async def load_from_exec_plugin(self) -> bool:
        """Ask the plugin, unless what it gave lasts still.

        Raises:
            ConfigException: it gave no credentials; the message says why.
        """
        if self.exec_plugin_expiry is not None and not _is_expired(self.exec_plugin_expiry):
            return True
        status = await _Plugin(self._user["exec"], attended=self._attended).run()
        if token := status.get("token"):
            self.token = f"Bearer {token}"
        elif status.get("clientCertificateData") and status.get("clientKeyData"):
            self.cert_file, self.key_file = (
                FileOrData(
                    status, None, data_key_name=f"client{part}Data", base64_file_content=False
                ).as_file()
                for part in ("Certificate", "Key")
            )
        else:
            command = self._user["exec"]["command"]
            raise ConfigException(
                f"exec plugin {command!r} gave neither a token nor a certificate and its key"
            )
        expiry = status.get("expirationTimestamp")
        self.exec_plugin_expiry = parse_rfc3339(expiry) if expiry else None
        return True


class _Plugin(ExecProvider):
    """A plugin that writes to our stderr, and reads from our stdin where that is a terminal."""

    def __init__(self, config: Any, *, attended: bool) -> None:
        super().__init__(config)  # type: ignore[no-untyped-call]  # the official client's
        self._name = f"exec plugin {config['command']!r}"
        self._attended = attended
        self._interactive = self._is_interactive(config.safe_get("interactiveMode"))

    def _is_interactive(self, mode: str | None) -> bool:
        terminal = self._attended and os.isatty(0)
        if mode not in {None, "Never", "IfAvailable", "Always"}:
            raise ConfigException(f"{self._name}: interactiveMode: {mode!r} is unknown")
        if mode == "Always" and not terminal:
            raise ConfigException(f"{self._name} must ask, but standard input is no terminal")
        return terminal and mode != "Never"

    async def run(self, _: Any = None) -> dict[str, Any]:
        """The status of the ExecCredential that it prints."""
        info = {
            "apiVersion": self.api_version,
            "kind": "ExecCredential",
            "spec": {"interactive": self._interactive},
        }
        process = await asyncio.create_subprocess_exec(
            *self.args,
            env={**self.env, "KUBERNETES_EXEC_INFO": json.dumps(info)},
            stdin=None if self._interactive else DEVNULL,
            stdout=PIPE,
            stderr=None if self._attended else DEVNULL,
        )
        try:
            printed, _ = await process.communicate()
        finally:
            if process.returncode is None:  # nobody waits for it any more
                process.kill()
                with suppress(TimeoutError):  # its own children may hold its stdout
                    await asyncio.wait_for(process.wait(), _KILLED_SECONDS)
        if process.returncode:
            raise ConfigException(f"{self._name} ended with exit code {process.returncode}")
        return self._status(printed)

    def _status(self, printed: bytes) -> dict[str, Any]:
        try:
            credential = json.loads(printed)
            version, status = credential["apiVersion"], credential.get("status")
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigException(f"{self._name} said no ExecCredential: {error}") from error
        if version != self.api_version:
            raise ConfigException(f"{self._name} answered in {version}, not in {self.api_version}")
        return status if isinstance(status, dict) else {}
