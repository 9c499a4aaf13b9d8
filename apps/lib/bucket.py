"""A bucket as Django's storage. Imported only where one is configured: its client library is slow to load."""

from __future__ import annotations

from botocore.exceptions import ClientError
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

MISSING = {"NoSuchKey", "NotFound", "404"}


class BucketStorage(S3Storage):
    """Files of one workplace move from key to key inside the bucket: their bytes never come through this process."""

    def move(self, source: str, target: str) -> None:
        """`target` holds what `source` held, from now on and as young as now. Raises FileNotFoundError.

        The copy is whole or not at all (CopyObject, up to 5 GB), and comes before the deletion.
        """
        one, two = (self._normalize_name(clean_name(key)) for key in (source, target))
        try:
            self.bucket.Object(two).copy_from(CopySource={"Bucket": self.bucket_name, "Key": one})
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in MISSING:
                raise FileNotFoundError(source) from error
            raise
        self.delete(source)
