"""Errors of the Django side. Each says retry or stop; the class docstring is the sentence a person reads.

VitrineError
├── Retry
│   ├── LostRace        somebody else moved the row first
│   ├── Busy            another write for the same product is under way
│   ├── StorageAway     the file storage does not answer
│   └── StorageFull     the file storage takes no more
└── Stop
    ├── NotAllowed      this person, or this state, can't do that
    ├── FileMissing     a file that a row names is not in storage
    └── BadRequest      what was asked makes no sense as it stands
"""

from __future__ import annotations


class VitrineError(Exception):
    """Something went wrong."""

    retry = False

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        super().__init__(detail or self.sentence)

    @property
    def sentence(self) -> str:
        return (type(self).__doc__ or "").strip().splitlines()[0]

    @property
    def message(self) -> str:
        return self.detail or self.sentence


class Retry(VitrineError):
    """It could not be done just now; it goes on by itself."""

    retry = True


class LostRace(Retry):
    """Somebody else was faster; nothing was changed twice."""


class Busy(Retry):
    """Another change of the same product is under way."""


class StorageAway(Retry):
    """The file storage does not answer; the work goes on by itself when it does."""


class StorageFull(Retry):
    """The file storage is full. Make space or raise its limit; the work then goes on by itself."""


class Stop(VitrineError):
    """It can't be done as it stands."""


class NotAllowed(Stop):
    """That is not allowed."""


class BadRequest(Stop):
    """That request makes no sense as it stands."""


class FileMissing(Stop, FileNotFoundError):
    """A file that was kept for this is no longer in the storage; `manage.py storage check` lists what is missing."""
