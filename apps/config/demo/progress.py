"""What the demo tells while it works, and what it sums up."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from apps.config.demo.story import Ended, Outcome, Tally


def bars(console: Console) -> Progress:
    """One line each for what there is to count."""
    return Progress(
        TextColumn("{task.description:<47}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


class Lines:
    """The lines of both stores. `total`, `few`: how many products either gets."""

    def __init__(self, bars: Progress, total: int, few: int) -> None:
        self._bars, self._total, self._few = bars, total, few
        # Those that were there before the app was installed are found by reading, without a webhook.
        self._told = few - few // 2
        self._created = bars.add_task("Products created in the WooCommerce store", total=total)
        self._delivered = bars.add_task("Signed webhooks arrived", total=total)
        self._rendered = bars.add_task("Photos rendered", total=total)
        self._judged = bars.add_task("Renders measured and judged", total=total)
        self._published = bars.add_task("Approved and written into the WooCommerce store", total=total)
        self._created_in_shopify = bars.add_task("Products created in the Shopify store", total=few)
        self._delivered_by_shopify = bars.add_task("App installed, signed webhooks arrived", total=self._told)
        self._judged_for_shopify = bars.add_task("Photos rendered and judged", total=few)
        self._published_in_shopify = bars.add_task("Approved and written into the Shopify store", total=few)

    def created(self, done: int) -> None:
        self._bars.update(self._created, completed=done)

    def created_in_shopify(self, done: int) -> None:
        self._bars.update(self._created_in_shopify, completed=done)

    def tell(self, woo: Tally, shopify: Tally | None = None) -> None:
        """How far either is."""
        update = self._bars.update
        update(self._delivered, completed=min(woo.deliveries, self._total))
        update(self._rendered, completed=woo.rendered + woo.failed)
        update(self._judged, completed=woo.judged)
        update(self._published, completed=woo.published, total=max(woo.approved, 1))
        if shopify is not None:
            update(self._delivered_by_shopify, completed=min(shopify.deliveries, self._told))
            update(self._judged_for_shopify, completed=shopify.judged)
            update(self._published_in_shopify, completed=shopify.published, total=max(shopify.approved, 1))


def sentence(outcome: Outcome) -> str:
    """What came of it, for people: a line per store."""
    parts = {"WooCommerce": outcome.woo, "Shopify": outcome.shopify}
    return "\n".join(_line(name, ended) for name, ended in parts.items() if ended is not None)


def _line(platform: str, ended: Ended) -> str:
    tally = ended.tally
    return (
        f"{platform}: {tally.products} products, {tally.rendered} rendered, {tally.approved} approved by policy, "
        f"{tally.waiting} left for a person, {tally.published} written into the store, {ended.undone} undone"
        + (" and the original is back, byte for byte." if ended.original_back else ".")
    )


def summary(outcome: Outcome, *, skipped: int, seconds: float) -> dict[str, Any]:
    """The same for programs. All but `shopify` is told of the WooCommerce store."""
    shopify = outcome.shopify or Ended(Tally(0))
    return {
        **_figures(outcome.woo),
        "audit_ok": outcome.audit_ok,
        "skipped": skipped,
        "problems": outcome.problems,
        "seconds": seconds,
        "contact_sheet": outcome.contact_sheet,
        "shopify": {**_figures(shopify), "webhooks": shopify.tally.deliveries},
    }


def _figures(ended: Ended) -> dict[str, Any]:
    tally = ended.tally
    return {
        "products": tally.products,
        "rendered": tally.rendered,
        "approved": tally.approved,
        "waiting": tally.waiting,
        "published": tally.published,
        "shown": ended.shown,
        "undone": ended.undone,
        "original_back": ended.original_back,
    }
