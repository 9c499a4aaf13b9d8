"""Storage: what a workspace's files take up, by kind, and how long an owner wants them kept."""

from __future__ import annotations

from django import forms
from django.http import HttpResponse

from apps.accounts.models import Role
from apps.dashboard.access import Asked, action, page
from apps.dashboard.showing import back, show
from apps.lib.errors import BadRequest
from apps.storage import selectors
from apps.storage.models import DAYS, TEN_YEARS, Keeping
from apps.storage.services import keeping

PAGE = "dashboard:storage"
KINDS = {
    "originals": "Original photos",
    "renders": "Finished pictures and cut-outs",
    "thumbnails": "Small copies for these pages",
    "attempts": "Pictures in the making",
}
LABELS = {
    "rejected_days": "Rejected pictures",
    "unused_days": "Pictures in no store",
    "gone_days": "Originals of deleted products",
    "thumbnail_days": "Small copies",
}


class KeepingForm(forms.Form):
    """One field per thing that has a time."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for name in DAYS:
            told = Keeping._meta.get_field(name)
            self.fields[name] = forms.IntegerField(
                label=f"{LABELS[name]}, days",
                min_value=1,
                max_value=TEN_YEARS,
                help_text=getattr(told, "help_text", ""),
            )


@page
def storage(request: Asked) -> HttpResponse:
    own = selectors.keeping_of(request.workspace.pk)
    held = selectors.holdings(request.workspace.pk)
    now = selectors.fill()
    used = now.of.get(request.workspace.pk, 0)
    context = {
        "level": now.level(request.workspace.pk),
        "used": used,
        "budget": own.budget_bytes,
        "percent": min(100, round(100 * used / own.budget_bytes)) if own.budget_bytes else None,
        "kinds": [(KINDS.get(h.kind, h.kind.capitalize()), h) for h in held],
        "counted_at": held[0].counted_at if held else None,
        "keeping": [(LABELS[name], getattr(own, name)) for name in DAYS],
        "form": KeepingForm(initial={name: getattr(own, name) for name in DAYS}),
    }
    return show(request, "storage.html", context)


@action(Role.OWNER)
def set_keeping(request: Asked) -> HttpResponse:
    form = KeepingForm(request.POST)
    if not form.is_valid():
        wrong = "; ".join(
            f"{form.fields[name].label}: {' '.join(map(str, errors))}" for name, errors in form.errors.items()
        )
        return back(request, PAGE, trouble=wrong)
    try:
        new = keeping.change(request.workspace, form.cleaned_data, by=request.actor)
    except BadRequest as error:
        return back(request, PAGE, trouble=error.message)
    return back(
        request, PAGE, ok="Saved. It holds from the next hour on." if new else "Everything stays as it is."
    )
