"""The shop behind what a merchant types, and how its access is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from connectors.base import Settings
from connectors.errors import ConnectorError, Rejected, Unsupported
from connectors.http import Answer, Http
from connectors.shopify.oauth import SCOPES, authorize_url
from connectors.shopify.shops import DOMAIN, admin_root, is_shop_name
from connectors.typed import address
from connectors.types import Asking, Finding, Found, Gift, Handed, Here, Way

INSTALL = "install"
_ADMIN = "admin.shopify.com"
_MOST_MOVES = 3
# What every storefront says of itself: in a script, as JSON, or in the address of its own files' shop.
_NAMED = re.compile(
    r"""Shopify\.shop\s*=\s*["']([A-Za-z0-9_-]+\.myshopify\.com)["']|"myshopify_?[dD]omain"\s*:\s*"([^"]+)\""""
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MOST_CHARS = 300


def find(typed: str, settings: Settings, http: Http | None = None) -> Found:
    """The shop that is meant by its name, an address of it or of its administration, or its own domain.

    Only for a domain of its own is anything asked. Raises Rejected for what is no address at all.
    """
    name = named(typed)
    if name:
        return _shop(name)
    where = address(typed)
    return _by_its_page(where, settings, http or Http(settings))


def named(typed: str) -> str:
    """The shop that the text names by itself, "" for none: ``name``, ``name.myshopify.com/x``,
    ``admin.shopify.com/store/name/x``."""
    text = typed.strip().strip("<>\"'").lower()
    if is_shop_name(f"{text}{DOMAIN}"):
        return f"{text}{DOMAIN}"
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = parts.hostname or ""
    except ValueError:
        return ""
    if "@" in parts.netloc:
        return ""
    found = re.match(r"/store/([^/]+)", parts.path) if host == _ADMIN else None
    name = f"{found.group(1)}{DOMAIN}" if found else host
    return name if is_shop_name(name) else ""


def _shop(name: str, api_root: str = "", also: str = "") -> Found:
    return Found(
        url=f"https://{name}", api_root=admin_root(name, api_root), name=name.removesuffix(DOMAIN), also=also
    )


def _by_its_page(where: str, settings: Settings, http: Http) -> Found:
    try:
        page = _page(where, http)
    except ConnectorError as error:
        return Found(where, findings=(Finding("unreachable", f"{error.message}", stops=True),))
    found = _NAMED.search(page.body.decode("utf-8", "replace"))
    name = next((one.lower() for one in found.groups() if one), "") if found else ""
    if not is_shop_name(name):
        words = (
            "This does not look like a Shopify store. Use the address that ends in myshopify.com; it stands in "
            "Shopify under Settings, Domains."
        )
        return Found(where, findings=(Finding("no_shopify", words, stops=True),))
    parts = urlsplit(where)
    if http.guard.allows(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)):
        # A shop on a machine that the operator named is all there, its administration too.
        return _shop(name, f"{where}/admin/", also=where)
    return _shop(name, also=where)


def _page(where: str, http: Http) -> Answer:
    """The front page, wherever it has moved to over https."""
    target = f"{where}/"
    for _ in range(_MOST_MOVES):
        answer = http.look(target)
        moved = answer.headers.get("Location", "")
        if answer.status not in {301, 302, 303, 307, 308} or not moved:
            return answer
        following = urljoin(target, moved)
        if target.startswith("https://") and not following.startswith("https://"):
            raise Rejected("the address moves from https to http", code="downgrade")
        target = following
    raise Rejected("the address moves on without end", code="redirects")


# -- access ------------------------------------------------------------------------------------------------------


def ways(found: Found, here: Here) -> tuple[Way, ...]:
    """One: the shop asks. Nothing is pasted, as no key of a shop lasts."""
    reasons = []
    if not here.https and urlsplit(here.url).hostname not in _LOOPBACK:
        reasons.append(
            f"Shopify sends you back to https addresses only, and this server goes by {here.url}. Whoever runs it sets "
            "PUBLIC_URL."
        )
    gives = frozenset(Gift) if here.reachable else frozenset(Gift) - {Gift.WEBHOOKS}
    return (
        Way(
            INSTALL,
            "Install in Shopify",
            "Shopify shows you what Vitrine may do and asks you to install it. You can uninstall it there at any time.",
            gives,
            "Vitrine set up as an app by whoever runs this server, and your login as owner or as staff who may install "
            "apps.",
            but={}
            if here.reachable
            else {Gift.WEBHOOKS: "Shopify can't call this server, so the store is asked."},
            why_not=tuple(reasons),
        ),
    )


def approval_page(found: Found, way: str, asking: Asking) -> str:
    """The page of the shop that asks. Raises Unsupported where this installation is no app of Shopify's yet."""
    if way != INSTALL:
        raise Unsupported(f"there is no page for {way!r} at this store")
    if not asking.client_id:
        raise Unsupported("this server is not set up as a Shopify app yet; whoever runs it does that first")
    return authorize_url(
        urlsplit(found.url).hostname or "",
        client_id=asking.client_id,
        scopes=SCOPES,
        redirect_url=asking.return_url,
        state=asking.token,
        api_root=found.api_root,
    )


def handed_over(way: str, given: Mapping[str, object]) -> Handed:
    """The query with which the browser came back: which shop, and the state. Its code has to be exchanged for access,
    once its signature was seen to be right."""
    if way != INSTALL:
        raise Rejected("nothing is handed over in this way", code="bad_handover")
    token, shop = _word(given, "state"), _word(given, "shop").lower()
    if not is_shop_name(shop):
        raise Rejected("the shop is not one of Shopify's", code="bad_handover")
    return Handed(token, None, f"https://{shop}", refused="error" in given)


def _word(given: Mapping[str, object], name: str) -> str:
    word = given.get(name)
    if not isinstance(word, str) or not word or len(word) > _MOST_CHARS or not word.isprintable():
        raise Rejected(f"{name} is missing or not what Shopify sends", code="bad_handover")
    return word
