"""The second port: how a platform takes a merchant's money for us. A platform that does not has no class here.

Money is `Money`: an amount in millionths, and the currency's three letters. Whether a plan was confirmed is asked of
the platform, always; what a returning browser says counts for nothing.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from connectors.base import Opening
from connectors.errors import NotJson

MICROS = 1_000_000


@dataclass(frozen=True)
class Money:
    """So many millionths of a currency."""

    micros: int
    currency: str

    @property
    def amount(self) -> str:
        """As platforms write it: ``12.5``."""
        return f"{Decimal(self.micros) / MICROS:f}"

    @classmethod
    def read(cls, amount: object, currency: object) -> Money:
        """What a platform wrote. Raises NotJson for what is no amount."""
        try:
            told = Decimal(str(amount))
            if told.is_finite() and isinstance(currency, str):
                return cls(int(told * MICROS), currency)
        except InvalidOperation:
            pass
        raise NotJson("an amount of money that is none")


@dataclass(frozen=True)
class Offer:
    """What a merchant is asked to agree to: so much a month, and what is used, up to a cap in a month."""

    name: str
    monthly: Money
    cap: Money
    terms: str
    trial_days: int = 0
    test: bool = False


class Standing(StrEnum):
    """What became of a plan."""

    PENDING = "pending"
    ACTIVE = "active"
    FROZEN = "frozen"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class RemotePlan:
    """A plan as the platform knows it. `line_id` takes what is used; `used` counts since the period began."""

    id: str
    name: str
    standing: Standing
    line_id: str = ""
    cap: Money | None = None
    used: Money | None = None
    period_end: dt.datetime | None = None
    trial_days: int = 0
    test: bool = False


@dataclass(frozen=True)
class Asked:
    """A plan that waits for the merchant, and the platform's page on which they agree."""

    id: str
    page: str


@dataclass(frozen=True)
class Plans:
    """`active` are those that the platform calls active; `others` tells what became of the latest ones."""

    active: tuple[RemotePlan, ...]
    others: dict[str, Standing]


@dataclass(frozen=True)
class Charged:
    """Something used that the platform booked. `used` and `cap` are those of the plan after it."""

    id: str
    used: Money | None = None
    cap: Money | None = None


class Billing(ABC):
    """One store's bills. Raises `connectors.errors` only."""

    @abstractmethod
    def __init__(self, opening: Opening) -> None: ...

    @abstractmethod
    def ask(self, offer: Offer, *, back: str) -> Asked:
        """Offer a plan; the merchant agrees on the platform's page, which leads to `back` whatever they say."""

    @abstractmethod
    def plans(self) -> Plans:
        """What was agreed to and holds now, as the platform says."""

    @abstractmethod
    def raise_cap(self, line_id: str, cap: Money) -> str:
        """Ask for another cap. The page on which the merchant agrees; "" where none is needed."""

    @abstractmethod
    def charge(self, line_id: str, price: Money, *, words: str, key: str) -> Charged:
        """Book something used. Booked once per `key`, however often it is sent. Raises Rejected where it does not fit
        under the cap, or the plan does not hold any more."""

    @abstractmethod
    def charged(self, plan_id: str, line_id: str, key: str) -> Charged | None:
        """What was booked under this key lately, if anything was: after an answer that got lost."""

    @abstractmethod
    def cancel(self, plan_id: str) -> None:
        """End a plan. Ended already is fine."""
