"""In the house's environment: a workspace, a recipe that policy approves, a store and an API key per storefront.

`python -m chaos.opening KEYS.json…` prints [{"store", "url", "api_key"}, …].
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

RECIPE: dict[str, Any] = {
    "pipeline": "background",
    "backdrop": {"kind": "solid", "color": "#ffffff"},
    "framing": {"canvas_px": [320, 320], "fill": 0.85},
    "shadow": {"kind": "none"},
    "output": {"format": "jpeg", "max_bytes": None},
    # How good the cut-outs are is measured elsewhere; here every picture is to go the whole way.
    "review": {
        "min_confidence": 0.0,
        "max_fidelity_levels": 255,
        "max_delta_e_p95": 100.0,
        "min_border_white_share": 0.0,
        "max_fill_error": 1.0,
        "max_centring_offset": 1.0,
        "max_touch_share": 1.0,
        "max_see_through": 1.0,
        "spot_check_every": 0,
    },
}


def main(files: list[str]) -> None:
    """One merchant per storefront."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.config.settings")
    import django

    django.setup()
    opened = [
        _open(number, json.loads(Path(file).read_text(encoding="utf-8"))) for number, file in enumerate(files)
    ]
    sys.stdout.write(json.dumps(opened) + "\n")


def _open(number: int, keys: dict[str, Any]) -> dict[str, Any]:
    from apps.accounts import services as accounts
    from apps.accounts.models import Role
    from apps.recipes import services as recipes
    from apps.stores import services as stores
    from connectors.types import Credentials

    user, workspace = accounts.create_owner(
        username=f"merchant-{number}", password=os.urandom(12).hex(), workspace_name=f"Shop {number}"
    )
    by = f"user:{user.pk}"
    recipes.create(workspace, name="Chaos", body=RECIPE, by=by, automatic=True)
    credentials = Credentials(
        keys["consumer_key"], keys["consumer_secret"], keys["user"], keys["app_password"]
    )
    store = stores.connect(workspace, platform="woocommerce", url=keys["url"], credentials=credentials, by=by)
    _, api_key = accounts.create_key(workspace, name="chaos", role=Role.OWNER, by=by)
    return {"store": store.pk, "url": store.url, "api_key": api_key}


if __name__ == "__main__":
    main(sys.argv[1:])
