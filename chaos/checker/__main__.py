"""The checker's command line: `python -m chaos.checker GIVEN.json`. Exit code 1 where something is amiss."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from chaos.checker.check import check
from chaos.checker.given import Given


def main(arguments: list[str]) -> int:
    """Reads what is given from a file, prints the findings as one JSON object."""
    found = check(Given.from_dict(json.loads(Path(arguments[0]).read_text(encoding="utf-8"))))
    sys.stdout.write(json.dumps(found.as_dict()) + "\n")
    return 0 if found.sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
