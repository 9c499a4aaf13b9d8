"""What the tests of the flow print at the end: the fault matrix as a table."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A row per step, a column per fault."""
    told: dict[tuple[str, str], dict[str, str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", ()):
                if name == "fault_matrix":
                    way, step, fault, became = value
                    told.setdefault((way, step), {})[fault] = became
    if not told:
        return
    faults = list(dict.fromkeys(fault for row in told.values() for fault in row))
    first = max(len(f"{way}: {step}") for way, step in told)
    terminalreporter.section("fault matrix")
    terminalreporter.write_line(" " * first + "  " + "  ".join(faults))
    for (way, step), row in told.items():
        cells = "  ".join(row.get(fault, "-").ljust(len(fault)) for fault in faults)
        terminalreporter.write_line(f"{f'{way}: {step}'.ljust(first)}  {cells}")
