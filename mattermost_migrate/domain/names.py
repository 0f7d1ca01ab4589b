"""Every name this project shares with a cluster, spelled once.

Groups, kinds and labels of the operator come from its source (operator facts 0.2, 0.3, 1);
those under ``migration.mattermost.com`` are our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = [
    "ACKNOWLEDGEMENT",
    "ANNOUNCED_ANNOTATION",
    "APP_LABEL",
    "APP_VALUE",
    "BACKUP_LABEL",
    "CLUSTER_INSTALLATION",
    "CONFIG_MAP",
    "CRD",
    "CRON_JOB",
    "DELETION_COST",
    "DEPLOYMENT",
    "DRAINED_ANNOTATION",
    "ENDPOINT_SLICE",
    "EVENT",
    "EVERY_RUNG",
    "FLEET_LABEL",
    "FLEET_MIGRATION",
    "FROZEN_ANNOTATION",
    "HELD_LABEL",
    "HORIZONTAL_POD_AUTOSCALER",
    "INGRESS",
    "INGRESS_CLASS",
    "INJECT_LABEL",
    "INSTALLATION_MIGRATION",
    "JOB",
    "KUBECTL_APPLIED",
    "LAST_APPLIED",
    "LEADER_LEASE",
    "LEASE",
    "LOCK_LABEL",
    "MANAGED_BY",
    "MATTERMOST",
    "MEMBER_ANNOTATION",
    "MIGRATION_ANNOTATION",
    "MINIO_INSTANCE",
    "MYSQL_CLUSTER",
    "NAMED_ANNOTATION",
    "NAMESPACE",
    "NETWORK_POLICY",
    "OPERATOR_LEASE",
    "OWN_GROUP",
    "PERSISTENT_VOLUME_CLAIM",
    "POD",
    "POD_DISRUPTION_BUDGET",
    "RECREATE_ANNOTATION",
    "REPLICA_SET",
    "REQUESTED_ANNOTATION",
    "RETIRED_ANNOTATION",
    "REVISION_ANNOTATION",
    "ROLE",
    "ROLE_BINDING",
    "RUNGS",
    "RUN_ANNOTATION",
    "SECRET",
    "SERVICE",
    "SERVICE_ACCOUNT",
    "SERVICE_NAME_LABEL",
    "SERVING_LABEL",
    "V1ALPHA1",
    "V1BETA1",
    "VERSION_LABEL",
    "Condition",
    "Labels",
    "Lock",
    "Reason",
    "Resource",
    "Strategy",
]


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API server serves it: where its objects live and what they are called."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """``group/version``, or the bare version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The URL path of the collection, or of one object in it."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        middle = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        tail = f"/{name}" if name else ""
        return f"{root}{middle}/{self.plural}{tail}"

    def __str__(self) -> str:
        return self.kind


OWN_GROUP: Final = "migration.mattermost.com"

CLUSTER_INSTALLATION: Final = Resource(
    "mattermost.com", "v1alpha1", "ClusterInstallation", "clusterinstallations"
)
MATTERMOST: Final = Resource("installation.mattermost.com", "v1beta1", "Mattermost", "mattermosts")
INSTALLATION_MIGRATION: Final = Resource(
    OWN_GROUP, "v1alpha1", "InstallationMigration", "installationmigrations"
)
FLEET_MIGRATION: Final = Resource(
    OWN_GROUP, "v1alpha1", "FleetMigration", "fleetmigrations", namespaced=False
)
MYSQL_CLUSTER: Final = Resource("mysql.presslabs.org", "v1alpha1", "MysqlCluster", "mysqlclusters")
MINIO_INSTANCE: Final = Resource(
    "miniocontroller.min.io", "v1beta1", "MinIOInstance", "minioinstances"
)
DEPLOYMENT: Final = Resource("apps", "v1", "Deployment", "deployments")
REPLICA_SET: Final = Resource("apps", "v1", "ReplicaSet", "replicasets")
POD: Final = Resource("", "v1", "Pod", "pods")
SERVICE: Final = Resource("", "v1", "Service", "services")
SERVICE_ACCOUNT: Final = Resource("", "v1", "ServiceAccount", "serviceaccounts")
SECRET: Final = Resource("", "v1", "Secret", "secrets")
CONFIG_MAP: Final = Resource("", "v1", "ConfigMap", "configmaps")
NAMESPACE: Final = Resource("", "v1", "Namespace", "namespaces", namespaced=False)
EVENT: Final = Resource("events.k8s.io", "v1", "Event", "events")
PERSISTENT_VOLUME_CLAIM: Final = Resource(
    "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"
)
INGRESS: Final = Resource("networking.k8s.io", "v1", "Ingress", "ingresses")
INGRESS_CLASS: Final = Resource(
    "networking.k8s.io", "v1", "IngressClass", "ingressclasses", namespaced=False
)
ROLE: Final = Resource("rbac.authorization.k8s.io", "v1", "Role", "roles")
ROLE_BINDING: Final = Resource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")
CRON_JOB: Final = Resource("batch", "v1", "CronJob", "cronjobs")
NETWORK_POLICY: Final = Resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
POD_DISRUPTION_BUDGET: Final = Resource(
    "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"
)
HORIZONTAL_POD_AUTOSCALER: Final = Resource(
    "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"
)
JOB: Final = Resource("batch", "v1", "Job", "jobs")
LEASE: Final = Resource("coordination.k8s.io", "v1", "Lease", "leases")
ENDPOINT_SLICE: Final = Resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
CRD: Final = Resource(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    namespaced=False,
)

APP_LABEL: Final = "app"
APP_VALUE: Final = "mattermost"
#: On an EndpointSlice: the Service it belongs to.
SERVICE_NAME_LABEL: Final = "kubernetes.io/service-name"
#: On a Deployment and its ReplicaSets: which revision. Kubernetes' own controller writes it.
REVISION_ANNOTATION: Final = "deployment.kubernetes.io/revision"
#: The Lease by which the Go operator elects its leader (operator facts 0.1).
OPERATOR_LEASE: Final = "b78a986e.mattermost.com"
#: Where the operator keeps the object as it last wrote it (operator facts 0.4).
LAST_APPLIED: Final = "mattermost.com/last-applied"
#: Where ``kubectl apply`` keeps what it was given.
KUBECTL_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
#: How a refusal of the operator to migrate begins; on a frozen ClusterInstallation it is the proof
#: that the operator has seen the freeze (operator facts 5.1, row 1).
ACKNOWLEDGEMENT: Final = "Migration to Mattermost cannot be performed safely"

#: On an InstallationMigration: the FleetMigration that made it.
FLEET_LABEL: Final = f"{OWN_GROUP}/fleet"
#: On an InstallationMigration: what its fleet knows it by (``domain.membership``).
MEMBER_ANNOTATION: Final = f"{OWN_GROUP}/member"
#: On an InstallationMigration: it holds the edit lock; the value is a ``Lock``.
LOCK_LABEL: Final = f"{OWN_GROUP}/lock"
#: On the Secret with the originals: the installation they belong to.
BACKUP_LABEL: Final = f"{OWN_GROUP}/backup"
#: On pods, and on the Service that selects by it, while Recreate replaces them: this pod may be
#: sent requests. On an EndpointSlice it is a copy of the Service's.
SERVING_LABEL: Final = f"{OWN_GROUP}/serving"
#: On the Service before Recreate has it select by that label, and as long as it does: in which
#: direction.
ANNOUNCED_ANNOTATION: Final = f"{OWN_GROUP}/announced"
#: On a pod that left the Service for good: since when no EndpointSlice names it.
DRAINED_ANNOTATION: Final = f"{OWN_GROUP}/drained"
#: On a pod that was named to the Service: in which direction (``domain.serving``).
NAMED_ANNOTATION: Final = f"{OWN_GROUP}/named"
#: Kubernetes' own: of pods alike, a ReplicaSet removes the one that costs least.
DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
#: On the template of a ReplicaSet without pods that is just like the one with new pods: no
#: Deployment takes it for its current one.
RETIRED_ANNOTATION: Final = f"{OWN_GROUP}/retired"
#: On what was created and has yet to be let go (``domain.holding``): what holds it.
HELD_LABEL: Final = f"{OWN_GROUP}/held"
#: On a custom resource that is frozen: in which direction (``domain.freeze``).
FROZEN_ANNOTATION: Final = f"{OWN_GROUP}/frozen"
#: On an InstallationMigration that holds the lock: it was begun with strategy Recreate, and with
#: how many pods.
RECREATE_ANNOTATION: Final = f"{OWN_GROUP}/recreate"
#: On the InstallationMigration while it is locked, and on its backup: which run saved it.
RUN_ANNOTATION: Final = f"{OWN_GROUP}/run"
#: On what a migration created: the UID of that InstallationMigration.
MIGRATION_ANNOTATION: Final = f"{OWN_GROUP}/migration"
#: On a ClusterInstallation: somebody set ``migrate: true``, and the webhook took it out again.
REQUESTED_ANNOTATION: Final = f"{OWN_GROUP}/requested"
#: On a CRD that is not ours, and that we convert: it carries a caBundle for us.
INJECT_LABEL: Final = f"{OWN_GROUP}/inject-ca-bundle"
#: The Lease that the leading controller holds.
LEADER_LEASE: Final = "mattermost-migrate-controller"
#: On that Lease: the version of whoever holds it.
VERSION_LABEL: Final = "app.kubernetes.io/version"
#: Field manager, and the value of ``app.kubernetes.io/managed-by``.
MANAGED_BY: Final = "mattermost-migrate"


@dataclass(frozen=True, slots=True)
class Labels:
    """The two label keys by which one kind of installation marks what is its own."""

    installation: str
    resource: str

    def of(self, name: str) -> dict[str, str]:
        """The kind's own two labels for an installation of that name."""
        return {self.installation: name, self.resource: name}

    def selector(self, name: str) -> dict[str, str]:
        """The labels that the kind's Deployment and Service select by (operator facts 0.3)."""
        return {APP_LABEL: APP_VALUE, **self.of(name)}


V1ALPHA1: Final = Labels("v1alpha1.mattermost.com/installation", "v1alpha1.mattermost.com/resource")
V1BETA1: Final = Labels(
    "installation.mattermost.com/installation", "installation.mattermost.com/resource"
)


class Lock(StrEnum):
    """How far an edit lock goes.

    FROZEN: nobody but our controller writes. HANDOVER: the operator may take the children over.
    """

    FROZEN = "frozen"
    HANDOVER = "handover"


class Strategy(StrEnum):
    """How the other kind comes to its pods: it takes those that run, or new ones replace them."""

    ADOPT = "Adopt"
    RECREATE = "Recreate"


class Condition(StrEnum):
    """Condition types: the rungs of the ladders in their order, then the summaries."""

    VALIDATED = "Validated"
    ORIGINALS_SAVED = "OriginalsSaved"
    SOURCE_FROZEN = "SourceFrozen"
    SERVICE_MOVED = "ServiceMoved"
    DEPLOYMENT_RELEASED = "DeploymentReleased"
    PODS_LABELLED = "PodsLabelled"
    PODS_SEEN = "PodsSeen"
    DEPLOYMENT_ADOPTED = "DeploymentAdopted"
    SERVICE_HELD = "ServiceHeld"
    DEPLOYMENT_CREATED = "DeploymentCreated"
    PODS_REPLACED = "PodsReplaced"
    SERVICE_SWITCHED = "ServiceSwitched"
    TARGET_CREATED = "TargetCreated"
    TARGET_STABLE = "TargetStable"
    CHILDREN_TRANSFERRED = "ChildrenTransferred"
    PODS_STRIPPED = "PodsStripped"
    SOURCE_REMOVED = "SourceRemoved"
    UNLOCKED = "Unlocked"
    SUCCEEDED = "Succeeded"
    TARGETS_SELECTED = "TargetsSelected"
    AWAITING_APPROVAL = "AwaitingApproval"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    UNPINNED = "Unpinned"
    FINALIZED = "Finalized"


_ONLY: Final = {
    Strategy.ADOPT: {Condition.SERVICE_MOVED, Condition.DEPLOYMENT_ADOPTED},
    Strategy.RECREATE: {
        Condition.SERVICE_HELD,
        Condition.DEPLOYMENT_CREATED,
        Condition.PODS_REPLACED,
        Condition.SERVICE_SWITCHED,
    },
}
#: The rungs of all ladders in their order; what comes after them is summaries.
EVERY_RUNG: Final = tuple(Condition)[: tuple(Condition).index(Condition.SUCCEEDED)]
#: The rungs of each strategy's ladder in their order.
RUNGS: Final = {
    strategy: tuple(
        condition
        for condition in EVERY_RUNG
        if all(condition not in others for it, others in _ONLY.items() if it is not strategy)
    )
    for strategy in Strategy
}


class Reason(StrEnum):
    """Reasons in conditions and events; the message beside one is for the person."""

    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"
    ROLLING_BACK = "RollingBack"
    ROLLBACK_FAILED = "RollbackFailed"
    PROGRESSING = "Progressing"
    WAITING = "Waiting"
    NOT_CONVERTIBLE = "NotConvertible"
    BLUE_GREEN_ENABLED = "BlueGreenEnabled"
    CANARY_ENABLED = "CanaryEnabled"
    NAME_TAKEN = "NameTaken"
    NO_SOURCE = "NoSource"
    SOURCE_DELETED = "SourceDeleted"
    DEPLOYMENT_NOT_OWNED = "DeploymentNotOwned"
    NO_DEPLOYMENT = "NoDeployment"
    NO_READY_PODS = "NoReadyPods"
    SECRET_MISSING = "SecretMissing"  # noqa: S105 - a reason, not a password
    SECRET_MALFORMED = "SecretMalformed"  # noqa: S105 - a reason, not a password
    OPERATOR_ERROR = "OperatorError"
    OPERATOR_SILENT = "OperatorSilent"
    FINALIZED = "Finalized"
    NO_PLACE = "NoPlace"
    NOT_PINNABLE = "NotPinnable"
    NOT_ROLLED_OUT = "NotRolledOut"
    NOT_UNPINNABLE = "NotUnpinnable"
    REJECTED = "Rejected"
    PAUSED = "Paused"
    NOTHING_SELECTED = "NothingSelected"
    MEMBERS_FAILED = "MembersFailed"
    MEMBERS_SKIPPED = "MembersSkipped"
    MEMBERS_HELD = "MembersHeld"
    ALREADY_RUNNING = "AlreadyRunning"
    IN_ANOTHER_FLEET = "InAnotherFleet"
    LEFT_FLEET = "LeftFleet"
    EDITED = "Edited"
    INVALID_SPEC = "InvalidSpec"
    SOAKING = "Soaking"
    AWAITING_APPROVAL = "AwaitingApproval"
    OUTSIDE_WINDOW = "OutsideMaintenanceWindow"
    FAILURE_BUDGET_SPENT = "FailureBudgetSpent"
    RUN_DEADLINE_EXCEEDED = "RunDeadlineExceeded"
    FORBIDDEN = "Forbidden"
    UNAVAILABLE = "Unavailable"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    INTERNAL_ERROR = "InternalError"
