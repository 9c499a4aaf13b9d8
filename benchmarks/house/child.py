"""One measurement in a fresh process: `python -m benchmarks.house.child MODULE:FUNCTION`, JSON in on stdin, JSON out.

Started by `ground.House.ask`, with the environment of one house.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module

from benchmarks.probe import peak_mib


def main(name: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "apps.config.settings"
    import django

    django.setup()
    module, function = name.split(":")
    given = json.load(sys.stdin)
    found = getattr(import_module(f"benchmarks.house.{module}"), function)(**given)
    sys.stdout.write(json.dumps({"found": found, "peak_mib": peak_mib()}))


if __name__ == "__main__":
    main(sys.argv[1])
