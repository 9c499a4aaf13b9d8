"""Errors of the Django side. Each says retry or stop; the class docstring is the sentence a person reads.

VitrineError
├── Retry
│   ├── LostRace        somebody else moved the row first
│   ├── StorageAway     our file storage is full or does not answer
│   └── Busy            another write for the same product is under way
└── Stop
    ├── NotAllowed      this person, or this state, can't do that
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


class StorageAway(Retry):
    """Our file storage could not be used just now; the work goes on by itself."""

    @property
    def message(self) -> str:
        return f"{self.sentence} ({self.detail})" if self.detail else self.sentence


class Busy(Retry):
    """Another change of the same product is under way."""


class Stop(VitrineError):
    """It can't be done as it stands."""


class NotAllowed(Stop):
    """That is not allowed."""


class BadRequest(Stop):
    """That request makes no sense as it stands."""
