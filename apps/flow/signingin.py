"""Somebody comes from a shop's administration: they are let in, and the shop is connected if it is not.

Shopify's session token is all that says who it is. A shop that is new here gets a workspace of its own; one that is
known lets its people in only where it came that way itself. Nobody is ever matched by a name or an e-mail address.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from apps.accounts import selectors as members
from apps.accounts import services as accounts
from apps.accounts.models import Member, Workspace
from apps.flow import flow, waking
from apps.lib.errors import NotAllowed
from apps.recipes import services as recipes
from apps.stores import selectors as stores_selectors
from apps.stores import services as stores
from apps.stores import shopify
from apps.stores.connect import open_found
from apps.stores.models import Install, Store, StoreState
from connectors.errors import ConnectorError
from connectors.types import Credentials, StoreInfo

BY = "shopify"
TOKEN_LIVES = dt.timedelta(minutes=1)


class ClosedShop(NotAllowed):
    """Somebody connected this shop from inside Vitrine, so its people are not let in from Shopify by themselves."""


@dataclass(frozen=True)
class Arrived:
    """Who is there, and of which shop."""

    member: Member
    store: Store


def known(session: shopify.Session) -> Arrived | None:
    """Whom a token tells of, if they were let in before and their shop is there still."""
    store = stores_selectors.of_shop(shopify.PLATFORM, session.shop)
    member = members.known_as(shopify.PLATFORM, session.shop, session.user_id)
    if store is None or member is None or member.workspace_id != store.workspace_id:
        return None
    _seen(store, session)
    return Arrived(member, store)


def _seen(store: Store, session: shopify.Session) -> None:
    """Tokens are given out for shops that have the app, and live for a minute."""
    stores.opened(store, at=min(timezone.now(), session.expires_at - TOKEN_LIVES))


def still_there(session: shopify.Session, token: str) -> Arrived | None:
    """The same, for what a page that is open asks. Where the store took our access back this brings it again."""
    arrived = known(session)
    if arrived is not None and arrived.store.state != StoreState.CONNECTED:
        with contextlib.suppress(ConnectorError, shopify.NotSetUp):  # the page says how it stands
            reconnect(arrived.store, shopify.exchange().session(session.shop, token), by=BY)
    return arrived


def arrive(session: shopify.Session, token: str) -> Arrived:
    """Let in whom a page of the administration brings. Raises ClosedShop, and ConnectorError where Shopify does not
    give us access; nothing is kept then."""
    store = stores_selectors.of_shop(shopify.PLATFORM, session.shop)
    if store is not None:
        if not store.open_to_shop and known(session) is None:
            raise ClosedShop
        if lacks_access(store):
            reconnect(store, shopify.exchange().session(session.shop, token), by=BY)
        _seen(store, session)
        return Arrived(_admitted(store.workspace, session), store)
    credentials = shopify.exchange().session(session.shop, token)
    store = connect_new(session.shop, credentials)
    return Arrived(_admitted(store.workspace, session), store)


def _admitted(workspace: Workspace, session: shopify.Session) -> Member:
    with transaction.atomic():
        # Two pages of one person may load at once, and two people may be the first.
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        return accounts.admit(workspace, issuer=shopify.PLATFORM, shop=session.shop, subject=session.user_id)


def lacks_access(store: Store) -> bool:
    """Whether the shop has to give us access anew: it took it back, or our app needs more than it gave."""
    if store.state != StoreState.CONNECTED:
        return True
    credentials = Credentials(**(store.credentials or {}))
    return not credentials.token or bool(shopify.missing_scopes(credentials.scope))


def reconnect(store: Store, credentials: Credentials, *, by: str) -> None:
    """A shop that we know gave us access again: its work goes on, and what changed meanwhile is read."""
    was = store.state
    stores.give_access(store, credentials, by=by)
    waking.wake(store)  # when that is committed: see stores.put_off
    if was != StoreState.CONNECTED:
        flow.connected(store, by=by)


def connect_new(shop: str, credentials: Credentials) -> Store:
    """A shop that nobody has: a workspace with its first recipe, its rule, and the reading of its catalogue."""
    found = shopify.found(shop)
    info = open_found(shopify.PLATFORM, found, credentials).check()
    with transaction.atomic():
        stores.hold(shopify.PLATFORM, shop)
        there = stores_selectors.of_shop(shopify.PLATFORM, shop)
        if there is not None:  # somebody else of the shop was faster; the later token is the one that lasts
            if credentials.expires_at >= Credentials(**there.credentials).expires_at:
                stores.give_access(there, credentials, by=BY)
            return there
        workspace = accounts.found_workspace(info.name or found.name, by=BY)
        recipes.create(workspace, name="White packshot", body=recipes.WHITE_PACKSHOT, by=BY, automatic=True)
        store = _kept(workspace, shop, credentials, info, by=BY)
        Store.objects.filter(pk=store.pk).update(open_to_shop=True)
        store.open_to_shop = True
        flow.connected(store, by=BY)
    stores.begin_listening(store)
    return store


def _kept(workspace: Workspace, shop: str, credentials: Credentials, info: StoreInfo, *, by: str) -> Store:
    return stores.keep(
        workspace,
        platform=shopify.PLATFORM,
        found=shopify.found(shop),
        credentials=credentials,
        info=info,
        by=by,
    )


# -- the way over the shop's page, outside its administration ----------------------------------------------------


def may_install(shop: str, workspace: Workspace | None) -> None:
    """Raises TakenElsewhere where somebody inside a workspace asks for a shop that is another's."""
    store = stores_selectors.of_shop(shopify.PLATFORM, shop)
    if store is not None and workspace is not None and store.workspace_id != workspace.pk:
        raise stores.TakenElsewhere


def installed(install: Install, code: str) -> Store:
    """The shop approved: what the code is good for is kept. Raises TakenElsewhere, ConnectorError."""
    workspace = install.workspace
    may_install(install.shop, workspace)
    credentials = shopify.exchange().code(install.shop, code)
    store = stores_selectors.of_shop(shopify.PLATFORM, install.shop)
    by = install.asked_by or BY
    if store is not None:
        may_install(install.shop, workspace)
        reconnect(store, credentials, by=by)
        return store
    if workspace is None:
        return connect_new(install.shop, credentials)
    info = open_found(shopify.PLATFORM, shopify.found(install.shop), credentials).check()
    with transaction.atomic():
        store = _kept(workspace, install.shop, credentials, info, by=by)
        flow.connected(store, by=by)
    stores.begin_listening(store)
    return store
