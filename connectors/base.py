"""The port: everything Vitrine ever asks of a store platform. Small enough to read in a minute.

Every method that talks to the store raises `connectors.errors` only, has a timeout and a size cap, and never
repeats a write whose outcome is unknown: it raises `OutcomeUnknown` and the caller looks first.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from connectors.errors import ConnectorError, Rejected, Unsupported
from connectors.types import (
    PASTE,
    Asking,
    Credentials,
    Found,
    Gift,
    Handed,
    Here,
    ImageSize,
    ImageWrite,
    LibraryFile,
    Page,
    RemoteImage,
    RemoteProduct,
    RemoteVariant,
    RemoteWebhook,
    StoreInfo,
    Way,
    WebhookEvent,
)


@dataclass(frozen=True)
class Budget:
    """What a store that counts in points said of our budget with an answer: what the call cost, what is left, how much
    there can be, and how much comes back each second."""

    cost: float
    available: float
    most: float
    per_s: float


class Throttle(Protocol):
    """Called before each request; waits until the store's budget allows it. May raise Away or Paused. `images`: it goes
    to where the store's pictures are, often another host. `points`: what it costs at most, where the store counts in
    points."""

    def __call__(self, *, images: bool = False, points: float = 0.0) -> None: ...


class Heard(Protocol):
    """Told after each request with what went wrong, or None where it was answered as asked.

    `seconds`: how long the store took to answer a read, and `call` which kind of question that was; 0 and "" where they
    say nothing of the store. `points`, as the throttle was told, and `budget`, where the store counts in points.
    """

    def __call__(
        self,
        error: ConnectorError | None,
        *,
        images: bool = False,
        seconds: float = 0.0,
        call: str = "",
        points: float = 0.0,
        budget: Budget | None = None,
    ) -> None: ...


class Access(Protocol):
    """The token that opens the store now. `renew`: the one before was refused, so get another. Raises NeedsReauth where
    only the merchant can help, Unavailable where the platform does not answer."""

    def __call__(self, *, renew: bool = False) -> str: ...


@dataclass(frozen=True)
class Settings:
    """What an operator decides about outgoing calls; handed in, never read from the environment here.

    `allow_private_hosts` names hosts (``name`` or ``name:port``) that the SSRF guard lets through although they
    are loopback, private or on an odd port. `ca_file` is an extra trust root for them.
    """

    allow_private_hosts: frozenset[str] = frozenset()
    ca_file: str = ""
    read_timeout_s: float = 20.0
    write_timeout_s: float = 90.0
    max_json_bytes: int = 32 * 1024 * 1024
    max_image_bytes: int = 64 * 1024 * 1024
    user_agent: str = "Vitrine/0.1"


@dataclass
class Opening:
    """What is needed to open a connector: address, credentials and the operator's settings; a rate limiter, asked
    before each call, and who is told after each call how it went. `api_root` is where the store's API was found, where
    that is not the platform's usual place; `access` gives out tokens that end, where the platform has those."""

    url: str
    credentials: Credentials
    settings: Settings = field(default_factory=Settings)
    throttle: Throttle | None = None
    heard: Heard | None = None
    api_root: str = ""
    access: Access | None = None


class Connector(ABC):
    """One store, opened. Not thread-safe; cheap to make."""

    platform: ClassVar[str]
    # Whether a variant can only show a picture of its product's list. Then a picture that leaves the list leaves the
    # variants too, and what takes its place (`ImageWrite.instead_of`) takes them over.
    variants_show_the_list: ClassVar[bool] = False

    def __init__(self, opening: Opening) -> None:
        self.opening = opening

    @classmethod
    @abstractmethod
    def find(cls, typed: str, settings: Settings) -> Found:
        """The store behind an address in any form, and what stands in the way; reads without credentials. Raises
        Rejected for what is no address at all."""

    @classmethod
    def claims(cls, typed: str) -> bool:
        """Whether the text, as it stands, names a store of this platform and can't be one of another. Asks nobody."""
        return False

    # -- access: pure functions. A platform without pages of its own takes credentials by hand only --------------

    @classmethod
    def ways(cls, found: Found, here: Here) -> tuple[Way, ...]:
        """Every way to hand over access at this store, the best first; those that can't work here say why."""
        return (Way(PASTE, "Paste keys", "Copy the keys from the store.", frozenset(Gift), ""),)

    @classmethod
    def approval_page(cls, found: Found, way: str, asking: Asking) -> str:
        """The page of the store on which a merchant approves. Raises Unsupported where the way has none."""
        raise Unsupported("this platform has no page on which access is approved")

    @classmethod
    def handed_over(cls, way: str, given: Mapping[str, object]) -> Handed:
        """What a store or a returning browser brings along; untrusted. Raises Rejected for what is none of it."""
        raise Rejected("this platform hands over nothing by itself")

    # -- inbound: pure functions, no network --------------------------------------------------------------

    @classmethod
    @abstractmethod
    def verify(cls, *, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """True if `body` was signed with `secret`. Constant-time. Header names in any case."""

    @classmethod
    @abstractmethod
    def parse(cls, *, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """A verified delivery in our words; unsigned pings come out as `Kind.PING`. Raises `Rejected` on nonsense."""

    # -- reading ------------------------------------------------------------------------------------------

    @abstractmethod
    def check(self) -> StoreInfo:
        """Ask the store who it is and probe what our keys may do. Raises `AuthExpired` if they can't even read."""

    @abstractmethod
    def products(self, *, modified_after: dt.datetime | None = None, page: str | None = None) -> Page:
        """One page of the catalogue, oldest id first. `modified_after` is aware and strictly exclusive.

        A store that has to put a large catalogue together first gives an empty page with a `next`, which raises
        StillWorking until it has; then the order is the store's own. A page's `next` is all that has to be kept to go
        on, in another process too.

        Where a list tells of variants only that they are there, `variants_told` is False; `with_variants` asks on.
        """

    @abstractmethod
    def with_variants(self, product: RemoteProduct) -> RemoteProduct:
        """A listed product with its variants told; one whose variants were told comes back as it is. Raises
        `NotFound`."""

    @abstractmethod
    def product(self, product_id: str) -> RemoteProduct:
        """The product as it is now. Raises `NotFound`."""

    @abstractmethod
    def fetch(self, src: str) -> bytes:
        """The bytes of an image of this store, at most `max_image_bytes`."""

    @abstractmethod
    def sizes(self, image: RemoteImage) -> tuple[ImageSize, ...]:
        """What shoppers may get of an image: the file itself first, then what the store made of it."""

    # -- writing ------------------------------------------------------------------------------------------

    @abstractmethod
    def upload(
        self,
        *,
        data: bytes,
        filename: str,
        content_type: str,
        alt: str = "",
        title: str = "",
        caption: str = "",
    ) -> RemoteImage:
        """Put a file into the media library without touching a product. Raises `Unsupported` where keys can't."""

    @abstractmethod
    def describe(self, media_id: str, *, alt: str = "", title: str = "", caption: str = "") -> None:
        """Give a media item of ours these texts; empty ones are left as they are. A store's own are never described."""

    @abstractmethod
    def find_uploads(self, stem: str) -> list[RemoteImage]:
        """The media items whose file name starts with `stem`, oldest first: what uploads with a lost answer left."""

    def find_upload(self, stem: str) -> RemoteImage | None:
        """The oldest of `find_uploads`."""
        return next(iter(self.find_uploads(stem)), None)

    @abstractmethod
    def media(self, media_id: str) -> LibraryFile:
        """A file of the media library. Raises `NotFound`, and `Unsupported` where keys can't look."""

    @abstractmethod
    def set_images(
        self, product_id: str, images: Sequence[ImageWrite], *, mark: str | None = None
    ) -> RemoteProduct:
        """Replace the product's whole ordered image list; the answer is the product as it now is.

        `mark` is kept with the product by the same write and read back as `RemoteProduct.mark`: it tells afterwards
        whether a write was carried out whose answer was lost. "" takes it away, None leaves it.
        """

    @abstractmethod
    def set_variant_image(self, product_id: str, variant_id: str, image: ImageWrite | None) -> RemoteVariant:
        """Give a variant of the product this image instead of the one it has; None takes it away. One without an image
        of its own may be told with the product's first one, under that one's id."""

    @abstractmethod
    def delete_media(self, media_id: str) -> None:
        """Remove a media item for good. Gone already is fine."""

    # -- webhooks -----------------------------------------------------------------------------------------

    @abstractmethod
    def webhooks(self, *, delivery_url: str) -> list[RemoteWebhook]:
        """The webhooks of this store that point at `delivery_url`."""

    @abstractmethod
    def subscribe(self, *, delivery_url: str, secret: str) -> list[RemoteWebhook]:
        """Make sure one active webhook per topic points at `delivery_url`, signed with `secret`.

        A disabled one is deleted and made anew: WooCommerce keeps its failure count when it is switched on again.
        """

    @abstractmethod
    def unsubscribe(self, *, delivery_url: str) -> int:
        """Delete our webhooks; returns how many."""
