"""`spark-avatar accounts`: a copy of everything of an account, and its end."""

from pathlib import Path
from typing import Annotated

import typer

from spark_avatar.cli.options import DataDir, check_target, load_store_settings

cli = typer.Typer(help="Export and erase accounts; works beside a running server.", no_args_is_help=True)


@cli.command("export")
def export(
    account: Annotated[str, typer.Argument(help="The account's id.")],
    archive: Annotated[Path, typer.Argument(help="Where to write the ZIP archive; must not exist.", dir_okay=False)],
    data_dir: DataDir = None,
) -> None:
    """Write everything of an account into a ZIP archive: records as JSON lines, and files."""
    from spark_avatar.accounts.audit import OPERATOR
    from spark_avatar.app.openings import open_account_data
    from spark_avatar.errors import InvalidOptions
    from spark_avatar.schemas.identity import AccountId

    if archive.exists():
        raise InvalidOptions(f"{archive.name} is there already: choose another name.")
    check_target(archive)
    chunks = open_account_data(load_store_settings(data_dir)).export(AccountId(account), actor=OPERATOR)
    draft = archive.with_name(f".{archive.name}.part")
    draft.touch(mode=0o600)
    try:
        with draft.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        draft.rename(archive)
    finally:
        draft.unlink(missing_ok=True)
    typer.echo(archive)


@cli.command("erase")
def erase(
    account: Annotated[str, typer.Argument(help="The account's id.")],
    confirm: Annotated[str, typer.Option(prompt="This cannot be undone. Type the account's id again", help="The id again.")],
    data_dir: DataDir = None,
) -> None:
    """Erase an account for good: tasks, files, keys, users who belong nowhere else. The books stay under a pseudonym."""
    from spark_avatar.accounts.audit import OPERATOR
    from spark_avatar.app.openings import open_account_data
    from spark_avatar.errors import InvalidOptions
    from spark_avatar.schemas.identity import AccountId

    if confirm != account:
        raise InvalidOptions("The two ids differ: nothing was erased.")
    erasure = open_account_data(load_store_settings(data_dir)).erase(AccountId(account), actor=OPERATOR)
    typer.echo(f"erased {account}: {erasure.tasks} tasks, {erasure.files} files, {erasure.users} users", err=True)
