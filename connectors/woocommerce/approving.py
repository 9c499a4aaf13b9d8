"""How a merchant gives access to a WooCommerce store without copying anything: which ways there are, the pages of the
store that ask, and what comes back from them.

Keys: https://woocommerce.github.io/woocommerce-rest-api-docs/#rest-api-keys (wc-auth). The store calls us with the
keys and names nothing but our own token, so they have to be tried at the address that the token was made for.
Application passwords: https://make.wordpress.org/core/2020/11/05/application-passwords-integration-guide/. They come
in the query of the address that the browser is sent back to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from connectors.errors import Rejected, Unsupported
from connectors.types import PASTE, Asking, Credentials, Found, Gift, Handed, Here, Way
from connectors.woocommerce.discovery import approve_page, plain_permalinks

PASSWORD, KEYS = "password", "keys"
# Names this program in the store's list of application passwords; the same for every installation, for ever.
APP_ID = "afd6527d-dc0c-48de-afa0-b31b9c8991da"
SCOPE = "read_write"
KEYS_BY_QUERY_SINCE = (11, 1)
MOST_CHARS = 300

_ALL = frozenset(Gift)


def ways(found: Found, here: Here) -> tuple[Way, ...]:
    """The application password first: it alone opens the media library."""
    opens = _ALL if here.reachable else _ALL - {Gift.WEBHOOKS}
    late = {} if here.reachable else {Gift.WEBHOOKS: "The store can't call this server, so it is asked."}
    keys_refused = _keys_not_taken(found)
    return (
        Way(
            PASSWORD,
            "Approve in WordPress",
            "Your store asks you whether Vitrine may have an application password. You approve, and are brought back. "
            "It can be revoked in your profile at any time.",
            opens,
            "WordPress and Vitrine on https, application passwords switched on, and your login as shop manager or "
            "administrator.",
            but=late,
            why_not=_no_password(found, here),
        ),
        Way(
            KEYS,
            "Approve in WooCommerce",
            "WooCommerce asks you whether Vitrine may have keys, and sends them to this server itself. It can be "
            "revoked in WooCommerce under Settings, Advanced, REST API.",
            opens - {Gift.UPLOAD},
            "Vitrine on https at a public address, permalinks other than Plain, and your login as shop manager or "
            "administrator.",
            but={Gift.WRITE: "The store loads each picture from this server.", **late},
            why_not=(*keys_refused, *_not_called_back(here)),
        ),
        Way(
            PASTE,
            "Paste keys by hand",
            "You make a key or an application password in the store's administration and copy it here.",
            opens if found.password_page else opens - {Gift.UPLOAD},
            "A key with read and write permission, an application password, or both.",
            but={Gift.UPLOAD: "With an application password only.", **late} if found.password_page else late,
            # Where the version is not told, trying tells.
            why_not=keys_refused if found.version and not found.password_page else (),
        ),
    )


def _no_password(found: Found, here: Here) -> tuple[str, ...]:
    reasons = []
    on_http = found.url.startswith("http://")
    if not found.password_page and on_http:
        reasons.append(
            "The store is on plain http, and WordPress gives out application passwords over https only."
        )
    elif not found.password_page:
        reasons.append(
            "Application passwords are switched off in this store, often by a security plugin such as Wordfence. "
            "Switch them on there, then look again."
        )
    # A site on http that has them all the same calls itself local; such a site sends them to http as well.
    if not here.https and not (on_http and found.password_page):
        reasons.append(
            f"WordPress sends passwords to https addresses only, and this server goes by {here.url}. "
            "Whoever runs it sets PUBLIC_URL."
        )
    return tuple(reasons)


def _keys_not_taken(found: Found) -> tuple[str, ...]:
    if not plain_permalinks(found) or _version(found.version) >= KEYS_BY_QUERY_SINCE:
        return ()
    return (
        "Permalinks are set to Plain, and WooCommerce before 11.1 takes no keys then. Choose “Post name” under "
        "Settings, Permalinks, then look again.",
    )


def _not_called_back(here: Here) -> tuple[str, ...]:
    reasons = []
    if not here.https:
        reasons.append(
            f"WooCommerce sends keys to https addresses only, and this server goes by {here.url}. "
            "Whoever runs it sets PUBLIC_URL."
        )
    if not here.reachable:
        reasons.append(
            f"The store has to call this server, and {here.url} is not reachable from the internet. The store could "
            "not load pictures from it either."
        )
    return tuple(reasons)


def _version(text: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def page(found: Found, way: str, asking: Asking) -> str:
    """The page that asks, with everything that the store demands in its address."""
    if way == PASSWORD and found.password_page:
        back = f"{asking.return_url}?{urlencode({'state': asking.token})}"
        return _with(
            found.password_page,
            {"app_name": asking.app_name, "app_id": APP_ID, "success_url": back, "reject_url": back},
        )
    if way == KEYS:
        wish = {
            "app_name": asking.app_name,
            "scope": SCOPE,
            "user_id": asking.token,
            "return_url": asking.return_url,
            "callback_url": asking.callback_url,
        }
        return _with(approve_page(found), wish)
    raise Unsupported(f"there is no page for {way!r} at this store")


def _with(address: str, wish: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(wish)}"


def handed_over(way: str, given: Mapping[str, object]) -> Handed:
    """The body of wc-auth's call, or the query of an address that a browser came back to."""
    if way == PASSWORD:
        return _password(given)
    if way == KEYS:
        return _keys(given)
    raise Rejected("nothing is handed over in this way", code="bad_handover")


def _password(given: Mapping[str, object]) -> Handed:
    token = _word(given, "state")
    if given.get("success") == "false":
        return Handed(token, refused=True)
    login = Credentials(user=_word(given, "user_login"), app_password=_word(given, "password"))
    return Handed(token, login, _word(given, "site_url"))


def _keys(given: Mapping[str, object]) -> Handed:
    token = _word(given, "user_id")
    if "success" in given:  # the browser; the keys took another way
        return Handed(token, refused=given["success"] != "1")
    return Handed(token, Credentials(_word(given, "consumer_key"), _word(given, "consumer_secret")))


def _word(given: Mapping[str, object], name: str) -> str:
    word = given.get(name)
    if not isinstance(word, str) or not word.strip() or len(word) > MOST_CHARS or not word.isprintable():
        raise Rejected(f"{name} is missing or not what a store sends", code="bad_handover")
    return word.strip()
