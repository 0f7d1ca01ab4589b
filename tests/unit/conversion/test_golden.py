"""Equal to the operator's own conversion on every recorded case, but for the documented rows."""

import copy
import json
from typing import Any

import pytest

from mattermost_migrate.domain.conversion import ORIGINAL, convert
from mattermost_migrate.domain.conversion.metadata import is_marker
from mattermost_migrate.domain.defaults import default_cluster_installation
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import V1ALPHA1, V1BETA1
from mattermost_migrate.domain.objects import Existing
from mattermost_migrate.testing import golden

CASES = [case for case in golden.cases() if "clusterInstallation" in case.input]
SSL = "MM_FILESETTINGS_AMAZONS3SSL"
BODY_SIZE = "nginx.ingress.kubernetes.io/proxy-body-size"
BUCKET = "MM_FILESETTINGS_AMAZONS3BUCKET"


def stored(case: golden.Case) -> dict[str, Any]:
    """The ClusterInstallation as it was when the operator converted it."""
    ci = case.resource("clusterInstallation")
    if "thenClusterInstallation" in case.input:
        return default_cluster_installation(case.resource("thenClusterInstallation"))
    return {**ci, "spec": case.output.get("defaulted", ci["spec"])}


def adjusted(mattermost: dict[str, Any], ci: dict[str, Any]) -> dict[str, Any]:
    """The operator's Mattermost with the documented differences, written down once more."""
    mattermost = copy.deepcopy(mattermost)
    spec, given, name = mattermost["spec"], ci["spec"], ci["metadata"]["name"]
    minio, database = given.get("minio", {}), given.get("database", {})
    spec.pop("resourceLabels", None)
    if given.get("resourceLabels"):
        spec["resourceLabels"] = given["resourceLabels"]
    if not given.get("useServiceLoadBalancer"):
        spec.pop("serviceAnnotations", None)
    entry = None
    if external := spec["fileStore"].get("external"):
        external["bucket"] = external.get("bucket") or name
        external["secret"] = external.get("secret") or f"{name}-minio"
        entry = {"name": SSL, "value": "false"}
    elif minio.get("externalBucket"):
        entry = {"name": BUCKET, "value": minio["externalBucket"]}
    env = spec.get("mattermostEnv", [])
    if entry and entry["name"] not in [each["name"] for each in env]:
        spec["mattermostEnv"] = [*env, entry]
    if managed := spec["database"].get("operatorManaged"):
        if database.get("replicas", 0) < 0 or database.get("initBucketURL"):
            managed["replicas"] = database.get("replicas", 0)
        if managed.get("replicas") == 0 and not database.get("initBucketURL"):
            del managed["replicas"]
    if (managed := spec["fileStore"].get("operatorManaged")) and minio.get("replicas", 0) < 0:
        managed["replicas"] = minio["replicas"]
    return mattermost


def users_metadata(obj: dict[str, Any]) -> dict[str, Any]:
    metadata = dict(obj["metadata"])
    for group in ("labels", "annotations"):
        kept = {
            key: value
            for key, value in metadata.pop(group, {}).items()
            if key != ORIGINAL and not is_marker(key)
        }
        metadata |= {group: kept} if kept else {}
    return metadata


def reasons(case: golden.Case, ci: dict[str, Any]) -> set[str]:
    """The fields that must be refused, found without the code under test."""
    spec, name, found = ci["spec"], ci["metadata"]["name"], set()
    if "convertible" in case.output and not case.output["convertible"]:
        found.add("operator")
    if not spec.get("useServiceLoadBalancer"):
        for key, value in spec.get("ingressAnnotations", {}).items():
            breaks = "\n" in value or "\r" in value
            if "snippet" in key.lower() or breaks or (key == BODY_SIZE and not value):
                found.add("spec.ingressAnnotations")
    theirs = V1ALPHA1.selector(name) | V1BETA1.selector(name)
    if any(
        theirs.get(key, value) != value for key, value in spec.get("resourceLabels", {}).items()
    ):
        found.add("spec.resourceLabels")
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_equals_the_operators_conversion_but_for_the_documented_rows(case: golden.Case) -> None:
    ci = stored(case)
    try:
        mattermost = convert(ci, Existing.of(case.world)).mattermost
    except RefusedError:
        return  # whether rightly: the next two tests

    expected = adjusted(case.output["mattermost"], ci)

    assert mattermost["spec"] == expected["spec"]
    assert users_metadata(mattermost) == users_metadata(expected)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_cannot_work_is_refused(case: golden.Case) -> None:
    """Neither operator's error, nor a loss that shows in the input, gets past the conversion."""
    ci = stored(case)
    must = reasons(case, ci)
    later = case.error("v1beta1") or ""
    must |= {later} if "CHECK_URL" in later else set()
    if not must:
        return

    with pytest.raises(RefusedError):
        convert(ci, Existing.of(case.world))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_works_under_both_operators_is_not_refused(case: golden.Case) -> None:
    ci = stored(case)
    spec, name = ci["spec"], ci["metadata"]["name"]
    database = case.output.get("mattermost", {}).get("spec", {}).get("database", {})
    under_other_names = {
        spec.get("minio", {}).get("secret") if not spec.get("minio", {}).get("externalURL") else "",
        spec.get("database", {}).get("secret") if "operatorManaged" in database else "",
    } - {None, "", f"{name}-minio", f"{name}-mysql-root-password"}
    if case.output.get("error") or reasons(case, ci) or under_other_names:
        return

    convert(ci, Existing.of(case.world))


def placeless(ci: dict[str, Any], *, external: bool) -> set[str]:
    """Paths that a Mattermost cannot say, and so the only ones that the record may hold."""
    spec = ci["spec"]
    paths = {"spec.blueGreen", "spec.canary", "spec.migrate"}
    paths |= {f"metadata.{group}" for group in ("labels", "annotations", "finalizers")}
    if external:
        paths |= {f"spec.database.{field}" for field in spec["database"] if field != "secret"}
    else:
        paths |= {"spec.database.secret"}
    if spec.get("minio", {}).get("externalURL"):
        paths |= {f"spec.minio.{field}" for field in ("storageSize", "replicas", "resources")}
    paths |= {f"spec.minio.{field}" for field in ("secret", "externalBucket")}
    paths |= set() if spec.get("useServiceLoadBalancer") else {"spec.serviceAnnotations"}
    paths |= {"spec.replicas"} if spec.get("replicas", 0) < -1 else set()
    implied = {key for key in spec.get("resourceLabels", {}) if key in V1BETA1.selector("")}
    return paths | ({"spec.resourceLabels"} if implied else set())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_the_mattermost_says_is_not_recorded_as_well(case: golden.Case) -> None:
    """Else the record would hide a way back that does not work, and overrule later edits."""
    ci = stored(case)
    try:
        mattermost = convert(ci, Existing.of(case.world)).mattermost
    except RefusedError:
        return
    text = mattermost["metadata"].get("annotations", {}).get(ORIGINAL, '{"changes": []}')
    external = "external" in mattermost["spec"]["database"]
    allowed = placeless(ci, external=external)

    recorded = [".".join(change["path"][:3]) for change in json.loads(text)["changes"]]

    assert [path for path in recorded if not covered(path, allowed)] == []
    if spec_secret := ci["spec"].get("minio", {}).get("secret"):
        named = mattermost["spec"]["fileStore"].get("external", {}).get("secret") == spec_secret
        assert not (named and "spec.minio.secret" in recorded)


def covered(path: str, allowed: set[str]) -> bool:
    return any(path == each or path.startswith(f"{each}.") for each in allowed)
