"""Who may call: accounts (workspaces), their users, and everything that proves one. Secrets stand here as hashes only."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, false

from spark_avatar.database.money import Money
from spark_avatar.database.schema.base import metadata
from spark_avatar.database.times import UtcMicroseconds

accounts = Table(
    "accounts",
    metadata,
    Column("id", String, primary_key=True),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("name", String),
)
"""A workspace: owns keys, tasks, files and a balance."""

users = Table(
    "users",
    metadata,
    Column("id", String, primary_key=True),
    # In lower case, so that one address is one user.
    Column("email", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    # Nothing for those who sign in by another identity provider.
    Column("password_hash", String),
    # Runs the server: sees the system page and every account.
    Column("operator", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("disabled_at", UtcMicroseconds),
)

memberships = Table(
    "memberships",
    metadata,
    Column("account_id", String, ForeignKey("accounts.id"), primary_key=True),
    Column("user_id", String, ForeignKey("users.id"), primary_key=True),
    Column("role", String, nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
    Index("ix_memberships_user", "user_id"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("secret_hash", String, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("account_id", String, ForeignKey("accounts.id"), nullable=False),
    # Nothing where whoever has the link may come: the link that the first start prints.
    Column("email", String),
    Column("role", String, nullable=False),
    Column("operator", Boolean, nullable=False, server_default=false()),
    Column("invited_by", String),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("expires_at", UtcMicroseconds, nullable=False),
    Column("accepted_at", UtcMicroseconds),
    Column("accepted_by", String),
    Index("ix_invitations_account", "account_id", "created_at"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("secret_hash", String, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("user_id", String, ForeignKey("users.id"), nullable=False),
    # The workspace that the user looks at.
    Column("account_id", String, ForeignKey("accounts.id"), nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("expires_at", UtcMicroseconds, nullable=False),
    Column("seen_at", UtcMicroseconds, nullable=False),
    Column("address", String, nullable=False),
    Column("user_agent", String, nullable=False),
    Index("ix_sessions_user", "user_id"),
    Index("ix_sessions_expiry", "expires_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("prefix", String, nullable=False),
    Column("account_id", String, ForeignKey("accounts.id"), nullable=False),
    Column("secret_hash", String, nullable=False, unique=True),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("last_used_at", UtcMicroseconds),
    Column("revoked_at", UtcMicroseconds),
    Column("last_used_address", String),
    Column("created_by", String),
    # Scopes in words, with a space between; nothing for keys from before there were scopes: they generate and read.
    Column("scopes", String),
    Column("expires_at", UtcMicroseconds),
    # Model ids; nothing for all.
    Column("models", JSON(none_as_null=True)),
    # As in the settings, e.g. `100/minute`; nothing for the server's.
    Column("rate_limit", String),
    # In a calendar month (UTC); nothing for no budget.
    Column("monthly_budget", Money),
    # The key that took this one's place.
    Column("rotated_to", String),
    # The first key of those that took each other's place, in all of them: they share one budget. Nothing where there is one only.
    Column("lineage", String),
    Index("ix_api_keys_lineage", "lineage"),
    Index("ix_api_keys_prefix", "prefix"),
    Index("ix_api_keys_account", "account_id", "created_at"),
)

device_logins = Table(
    "device_logins",
    metadata,
    Column("device_code_hash", String, primary_key=True),
    Column("user_code", String, nullable=False, unique=True),
    Column("client_id", String, nullable=False),
    Column("client_public_key", String, nullable=False),
    Column("address", String, nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("expires_at", UtcMicroseconds, nullable=False),
    # Who answered on the page, and for which workspace.
    Column("user_id", String),
    Column("account_id", String),
    Column("approved_at", UtcMicroseconds),
    Column("denied_at", UtcMicroseconds),
    # When the client took its tokens: it can do so once.
    Column("claimed_at", UtcMicroseconds),
    Index("ix_device_logins_expiry", "expires_at"),
)

device_proofs = Table(
    "device_proofs",
    metadata,
    # The primary key refuses a proof that is shown again.
    Column("device_code_hash", String, primary_key=True),
    Column("nonce", String, primary_key=True),
    Column("used_at", UtcMicroseconds, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("secret_hash", String, primary_key=True),
    # All tokens that came from one login; they end together.
    Column("family", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("user_id", String, ForeignKey("users.id"), nullable=False),
    Column("account_id", String, ForeignKey("accounts.id"), nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("expires_at", UtcMicroseconds, nullable=False),
    # A refresh token works once: seen again, it was stolen.
    Column("used_at", UtcMicroseconds),
    Column("revoked_at", UtcMicroseconds),
    Index("ix_tokens_family", "family"),
    Index("ix_tokens_user", "user_id"),
    Index("ix_tokens_expiry", "expires_at"),
)

login_failures = Table(
    "login_failures",
    metadata,
    # An e-mail address or a network address, hashed: what was guessed must not stand here.
    Column("subject_hash", String, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", UtcMicroseconds, nullable=False),
)
