"""What can go wrong between us and a store. Each leaf says retry or stop; its docstring is what a merchant reads.

ConnectorError
├── Retry                the work goes on by itself, later
│   ├── RateLimited      carries retry_after_s
│   │   ├── Paused       not asked at all: it asked for a pause that is not over
│   │   └── StillWorking it answers in its own time, and has not yet
│   ├── Unavailable      5xx, refused connection, maintenance page
│   │   ├── NotJson      an HTML page where JSON was due: a firewall, a cache, a maintenance plugin
│   │   └── Away         not asked at all: it has been silent for a while
│   └── OutcomeUnknown   the request may have been carried out: look before you repeat it
└── Stop                 repeating it can't help; somebody has to change something
    ├── AuthExpired      keys revoked, user demoted, TLS that the store does not notice
    │   └── NeedsReauth  the store took our access back, or let it end: it has to be given anew
    ├── NotFound         the product or media is gone
    ├── Rejected         the store understood and said no; carries its code
    ├── Unsupported      this store or this set of keys can't do that
    ├── TooLarge         an answer or file over our cap
    └── ForbiddenHost    an address that the server must not call (private network, odd port)
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Something went wrong while talking to the store."""

    retry = False

    def __init__(self, detail: str = "", *, status: int | None = None, code: str = "") -> None:
        self.wait_s = 0.0  # how long the store asked us to stay away, where it did
        self.images = False  # whether it was about the bytes of a picture, which may lie on another host
        self.detail = detail
        self.status = status
        self.code = code
        super().__init__(detail or self.sentence)

    @property
    def sentence(self) -> str:
        """The first line of the class docstring: what a merchant reads."""
        return (type(self).__doc__ or "").strip().splitlines()[0]

    @property
    def message(self) -> str:
        """The merchant's sentence, then what the store said, if it said anything."""
        return f"{self.sentence} ({self.detail})" if self.detail else self.sentence


class Retry(ConnectorError):
    """The store could not be used just now; the work goes on by itself."""

    retry = True


class RateLimited(Retry):
    """The store asked us to slow down; the work goes on by itself."""

    def __init__(self, detail: str = "", *, retry_after_s: float = 30.0, status: int | None = 429) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(detail, status=status)


class Paused(RateLimited):
    """The store asked us to slow down; we ask it again when its pause is over."""

    def __init__(self, detail: str = "", *, retry_after_s: float = 30.0) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, status=None)


class StillWorking(RateLimited):
    """The store is still at it; we look again in a while."""

    def __init__(self, detail: str = "", *, retry_after_s: float = 5.0) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, status=None)


class Unavailable(Retry):
    """The store did not answer as a store; we try again by ourselves."""


class NotJson(Unavailable):
    """The store answered with a web page instead of data: a firewall, cache or maintenance page is in the way."""


class Away(Unavailable):
    """The store has not answered for a while; we ask it now and then, and go on by ourselves when it does."""


class OutcomeUnknown(Retry):
    """The store did not confirm the change; we look what it did before we try again."""


class Stop(ConnectorError):
    """The store refused; somebody has to change something before it can work."""


class AuthExpired(Stop):
    """The store no longer accepts our keys; connect it again."""


class NeedsReauth(AuthExpired):
    """The store no longer gives us access. Open Vitrine from the store once more, and everything goes on."""


class NotFound(Stop):
    """The product or image is no longer in the store."""


class Rejected(Stop):
    """The store understood the change and refused it."""


class Unsupported(Stop):
    """This store, or the keys it gave us, does not offer what this step needs."""


class TooLarge(Stop):
    """The file or answer is larger than we accept."""


class ForbiddenHost(Stop):
    """That address is not a public web address, so the server refuses to call it."""
