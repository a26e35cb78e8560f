"""The commands around users, keys and the audit log, on a database of their own."""

import json
import re

import pytest
from typer.testing import CliRunner

from spark_avatar.app.openings import open_keys
from spark_avatar.cli.app import cli
from spark_avatar.config import Settings
from spark_avatar.errors import Conflict, InvalidOptions, NotAuthenticated, NotFound

PASSWORD = "long enough 1"


@pytest.fixture
def run(tmp_path):
    def call(*words, stdin=None):
        done = CliRunner().invoke(cli, [*words, "--data-dir", str(tmp_path)], input=stdin)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return call


@pytest.fixture
def keys(tmp_path):
    store = open_keys(Settings(data_dir=tmp_path))
    yield store
    store._engine.dispose()


def test_a_new_key_is_all_that_is_printed(run, keys):
    secret = run("keys", "create", "--name", "laptop")
    assert re.fullmatch(r"sk-spark-[A-Za-z0-9]{43}\n", secret)
    caller = keys.authenticate(secret.strip())
    assert (caller.account_id, caller.key_name, sorted(caller.scopes)) == ("default", "laptop", ["generate", "read"])


def test_a_key_with_terms(run, keys):
    words = ["--scope", "read", "--scope", "admin", "--expires", "2099-01-02", "--model", "spark_avatar_picture_omni_v2"]
    run("keys", "create", "--name", "n", "--account", "studio", *words, "--rate", "10/minute", "--budget", "2.50")
    (row,) = json.loads(run("keys", "list", "--json"))
    assert (row["scopes"], row["expires_at"], row["rate_limit"]) == (["admin", "read"], "2099-01-02T00:00:00+00:00", "10/minute")
    assert (row["models"], row["monthly_budget"], row["account"]) == (["spark_avatar_picture_omni_v2"], "2.500000", "studio")
    assert "active until 2099-01-02" in run("keys", "list")


@pytest.mark.parametrize("words", [["--rate", "often"], ["--budget", "-1"], ["--expires", "2001-01-01"], ["--model", "nothing"]])
def test_terms_that_cannot_be(run, words):
    with pytest.raises(InvalidOptions):
        run("keys", "create", "--name", "n", *words)


def test_rotation_and_revocation(run, keys):
    old = run("keys", "create", "--name", "ci").strip()
    new = run("keys", "rotate", "ci", "--grace", "60").strip()
    assert {keys.authenticate(secret).key_name for secret in (old, new)} == {"ci"}
    with pytest.raises(Conflict):
        run("keys", "rotate", "ci")
    newest = run("keys", "rotate", new[:17], "--grace", "0").strip()
    with pytest.raises(NotAuthenticated):
        keys.authenticate(new)
    run("keys", "revoke", "ci")
    for secret in (old, newest):
        with pytest.raises(NotAuthenticated):
            keys.authenticate(secret)
    with pytest.raises(NotFound):
        run("keys", "rotate", "ci")
    actions = [json.loads(line)["action"] for line in run("audit", "--json").splitlines()]
    assert actions == ["key.revoked", "key.revoked", "key.rotated", "key.rotated", "key.created"]


@pytest.mark.parametrize(
    "given",
    [
        lambda secret: secret,
        lambda secret: f" {secret}\n",
        lambda secret: secret[:17],
        lambda secret: f"{secret[:17]}...",
        lambda secret: f"{secret[:17]}…",
    ],
)
def test_a_key_is_revoked_by_itself_and_by_what_lists_show_of_it(run, keys, tmp_path, given):
    other, secret = (run("keys", "create", "--name", name, "--account", "studio").strip() for name in ("other", "laptop"))
    done = CliRunner().invoke(cli, ["keys", "revoke", given(secret), "--data-dir", str(tmp_path)])
    assert (done.exit_code, done.stderr) == (0, f"revoked {secret[:17]}...  laptop  account studio\n")
    assert secret not in done.output
    with pytest.raises(NotAuthenticated):
        keys.authenticate(secret)
    assert keys.authenticate(other).key_name == "other"


def test_a_name_ends_keys_of_every_workspace_and_says_which(run, tmp_path):
    secrets = [run("keys", "create", "--name", "ci", "--account", account) for account in ("studio", "agency")]
    done = CliRunner().invoke(cli, ["keys", "revoke", "ci", "--data-dir", str(tmp_path)])
    lines = [
        f"revoked {secret[:17]}...  ci  account {account}" for secret, account in zip(secrets, ("studio", "agency"), strict=True)
    ]
    assert done.stderr.splitlines() == lines


LISTS = [("tasks", "list", "--account"), ("keys", "list", "--account"), ("balance", "show"), ("audit", "--account")]


@pytest.mark.parametrize("words", LISTS)
def test_an_account_that_is_not_there_is_told_from_an_empty_one(run, words):
    run("keys", "create", "--name", "n", "--account", "studio")
    with pytest.raises(NotFound, match=r"^There is no account 'studi'"):
        run(*words, "studi")
    with pytest.raises(NotFound):
        run(*words, "a\0b")
    run(*words, "studio")
    run(*words, "default")


@pytest.mark.parametrize("words", LISTS)
def test_without_an_account_nothing_is_wrong_where_there_is_nothing(run, words):
    assert run(*(word for word in words if word != "--account")) == ""


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_a_key_that_is_not_there(run, command):
    with pytest.raises(NotFound, match=r"^There is no live API key nope\.$"):
        run("keys", command, "nope")
    ended = run("keys", "create", "--name", "ci").strip()
    run("keys", "revoke", ended)
    for word in (ended, ended[:-1], f"{ended}x", f"{ended[:17]}..."):
        with pytest.raises(NotFound) as fault:
            run("keys", command, word)
        assert ended[9:17] not in fault.value.message


def test_a_key_is_rotated_by_itself(run, keys):
    old = run("keys", "create", "--name", "ci").strip()
    new = run("keys", "rotate", old, "--grace", "0").strip()
    with pytest.raises(NotAuthenticated):
        keys.authenticate(old)
    assert keys.authenticate(new).key_name == "ci"


def test_the_first_user_owns_and_operates_others_do_not(run):
    run("users", "create", "Anna@example.org", "--name", "Anna", stdin=PASSWORD + "\n")
    run("users", "create", "otto@example.org", "--name", "Otto", stdin=PASSWORD)
    rows = json.loads(run("users", "list", "--json"))
    shown = [(row["email"], row["role"], row["operator"], row["account"]) for row in rows]
    assert shown == [("anna@example.org", "owner", True, "default"), ("otto@example.org", "member", False, "default")]
    with pytest.raises(Conflict):
        run("users", "create", "ANNA@example.org", "--name", "Again", stdin=PASSWORD)
    with pytest.raises(InvalidOptions, match="10 to 1024"):
        run("users", "create", "new@example.org", "--name", "New", stdin="short\n")
    with pytest.raises(InvalidOptions):
        run("users", "create", "new@example.org", "--name", "New", "--role", "king", stdin=PASSWORD)
    assert PASSWORD not in run("audit")


@pytest.mark.parametrize("role", ["member", "admin"])
def test_the_first_user_is_no_less_than_the_owner(run, role):
    with pytest.raises(InvalidOptions, match="first user owns"):
        run("users", "create", "anna@example.org", "--name", "Anna", "--role", role, stdin=PASSWORD)
    assert json.loads(run("users", "list", "--json")) == []
    run("users", "create", "anna@example.org", "--name", "Anna", "--role", "owner", stdin=PASSWORD)
    run("users", "create", "otto@example.org", "--name", "Otto", "--role", role, stdin=PASSWORD)
    assert [row["role"] for row in json.loads(run("users", "list", "--json"))] == ["owner", role]


def test_users_are_kept_out_and_let_in(run):
    run("users", "create", "anna@example.org", "--name", "Anna", stdin=PASSWORD)
    with pytest.raises(Conflict, match="owner"):
        run("users", "disable", "anna@example.org")
    run("users", "create", "otto@example.org", "--name", "Otto", "--role", "owner", stdin=PASSWORD)
    run("users", "disable", "anna@example.org")
    assert [row["disabled"] for row in json.loads(run("users", "list", "--json"))] == [True, False]
    run("users", "enable", "anna@example.org")
    run("users", "reset-password", "anna@example.org", stdin="another one 2\n")
    with pytest.raises(NotFound):
        run("users", "reset-password", "nobody@example.org", stdin=PASSWORD)
    assert [line.split("  ")[1] for line in run("audit", "--limit", "3").splitlines()] == [
        "password.reset",
        "user.enabled",
        "user.disabled",
    ]


def test_an_invitation_is_a_link(run):
    link = run("users", "invite", "guest@example.org", "--account", "studio", "--url", "https://avatar.example.org/")
    assert re.fullmatch(r"https://avatar\.example\.org/invitation\?code=iv-spark-[A-Za-z0-9]{43}\n", link)


def test_changes_of_a_balance_are_in_the_log(run):
    run("keys", "create", "--name", "n", "--account", "studio")
    run("balance", "add", "studio", "25", "--note", "paid")
    run("balance", "set-credit", "studio", "5")
    events = [json.loads(line) for line in run("audit", "--account", "studio", "--limit", "2", "--json").splitlines()]
    assert [(event["action"], event["actor"], event["details"]) for event in events] == [
        ("balance.credit_set", "command line", {"amount": "5"}),
        ("balance.recharged", "command line", {"amount": "25"}),
    ]


@pytest.mark.parametrize("account", ["../etc", "a b", ".hidden", ""])
def test_a_workspace_must_fit_into_a_path(run, account):
    with pytest.raises(InvalidOptions):
        run("users", "create", "anna@example.org", "--name", "Anna", "--account", account, stdin=PASSWORD)
    with pytest.raises(InvalidOptions):
        run("users", "invite", "anna@example.org", "--account", account)
