"""`manage.py demo`: the whole house on this machine, with a storefront, and the main job happening live."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterable
from itertools import islice, tee
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from apps.config import group
from apps.config.demo import addresses, pictures, progress, shop, shopify, story
from apps.config.embedded import Services
from apps.config.supervisor import NotReady, Supervisor
from apps.stores import shopify as our_app

PRODUCTS = 12
# Of the same photos; pictures that were made for one store are there for the other.
IN_SHOPIFY = 3
STANDSTILL_S = 120.0


class Command(BaseCommand):
    help = (
        "Show the merchant's story on this machine, with a WooCommerce and a Shopify store: products, webhooks, "
        "renders, review, write-back, undo."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        env = os.environ
        parser.add_argument("--once", action="store_true", default=env.get("ONCE", "") not in {"", "0"})
        parser.add_argument("--photos", type=Path, default=Path(env["PHOTOS"]) if env.get("PHOTOS") else None)
        parser.add_argument("--port", type=int, default=int(env.get("PORT") or 0))
        parser.add_argument(
            "--count", type=int, default=int(env.get("COUNT") or PRODUCTS), help="at most so many"
        )
        parser.add_argument("--forget", action="store_true", help="delete what the demo keeps")

    def handle(self, *args: Any, **options: Any) -> None:
        self.started = time.monotonic()
        # Words go to stderr where stdout must end with the summary's JSON line.
        self.console = Console(stderr=options["once"], highlight=False)
        if options["forget"]:
            with group.only_one():
                Services(settings.DATA_ROOT).forget()
            self.stdout.write("The demo's data is deleted.")
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        try:
            with group.only_one():
                self.ports = addresses.agree(options["port"])
                self._run(options)
        except KeyboardInterrupt:
            self.console.print("Stopped. What is there is kept; `make demo` goes on.")
            sys.exit(130 if options["once"] else 0)

    def _run(self, options: dict[str, Any]) -> None:
        photos: Iterable[pictures.Picture]
        photos, total, skipped = self._photos(options)
        for sentence in skipped:
            self.console.print(f"[yellow]skipped[/] {sentence}")
        try:
            self._start_and_tell(photos, total, skipped, once=options["once"])
        finally:
            if isinstance(photos, pictures.Samples):
                photos.stop()

    def _start_and_tell(
        self, photos: Iterable[pictures.Picture], total: int, skipped: list[str], *, once: bool
    ) -> None:
        self.console.print("Starting PostgreSQL, Valkey, web, workers and two storefronts …")
        group.start_services()
        stores = [shop.storefront(self.ports.shop), shopify.platform(self.ports.shopify)]
        programs = [*group.programs(self.ports.web), *stores]
        for file in (shop.keys_file(), shopify.keys_file()):
            file.unlink(missing_ok=True)
        with Supervisor(programs, settings.DATA_ROOT / group.LOGS) as supervisor:
            try:
                supervisor.wait_ready(90)
            except NotReady as error:
                raise CommandError(str(error)) from error
            outcome = self._tell(photos, total)
            self._sum_up(outcome, skipped, once=once)
            if not once:
                self._stay()
        if once and outcome.problems:
            sys.exit(1)

    def _photos(self, options: dict[str, Any]) -> tuple[Iterable[pictures.Picture], int, list[str]]:
        """What products are made of, how many, and what was left out. Samples are drawn while everything starts."""
        if options["photos"]:
            found, skipped = pictures.from_folder(options["photos"], options["count"])
            return found, len(found), skipped
        return pictures.Samples(), pictures.SAMPLE_COUNT, []

    def _tell(self, photos: Iterable[pictures.Picture], total: int) -> story.Outcome:
        few = min(total, IN_SHOPIFY)
        workspace = story.owner(_password(), spot_check_every=max(2, total + few))
        keys = shop.keys()
        merchant = shop.Shop(keys)
        store = story.connect(workspace, keys)
        with progress.bars(self.console) as bars:
            lines = progress.Lines(bars, total, few)
            taken, first = tee(photos)
            products = merchant.fill(taken, lines.created)
            parts = [story.Part(store, list(dict.fromkeys(products.values())))]
            fronts: list[story.Front] = [merchant]
            trouble = []
            try:
                other = shopify.Merchant(shopify.keys())
                parts.append(self._in_shopify(other, list(islice(first, few)), lines))
                fronts.append(other)
            except (shopify.NotInstalled, requests.RequestException, CommandError) as error:
                trouble = [f"Shopify: {error}"]
            for now in story.watch(parts, timeout_s=STANDSTILL_S):
                lines.tell(*now)
        return self._finish(parts, now, fronts, trouble)

    def _in_shopify(
        self, owner: shopify.Merchant, photos: list[pictures.Picture], lines: progress.Lines
    ) -> story.Part:
        """The other merchant has some products before they install our app, and the rest afterwards: some are found by
        reading the catalogue, the others are told by webhooks."""
        before = owner.fill(photos[: len(photos) // 2], lines.created_in_shopify)
        store = story.connected_shop()
        if store is None:
            owner.install(user=story.USERNAME, password=_password())
            store = story.connected_shop()
        if store is None:
            raise shopify.NotInstalled("the shop gave no access")
        story.open_to_its_people(store)
        story.read_catalogue(store, timeout_s=STANDSTILL_S)
        if before:
            story.work_on_what_was_there(store)
        after = owner.fill(photos[len(before) :], lambda done: lines.created_in_shopify(len(before) + done))
        return story.Part(store, list(dict.fromkeys([*before, *after])))

    def _finish(
        self,
        parts: list[story.Part],
        tallies: list[story.Tally],
        fronts: list[story.Front],
        trouble: list[str],
    ) -> story.Outcome:
        ends = [story.end(*one) for one in zip(parts, tallies, fronts, strict=True)]
        woo, shopify = ends[0], next(iter(ends[1:]), None)
        broken = story.verify_audit()
        problems = trouble + woo.problems
        if shopify is not None:
            problems += [f"Shopify: {problem}" for problem in shopify.problems]
            if not shopify.tally.deliveries:
                problems.append("Shopify: no signed webhook arrived")
        if broken:
            problems.append(f"audit: {'; '.join(broken[:3])}")
        sheet = str(story.contact_sheet(parts))
        return story.Outcome(woo, shopify, audit_ok=not broken, contact_sheet=sheet, problems=problems)

    def _sum_up(self, outcome: story.Outcome, skipped: list[str], *, once: bool) -> None:
        seconds = round(time.monotonic() - self.started, 1)
        say = self.console.print
        say(f"\n{progress.sentence(outcome)}")
        for problem in outcome.problems:
            say(f"[red]problem[/] {problem}")
        say(f"  dashboard      {settings.PUBLIC_URL}/  (user {story.USERNAME}, password {_password()})")
        say(f"  WooCommerce    http://127.0.0.1:{self.ports.shop}/")
        say(f"  Shopify        http://127.0.0.1:{self.ports.shopify}/{shopify.SHOP}/")
        say(f"  its admin      {our_app.page_inside(shopify.SHOP)}", soft_wrap=True)
        say(f"  API docs       {settings.PUBLIC_URL}/api/docs/")
        say(f"  contact sheet  {outcome.contact_sheet}")
        if once:
            self.stdout.write(json.dumps(progress.summary(outcome, skipped=len(skipped), seconds=seconds)))
            self.stdout.flush()

    def _stay(self) -> None:
        self.console.print("Everything stays up. Ctrl-C ends it; what is there is kept.")
        while True:
            time.sleep(3600)


def _password() -> str:
    """The demo user's password: made once, kept beside the data."""
    file = settings.DATA_ROOT / "demo-password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9), encoding="utf-8")
    return file.read_text(encoding="utf-8")
