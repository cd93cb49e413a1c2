"""What EKS does with a Pod Identity association: it assumes the role for the pod, with six tags that are transitive, and
gives the session away as the agent on the node does. AWS has no call that a test could make for it.

Source: "How EKS Pod Identity works", "Grant Pods access to AWS resources based on tags", "Create IAM role with trust
policy required by EKS Pod Identity" (Amazon EKS User Guide).
"""

import itertools
from typing import Any

from moto.core.utils import iso_8601_datetime_without_milliseconds
from moto.sts.models import sts_backends

from .callers import keys_of_tags
from .corrections.assume_role import lets_in, tag
from .policies import Principal

SERVICE = Principal(service="pods.eks.amazonaws.com")
SECONDS = 6 * 3600
numbers = itertools.count(1)
associations: dict[str, dict[str, str]] = {}


def associate(roleArn: str, clusterArn: str, namespace: str, serviceAccount: str) -> str:
    """The id of a new association, by which `credentials` are given."""
    if roleArn.split(":")[4] != clusterArn.split(":")[4]:
        raise ValueError("the role of an association is of the cluster's account")
    id = f"a-{next(numbers)}"
    associations[id] = {
        "role": roleArn,
        "cluster": clusterArn,
        "namespace": namespace,
        "service-account": serviceAccount,
    }
    return id


def credentials(id: str) -> dict[str, Any]:
    """A new session of the association's role. PermissionError: the role doesn't let EKS in for that pod."""
    one = associations[id]
    role, cluster, name = one["role"], one["cluster"], one["cluster"].rpartition("/")[2]
    _, partition, _, region, account, _ = cluster.split(":", 5)
    pod = f"{one['service-account']}-{id}"
    tags = {
        "eks-cluster-arn": cluster,
        "eks-cluster-name": name,
        "kubernetes-namespace": one["namespace"],
        "kubernetes-service-account": one["service-account"],
        "kubernetes-pod-name": pod,
        "kubernetes-pod-uid": f"00000000-0000-4000-8000-{id.removeprefix('a-').zfill(12)}",
    }
    transitive = frozenset(tags)
    keys = {"aws:sourceaccount": [account], "aws:sourcearn": [cluster]} | keys_of_tags(tags, transitive)
    for action in ("sts:AssumeRole", "sts:TagSession"):
        if not lets_in(role, SERVICE, action, keys):
            raise PermissionError(f"{SERVICE.service} is not authorized to perform: {action} on resource: {role}")
    session = sts_backends[account][partition].assume_role(region, f"eks-{name}-{pod}"[:64], role, "", SECONDS, "")
    tag(session, tags, transitive)
    return {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "Token": session.session_token,
        "AccountId": account,
        "Expiration": iso_8601_datetime_without_milliseconds(session.expiration),
    }
