"""Which photos a batch is about: a value that is kept as JSON, and the query that it stands for. Nothing is read here.

Fields that are set must all hold; of a field's list one value is enough; of `any` one filter is enough. What reviewers
said belongs to a room above, which hands down the condition for each word of `judged`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.catalog import selectors as catalog
from apps.catalog.models import Photo
from apps.jobs.models import Job, JobState
from apps.lib.errors import BadRequest
from apps.recipes.models import RecipeVersion

MOST_VALUES = 1000
MOST_DAYS = 36_500
MOST_ALTERNATIVES = 10
# A word of `judged` → the condition on photos; review.selectors.judged is one.
Judged = Callable[[str], Q]
JUDGED = ("doubted", "waiting", "rejected")


@dataclass(frozen=True)
class Filter:
    """All photos of a store where nothing is set.

    `attributes` are written ``name: option``; of different names all must hold, of one name one option is enough.
    `judged`: ``doubted`` (QA did not pass it), ``waiting`` (left for a person), ``rejected``. `recipe_behind`: its
    pictures were all made with versions that newer ones replaced. `of_batch`: the photos of that batch and its pilot.
    """

    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    products: tuple[int, ...] = ()
    on_sale: bool = False
    missing_alt: bool = False
    main_photo_only: bool = False
    never_rendered: bool = False
    older_than_days: int | None = None
    recipe_behind: bool = False
    not_rendered_well: bool = False
    judged: str = ""
    of_batch: int | None = None
    any: tuple[Filter, ...] = ()

    @classmethod
    def from_json(cls, data: Any, *, nested: bool = False) -> Filter:
        """Raises BadRequest, which names the field that is unknown or can't be meant."""
        if not isinstance(data, Mapping):
            raise BadRequest("A filter is an object with fields.")
        known = {f.name for f in dataclasses.fields(cls)} - ({"any"} if nested else set())
        unknown = sorted(str(name) for name in data if name not in known)
        if unknown:
            raise BadRequest(
                f"A filter has no field {unknown[0]!r}{' inside any' if nested else ''}. "
                f"It knows: {', '.join(sorted(known))}."
            )
        return cls(**{name: _READ[_kind(name)](name, value) for name, value in data.items()})

    def as_json(self) -> dict[str, Any]:
        """Only what is set; equal filters give equal JSON."""
        found: dict[str, Any] = {}
        for name, value in vars(self).items():
            if name == "any":
                value = [f.as_json() for f in self.any]
            elif isinstance(value, tuple):
                value = list(value)
            if value not in (None, "", False, []):
                found[name] = value
        return found

    def photos(self, store: int, judged: Judged | None = None) -> QuerySet[Photo]:
        """The photos of a store that it means, as a query to build on; by id."""
        return catalog.photos_to_render(store).filter(self.condition(store, judged))

    def condition(self, store: int, judged: Judged | None = None) -> Q:
        """What must hold of a photo."""
        wanted = self._of_the_catalogue() & self._of_earlier_work(store)
        if self.judged:
            if judged is None:
                raise BadRequest("What reviewers said can't be asked for here.")
            wanted &= judged(self.judged)
        alternatives = Q()
        for one in self.any:
            alternatives |= one.condition(store, judged)
        return wanted & alternatives

    def _of_the_catalogue(self) -> Q:
        wanted = Q()
        for field, values in (("categories", self.categories), ("tags", self.tags)):
            one_of = Q()
            for value in values:
                one_of |= Q(**{f"product__{field}__contains": [value]})
            wanted &= one_of
        for field, values in (("type", self.types), ("vendor", self.vendors)):
            if values:
                wanted &= Q(**{f"product__{field}__in": values})
        for options in self._by_attribute().values():
            one_of = Q()
            for named in options:
                one_of |= catalog.with_attribute(named)
            wanted &= one_of
        if self.products:
            wanted &= Q(product__in=self.products)
        if self.on_sale:
            wanted &= Q(product__on_sale=True)
        if self.missing_alt:
            wanted &= Q(alt="")
        if self.main_photo_only:
            wanted &= Q(position=0, variant="")
        return wanted

    def _by_attribute(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for named in self.attributes:
            found.setdefault(named.partition(catalog.ATTRIBUTE)[0], []).append(named)
        return found

    def _of_earlier_work(self, store: int) -> Q:
        mine = Job.objects.filter(store=store, photo=OuterRef("pk"))
        done = mine.filter(state=JobState.DONE)
        wanted = Q()
        if self.never_rendered:
            wanted &= ~Q(Exists(done))
        if self.older_than_days is not None:
            since = timezone.now() - dt.timedelta(days=self.older_than_days)
            wanted &= Q(Exists(done)) & ~Q(Exists(done.filter(finished_at__gte=since)))
        if self.recipe_behind:
            newer = RecipeVersion.objects.filter(recipe=OuterRef("recipe"), number__gt=OuterRef("number"))
            current = RecipeVersion.objects.filter(~Exists(newer), recipe__workspace__stores=store)
            wanted &= Q(Exists(done)) & ~Q(Exists(done.filter(recipe_version__in=current.values("pk"))))
        if self.not_rendered_well:
            broken = mine.filter(state__in=[JobState.FAILED, JobState.QUARANTINED])
            wanted &= Q(Exists(broken)) & ~Q(Exists(done.filter(photo_revision=F("photo__revision"))))
        if self.of_batch is not None:
            wanted &= Q(Exists(mine.filter(Q(batch=self.of_batch) | Q(batch__pilot_of=self.of_batch))))
        return wanted


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) and v.strip() for v in value):
        raise BadRequest(f"{name} is a list of names.")
    return tuple(sorted({v.strip() for v in _few(name, value)}))


def _named(name: str, value: Any) -> tuple[str, ...]:
    found = _texts(name, value)
    for one in found:
        before, divider, after = one.partition(catalog.ATTRIBUTE)
        if not (before.strip() and divider and after.strip()):
            raise BadRequest(
                f"{name} are written as “name: option”, such as “Colour: Red”; {one[:60]!r} is not."
            )
    return found


def _numbers(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        raise BadRequest(f"{name} is a list of numbers.")
    return tuple(sorted({_number(name, v) for v in _few(name, value)}))


def _few(name: str, value: Any) -> Any:
    if len(value) > MOST_VALUES:
        raise BadRequest(f"{name} takes at most {MOST_VALUES} values; choose by category or tag instead.")
    return value


def _number(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise BadRequest(f"{name}: {value!r} is not a positive whole number.")
    return value


def _days(name: str, value: Any) -> int:
    if _number(name, value) > MOST_DAYS:
        raise BadRequest(f"{name} is at most {MOST_DAYS}.")
    return int(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(f"{name} is true or false.")
    return value


def _word(name: str, value: Any) -> str:
    if value not in JUDGED:
        raise BadRequest(f"{name} is one of {', '.join(JUDGED)}.")
    return str(value)


def _filters(name: str, value: Any) -> tuple[Filter, ...]:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MOST_ALTERNATIVES:
        raise BadRequest(f"{name} is a list of one to {MOST_ALTERNATIVES} filters.")
    found = tuple(Filter.from_json(one, nested=True) for one in value)
    if any(not one.as_json() for one in found):
        raise BadRequest(f"A filter inside {name} says nothing, so everything would match.")
    return found


_READ: dict[str, Callable[[str, Any], Any]] = {
    "texts": _texts,
    "named": _named,
    "numbers": _numbers,
    "number": _number,
    "days": _days,
    "flag": _flag,
    "word": _word,
    "filters": _filters,
}
_KINDS = {
    **dict.fromkeys(("categories", "tags", "types", "vendors"), "texts"),
    "attributes": "named",
    "products": "numbers",
    "of_batch": "number",
    "older_than_days": "days",
    "judged": "word",
    "any": "filters",
}


def _kind(name: str) -> str:
    return _KINDS.get(name, "flag")
