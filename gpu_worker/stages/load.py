"""Decodes the main photo, judged by its header first."""

from __future__ import annotations

from PIL import Image

from gpu_worker import errors, pixels
from gpu_worker.stages import deep
from gpu_worker.stages.base import State

# What the door for files of unknown origin says → what a render says. A subclass comes before its parent.
SAID: tuple[tuple[type[pixels.BadImage], type[errors.WorkerError]], ...] = (
    (pixels.TooManyPixels, errors.TooLarge),
    (pixels.TooManyBytes, errors.TooLarge),
    (pixels.TooSmall, errors.PhotoTooSmall),
    (pixels.Truncated, errors.DamagedPhoto),
    (pixels.Unsupported, errors.UnsupportedPhoto),
    (pixels.NotAnImage, errors.NotAPhoto),
    (pixels.BadImage, errors.UnusablePhoto),
)


def open_photo(data: bytes) -> Image.Image:
    """The decoded first frame, not turned yet; 16-bit colour is already sRGB, its info saying ``colour_source``.

    Raises TooLarge, or UnusablePhoto as NotAPhoto, DamagedPhoto, UnsupportedPhoto or PhotoTooSmall.
    """
    try:
        image = pixels.open_safely(data)
    except pixels.BadImage as error:
        said = next(worker for door, worker in SAID if isinstance(error, door))
        raise said(error.message) from error
    return _from_sixteen_bits(data, image) if deep.is_deep(data, image) else image


def _from_sixteen_bits(data: bytes, image: Image.Image) -> Image.Image:
    levels = deep.decode(data, image.size)
    if levels is None:  # Pillow's eight bits are better than nothing
        return image
    info, format, profile = dict(image.info), image.format, image.info.get("icc_profile")
    image.close()  # its pixels would lie beside the ones made here
    matrix = deep.matrix_profile(profile) if profile else None
    made = Image.fromarray(deep.to_eight_bits(levels, matrix))
    made.info, made.format = info, format
    made.info.pop("transparency", None)
    if matrix is not None:
        made.info |= {"icc_profile": None, "colour_source": "icc"}
    return made


class Load:
    """The input with the role ``main`` becomes a decoded picture. Notes ``frames`` where the file has more than one."""

    name = "load"
    needs: tuple[str, ...] = ("inputs",)
    gives: tuple[str, ...] = ("image",)
    engine = False
    version = "2"

    def run(self, state: State) -> None:
        if "main" not in state.inputs:
            raise errors.MissingInput("The job has no input with the role 'main'.")
        state.image = open_photo(state.inputs["main"])
        frames = pixels.describe(state.inputs["main"]).frames
        if frames > 1:
            # Said, so that a person knows that what follows was made of the first one alone.
            state.notes["frames"] = frames
            state.notes["first_frame_only"] = True
