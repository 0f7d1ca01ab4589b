"""The Flask application: blueprints put together, every error as JSON, nothing else.

Whoever calls passes in what the application knows of the world; it reaches for nothing itself.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from flask import Flask, Response, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from mattermost_migrate.domain.editlock import Exempt
from webhook.admission import admission
from webhook.clients import known_client
from webhook.conversion import conversion
from webhook.endpoint import AT_ONCE
from webhook.health import Probe, health
from webhook.knowledge import Migrations
from webhook.mutation import mutation
from webhook.secrets import Secrets

__all__ = ["BODY_LIMIT", "CONVERSION_LIMIT", "create_app", "create_conversion_app"]

#: An object may be 3 MiB in a request; a review carries the old one too (webhook facts 4.6).
BODY_LIMIT: Final = 7 * 1024 * 1024
#: A list comes in one piece: some 16,000 ordinary ClusterInstallations.
CONVERSION_LIMIT: Final = 64 * 1024 * 1024
_UNPROCESSABLE: Final = 422
_log = logging.getLogger(__name__)


def create_app(
    migrations: Migrations,
    *,
    exempt: Exempt,
    probes: Mapping[str, Probe] | None = None,
    client_names: frozenset[str] | None = None,
    secrets: Secrets | None = None,
) -> Flask:
    """The webhook as a WSGI application.

    Args:
        migrations: the InstallationMigrations of the cluster.
        exempt: whose writes are part of a migration.
        probes: what else must hold to be ready; that the migrations are known always must.
        client_names: whose certificate may ask for a review, by common name; None asks for none.
        secrets: looks up those that an installation names; None: nobody does.
    """
    app = _app(BODY_LIMIT, {"migrations": _knows(migrations), **(probes or {})})
    app.register_blueprint(admission(migrations, exempt, secrets))
    app.register_blueprint(mutation(exempt.controllers))
    if client_names is not None:
        app.before_request(known_client(client_names))
        app.extensions[AT_ONCE].clear()  # who asks is looked at on the way through Flask
    return app


def create_conversion_app(*, probes: Mapping[str, Probe] | None = None) -> Flask:
    """The conversion of ClusterInstallations between their versions, as a WSGI application.

    Args:
        probes: what must hold to be ready.
    """
    app = _app(CONVERSION_LIMIT, dict(probes or {}))
    app.register_blueprint(conversion())
    return app


def _app(limit: int, probes: dict[str, Probe]) -> Flask:
    app = Flask("webhook", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = limit
    app.register_blueprint(health(probes))
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _surprised)
    return app


def _knows(migrations: Migrations) -> Probe:
    def probe() -> str | None:
        if migrations.synced:
            return None
        return "InstallationMigrations are not listed yet, or not watched any more"

    return probe


def _refused(error: HTTPException) -> ResponseReturnValue:
    """What the client did wrong, in JSON."""
    if isinstance(error.response, Response):
        return error.response
    response = jsonify(error=error.name, message=error.description)
    response.status_code = error.code or _UNPROCESSABLE
    return response


def _surprised(error: Exception) -> ResponseReturnValue:
    """A review that our rules trip over is not answered: the failurePolicy decides, we log."""
    _log.error("Could not judge review", exc_info=error)
    message = f"this review could not be judged: {type(error).__name__}"
    return jsonify(error="Unprocessable", message=message), _UNPROCESSABLE
