"""Decodes the main photo, judged by its header first."""

from __future__ import annotations

from gpu_worker import pixels
from gpu_worker.errors import MissingInput, TooLarge, UnusablePhoto
from gpu_worker.stages.base import State


def open_photo(data: bytes) -> pixels.Image.Image:
    """The decoded picture. Raises TooLarge or UnusablePhoto."""
    try:
        return pixels.open_safely(data)
    except (pixels.TooManyPixels, pixels.TooManyBytes) as error:
        raise TooLarge(error.message) from error
    except pixels.BadImage as error:
        raise UnusablePhoto(error.message) from error


class Load:
    """The input with the role ``main`` becomes a decoded picture."""

    name = "load"
    needs: tuple[str, ...] = ("inputs",)
    gives: tuple[str, ...] = ("image",)
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        if "main" not in state.inputs:
            raise MissingInput("The job has no input with the role 'main'.")
        state.image = open_photo(state.inputs["main"])
