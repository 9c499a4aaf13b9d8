"""Create workspaces, members and keys."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from apps.accounts.models import ApiKey, Identity, Member, Role, User, Workspace
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
def found_workspace(name: str, *, by: str) -> Workspace:
    """A workspace that nobody is in yet."""
    workspace = Workspace.objects.create(name=name[:120])
    audit.record("workspace.created", workspace=workspace.pk, actor=by, name=workspace.name)
    return workspace


@transaction.atomic
def admit(workspace: Workspace, *, issuer: str, shop: str, subject: str) -> Member:
    """Somebody whom a shop's administration vouches for becomes a member, without a password of their own: the first
    one as owner, everybody after as reviewer. Whoever is one already stays as they are.

    A user is always made anew, so nobody slips into somebody else's account, whatever they are called.
    """
    there = Identity.objects.select_related("member__workspace", "member__user").filter(
        issuer=issuer, shop=shop, subject=subject
    )
    if (known := there.first()) is not None:
        return known.member
    owned = Member.objects.filter(workspace=workspace, role=Role.OWNER).exists()
    user = User(username=f"{issuer}-{subject}-{ids.token(6)}"[:150], first_name=shop.partition(".")[0][:150])
    user.set_unusable_password()
    user.save()
    member = Member.objects.create(
        user=user, workspace=workspace, role=Role.REVIEWER if owned else Role.OWNER
    )
    Identity.objects.create(issuer=issuer, shop=shop, subject=subject, member=member)
    audit.record(
        "member.joined",
        workspace=workspace.pk,
        actor=f"user:{user.pk}",
        subject=f"member:{member.pk}",
        role=member.role,
    )
    return member


@transaction.atomic
def set_address(user: User, address: str, *, by: str, workspace: int) -> bool:
    """Where mail to this person goes; "" for nowhere. Whether that is new. It is never how anybody is known."""
    if user.email == address:
        return False
    user.email = address
    user.save(update_fields=["email"])
    audit.record("member.address", workspace=workspace, actor=by, subject=f"user:{user.pk}")
    return True


@transaction.atomic
def forget_shop(issuer: str, shop: str) -> list[int]:
    """Nobody is known by that shop's word any more. Whoever had no other way in is deleted, or, where something else
    still names them, closed out and made nameless. Returns their ids."""
    people = User.objects.filter(member__identities__issuer=issuer, member__identities__shop=shop).distinct()
    known = list(people)
    Identity.objects.filter(issuer=issuer, shop=shop).delete()
    gone = []
    for user in known:
        if user.has_usable_password() or Identity.objects.filter(member__user=user).exists():
            continue
        gone.append(user.pk)
        try:
            with transaction.atomic():
                user.delete()
        except ProtectedError:
            user.username, user.first_name, user.is_active = f"gone-{user.pk}", "", False
            user.save(update_fields=["username", "first_name", "is_active"])
    return gone


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
