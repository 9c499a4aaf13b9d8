"""Delete every row of a store, or of a workspace, whatever is added later: the foreign keys say what hangs on it.

Rows go some at a time, those that nothing else names first, so that it can be ended at any moment and begun again. What
the trail said of each is redacted with it, and what was told of it to members goes too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator

from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import ForeignKey, Model

from apps.audit import services as audit
from apps.notices.models import Notice

AT_ONCE = 2000


def hanging_on(root: type[Model]) -> list[tuple[type[Model], str]]:
    """All models whose rows belong to one of `root`, with the way from them to it, in the order in which they go."""
    ways: dict[type[Model], str] = {}
    waiting = deque([(root, "")])
    while waiting:
        here, way = waiting.popleft()
        for model, name in _naming(here):
            if model is root or model in ways:
                continue
            ways[model] = f"{name}__{way}" if way else name
            waiting.append((model, ways[model]))
    return [(model, ways[model]) for model in _leaves_first(set(ways))]


def _naming(target: type[Model]) -> list[tuple[type[Model], str]]:
    """Models with a foreign key to `target`; one that is always there before one that may be empty."""
    found = [
        (field.null, model, field.name)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey) and field.related_model is target
    ]
    return [(model, name) for _, model, name in sorted(found, key=lambda one: (one[0], one[1]._meta.label))]


def _leaves_first(models_: set[type[Model]]) -> Iterator[type[Model]]:
    left = set(models_)
    while left:
        named = {there for model in left for there in _named_by(model) if there is not model}
        free = sorted(left - named, key=lambda model: model._meta.label)
        if not free:
            raise RuntimeError(f"rows that name each other in a ring: {left}")
        yield from free
        left -= set(free)


def _named_by(model: type[Model]) -> list[type[Model]]:
    return [f.related_model for f in model._meta.get_fields() if isinstance(f, ForeignKey)]


def erase(
    root: type[Model],
    pk: int,
    *,
    workspace: int,
    by: str,
    keep_on: Callable[[], None],
    leave: Collection[type[Model]] = (),
) -> int:
    """Delete all rows that hang on this one, but not itself, nor those of `leave`. `keep_on` is called between two
    steps. Returns how many."""
    gone = 0
    for model, way in hanging_on(root):
        if model in leave:
            continue
        rows = model._default_manager.filter(**{way: pk})
        _loosen(model, rows)
        while ids := list(rows.values_list("pk", flat=True)[:AT_ONCE]):
            with transaction.atomic():
                forget_words(workspace, [f"{model._meta.model_name}:{one}" for one in ids], by=by)
                _delete(model, ids)
            gone += len(ids)
            keep_on()
    return gone


def _loosen(model: type[Model], rows: models.QuerySet[Model]) -> None:
    """Rows of one table that name each other: batches and their pilots."""
    for field in model._meta.get_fields():
        if isinstance(field, ForeignKey) and field.related_model is model and field.null:
            rows.exclude(**{field.name: None}).update(**{field.name: None})


def forget_words(workspace: int, subjects: list[str], *, by: str) -> None:
    """What the trail and the notices said of these."""
    audit.redact_all(workspace, subjects, by=by)
    Notice.objects.filter(workspace=workspace, subject__in=subjects).delete()


def _delete(model: type[Model], ids: list[object]) -> None:
    """Without asking what hangs on them: that went before. Should something have come since, the database says no."""
    key = model._meta.pk
    assert key is not None
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {quote(model._meta.db_table)} WHERE {quote(str(key.column))} = ANY(%s)",  # noqa: S608
            [ids],
        )
