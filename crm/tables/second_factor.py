"""The second step of a sign-in, and people whom another house vouches for. Written by the web and the command line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, func, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table


class SecondFactor(Table):
    """An agent's secret for one-time codes, encrypted with the site's key. It counts once `confirmed_at` is set.
    `last_step`: the time step of the last code taken, so that none is taken twice."""

    __tablename__ = "second_factor"

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class RecoveryCode(Table):
    """A code on paper that lets in once, should the phone be lost; only its hash is kept."""

    __tablename__ = "recovery_code"

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    used_at: Mapped[datetime | None]


class HalfSignIn(Table):
    """A browser whose password was right and whose code is still awaited; `tries` counts wrong codes."""

    __tablename__ = "half_sign_in"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(server_default=text("0"))


class OidcTrip(Table):
    """A browser sent to the identity provider and not back yet. The row goes at the first return: none counts twice."""

    __tablename__ = "oidc_trip"

    state_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    browser_hash: Mapped[bytes] = mapped_column(LargeBinary)
    nonce: Mapped[str]
    verifier: Mapped[str]
    expires_at: Mapped[datetime]


class OidcIdentity(Table):
    """Who an agent is for the identity provider, learnt at the first sign-in through it."""

    __tablename__ = "oidc_identity"

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"))
    known_since: Mapped[datetime] = mapped_column(server_default=func.now())
