"""The only place that opens a connector: a Store row in, a Connector out, with credentials, limits and a throttle."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from apps.lib.errors import BadRequest
from apps.stores import presence, reach
from apps.stores.models import Store
from apps.stores.points import StorePoints
from apps.stores.throttle import StoreThrottle
from connectors import registry
from connectors.base import Access, Budget, Connector, Opening, Settings
from connectors.billing import Billing
from connectors.errors import ConnectorError, Rejected
from connectors.types import Credentials, Found, Way

# As the rows have room for it.
MAX_URL_CHARS = 300
# Platforms whose access is a token that is renewed all the time.
TOKENS_END = frozenset({"shopify"})


NO_APP = (
    "This server is not set up as a Shopify app yet. Whoever runs it makes one in Shopify's Dev Dashboard and sets "
    "SHOPIFY_API_KEY and SHOPIFY_API_SECRET; `manage.py shopifyapp` writes the app's configuration."
)


class NotConnectable(BadRequest):
    """There is no store at this address that can be connected as it is."""


def connector_settings() -> Settings:
    """What the operator decided about outgoing calls."""
    return Settings(
        allow_private_hosts=frozenset(settings.ALLOW_PRIVATE_HOSTS), ca_file=settings.STORE_CA_FILE
    )


def look(platform: str, typed: str) -> Found:
    """What is at the address that a merchant typed, whether it can be connected or not. Raises NotConnectable for
    what is no address."""
    try:
        found = registry.get(platform).find(typed, connector_settings())
    except Rejected as error:
        raise NotConnectable(error.detail[:1].upper() + error.detail[1:]) from error
    if len(found.url) > MAX_URL_CHARS:
        raise NotConnectable(f"That leads to an address of more than {MAX_URL_CHARS} characters.")
    return found


def recognise(typed: str) -> tuple[str, Found]:
    """The platform and the store of what a merchant typed, whether it can be connected or not. Raises NotConnectable
    for what is no address."""
    for platform in registry.platforms():
        if registry.get(platform).claims(typed):
            return platform, look(platform, typed)
    found = look("woocommerce", typed)
    if any(finding.code == "shopify" for finding in found.findings):
        return "shopify", look("shopify", typed)  # a shop at a domain of its own
    return "woocommerce", found


def find(platform: str, typed: str) -> Found:
    """The store behind what a merchant typed. Raises NotConnectable with what has to be changed first."""
    found = look(platform, typed)
    if not found.can_connect:
        raise NotConnectable(" ".join(finding.sentence for finding in found.findings if finding.stops))
    return found


def open_found(platform: str, found: Found, credentials: Credentials) -> Connector:
    """A store that has no row yet: for the connect form and `manage.py connect`."""
    return registry.get(platform)(
        Opening(
            url=found.url, credentials=credentials, settings=connector_settings(), api_root=found.api_root
        )
    )


def open_store(store: Store) -> Connector:
    """Its calls raise Away at once where the store has not answered for a while (`presence`), and Paused where it asked
    to be left alone for longer than a worker should wait (`throttle`)."""
    return registry.get(store.platform)(_opening(store))


def open_billing(store: Store) -> Billing:
    """How its platform bills, with the same manners. Raises Unsupported where it does not."""
    return registry.billing(store.platform)(_opening(store))


def _opening(store: Store) -> Opening:
    throttle, budgets = StoreThrottle(store.pk), StorePoints(store.pk)

    def before_each_call(*, images: bool = False, points: float = 0.0) -> None:
        presence.knock(store.pk, images=images)
        throttle(images=images)
        if points:
            budgets.take(points)

    def after_each_call(
        error: ConnectorError | None,
        *,
        images: bool = False,
        seconds: float = 0.0,
        call: str = "",
        points: float = 0.0,
        budget: Budget | None = None,
    ) -> None:
        presence.heard(store.pk, error, images=images)
        throttle.heard(error, images=images, seconds=seconds, call=call)
        if points or budget:
            budgets.heard(points, budget)

    return Opening(
        url=store.url,
        credentials=Credentials(**store.credentials),
        settings=connector_settings(),
        throttle=before_each_call,
        heard=after_each_call,
        api_root=store.api_root,
        access=_access(store),
    )


def _access(store: Store) -> Access | None:
    """Tokens that end are given out one by one, so that each is the one that is good now."""
    from apps.stores.tokens import StoreAccess  # which asks the platform with what stands above

    return StoreAccess(store.pk) if store.platform in TOKENS_END else None


def ways(platform: str, found: Found) -> tuple[Way, ...]:
    """How access to this store may be handed over, the best way first."""
    offered = registry.get(platform).ways(found, reach.here())
    if platform == "shopify" and not (settings.SHOPIFY_API_KEY and settings.SHOPIFY_API_SECRET):
        return tuple(replace(way, why_not=(*way.why_not, NO_APP)) for way in offered)
    return offered


def inbound(platform: str) -> type[Connector]:
    """The class that understands what this platform sends: deliveries, and what its approval pages hand over."""
    return registry.get(platform)
