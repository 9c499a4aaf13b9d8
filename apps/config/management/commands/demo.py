"""`manage.py demo`: the whole house on this machine, with a storefront, and the main job happening live."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from apps.config import group
from apps.config.demo import pictures, shop, story
from apps.config.embedded import Services
from apps.config.supervisor import NotReady, Supervisor

DEFAULT_PORT = 8000
PRODUCTS = 12
STANDSTILL_S = 120.0


class Command(BaseCommand):
    help = "Show the merchant's story on this machine: products, webhooks, renders, review, write-back, undo."
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
                self._agree_on_addresses(options)
                self._run(options)
        except KeyboardInterrupt:
            self.console.print("Stopped. What is there is kept; `make demo` goes on.")
            sys.exit(130 if options["once"] else 0)

    def _agree_on_addresses(self, options: dict[str, Any]) -> None:
        """Choose ports once and write them down; if that changed them, start again with them in force."""
        kept = _kept_ports()
        port = options["port"] or kept.get("WEB", 0) or group.free_port(DEFAULT_PORT)
        if not group.port_is_free(port):
            if options["port"]:
                raise CommandError(f"Port {port} is taken. Choose another with PORT=.")
            port = group.free_port(port + 1)
        shop_port = kept.get("SHOP", 0) or group.free_port(port + 1)
        if not group.port_is_free(shop_port):
            raise CommandError(
                f"Port {shop_port}, where the demo's storefront lives, is taken. "
                "End what uses it, or run `make clean-demo`."
            )
        self.port, self.shop_port = port, shop_port
        chosen = {
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "ALLOW_PRIVATE_HOSTS": f"127.0.0.1:{shop_port}",
            "DEMO_SHOP_PORT": str(shop_port),
        }
        if group.remember(chosen) or chosen["PUBLIC_URL"] != settings.PUBLIC_URL:
            os.environ.update(chosen)
            os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - ourselves, with new settings

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
        self.console.print("Starting PostgreSQL, Valkey, web, workers and a storefront …")
        group.start_services()
        programs = [*group.programs(self.port), shop.storefront(self.shop_port)]
        shop.keys_file().unlink(missing_ok=True)
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
        workspace = story.owner(_password(), spot_check_every=max(2, total))
        keys = shop.keys()
        merchant = shop.Shop(keys)
        store = story.connect(workspace, keys)
        with Progress(
            TextColumn("{task.description:<44}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        ) as bars:
            created = bars.add_task("Products created in the store", total=total)
            told = {
                "deliveries": bars.add_task("Signed webhooks arrived", total=total),
                "rendered": bars.add_task("Photos rendered", total=total),
                "judged": bars.add_task("Renders measured and judged", total=total),
                "published": bars.add_task("Approved and written into the store", total=total),
            }
            products = merchant.fill(photos, lambda done: bars.update(created, completed=done))
            ids = list(dict.fromkeys(products.values()))
            for now in story.watch(store, ids, timeout_s=STANDSTILL_S):
                bars.update(told["deliveries"], completed=min(now.deliveries, total))
                bars.update(told["rendered"], completed=now.rendered + now.failed)
                bars.update(told["judged"], completed=now.judged)
                bars.update(told["published"], completed=now.published, total=max(now.approved, 1))
        return self._finish(merchant, store, ids, now)

    def _finish(
        self, merchant: shop.Shop, store: story.Store, ids: list[int], tally: story.Tally
    ) -> story.Outcome:
        outcome = story.Outcome(tally)
        undo = story.undo_one(merchant, store)
        outcome.undone = int(undo.work_state == "done")
        outcome.original_back = bool(outcome.undone) and story.original_is_back(
            merchant, undo, story.uploaded_sha256(undo)
        )
        outcome.shown = story.count_shown(merchant, store)
        broken = story.verify_audit()
        outcome.audit_ok = not broken
        outcome.contact_sheet = str(story.contact_sheet(store, ids))
        live = tally.published - outcome.undone
        for fits, problem in (
            (tally.failed == 0, f"{tally.failed} photos could not be rendered"),
            (tally.not_published == 0, f"{tally.not_published} pictures could not be written"),
            (tally.published == tally.approved, "not every approved picture is in the store"),
            (outcome.undone == 1, f"the undo did not end: {undo.error}"),
            (outcome.original_back, "the original did not come back byte for byte"),
            (outcome.shown >= live, f"the storefront shows {outcome.shown} of {live} pictures"),
            (outcome.audit_ok, f"audit: {'; '.join(broken[:3])}"),
        ):
            if not fits:
                outcome.problems.append(problem)
        return outcome

    def _sum_up(self, outcome: story.Outcome, skipped: list[str], *, once: bool) -> None:
        tally, seconds = outcome.tally, round(time.monotonic() - self.started, 1)
        say = self.console.print
        say(
            f"\n{tally.products} products: {tally.rendered} rendered, {tally.approved} approved by policy, "
            f"{tally.waiting} left for a person, {tally.published} written into the store, "
            f"{outcome.undone} undone"
            + (" and the original is back, byte for byte." if outcome.original_back else ".")
        )
        for problem in outcome.problems:
            say(f"[red]problem[/] {problem}")
        say(f"  dashboard      {settings.PUBLIC_URL}/  (user {story.USERNAME}, password {_password()})")
        say(f"  storefront     http://127.0.0.1:{self.shop_port}/")
        say(f"  API docs       {settings.PUBLIC_URL}/api/docs/")
        say(f"  contact sheet  {outcome.contact_sheet}")
        if not once:
            return
        self.stdout.write(
            json.dumps(
                {
                    "products": tally.products,
                    "rendered": tally.rendered,
                    "approved": tally.approved,
                    "waiting": tally.waiting,
                    "published": tally.published,
                    "shown": outcome.shown,
                    "undone": outcome.undone,
                    "original_back": outcome.original_back,
                    "audit_ok": outcome.audit_ok,
                    "skipped": len(skipped),
                    "problems": outcome.problems,
                    "seconds": seconds,
                    "contact_sheet": outcome.contact_sheet,
                }
            )
        )
        self.stdout.flush()

    def _stay(self) -> None:
        self.console.print("Everything stays up. Ctrl-C ends it; what is there is kept.")
        while True:
            time.sleep(3600)


def _kept_ports() -> dict[str, int]:
    """The ports of the last time."""
    file = group.environment_file()
    if not file.exists():
        return {}
    rows = dict(line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines() if "=" in line)
    web = rows.get("PUBLIC_URL", "").rpartition(":")[2]
    return {"WEB": int(web) if web.isdigit() else 0, "SHOP": int(rows.get("DEMO_SHOP_PORT", 0))}


def _password() -> str:
    """The demo user's password: made once, kept beside the data."""
    file = settings.DATA_ROOT / "demo-password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9), encoding="utf-8")
    return file.read_text(encoding="utf-8")
