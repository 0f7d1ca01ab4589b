"""Runs a pod of the cluster on this machine, exactly as its spec says.

kwok makes pods ready and runs nothing in them. Here one container of a pod template becomes a
process in namespaces of its own (``container``): its command, arguments, environment and user, its
volumes at their paths, a read-only root, and the ServiceAccount's token, CA and namespace where a
kubelet puts them.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from mattermost_migrate.domain.names import SECRET
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.testing.cluster import Cluster, Process
from mattermost_migrate.testing.container import Container, Mount, command_line
from mattermost_migrate.testing.image import Image

__all__ = ["run_pod"]

_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"


def run_pod(cluster: Cluster, image: Image, template: JsonObject, namespace: str) -> Process:
    """Start the one container of a pod template; it ends with the cluster.

    A Secret that a volume names is waited for, as a kubelet does.

    Raises:
        TimeoutError: it does not come.
    """
    spec = template["spec"]
    (container,) = spec["containers"]
    folder = cluster.folder / "pods" / container["name"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if container["securityContext"].get("readOnlyRootFilesystem") is not True:
        raise ValueError(f"container {container['name']}: its root must be read-only to run here")
    told = Container(
        command=[*container["command"], *container.get("args", ())],
        environment={
            **image.environment,
            **_environment(cluster, container, namespace),
        },
        mounts=(
            *image.mounts,
            *_account(cluster, spec, namespace, folder / "account"),
            *_volumes(cluster, spec, container, namespace, folder),
        ),
        user=spec["securityContext"]["runAsUser"],
    )
    return cluster.run(container["name"], command_line(told))


def _environment(cluster: Cluster, container: JsonObject, namespace: str) -> Mapping[str, str]:
    server = urlsplit(cluster.server)
    fields = {"metadata.namespace": namespace, "metadata.name": f"{container['name']}-0"}
    given = {
        variable["name"]: variable["value"]
        if "value" in variable
        else fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
        for variable in container.get("env", ())
    }
    return {
        "HOSTNAME": f"{container['name']}-0",
        "KUBERNETES_SERVICE_HOST": str(server.hostname),
        "KUBERNETES_SERVICE_PORT": str(server.port),
        **given,
    }


def _account(cluster: Cluster, spec: JsonObject, namespace: str, folder: Path) -> Iterator[Mount]:
    if spec.get("automountServiceAccountToken") is False:
        return
    authority = cluster.admin.credentials.authority
    if authority is None:
        raise ValueError("this cluster has no CA of its own to give to a pod")
    folder.mkdir()
    (folder / "token").write_text(cluster.token(namespace, spec["serviceAccountName"]))
    (folder / "namespace").write_text(namespace)
    shutil.copy(authority, folder / "ca.crt")
    yield Mount(folder, _ACCOUNT)


def _volumes(
    cluster: Cluster, spec: JsonObject, container: JsonObject, namespace: str, folder: Path
) -> Iterator[Mount]:
    volumes: dict[str, Any] = {volume["name"]: volume for volume in spec.get("volumes", ())}
    for mount in container.get("volumeMounts", ()):
        volume, path = volumes[mount["name"]], mount["mountPath"]
        if "emptyDir" in volume:
            yield Mount(None, path, writable=True)
        else:
            name = volume["secret"]["secretName"]
            secret = cluster.admin.until(SECRET, namespace, name, lambda held: bool(held["data"]))
            yield Mount(_files(secret["data"], folder / mount["name"]), path)


def _files(data: Mapping[str, str], folder: Path) -> Path:
    """Files as a kubelet lays them: links to a folder that is swapped as a whole."""
    (folder / "..1").mkdir(parents=True)
    (folder / "..data").symlink_to("..1")
    for name, content in data.items():
        (folder / "..1" / name).write_bytes(base64.b64decode(content))
        (folder / name).symlink_to(f"..data/{name}")
    return folder
