"""Starting soon: what is postponed stays unloaded, and works when it is wanted after all."""

from __future__ import annotations

import subprocess
import sys

PREPARE = "from helm_mattermost_migrate.quick_start import postpone_unused_imports as p; p();"

#: What ``status`` has no use for.
HEAVY = (
    *("requests", "requests_oauthlib", "urllib3", "kubernetes.config.kube_config"),
    *("pydantic", "dateutil", "prometheus_client", "jinja2", "jsonpatch", "rich", "cryptography"),
    *("http.server", "flask", "gunicorn", "kubernetes.client.models"),
    *("aiohttp.client", "aiohttp_retry.client"),
    *("mattermost_migrate.kube.lease", "mattermost_migrate.kube.informer"),
)


def said(program: str) -> str:
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", PREPARE + program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_client_is_loaded_without_its_synchronous_sister() -> None:
    loaded = said(
        "import mattermost_migrate.kube.client, sys;"
        f"print([n for n in {HEAVY} if n in sys.modules], 'aiohttp' in sys.modules)"
    )

    assert loaded == "[] True"


def test_what_is_postponed_loads_itself_when_it_is_wanted() -> None:
    assert said("import kubernetes.aio; print(kubernetes.config.load_kube_config.__name__)") == (
        "load_kube_config"
    )
    assert said("from kubernetes.client import V1Pod; print(V1Pod.__name__)") == "V1Pod"
    assert (
        said(
            "from kubernetes.aio.client import ApiClient, Configuration;"
            "print(type(ApiClient(Configuration())).__name__)"
        )
        == "ApiClient"
    )


def test_offline_commands_load_no_client_at_all() -> None:
    loaded = said(
        "import helm_mattermost_migrate.commands.convert, sys;"
        "print('kubernetes' in sys.modules, 'aiohttp.client' in sys.modules, 'rich' in sys.modules)"
    )

    assert loaded == "False False False"


def test_status_loads_neither_the_ladder_nor_rich() -> None:
    loaded = said(
        "import helm_mattermost_migrate.commands.status, sys;"
        "print([n for n in ('rich', 'kubernetes', 'mattermost_migrate.domain.steps')"
        " if n in sys.modules])"
    )

    assert loaded == "[]"


def test_authorities_are_read_by_whoever_needs_them_and_not_at_import() -> None:
    counted = (
        "import ssl; real = ssl.SSLContext.set_default_verify_paths;"
        "from helm_mattermost_migrate.quick_start import authorities_unread as unread;"
        "exec('with unread():\\n import mattermost_migrate.kube.pool');"
        "import aiohttp.connector as c;"
        "print(c._SSL_CONTEXT_VERIFIED.cert_store_stats()['x509'],"
        " c._SSL_CONTEXT_VERIFIED.verify_mode.name,"
        " ssl.SSLContext.set_default_verify_paths is real)"
    )

    assert said(counted) == "0 CERT_REQUIRED True"
