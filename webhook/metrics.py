"""What the webhook counts. One process serves, so one registry holds everything.

Scaling is by replicas, as Kubernetes scales: a second worker process would need the client
library's shared files, and would keep a second copy of every InstallationMigration.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

__all__ = [
    "CERTIFICATE_EXPIRY",
    "CERTIFICATE_RELOADS",
    "CONNECTIONS_DROPPED",
    "CONVERSIONS",
    "CONVERSION_SECONDS",
    "REVIEWS",
    "REVIEW_SECONDS",
    "SECRET_LOOKUPS",
]

REVIEWS: Final = Counter(
    "mattermost_migrate_webhook_reviews_total",
    "Admission reviews answered",
    ("kind", "operation", "outcome"),
)
REVIEW_SECONDS: Final = Histogram(
    "mattermost_migrate_webhook_review_duration_seconds",
    "From the whole request in memory to the answer",
    ("kind",),
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
)
SECRET_LOOKUPS: Final = Counter(
    "mattermost_migrate_webhook_secret_lookups_total",
    "Reviews whose Secrets were to be looked up, by what came of it",
    ("outcome",),
)
CERTIFICATE_EXPIRY: Final = Gauge(
    "mattermost_migrate_webhook_certificate_expiry_timestamp_seconds",
    "When the serving certificate ends",
)
CERTIFICATE_RELOADS: Final = Counter(
    "mattermost_migrate_webhook_certificate_reloads_total",
    "Changes of the certificate files, by what came of them",
    ("outcome",),
)
CONNECTIONS_DROPPED: Final = Counter(
    "mattermost_migrate_webhook_connections_dropped_total",
    "Connections closed before a request was complete",
    ("reason",),
)
CONVERSIONS: Final = Counter(
    "mattermost_migrate_conversions_total",
    "ClusterInstallations converted, by the version asked for",
    ("version", "outcome"),
)
CONVERSION_SECONDS: Final = Histogram(
    "mattermost_migrate_conversion_review_duration_seconds",
    "From the whole review in memory to the answer, which may hold thousands of objects",
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30),
)
