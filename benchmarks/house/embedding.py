"""In a fresh process: our server, the sandbox that plays Shopify, and Chromium with a slow processor, which opens pages
in the administration's frame and uses them."""

from __future__ import annotations

import io
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.urls import reverse
from PIL import Image

from apps.accounts.models import Member
from apps.catalog.models import Photo, Product
from apps.jobs.models import Render
from apps.review.models import Item
from apps.stores import shopify
from apps.stores.models import Store
from benchmarks.errors import BenchError
from connectors.sandbox import shopify as sandbox
from connectors.sandbox.shopify.server import ShopifySandbox

NAME, SHOP = "north", "north.myshopify.com"
SLOWER, DELAY_S = 4, 0.3
# Believed to be no less than Shopify's: nothing that we could read tells their size.
SIZES = {"app-bridge.js": 256 * 1024, "polaris.js": 1024 * 1024}
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SETTLED_MS = 1500
# Where a page is opened and not used.
NOBODY: list[float] = []
WATCH = """(() => {
  const seen = (window.__seen = { lcp: 0, cls: 0, events: [] });
  let window_ = { start: 0, last: 0, sum: 0 };
  new PerformanceObserver((list) => { for (const one of list.getEntries()) seen.lcp = one.startTime; })
    .observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) {
      if (one.hadRecentInput) continue;
      const near = one.startTime - window_.last < 1000 && one.startTime - window_.start < 5000;
      window_ = near ? { ...window_, last: one.startTime, sum: window_.sum + one.value }
                     : { start: one.startTime, last: one.startTime, sum: one.value };
      seen.cls = Math.max(seen.cls, window_.sum);
    }
  }).observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (one.interactionId) seen.events.push([one.interactionId, one.duration]);
  }).observe({ type: "event", buffered: true, durationThreshold: 16 });
})();"""


def measured(store: int, times: int, folder: str) -> dict[str, Any]:
    """Per page the times until its largest content was painted (ms, from the frame's navigation) and how much it
    shifted; and how long each interaction took until the next paint (ms)."""
    # Playwright's loop is in this thread, and nothing of it touches the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with _served(Path(folder)) as base:
        _is_a_shopify_shop(store)
        _with_pictures()
        pages = _pages()
        with _slow_browser() as browser:
            _visit(browser, base, "", NOBODY)  # who comes first is admitted, and templates are compiled
            Member.objects.update(role="owner")
            found = {
                name: [_visit(browser, base, path, NOBODY) for _ in range(times)]
                for name, path in pages.items()
            }
            took: list[float] = []
            for path in ("/review/", "/products/", "/usage/"):
                _visit(browser, base, path, took)
    return {
        "pages": {
            name: {"lcp_ms": [one["lcp"] for one in seen], "cls": [one["cls"] for one in seen]}
            for name, seen in found.items()
        },
        "interactions_ms": took,
        "script_kib": sum(SIZES.values()) / 1024,
    }


def _pages() -> dict[str, str]:
    item = Item.objects.filter(state="pending").latest("pk")
    return {
        "home": "/shopify/",
        "review": "/review/",
        "products": "/products/",
        "product": f"/products/{Product.objects.latest('pk').pk}/",
        "review_item": f"/review/{item.pk}/",
        "batches": "/batches/",
        "publications": "/publications/",
        "usage": "/usage/",
        "stores": "/stores/",
    }


# -- what is looked at --------------------------------------------------------------------------------


def _is_a_shopify_shop(store: int) -> None:
    Store.objects.filter(pk=store).update(
        platform="shopify", shop=SHOP, url=f"https://{SHOP}", open_to_shop=True
    )


def _with_pictures() -> None:
    """The newest rows get bytes, so that pages have pictures to paint."""
    picture = _picture()
    keys = [row.key for row in Photo.objects.exclude(key="").order_by("-pk")[:80]]
    for render in Render.objects.order_by("-pk")[:80]:
        keys += [file["key"] for file in render.files]
    keys += [row.job.photo.key for row in Item.objects.filter(state="pending").order_by("pk")[:40]]
    for key in filter(None, keys):
        if not default_storage.exists(key):
            default_storage.save(key, ContentFile(picture))


def _picture() -> bytes:
    """1,200 pixels of a soft gradient, as heavy as a photo."""
    ramp = Image.linear_gradient("L").resize((1200, 1200))
    noise = Image.effect_noise((1200, 1200), 24)
    out = io.BytesIO()
    Image.merge("RGB", (ramp, noise, ramp.rotate(90))).save(out, "JPEG", quality=90)
    return out.getvalue()


# -- servers --------------------------------------------------------------------------------


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    settings.STATIC_ROOT = str(folder / "static")
    call_command("collectstatic", interactive=False, verbosity=0)
    settings.ALLOWED_HOSTS = ["*"]
    with (
        ShopifySandbox(folder / "shopify", shops=(NAME,), webhook_interval_s=None) as platform,
        _cdn() as cdn,
    ):
        settings.SHOPIFY_API_KEY, settings.SHOPIFY_API_SECRET = platform.client_id, platform.client_secret
        settings.SHOPIFY_API_ROOT = platform.api_root
        settings.ALLOW_PRIVATE_HOSTS = [urlsplit(platform.url).netloc]
        shopify.script = lambda name: f"{cdn}/{name}"
        server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
        server.daemon_threads = True
        server.set_app(get_wsgi_application())
        settings.PUBLIC_URL = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        platform.site.deploy(
            shopify.app_file(
                home=reverse("shopify-home"), back=reverse("shopify-callback"), hook=reverse("shopify-hook")
            )
        )
        platform.site.install(NAME)
        try:
            yield f"{platform.url}/{SHOP}/admin/apps/{platform.client_id}"
        finally:
            server.shutdown()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Not one line per request."""


@contextmanager
def _cdn() -> Iterator[str]:
    """The two scripts at their size, each 300 ms after it was asked for. Browsers may keep them, as Shopify's."""
    own = Path(sandbox.__file__).parent / "static"
    bodies = {name: _padded((own / name).read_text(), size) for name, size in SIZES.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = bodies[self.path.removeprefix("/")]
            time.sleep(DELAY_S)
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "max-age=600")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Not one line per request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def _padded(script: str, size: int) -> bytes:
    """`script`, and functions up to `size` bytes: all are parsed, each tenth is compiled and run."""
    parts, length, number = [script, "\n(() => { const parts = {};\n"], len(script), 0
    while length < size:
        number += 1
        part = (
            f"parts.p{number} = class P{number} {{ constructor(a) {{ this.a = a; this.list = [a, {number}]; }}\n"
            f"  sum(b) {{ return this.list.map((one) => one + b).reduce((x, y) => x + y, {number}); }}\n"
            f"  get words() {{ return `p{number}-${{this.a}}`.split('-').map((word) => word.trim()); }} }};\n"
        )
        if number % 10 == 0:
            part += f"new parts.p{number}({number}).sum(2); new parts.p{number}(1).words;\n"
        parts.append(part)
        length += len(part)
    return "".join([*parts, "})();\n"]).encode()


# -- the merchant --------------------------------------------------------------------------------


@contextmanager
def _slow_browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise BenchError("No Chromium here: run `make chromium`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def _visit(browser: Any, base: str, path: str, took: list[float]) -> dict[str, float]:
    """A first visit, with nothing kept. With a list for what interactions took, the page is used as well."""
    context = browser.new_context(viewport={"width": 1360, "height": 860})
    try:
        context.add_init_script(WATCH)
        page = context.new_page()
        page.set_default_timeout(60_000)
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(f"{base}{path}")
        frame = page.frame_locator("iframe")
        frame.locator("h1").first.wait_for()
        page.wait_for_timeout(SETTLED_MS)
        inner = next(one for one in page.frames if one.parent_frame)
        seen: dict[str, float] = inner.evaluate("({ lcp: __seen.lcp, cls: __seen.cls })")
        if path in USED and took is not NOBODY:
            USED[path](page, frame)
            page.wait_for_timeout(SETTLED_MS)
            after = inner.evaluate("({ cls: __seen.cls, events: __seen.events })")
            longest: dict[int, float] = {}
            for interaction, ms in after["events"]:
                longest[interaction] = max(ms, longest.get(interaction, 0))
            took += longest.values()
        return seen
    finally:
        context.close()


def _reviews(page: Any, frame: Any) -> None:
    for _ in range(3):
        page.keyboard.press("Tab")
    frame.get_by_role("button", name="Approve", exact=True).focus()
    page.keyboard.press("j")
    page.wait_for_timeout(800)
    frame.get_by_role("button", name="Reject", exact=True).click()
    page.wait_for_timeout(1200)
    frame.locator("#desk a[href*='/review/']").first.click()
    page.wait_for_timeout(1200)


def _searches(page: Any, frame: Any) -> None:
    frame.locator("#id_q").click()
    page.keyboard.type("product", delay=60)
    page.wait_for_timeout(1200)
    frame.locator("main a[href*='/products/']").first.click()
    page.wait_for_timeout(1200)


def _saves(page: Any, frame: Any) -> None:
    field = frame.locator("form[data-save-bar] input:not([type=hidden])").first
    field.click()
    page.keyboard.type("25", delay=60)
    page.get_by_role("button", name="Save").click()
    page.wait_for_timeout(1200)


USED = {"/review/": _reviews, "/products/": _searches, "/usage/": _saves}
