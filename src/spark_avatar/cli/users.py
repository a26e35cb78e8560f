"""`spark-avatar users`: who may sign in. Passwords are asked for, or read from standard input; they are never arguments, which
other users of the machine could see.
"""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from spark_avatar.cli.options import DataDir, JsonOutput, load_store_settings

if TYPE_CHECKING:
    from spark_avatar.service.user_administration import UserAdministration

cli = typer.Typer(help="Create, invite, list and disable users; works beside a running server.", no_args_is_help=True)
Email = Annotated[str, typer.Argument(help="E-mail address.")]
RoleWord = Annotated[str, typer.Option(help="owner, admin or member.")]


def _users(data_dir: DataDir) -> "UserAdministration":
    from spark_avatar.app.account_openings import open_user_administration

    return open_user_administration(load_store_settings(data_dir))


@cli.command("create")
def create(
    email: Email,
    name: Annotated[str, typer.Option(help="What the user is called.")],
    account: Annotated[str, typer.Option(help="The workspace.")] = "default",
    role: Annotated[str | None, typer.Option(help="owner, admin or member.  [default: member; owner for the first user]")] = None,
    operator: Annotated[bool, typer.Option("--operator", help="Runs the server, as the first user does.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Make a user; the password is asked for, or read from standard input."""
    from spark_avatar.service.members import role_of

    wanted = role_of(role) if role is not None else None
    member = _users(data_dir).create(email, name, _new_password(), account=account, role=wanted, operator=operator)
    typer.echo(f"created {member.user.email}, {member.role} of {account}", err=True)


@cli.command("invite")
def invite(
    email: Email,
    account: Annotated[str, typer.Option(help="The workspace.")] = "default",
    role: RoleWord = "member",
    url: Annotated[str | None, typer.Option(help="The server's address.  [default: its public URL, or this machine]")] = None,
    data_dir: DataDir = None,
) -> None:
    """Print a link that makes somebody a member, once, for seven days."""
    from spark_avatar.accounts.audit import OPERATOR
    from spark_avatar.app.account_openings import open_members
    from spark_avatar.config import is_origin
    from spark_avatar.service.members import INVITATION_PATH, role_of

    settings = load_store_settings(data_dir)
    base = url or settings.public_url
    if base is None:
        base = "http://localhost:8000"
        typer.echo(f"{base} is a guess: name the server's address by --url or SPARK_AVATAR_PUBLIC_URL", err=True)
    elif not is_origin(base):
        raise typer.BadParameter("write scheme, host and port alone, e.g. https://avatar.example.org", param_hint="--url")
    _, code = open_members(settings).invite_to(account, email, role_of(role), OPERATOR)
    typer.echo(f"{base.rstrip('/')}{INVITATION_PATH}?code={code}")


@cli.command("list")
def list_users(data_dir: DataDir = None, json_output: JsonOutput = False) -> None:
    """Show all users and their workspaces."""
    rows = [
        {
            "id": member.user.id,
            "email": member.user.email,
            "name": member.user.name,
            "account": member.account_id,
            "role": member.role.value,
            "operator": member.user.operator,
            "disabled": member.user.disabled_at is not None,
        }
        for member in _users(data_dir).all()
    ]
    if json_output:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        marks = [word for word in ("operator", "disabled") if row[word]]
        typer.echo("  ".join([str(row["email"]), str(row["name"]), f"{row['role']} of {row['account']}", *marks]))


@cli.command("disable")
def disable(email: Email, data_dir: DataDir = None) -> None:
    """Keep a user from signing in; the sessions end at once. API keys of the workspace go on."""
    _users(data_dir).set_disabled(email, True)
    typer.echo(f"disabled {email}", err=True)


@cli.command("enable")
def enable(email: Email, data_dir: DataDir = None) -> None:
    """Let a disabled user in again."""
    _users(data_dir).set_disabled(email, False)
    typer.echo(f"enabled {email}", err=True)


@cli.command("reset-password")
def reset_password(email: Email, data_dir: DataDir = None) -> None:
    """Give a user another password; the sessions end at once."""
    _users(data_dir).reset_password(email, _new_password())
    typer.echo(f"the password of {email} is changed", err=True)


def _new_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
