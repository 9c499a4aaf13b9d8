"""Why a render stops: a tree whose leaves say whether trying again can help. The docstring is what a merchant reads."""

from __future__ import annotations

import inspect

from gpu_worker import contract


class WorkerError(Exception):
    """Something went wrong inside the render worker."""

    code = "internal"
    retry = False

    def __init__(self, message: str = "") -> None:
        sentence = inspect.cleandoc(type(self).__doc__ or "").splitlines()[0]
        self.message = message or sentence
        super().__init__(self.message)

    def as_error(self) -> contract.Error:
        """The same thing as it travels in a JobResult."""
        return contract.Error(self.code, self.message, self.retry)


class Retry(WorkerError):
    """The work goes on by itself."""

    retry = True


class Stop(WorkerError):
    """Trying again would not help."""


class OutOfMemory(Retry):
    """The worker ran out of memory; the photo is tried again alone."""

    code = "out_of_memory"


class StorageUnavailable(Retry):
    """The file storage did not answer; the photo is tried again."""

    code = "storage_unavailable"


class StorageFull(StorageUnavailable):
    """The file storage is full; the photo is tried again when there is room."""

    code = "storage_full"


class Internal(Retry):
    """The worker stumbled over something that nobody foresaw; the photo is tried again."""

    code = "internal"


class UnusablePhoto(Stop):
    """This file can't be used as a photo. Upload it as JPEG or PNG."""

    code = "bad_image"


class NotAPhoto(UnusablePhoto):
    """This file is not a picture. Upload the photo as JPEG or PNG."""


class DamagedPhoto(UnusablePhoto):
    """The photo is damaged or incomplete. Upload it again, or export it again from the original."""

    code = "damaged_photo"


class UnsupportedPhoto(UnusablePhoto):
    """This kind of picture is not supported. Export it as JPEG or PNG."""

    code = "unsupported_photo"


class PhotoTooSmall(UnusablePhoto):
    """The photo has too few pixels to show a product. Upload a larger one."""

    code = "too_small"


class TooLarge(Stop):
    """This photo has more pixels or bytes than the worker accepts. Export it smaller."""

    code = "too_large"


class MissingInput(Stop):
    """The photo is no longer in the storage."""

    code = "missing_input"


class CorruptInput(Stop):
    """The stored photo is not the one that was asked for: its checksum differs."""

    code = "corrupt_input"


class BadRecipe(Stop):
    """The recipe says something that the worker does not understand."""

    code = "bad_recipe"


class OutputTooLarge(Stop):
    """The picture does not fit under the byte limit of the recipe, not even at the lowest quality."""

    code = "output_too_large"


class WeightsRefused(Stop):
    """The licence of these model weights does not allow commercial use."""

    code = "weights_refused"


class Cancelled(Stop):
    """The work was cancelled."""

    code = "cancelled"
