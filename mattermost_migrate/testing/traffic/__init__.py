"""Real traffic on a local cluster: a process per pod, a proxy before them, and people who chat.

kwok's pods serve nobody. Here a kubelet stand-in (``kubelet``) starts a server (``server``) for
each pod of its node, on a loopback address of its own, and calls it ready when it answers; a proxy
(``proxy``) follows EndpointSlices as kube-proxy does; and ``load`` asks by it, chats, and counts
what went wrong. ``node`` is the kubelet's process, ``site`` starts all of it.

An EndpointSlice may not hold a loopback address, so pods say ``10.x.y.z`` and listen on
``127.x.y.z``.
"""

from __future__ import annotations

from typing import Final

__all__ = ["PORT", "loopback"]

#: Where Mattermost listens in its pod (operator facts 0.5).
PORT: Final = 8065


def loopback(pod_ip: str) -> str:
    """Where the server of a pod with that address listens."""
    return "127." + pod_ip.partition(".")[2]
