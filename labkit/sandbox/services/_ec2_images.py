"""AWS's own machine images: there for everybody, part of nobody's account.

moto makes some 1,300 images, each with a snapshot, for every account and Region. They were nine tenths of a
container lab's state, and that was copied for each check. Here they are made once for a process, at the first look,
with dice of their own. A copy of the account names them only, so that looking at them is no change. An image's creation
date is the one in its name; where no date is in it, 1 January 2024.

Sources:
- https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharing-amis.html
- https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html (AuthFailure: "trying to use an AMI for
  which you do not have permissions")
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NoReturn

from labkit.sandbox.hooks import hook

_DATE: Final = re.compile(r"(20\d\d)[.-]?([01]\d)[.-]?([0-3]\d)")
_UNDATED: Final = datetime(2024, 1, 1)


class Offered(dict[str, Any]):
    """The account's own images or snapshots by id, and behind them those that AWS offers."""

    def __init__(self, kind: str, account: str, region: str) -> None:
        super().__init__()
        self._whose = kind, account, region

    @property
    def by_aws(self) -> dict[str, Any]:
        """AWS's own, by id."""
        kind, account, region = self._whose
        return _offers(account, region)[kind]

    def __missing__(self, name: str) -> Any:
        return self.by_aws[name]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.by_aws

    def __iter__(self) -> Iterator[str]:
        yield from self.by_aws
        yield from super().__iter__()

    def __len__(self) -> int:
        return super().__len__() + len(self.by_aws)

    def get(self, name: str, default: Any = None) -> Any:
        """One by id."""
        own = super().get(name)
        return own if own is not None else self.by_aws.get(name, default)

    def copy(self) -> dict[str, Any]:
        """All in one plain dict."""
        return {**self.by_aws, **dict(super().items())}

    def keys(self) -> Any:
        """All ids."""
        return self.copy().keys()

    def values(self) -> Any:
        """AWS's first, as moto has them."""
        return self.copy().values()

    def items(self) -> Any:
        """All with their ids."""
        return self.copy().items()

    def __reduce__(self) -> tuple[Any, ...]:
        """The account's own are its state. AWS's are not: looking at them is no change."""
        return Offered, self._whose, None, None, iter(dict.items(self))


class _Publisher:
    """Stands in for a backend while AWS's images are made, and for whichever is the account's afterwards."""

    def __init__(self, account: str, region: str) -> None:
        self.account_id, self.region_name = account, region
        self.amis: dict[str, Any] = {}
        self.snapshots: dict[str, Any] = {}
        self._volume: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _publisher, (self.account_id, self.region_name)

    def create_volume(self, size: int, **_: Any) -> Any:
        """A disk for the next snapshot to be of."""
        from moto.ec2.models.elastic_block_store import Volume
        from moto.ec2.utils import random_volume_id

        self._volume = Volume(self, volume_id=random_volume_id(), size=size, zone=None)
        return self._volume

    def create_snapshot(self, _: str, description: str, owner_id: str, from_ami: str) -> Any:
        """The snapshot that an image is made of."""
        from moto.ec2.models.elastic_block_store import Snapshot
        from moto.ec2.utils import random_snapshot_id

        made = Snapshot(
            self, random_snapshot_id(), self._volume, description, owner_id=owner_id, from_ami=from_ami
        )
        self.snapshots[made.id] = made
        return made

    def delete_volume(self, _: str) -> None:
        """It was never in anybody's account."""

    def __getattr__(self, name: str) -> Any:
        from moto.ec2.models import ec2_backends

        return getattr(ec2_backends[self.account_id][self.region_name], name)


@functools.cache
def _publisher(account: str, region: str) -> _Publisher:
    return _Publisher(account, region)


@functools.cache
def _offers(account: str, region: str) -> dict[str, dict[str, Any]]:
    """AWS's images and snapshots in a Region. The same for each account of a process, with the same ids."""
    from moto.ec2.models.amis import AmiBackend
    from moto.moto_api._internal import mock_random

    publisher, dice = _publisher(account, region), mock_random.getstate()
    load = getattr(AmiBackend._load_amis, "__wrapped__", AmiBackend._load_amis)
    mock_random.seed(f"images of {region}")
    try:
        load(publisher)
    finally:
        mock_random.setstate(dice)
    for image in publisher.amis.values():
        image.creation_date = image.ebs_snapshot.start_time = _dated(image.name)
    return {"image": publisher.amis, "snapshot": publisher.snapshots}


def _dated(name: str) -> datetime:
    found = _DATE.search(name)
    try:
        return datetime(int(found[1]), int(found[2]), int(found[3])) if found else _UNDATED
    except ValueError:
        return _UNDATED


@hook("moto.ec2.models.amis:AmiBackend._load_amis")
def load_amis(_: Any, self: Any) -> None:
    """An account begins: AWS's images are there as soon as somebody asks for one."""
    self.amis = Offered("image", self.account_id, self.region_name)
    self.snapshots = Offered("snapshot", self.account_id, self.region_name)


# -- only the owner changes an image -------------------------------------------------------------------


def _only_own(original: Any, self: Any, *args: Any, **more: Any) -> Any:
    name = args[0] if args else more.get("ami_id") or more.get("snapshot_id")
    if name in self.amis.by_aws:
        _refuse(f"image:{name}")
    if name in self.snapshots.by_aws:
        _refuse(f"snapshot:{name}")
    return original(self, *args, **more)


def _refuse(what: str) -> NoReturn:
    from moto.ec2.exceptions import EC2ClientError

    raise EC2ClientError("AuthFailure", f"Not authorized for {what}")


for _change in ("deregister_image", "modify_image_attribute", "disable_image", "enable_image"):
    hook(f"moto.ec2.models.amis:AmiBackend.{_change}")(_only_own)
for _change in (
    "delete_snapshot",
    "modify_snapshot_tier",
    "restore_snapshot_tier",
    "add_create_volume_permission",
    "remove_create_volume_permission",
):
    hook(f"moto.ec2.models.elastic_block_store:EBSBackend.{_change}")(_only_own)
