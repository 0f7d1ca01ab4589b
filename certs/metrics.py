"""What the keeper of certificates counts. Seconds to expiry are ``… - time()``."""

from __future__ import annotations

import math
from typing import Final

from prometheus_client import Counter, Gauge

from certs.ladder import Seen

__all__ = ["CHANGES", "FAILURES", "show"]

EXPIRY: Final = Gauge(
    "mattermost_migrate_certificate_expiry_timestamp_seconds",
    "When the stored certificate ends; NaN when there is none",
    ("certificate",),
)
TRUSTED: Final = Gauge(
    "mattermost_migrate_certificate_authorities_trusted",
    "CAs in the caBundle: more than one while a rotation is under way",
)
CHANGES: Final = Counter(
    "mattermost_migrate_certificate_changes_total", "What was written, by action", ("action",)
)
FAILURES: Final = Counter(
    "mattermost_migrate_certificate_failures_total",
    "Rounds that failed, and caBundles that could not be written",
)


def show(seen: Seen) -> None:
    """Bring the gauges up to a look."""
    for name, pair in (("ca", seen.keyring.signer), ("leaf", seen.leaf)):
        try:
            ends = pair.parsed.not_valid_after_utc.timestamp() if pair else math.nan
        except ValueError:
            ends = math.nan
        EXPIRY.labels(name).set(ends)
    TRUSTED.set(len(seen.keyring.trusted))
