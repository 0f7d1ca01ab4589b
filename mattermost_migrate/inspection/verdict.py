"""What an inspection says: a state, and one finding for each object that is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of

__all__ = ["Finding", "Flaw", "State", "Verdict"]


class State(StrEnum):
    """What an installation is."""

    WHOLE_AS_CLUSTER_INSTALLATION = "WholeAsClusterInstallation"
    WHOLE_AS_MATTERMOST = "WholeAsMattermost"
    UNDER_WAY = "UnderWay"
    BROKEN = "Broken"


class Flaw(StrEnum):
    """What can be wrong with an object, in a word for machines."""

    MISSING = "Missing"
    TWO_KINDS = "TwoKinds"
    BEING_DELETED = "BeingDeleted"
    FREEZE_LEFT = "FreezeLeft"
    HELD_LEFT = "HeldLeft"
    LOCK_LEFT = "LockLeft"
    LABELS_LEFT = "LabelsLeft"
    STALLED = "Stalled"
    NOT_STABLE = "NotStable"
    REPORTED_OTHERWISE = "ReportedOtherwise"
    NO_OWNER = "NoOwner"
    TWO_OWNERS = "TwoOwners"
    OTHER_OWNER = "OtherOwner"
    OWNER_UNKNOWN = "OwnerDoesNotExist"
    OTHER_SELECTOR = "OtherSelector"
    TOO_FEW_READY = "TooFewReady"
    NOT_SELECTED = "NotSelected"
    NOT_SERVED = "NotServed"
    BACKUP_MISSING = "BackupMissing"
    BACKUP_CHANGED = "BackupChanged"


@dataclass(frozen=True, slots=True)
class Finding:
    """One object that is not as it should be.

    Attributes:
        kind, namespace, name: which object.
        flaw: what is wrong, for machines.
        message: the same for people, with what was seen.
        next_command: what to run next, to see more or to set it right.
    """

    kind: str
    namespace: str
    name: str
    flaw: Flaw
    message: str
    next_command: str

    @classmethod
    def of(cls, obj: JsonObject, flaw: Flaw, message: str, next_command: str = "") -> Finding:
        """About an object that was seen; without a command, the one that shows it."""
        kind, namespace, name = str(obj["kind"]), namespace_of(obj), name_of(obj)
        shown = f"kubectl -n {namespace} get {full_name(obj)} {name} -o yaml"
        return cls(kind, namespace, name, flaw, message, next_command or shown)

    @property
    def where(self) -> str:
        """The object in a line, such as ``Service acme/chat``."""
        return f"{self.kind} {self.namespace}/{self.name}"

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON and YAML."""
        return {
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "reason": str(self.flaw),
            "message": self.message,
            "nextCommand": self.next_command,
        }


def full_name(obj: JsonObject) -> str:
    """The kind as kubectl tells it from others of that name: in lower case, with its group."""
    group, _, _ = str(obj.get("apiVersion") or "").rpartition("/")
    kind = str(obj["kind"]).lower()
    return f"{kind}.{group}" if "." in group and not group.endswith("k8s.io") else kind


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an installation is, and why it is not whole.

    Attributes:
        namespace, name: the installation.
        state: what it is; Broken exactly when there are findings.
        findings: in the order in which a person should look at them.
    """

    namespace: str
    name: str
    state: State
    findings: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        told = "; ".join(map(str, self.findings))
        return f"{self.namespace}/{self.name} is {self.state}{': ' if told else ''}{told}"
