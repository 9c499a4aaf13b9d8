"""Runs the platform in the calling process (`ShopifySandbox`, for tests) or as its own (`ShopifySandboxProcess`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from connectors.sandbox.faults import Faults
from connectors.sandbox.server import SandboxProcess, Served, TlsFiles
from connectors.sandbox.shopify.app import make_app
from connectors.sandbox.shopify.hooks import Hooks
from connectors.sandbox.shopify.site import Options, Site


class ShopifySandbox(Served):
    """Shopify in a thread of this process: ``with ShopifySandbox(tmp_path, shops=("north",)) as platform:``."""

    def __init__(
        self,
        data: Path,
        options: Options | None = None,
        *,
        bind: str = "127.0.0.1",
        port: int = 0,
        public_url: str = "",
        tls: TlsFiles | None = None,
        **changes: Any,
    ) -> None:
        super().__init__(bind, port, tls)
        self.site = Site(data, public_url or self.own_url, options or Options(**changes))
        self.serves(make_app(self.site), self.site.start, self.site.close, self.site.faults)

    @property
    def url(self) -> str:
        """The platform's address; shops are below it."""
        return self.site.url

    @property
    def api_root(self) -> str:
        """Where OAuth and the API of a shop are; ``{shop}`` stands for its name."""
        return f"{self.site.url}/{{shop}}/admin/"

    @property
    def client_id(self) -> str:
        """The app's."""
        return self.site.access.app.client_id

    @property
    def client_secret(self) -> str:
        """The app's, the newest."""
        return self.site.access.secret

    @property
    def faults(self) -> Faults:
        """Order faults, read the log."""
        return self.site.faults

    @property
    def hooks(self) -> Hooks:
        """Webhooks going out."""
        return self.site.hooks

    def port_file(self) -> dict[str, Any]:
        """What a caller in another process needs to know."""
        return {
            "url": self.url,
            "api_root": self.api_root,
            "admin_token": self.site.admin_token,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "shops": self.site.names(),
            "pid": os.getpid(),
        }


class ShopifySandboxProcess(SandboxProcess):
    """Shopify as its own process: ``with ShopifySandboxProcess(folder, "--shop", "north") as platform:``."""

    def __init__(self, data: Path, *arguments: str, **how: Any) -> None:
        super().__init__(data, "--platform", "shopify", *arguments, **how)

    @property
    def api_root(self) -> str:
        """Where OAuth and the API of a shop are; ``{shop}`` stands for its name."""
        return str(self.info["api_root"])
