"""Find the store behind what a merchant typed, and say what stands in the way. Reads only, and without credentials.

WordPress names its API's root in the Link header of every page (``rel="https://api.w.org/"``), wherever it is
installed and whatever its permalinks: https://developer.wordpress.org/rest-api/using-the-rest-api/discovery/. Where a
cache drops the header, the usual places are asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from connectors.answers import answered_by
from connectors.base import Settings
from connectors.errors import ConnectorError, ForbiddenHost, RateLimited, Rejected, TooLarge, Unavailable
from connectors.http import Answer, Http
from connectors.typed import address as typed_address
from connectors.types import Finding, Found
from connectors.woocommerce import mapping
from connectors.woocommerce.client import joined

MAX_REDIRECTS = 5
MAX_PARENTS = 3
MAX_ROOT_CHARS = 400
# What a merchant copies from the address bar behind the shop's own address.
_INSIDE = re.compile(
    r"/(?:wp-admin|wp-login\.php|wp-json|wp-content|index\.php|product|product-category|my-account|cart|checkout)"
    r"(?:/.*)?$",
    re.IGNORECASE,
)
_LINK = re.compile(r'<([^<>]+)>\s*;[^,]*\brel="?https://api\.w\.org/"?', re.IGNORECASE)
_LINK_TAG = re.compile(rb"""<link\b[^>]*\brel=["']https://api\.w\.org/["'][^>]*>""", re.IGNORECASE)
# WooCommerce names itself on every page for visitors, unless a plugin takes that out.
_GENERATOR = re.compile(
    rb"""<meta\b[^>]*\bcontent=["']WooCommerce (\d+\.\d+[\w.-]{0,20})["']""", re.IGNORECASE
)
_HREF = re.compile(rb"""\bhref=["']([^"']+)["']""", re.IGNORECASE)


def plain_permalinks(found: Found) -> bool:
    """Whether the store's API is a query: what keys open since WooCommerce 11.1 only."""
    return "rest_route=" in found.api_root


def approve_page(found: Found) -> str:
    """The page on which a merchant approves consumer keys, for parameters to follow; also with plain permalinks."""
    if plain_permalinks(found):
        return f"{found.url}/?wc-auth-version=1&wc-auth-route=authorize"
    return f"{found.url}/wc-auth/v1/authorize"


def addresses(typed: str) -> list[str]:
    """Where the store may be, likeliest first: what was typed without what belongs to a page, then the folders above.

    Raises Rejected with what an address looks like.
    """
    parts = urlsplit(typed_address(typed))
    path = _INSIDE.sub("", parts.path).rstrip("/")
    found = [urlunsplit(parts._replace(path=path))]
    while path and len(found) <= MAX_PARENTS:
        path = path.rpartition("/")[0]
        found.append(urlunsplit(parts._replace(path=path)))
    return found


def discover(typed: str, settings: Settings, http: Http | None = None) -> Found:
    """Look for the store. What is in the way comes back as findings; raises Rejected only for what is no address."""
    places = addresses(typed)
    if places[0].startswith("http://"):
        # Keys must not travel in the open. The plain address is looked at where there is no other (a test machine).
        places = [place.replace("http://", "https://", 1) for place in places] + places
    return _Search(http or Http(settings)).run(places)


@dataclass
class _Search:
    http: Http
    seen: list[Finding] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)  # where nobody answers is not asked again

    def run(self, places: list[str]) -> Found:
        for place in places:
            found = self._at(place) if _host(place) not in self.silent else None
            if found is not None:
                return found
        # A site that answered says more than one that did not, and the place that was typed more than those above it.
        self.seen.sort(key=lambda finding: (finding.code in _SILENCE, finding.code == "no_wordpress"))
        return Found(places[0], findings=(self.seen[0],))

    def _at(self, place: str) -> Found | None:
        try:
            home, page = self._home(place)
        except ConnectorError as error:
            self._unreachable(place, error)
            return None
        if _is_shopify(page):
            return Found(home, findings=(_SHOPIFY,))
        blocked = _in_the_way(page)
        for root in dict.fromkeys(self._roots(home, page)):
            found = self._index(home, root) if _host(home) not in self.silent else None
            if found is not None:
                named = _GENERATOR.search(page.body)
                return replace(found, version=named.group(1).decode()) if named else found
        self.seen.append(blocked or _no_wordpress(home))
        return None

    def _unreachable(self, place: str, error: ConnectorError) -> None:
        self.seen.append(_unreachable(place, error))
        if not isinstance(error, Rejected | TooLarge):
            self.silent.add(_host(place))

    def _home(self, place: str) -> tuple[str, Answer]:
        """The site's front page and its address, after the redirects a browser would follow."""
        at = f"{place}/"
        for _ in range(MAX_REDIRECTS + 1):
            page = self.http.look(at)
            if page.status not in {301, 302, 303, 307, 308}:
                parts = urlsplit(at)
                return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", "")), page
            to = urljoin(at, page.headers.get("Location", ""))
            if at.startswith("https://") and to.startswith("http://"):
                raise Rejected(f"{urlsplit(at).hostname} leads from https to http", code="downgrade")
            at = to
        raise Rejected("the address redirects without end", code="redirects")

    def _roots(self, home: str, page: Answer) -> Iterator[str]:
        told = _LINK.search(page.headers.get("Link", ""))
        if told:
            yield urljoin(f"{home}/", told.group(1))
        tag = _LINK_TAG.search(page.body)
        href = _HREF.search(tag.group(0)) if tag else None
        if href:
            yield urljoin(f"{home}/", href.group(1).decode("utf-8", "replace").replace("&amp;", "&"))
        yield f"{home}/wp-json/"
        yield f"{home}/?rest_route=/"

    def _index(self, home: str, root: str) -> Found | None:
        if urlsplit(root).scheme != urlsplit(home).scheme:
            # A site that takes itself to be on http names its API so; asked is where we were let in.
            root = urlunsplit(urlsplit(root)._replace(scheme=urlsplit(home).scheme))
        if urlsplit(root).netloc != urlsplit(home).netloc or len(root) > MAX_ROOT_CHARS:
            return None
        try:
            answer = self.http.look(joined(root, "", {}))
        except ConnectorError as error:
            self._unreachable(home, error)
            return None
        about = _json(answer)
        if about is None:
            blocked = _in_the_way(answer)
            if blocked:
                self.seen.append(blocked)
            return None
        if "namespaces" in about:
            return _judged(home, root, about)
        if answer.status in {401, 403}:
            self.seen.append(_CLOSED)
        return None


def _judged(home: str, root: str, about: Mapping[str, Any]) -> Found:
    namespaces = about.get("namespaces")
    spaces = set(namespaces) if isinstance(namespaces, list) else set()
    findings = []
    if "wc/v3" not in spaces:
        findings.append(_TOO_OLD if spaces & {"wc/v1", "wc/v2"} else _NO_WOOCOMMERCE)
    own = mapping.text(about.get("home")) or home
    secure = home.startswith("https://")
    if secure and own.startswith("http://"):
        findings.append(_TLS_UNNOTICED)
    if not secure:
        findings.append(_PLAIN_HTTP)
    if "rest_route=" in root:
        findings.append(_PLAIN_PERMALINKS)
    password_page = _password_page(about, home)
    if not password_page and "wc/v3" in spaces:
        findings.append(_NO_APP_PASSWORDS if secure else _NO_APP_PASSWORDS_OVER_HTTP)
    # Pages below the front page name the API too, so what was typed may lie deeper than the site.
    url = urlunsplit(urlsplit(home)._replace(path=urlsplit(own).path.rstrip("/")))
    # WordPress may lie in a folder below the address that the shop goes by; it then calls itself by the folder.
    site = mapping.text(about.get("url"))
    also = site if urlsplit(site).netloc == urlsplit(home).netloc else ""
    return Found(url, root, mapping.text(about.get("name")), password_page, tuple(findings), also=also)


def _host(address: str) -> str:
    """``https://host:port``"""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _password_page(about: Mapping[str, Any], home: str) -> str:
    """WordPress's own page for application passwords, if it is on this site: a merchant is sent there to log in."""
    told: Any = about.get("authentication")
    for name in ("application-passwords", "endpoints", "authorization"):
        told = told.get(name) if isinstance(told, Mapping) else None
    page = mapping.text(told)
    return page if urlsplit(page).netloc == urlsplit(home).netloc else ""


def _json(answer: Answer) -> Mapping[str, Any] | None:
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _is_shopify(page: Answer) -> bool:
    return any(name.lower() in {"x-shopid", "x-shardid"} for name in page.headers) or (
        "shopify" in page.headers.get("powered-by", "").lower()
    )


# -- what a merchant reads --------------------------------------------------------------------------------------

_SHOPIFY = Finding("shopify", "This is a Shopify store. Go back and choose Shopify.", stops=True)
_NO_WOOCOMMERCE = Finding(
    "no_woocommerce",
    "WordPress is there, but WooCommerce is not active. Switch it on under Plugins, then try again.",
    stops=True,
)
_TOO_OLD = Finding(
    "too_old",
    "WooCommerce is older than 3.5 and lacks the API that is needed. Update it under Plugins, then try again.",
    stops=True,
)
_CLOSED = Finding(
    "closed_index",
    "A plugin keeps WordPress's REST API from visitors who are not logged in. Allow the REST API in that plugin (often "
    "called “Disable REST API” or a setting of a security plugin); WooCommerce needs it open for keys to work.",
    stops=True,
)
_TLS_UNNOTICED = Finding(
    "tls_unnoticed",
    "The site is on https, but WordPress takes itself to be on http, so it refuses every key. Write https:// into both "
    "addresses under Settings, General. If they say so already, a proxy in front has to send X-Forwarded-Proto and "
    "wp-config.php has to heed it.",
    stops=True,
)
_PLAIN_HTTP = Finding("plain_http", "The store is called over plain http: fit for a test machine only.")
_PLAIN_PERMALINKS = Finding(
    "plain_permalinks",
    "Permalinks are set to Plain, and WooCommerce before 11.1 takes no keys then. Choose “Post name” under Settings, "
    "Permalinks. Application passwords work either way.",
)
_NO_APP_PASSWORDS = Finding(
    "no_app_passwords",
    "Application passwords are switched off, often by a security plugin such as Wordfence, and without one the media "
    "library stays closed. With keys alone the store has to load pictures from this server.",
)
_NO_APP_PASSWORDS_OVER_HTTP = Finding(
    "no_app_passwords",
    "WordPress gives out application passwords over https only, and without one the media library stays closed. With "
    "keys alone the store has to load pictures from this server.",
)
_LAYER_SENTENCES = {
    "Cloudflare": "Cloudflare answers instead of the shop. Add a rule under Security, WAF that skips checks for paths "
    "beginning with /wp-json/ from this server's address.",
    "Wordfence": "The Wordfence plugin turns this server away. Add its address to the allowlisted IPs "
    "under Wordfence, All Options.",
    "Sucuri": "The Sucuri firewall turns this server away. Add its address to the allowlist in Sucuri's dashboard.",
    "ModSecurity": "The host's ModSecurity turns this server away. Ask the host to allow /wp-json/ for "
    "this server's address.",
    "WordPress maintenance mode": "The site is in maintenance mode. Try again when the update is through; if it stays, "
    "delete the file .maintenance in WordPress's folder.",
    "a WordPress failure page": "WordPress itself fails (“critical error”). Its owner gets a mail with a link "
    "to repair it.",
    "a WordPress database failure": "WordPress can't reach its database. Ask the host.",
}


# Said where nobody answered.
_SILENCE = frozenset({"no_answer", "no_such_name", "tls", "forbidden"})


def _no_wordpress(place: str) -> Finding:
    return Finding(
        "no_wordpress",
        f"There is a web site at {place}, but no WordPress that answers there. If the shop is in a folder, add it, "
        "as in https://example.com/shop.",
        stops=True,
    )


def _in_the_way(answer: Answer) -> Finding | None:
    """What answered instead of WordPress, if it can be told."""
    layer = answered_by(answer.headers, answer.body) if answer.status >= 400 else ""
    sentence = _LAYER_SENTENCES.get(layer)
    if sentence is None:
        return None
    return Finding(re.sub(r"\W+", "_", layer.lower()), sentence, stops=True)


def _unreachable(place: str, error: ConnectorError) -> Finding:
    host = urlsplit(place).netloc
    if isinstance(error, ForbiddenHost):
        return Finding("forbidden", f"{host} can't be called from here: {error.detail}.", stops=True)
    if isinstance(error, RateLimited):
        return Finding("busy", f"{host} asks to wait. Try again in a few minutes.", stops=True)
    if isinstance(error, TooLarge):
        return Finding("too_large", f"The front page of {host} is too large to be one.", stops=True)
    if error.code == "downgrade":
        return Finding(
            "downgrade",
            f"{host} sends visitors from https back to http, where keys could be read on the way. Switch https on "
            "under Settings, General, or ask the host for a certificate.",
            stops=True,
        )
    if error.code == "redirects":
        return Finding(
            "redirects", f"{host} redirects in a circle. Open it in a browser and see.", stops=True
        )
    if error.code == "tls":
        return Finding(
            "tls",
            f"The certificate of {host} is not trusted: {error.detail}. Ask the host to renew it or to send the whole "
            "chain.",
            stops=True,
        )
    if isinstance(error, Unavailable) and "resolve" in error.detail.lower():
        return Finding(
            "no_such_name", f"There is no server called {host}. Is there a typing mistake?", stops=True
        )
    return Finding(
        "no_answer",
        f"{host} does not answer on https: {error.detail}. Does the address open in a browser?",
        stops=True,
    )
