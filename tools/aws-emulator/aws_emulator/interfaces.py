"""What a test may ask of an interface beyond EC2's own calls: that AWS manages it, that reads of it lag or miss it.

Marks are kept on moto's own objects, so they end with them. For the lag, the groups and tags that an interface had
are noted when they change; `as_seen` gives the interfaces as a reader sees them now.
"""

import copy
import time
from collections.abc import Iterable
from typing import Any

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.elastic_network_interfaces import NetworkInterface

from .corrections.registry import wrap

KEPT_SECONDS = 600
"""How long an old state is remembered; a longer lag shows the oldest state that is."""


def mark(
    id: str,
    interfaceType: str | None = None,
    managed: str | None = None,
    requesterManaged: bool | None = None,
    unseen: bool | None = None,
) -> bool:
    """Sets what is given on the interface, in whatever account and region it lies. False: there is no such interface.

    `managed` is the principal that manages it (`eks.amazonaws.com`); an empty string takes the mark away. `unseen`:
    DescribeNetworkInterfaces doesn't show it yet.
    """
    interface = find(id)
    if interface is None:
        return False
    if interfaceType is not None:
        interface.interface_type = interfaceType
    if requesterManaged is not None:
        interface.requester_managed = requesterManaged
    if unseen is not None:
        interface.unseen = unseen
    if managed is not None:
        interface.operator = {"Managed": bool(managed), "Principal": managed or None, "HiddenByDefault": bool(managed)}
    return True


def find(id: str) -> NetworkInterface | None:
    for account in list(ec2_backends.values()):
        for backend in list(account.values()):
            if id in backend.enis:
                return backend.enis[id]
    return None


class Lag:
    """How far behind reads are, for all accounts or for one."""

    def __init__(self) -> None:
        self.everywhere = 0.0
        self.by_account: dict[str, float] = {}

    def set(self, seconds: float, account: str | None) -> None:
        if account is None:
            self.everywhere, self.by_account = seconds, {}
        else:
            self.by_account[account] = seconds

    def of(self, account: str) -> float:
        return self.by_account.get(account, self.everywhere)


lag = Lag()


class Earlier(NetworkInterface):
    """An interface with the groups and tags of an earlier moment; everything else is of now."""

    group_set = property(lambda self: self.earlier_groups)

    def get_tags(self) -> list[dict[str, str]]:
        return self.earlier_tags


# moto's serializer finds NetworkInterfaceId by the name of the class.
Earlier.__name__ = NetworkInterface.__name__


def as_seen(interfaces: Iterable[Any]) -> list[Any]:
    """Each interface as DescribeNetworkInterfaces shows it, if it does: of now, or of `lag` ago."""
    now = time.monotonic()
    return [
        seen_at(interface, now - behind) if (behind := lag.of(interface.owner_id)) else interface
        for interface in interfaces
        if is_seen(interface)
    ]


def is_seen(interface: Any) -> bool:
    return not getattr(interface, "unseen", False)


def seen_at(interface: Any, moment: float) -> Any:
    # The first change after that moment ended the state that was true at it.
    for changed, groups, tags in getattr(interface, "past", []):
        if changed > moment:
            earlier = copy.copy(interface)
            earlier.__class__ = Earlier
            earlier.earlier_groups, earlier.earlier_tags = groups, tags
            return earlier
    return interface


def note(interface: Any) -> None:
    """Remembers the present groups and tags, which are about to change."""
    now = time.monotonic()
    past = [entry for entry in getattr(interface, "past", []) if entry[0] > now - KEPT_SECONDS]
    past.append((now, list(interface.group_set), interface.get_tags()))
    interface.past = past


def watch_changes() -> None:
    """Notes the state of an interface before each call that can change it."""

    @wrap(EC2Backend, "modify_network_interface_attribute")
    def modify(old: Any, self: Any, eni_id: str, *args: Any, **kwargs: Any) -> Any:
        note_all(self, [eni_id])
        return old(self, eni_id, *args, **kwargs)

    @wrap(EC2Backend, "create_tags")
    def create_tags(old: Any, self: Any, resource_ids: list[str], tags: Any) -> Any:
        note_all(self, resource_ids)
        return old(self, resource_ids, tags)

    @wrap(EC2Backend, "delete_tags")
    def delete_tags(old: Any, self: Any, resource_ids: list[str], tags: Any) -> Any:
        note_all(self, resource_ids)
        return old(self, resource_ids, tags)


def note_all(backend: Any, ids: list[str]) -> None:
    for id in ids:
        if id in backend.enis:
            note(backend.enis[id])
