"""The one guarded client behind every outgoing call: timeouts, size caps, a retry rule, errors in our words.

Reads are repeated a few times; a write never is. A write that may have reached the store and got no clear
answer raises `OutcomeUnknown`, so that the caller looks before it repeats. Redirects are off, except for
images.
"""

from __future__ import annotations

import json as jsonlib
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from requests.structures import CaseInsensitiveDict

from connectors.addresses import AddressGuard, Resolve, resolve_by_system
from connectors.answers import error_for, image_error_for, retry_after_s
from connectors.base import Budget, Heard, Settings, Throttle
from connectors.errors import (
    Away,
    ConnectorError,
    ForbiddenHost,
    OutcomeUnknown,
    Paused,
    RateLimited,
    Rejected,
    TooLarge,
    Unavailable,
)
from connectors.forms import Form, form_error_for
from connectors.parts import Part, Wanted, part_error_for, part_of
from connectors.scrubbing import Scrubber
from connectors.transport import Flight, GuardedAdapter, reason_of

# Signs one try: gets method and URL, gives the URL and headers to send. Called anew for every try, as an
# OAuth nonce may be used once.
Authorise = Callable[[str, str], tuple[str, Mapping[str, str]]]

# What an answer says in its platform's own words: the error it is, where status and body had another in mind or none,
# and what is left of our budget, where it tells.
Judge = Callable[["Answer", ConnectorError | None], tuple[ConnectorError | None, Budget | None]]

Result = TypeVar("Result")

READS = frozenset({"GET", "HEAD", "OPTIONS"})
RETRY_STATUSES = frozenset({429, 502, 503, 504})
MAX_TRIES = 3
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 10.0  # asked to wait longer than this, we give the work back instead of blocking a worker
CONNECT_TIMEOUT_S = 10.0
MAX_IMAGE_REDIRECTS = 3
MAX_PAGE_BYTES = 4 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_TLS = "tls"


@dataclass(frozen=True)
class Answer:
    """A whole answer, read under the cap. `url` carries no secrets."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str

    def json(self) -> Any:
        """The body as JSON; only called on answers that `Http` has found to be JSON."""
        return jsonlib.loads(self.body)


class Http:
    """A client for one store. Not thread-safe, like the connector that owns it."""

    def __init__(
        self,
        settings: Settings,
        *,
        throttle: Throttle | None = None,
        heard: Heard | None = None,
        scrubber: Scrubber | None = None,
        resolve: Resolve = resolve_by_system,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.guard = AddressGuard(settings.allow_private_hosts, resolve)
        self._throttle = throttle
        self._heard = heard
        self._scrubber = scrubber or Scrubber()
        self._sleep = sleep
        self._jitter = jitter
        self._took_s = 0.0  # the last exchange
        self._budget: Budget | None = None  # and what it said of our budget
        self._adapter = GuardedAdapter(self.guard, settings.ca_file)
        self._session = requests.Session()
        self._session.trust_env = False  # no proxies, netrc or CA bundles from the environment
        self._session.mount("https://", self._adapter)
        self._session.mount("http://", self._adapter)

    def request_json(
        self,
        method: str,
        url: str,
        *,
        authorise: Authorise | None = None,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeats: bool = False,
        call: str = "",
        points: float = 0.0,
        judge: Judge | None = None,
    ) -> Answer:
        """Call a JSON API. What comes back has a 2xx status and a JSON body; the rest raises our errors.

        `repeats`: a POST that changes nothing, or the same however often it is sent, so it counts as a read; `call`
        names the kind of question then. `points`: what it may cost, where the store counts in points. `judge` has the
        last word on what an answer means.
        """
        sent = {"Accept": "application/json", **(headers or {})}
        if json is not None:
            data, sent["Content-Type"] = jsonlib.dumps(json).encode(), "application/json"
        write = method not in READS and not repeats

        def attempt() -> Answer:
            cap = self.settings.max_json_bytes
            answer = self._once(method, url, authorise, data, sent, cap, write, points=points)
            error = error_for(
                answer.status, answer.headers, answer.body, write=write, clean=self._scrubber.clean
            )
            if judge is not None:
                error, self._budget = judge(answer, error)
            if error is not None:
                raise _asked_to_wait(error, answer)
            return answer

        told = self._told(attempt, call="" if write else call or _kind_of(url), points=points)
        return told() if write else self._repeated(told)

    def _told(
        self, attempt: Callable[[], Result], *, images: bool = False, call: str = "", points: float = 0.0
    ) -> Callable[[], Result]:
        """The same, and word of how it went. `call`: the kind of question, where the time of its answers compares."""
        heard = self._heard or _nobody

        def told() -> Result:
            try:
                result = attempt()
            except ConnectorError as error:
                error.images = images
                if not isinstance(
                    error, Away | ForbiddenHost | Paused
                ):  # those are our own words: nobody was asked
                    heard(error, images=images, points=points, budget=self._budget)
                raise
            took_s = self._took_s if call else 0.0
            heard(None, images=images, seconds=took_s, call=call, points=points, budget=self._budget)
            return result

        return told

    def fetch_image(self, url: str) -> bytes:
        """The bytes behind `url`, at most `max_image_bytes`, without credentials and on one host only."""

        def attempt() -> bytes:
            target = url
            for _ in range(MAX_IMAGE_REDIRECTS + 1):
                headers = {"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
                cap = self.settings.max_image_bytes
                answer = self._once("GET", target, None, None, headers, cap, False, images=True)
                if answer.status not in {301, 302, 303, 307, 308}:
                    break
                target = self._same_host(target, answer.headers.get("Location", ""))
            else:
                raise Rejected("the image address redirects without end", code="redirects")
            error = image_error_for(answer.status, answer.headers, answer.body, clean=self._scrubber.clean)
            if error is not None:
                raise _asked_to_wait(error, answer)
            return answer.body

        return self._repeated(self._told(attempt, images=True))

    def fetch_part(self, url: str, start: int, most: int) -> Part:
        """The bytes of a file from `start` on, at most `most`; fewer only at its end. Without credentials. A server
        that knows no ranges sends all of it: what comes before is dropped, what comes behind is not waited for. Raises
        NotFound where the file is gone, as addresses that end say in several ways."""

        def attempt() -> Part:
            wanted = Wanted(start, most)
            answer = self._once(
                "GET", url, None, None, wanted.headers, most, False, images=True, wanted=wanted
            )
            error = part_error_for(answer.status, answer.headers, start)
            if error is not None:
                raise _asked_to_wait(error, answer)
            return part_of(answer.status, answer.headers, answer.body)

        return self._repeated(self._told(attempt, images=True))

    def post_form(self, url: str, form: Form) -> None:
        """Put a file where a later call may name it. Until then nobody sees it: it counts as a read. No credentials."""
        body, headers = form.encoded()

        def attempt() -> None:
            answer = self._once(
                "POST", url, None, body, headers, MAX_PAGE_BYTES, False, images=True, long=True
            )
            error = form_error_for(answer.status, answer.headers)
            if error is not None:
                raise _asked_to_wait(error, answer)

        self._repeated(self._told(attempt, images=True))

    def wait(self, seconds: float) -> None:
        """Between two looks at something that takes its time."""
        self._sleep(seconds)

    def look(self, url: str, *, max_bytes: int = MAX_PAGE_BYTES) -> Answer:
        """Whatever a GET of `url` brings: any status, any content, redirects not followed. Without credentials."""
        headers = {"Accept": "text/html,application/json;q=0.9,*/*;q=0.5"}
        return self._repeated(
            self._told(lambda: self._once("GET", url, None, None, headers, max_bytes, write=False))
        )

    def close(self) -> None:
        """Close kept connections."""
        self._session.close()

    def _same_host(self, source: str, location: str) -> str:
        target = urljoin(source, location)
        if urlsplit(target).hostname != urlsplit(source).hostname:
            raise ForbiddenHost("the image address redirects to another host")
        return target

    def _repeated(self, attempt: Callable[[], Result]) -> Result:
        """Try a read up to `MAX_TRIES` times, as long as waiting can help and is short."""
        started = time.monotonic()
        failure: ConnectorError
        for number in range(1, MAX_TRIES + 1):
            try:
                return attempt()
            except Away:
                raise
            except Unavailable as error:
                pause_s, failure = max(error.wait_s, self._pause_s(number, error)), error
                if error.code == _TLS or (error.status is not None and error.status not in RETRY_STATUSES):
                    raise
            except RateLimited as error:
                pause_s, failure = max(error.retry_after_s, self._pause_s(number, error)), error
            spent_s = time.monotonic() - started
            if (
                number == MAX_TRIES
                or pause_s > MAX_PAUSE_S
                or spent_s + pause_s > self.settings.read_timeout_s
            ):
                raise failure
            self._sleep(pause_s)
        raise AssertionError("the loop returns or raises")

    def _pause_s(self, number: int, error: ConnectorError) -> float:
        # Exponential with half of it by chance, so that many workers do not come back at the same moment.
        return FIRST_PAUSE_S * 2 ** (number - 1) * (0.5 + self._jitter() / 2)

    def _once(
        self,
        method: str,
        url: str,
        authorise: Authorise | None,
        data: bytes | None,
        headers: Mapping[str, str],
        max_bytes: int,
        write: bool,
        *,
        images: bool = False,
        points: float = 0.0,
        wanted: Wanted | None = None,
        long: bool = False,
    ) -> Answer:
        """One try. Raises outside the except block, so that no error of ours drags one with secrets along."""
        self.guard.check_url(url)
        self._budget = None
        if self._throttle is not None:
            self._throttle(images=images, points=points)
        target, signed = authorise(method, url) if authorise else (url, {})
        sent = {"User-Agent": self.settings.user_agent, **headers, **signed}
        if write:
            # A kept connection may have been closed by the store meanwhile; on a fresh one, a connection that
            # could not be made means for certain that nothing was done.
            self._session.close()
        flight = self._adapter.flight = Flight()
        # A part of a file may come at the end of a long way there.
        total_s = self.settings.write_timeout_s if write or wanted or long else self.settings.read_timeout_s
        watchdog = threading.Timer(total_s, flight.cut)
        watchdog.daemon = True
        watchdog.start()
        began = time.monotonic()
        try:
            answer = self._exchange(method, target, url, data, sent, max_bytes, total_s, wanted)
            if not flight.expired:
                return answer
            # Cut in mid-answer, which without a Content-Length looks like a whole one.
            failure = self._failure(TimeoutError(), flight, write, total_s)
        except requests.RequestException as error:
            failure = self._failure(error, flight, write, total_s)
        except (OSError, ValueError) as error:  # urllib3 lets a few through when a socket is cut under it
            failure = self._failure(error, flight, write, total_s)
        finally:
            watchdog.cancel()
            self._took_s = time.monotonic() - began
        raise failure

    def _exchange(
        self,
        method: str,
        target: str,
        url: str,
        data: bytes | None,
        sent: Mapping[str, str],
        max_bytes: int,
        total_s: float,
        wanted: Wanted | None,
    ) -> Answer:
        timeout = (min(CONNECT_TIMEOUT_S, total_s), total_s)
        with self._session.request(
            method, target, data=data, headers=dict(sent), timeout=timeout, allow_redirects=False, stream=True
        ) as response:
            announced = response.headers.get("Content-Length", "")
            if wanted is None and announced.isdigit() and int(announced) > max_bytes:
                raise TooLarge(f"{int(announced)} bytes announced, {max_bytes} accepted")
            body = bytearray()
            chunks = response.iter_content(_CHUNK_BYTES)
            for chunk in wanted.out_of(chunks, response.status_code) if wanted else chunks:
                body += chunk
                if len(body) > max_bytes:
                    raise TooLarge(f"more than {max_bytes} bytes")
            return Answer(
                response.status_code,
                CaseInsensitiveDict(response.headers),
                bytes(body),
                self._scrubber.clean(url),
            )

    def _failure(self, error: Exception, flight: Flight, write: bool, total_s: float) -> ConnectorError:
        """What a broken exchange means: nothing happened yet, or nobody knows."""
        if flight.expired or isinstance(error, requests.Timeout):
            what = f"no complete answer within {total_s:g} s"
        else:
            what = self._scrubber.clean(reason_of(error))
        if write and flight.connected:
            return OutcomeUnknown(what)
        # A wrong certificate does not come right within seconds, so that is not repeated at once.
        return Unavailable(what, code=_TLS if isinstance(error, requests.exceptions.SSLError) else "")


def _nobody(
    error: ConnectorError | None,
    *,
    images: bool = False,
    seconds: float = 0.0,
    call: str = "",
    points: float = 0.0,
    budget: Budget | None = None,
) -> None:
    """Where nobody wants to know."""


def _asked_to_wait(error: ConnectorError, answer: Answer) -> ConnectorError:
    """The same error, with how long the store asked to be left alone, where it did."""
    if answer.status in {429, 503} and answer.headers.get("Retry-After"):
        error.wait_s = retry_after_s(answer.headers)
    return error


def _kind_of(url: str) -> str:
    """The kind of question an address asks, ids left out: ``/wp-json/wc/v3/products/#``."""
    parts = urlsplit(url)
    route = parse_qs(parts.query).get("rest_route", [""])[0]
    return re.sub(r"[0-9a-f]{8}[0-9a-f-]*|[0-9]+", "#", parts.path + route)[:80]
