"""A filter in a merchant's words."""

from __future__ import annotations

from apps.jobs.filters import Filter

JUDGED = {
    "doubted": "pictures that the quality checks did not pass",
    "waiting": "pictures that wait for a person",
    "rejected": "pictures that were rejected",
}


def meant(only: Filter) -> list[str]:
    """What a filter narrows a batch to, a phrase each; empty for everything."""
    phrases = [
        f"{name} {_either(values)}"
        for name, values in (
            ("in category", only.categories),
            ("tagged", only.tags),
            ("of type", only.types),
            ("by brand", only.vendors),
            ("with", only.attributes),
        )
        if values
    ]
    if only.products:
        phrases.append(f"of {len(only.products)} chosen product{'' if len(only.products) == 1 else 's'}")
    flags = (
        (only.on_sale, "on sale"),
        (only.missing_alt, "without alternative text"),
        (only.main_photo_only, "main photos only"),
        (only.never_rendered, "never rendered before"),
        (only.older_than_days is not None, f"not rendered for {only.older_than_days} days"),
        (only.recipe_behind, "made with a version that was replaced since"),
        (only.not_rendered_well, "that failed the last time"),
        (bool(only.judged), JUDGED.get(only.judged, "")),
        (only.of_batch is not None, f"the photos of batch {only.of_batch}"),
    )
    phrases += [phrase for said, phrase in flags if said]
    if only.any:
        phrases.append(" or ".join(" and ".join(meant(one)) for one in only.any))
    return phrases


def _either(values: tuple[str, ...]) -> str:
    quoted = [f"“{value}”" for value in values[:6]]
    rest = len(values) - len(quoted)
    return " or ".join([*quoted, *([f"{rest} more"] if rest else [])])
