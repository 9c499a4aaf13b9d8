"""An installation of its own whose tables are there already: copied from this run's, which made them by `migrate`.

That `migrate` makes them on a fresh machine too is shown by tests/config/test_ondemand.py and by tests/chaos.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from apps.config import embedded
from apps.config.servers import postgres


def set_up(root: Path) -> None:
    """The data root of an installation that nobody has used yet. Asks for `django_db_setup`."""
    tools = postgres._bin(postgres._wheel()[0])
    run = embedded.urls(Path(os.environ["VITRINE_DATA"]))
    with embedded.Services(root):
        tables = subprocess.run([tools / "pg_dump", run.superuser_url], capture_output=True, check=True)
        argv = [tools / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", embedded.urls(root).superuser_url]
        subprocess.run(argv, input=tables.stdout, stdout=subprocess.DEVNULL, check=True)
