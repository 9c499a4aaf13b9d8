"""Change how long a workspace keeps things, and how much its files may take up."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import transaction

from apps.accounts.models import Workspace
from apps.audit import services as audit
from apps.lib.errors import BadRequest
from apps.storage.models import DAYS, Keeping


@transaction.atomic
def change(workspace: Workspace, values: Mapping[str, int | None], *, by: str) -> bool:
    """Set days (`DAYS`) or `budget_bytes`. Returns whether anything changed. Raises BadRequest."""
    keeping, _ = Keeping.objects.select_for_update().get_or_create(workspace=workspace)
    known = {*DAYS, "budget_bytes"}
    new = {name: value for name, value in values.items() if getattr(keeping, name) != value}
    if not set(values) <= known:
        raise BadRequest(f"There is no {sorted(set(values) - known)[0]!r} to set.")
    for name, value in new.items():
        setattr(keeping, name, value)
    try:
        keeping.full_clean(validate_unique=False)
    except ValidationError as error:
        raise BadRequest(" ".join(error.messages)) from error
    if not new:
        return False
    keeping.save(update_fields=list(new))
    audit.record("storage.changed", workspace=workspace.pk, actor=by, changed=new)
    return True
