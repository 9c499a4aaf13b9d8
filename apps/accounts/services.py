"""Create workspaces, members and keys."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, Member, Role, User, Workspace
from apps.audit import services as audit
from apps.lib import ids
from apps.lib.errors import BadRequest

KEY_PREFIX = "vtr_"


@transaction.atomic
def create_owner(
    *, username: str, password: str, workspace_name: str, email: str = ""
) -> tuple[User, Workspace]:
    """The first person of a new workspace. Raises BadRequest for a taken name or a weak password."""
    if User.objects.filter(username=username).exists():
        raise BadRequest(f"There is already a user called {username}.")
    user = User(username=username, email=email)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise BadRequest(" ".join(error.messages)) from error
    user.set_password(password)
    user.save()
    workspace = Workspace.objects.create(name=workspace_name)
    Member.objects.create(user=user, workspace=workspace, role=Role.OWNER)
    audit.record("workspace.created", workspace=workspace.pk, actor=f"user:{user.pk}", name=workspace_name)
    return user, workspace


@transaction.atomic
def create_key(workspace: Workspace, *, name: str, role: str, by: str) -> tuple[ApiKey, str]:
    """A new API key; the second value is the key itself, which is not kept."""
    secret = KEY_PREFIX + ids.token(32)
    key = ApiKey.objects.create(
        workspace=workspace, name=name, role=role, prefix=secret[:10], sha256=ids.sha256_hex(secret.encode())
    )
    audit.record(
        "apikey.created", workspace=workspace.pk, actor=by, subject=f"apikey:{key.pk}", name=name, role=role
    )
    return key, secret


def key_for(secret: str) -> ApiKey | None:
    """The live key that this secret belongs to."""
    found = (
        ApiKey.objects.select_related("workspace")
        .filter(sha256=ids.sha256_hex(secret.encode()), revoked_at=None)
        .first()
    )
    if found:
        ApiKey.objects.filter(pk=found.pk).update(last_used_at=timezone.now())
    return found
