"""AWS's own machine images: everybody may look at them and launch them, nobody may change them."""

from __future__ import annotations

import pickle
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from labkit.sandbox.services._ec2_images import Offered


@pytest.fixture
def ec2(sandbox: Sandbox) -> Any:
    return boto3.client("ec2")


def newest(ec2: Any) -> dict[str, Any]:
    """An image for containers."""
    found = ec2.describe_images(
        Owners=["amazon"], Filters=[{"Name": "name", "Values": ["amzn2-ami-ecs-hvm-2.0.*"]}]
    )["Images"]
    return max(found, key=lambda one: str(one["CreationDate"]))


def test_looking_at_them_is_no_change_and_no_second_look_differs(sandbox: Sandbox, ec2: Any) -> None:
    ec2.describe_vpcs()
    before, dice = sandbox.digest(), sandbox._dice()
    first = ec2.describe_images(Owners=["amazon"])["Images"]
    snapshots = ec2.describe_snapshots()["Snapshots"]
    assert sandbox.digest() == before
    assert sandbox._dice()[0] == dice[0]
    assert len(first) == len(snapshots) > 1_000
    sandbox.reset()
    assert ec2.describe_images(Owners=["amazon"])["Images"] == first


def test_an_image_has_the_date_in_its_name_and_one_that_names_it_gets_it(ec2: Any) -> None:
    image = newest(ec2)
    assert image["CreationDate"][:10].replace("-", "") in image["Name"]
    assert ec2.describe_images(ImageIds=[image["ImageId"]])["Images"] == [image]
    with pytest.raises(ClientError, match="InvalidAMIID.NotFound"):
        ec2.describe_images(ImageIds=["ami-0123456789abcdef0"])


def test_an_instance_is_what_its_image_says(ec2: Any) -> None:
    image = newest(ec2)
    launched = ec2.run_instances(ImageId=image["ImageId"], MinCount=1, MaxCount=1, InstanceType="m5.large")[
        "Instances"
    ][0]
    assert (launched["Architecture"], launched["RootDeviceName"]) == (
        image["Architecture"],
        image["RootDeviceName"],
    )


def test_the_accounts_own_image_stands_beside_them_and_goes_with_a_snapshot(
    sandbox: Sandbox, ec2: Any
) -> None:
    empty = sandbox.snapshot()
    image = newest(ec2)["ImageId"]
    machine = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    own = ec2.create_image(InstanceId=machine, Name="ours")["ImageId"]
    kept = sandbox.snapshot()
    assert [one["ImageId"] for one in ec2.describe_images(Owners=["self"])["Images"]] == [own]
    sandbox.restore(empty)
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    sandbox.restore(kept)
    assert ec2.describe_images(ImageIds=[own])["Images"][0]["Name"] == "ours"
    ec2.create_tags(Resources=[image], Tags=[{"Key": "checked", "Value": "yes"}])
    assert ec2.describe_images(ImageIds=[image])["Images"][0]["Tags"] == [{"Key": "checked", "Value": "yes"}]
    sandbox.restore(empty)
    assert not ec2.describe_images(ImageIds=[image])["Images"][0].get("Tags")
    sandbox.restore(kept)
    ec2.deregister_image(ImageId=own)
    assert ec2.describe_images(Owners=["self"])["Images"] == []


def test_only_the_owner_changes_an_image_or_its_snapshot(ec2: Any) -> None:
    image = newest(ec2)
    snapshot = image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    for refused in (
        lambda: ec2.deregister_image(ImageId=image["ImageId"]),
        lambda: ec2.disable_image(ImageId=image["ImageId"]),
        lambda: ec2.modify_image_attribute(
            ImageId=image["ImageId"], LaunchPermission={"Add": [{"UserId": "111122223333"}]}
        ),
        lambda: ec2.delete_snapshot(SnapshotId=snapshot),
        lambda: ec2.modify_snapshot_tier(SnapshotId=snapshot, StorageTier="archive"),
    ):
        with pytest.raises(ClientError, match="Not authorized for (image|snapshot)") as told:
            refused()
        assert told.value.response["Error"]["Code"] == "AuthFailure"
    assert ec2.describe_images(ImageIds=[image["ImageId"]])["Images"] == [image]


def test_all_ways_to_ask_agree(ec2: Any) -> None:
    ec2.describe_vpcs()
    offered = Offered("image", "123456789012", "eu-west-1")
    offered["ami-1"] = "mine"
    some = next(iter(offered))
    assert [*offered] == [*offered.keys()] == [name for name, _ in offered.items()]
    assert len(offered) == len(offered.values()) == len(offered.copy())
    assert offered[some] is offered.get(some) is offered.by_aws[some]
    assert some in offered
    assert "ami-1" in offered
    assert "ami-2" not in offered
    assert offered["ami-1"] == offered.get("ami-1") == "mine"
    assert offered.get("ami-2") is None
    assert offered.get("ami-2", 0) == 0
    with pytest.raises(KeyError):
        offered["ami-2"]
    again = pickle.loads(pickle.dumps(offered))
    assert [*again] == [*offered]
    assert len(pickle.dumps(offered)) < 500
    assert offered.pop("ami-1") == "mine"
    assert "ami-1" not in offered
