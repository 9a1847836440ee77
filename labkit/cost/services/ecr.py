"""ECR: storage of images in private repositories, in GB-months: https://aws.amazon.com/ecr/pricing/"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from labkit.cost.usage import HOURS_IN_A_MONTH, moment

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage

LEAVES_OUT: Final = (
    "ecr: data transfer, images that were deleted meanwhile, and layers that images share (each image counts whole).",
)
GB: Final = 1024**3


def usage(period: Period) -> Iterator[Usage]:
    """The images of each repository for the time they were there."""
    for _region, store in period.stores("ecr", "ecr_backends"):
        for repository in list(store.repositories.values()):
            for image in list(repository.images):
                begin, size = moment(image.image_pushed_at), image.get_image_size_in_bytes() or 0
                if begin is None or not size:
                    continue
                one = period.span(
                    "ecr", "gb_months", size / GB / HOURS_IN_A_MONTH, repository.arn, begin, None
                )
                if one is not None:
                    yield one
