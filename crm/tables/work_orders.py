"""Work orders: what a case asks of another department. Written by the web, the command line and the worker."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

WORK_ORDER_STATES = ("open", "taken", "answered", "refused", "withdrawn")


class WorkOrder(Table):
    """One order. Its number is the case's with its place in the case: 10017-2.

    Both sides rate once it is answered, 1 to 5: `request_rating` is the department's of the request, `answer_rating`
    the case's of the answer. `overdue_at`: when it was found to be late.
    """

    __tablename__ = "work_order"
    __table_args__ = (
        one_of("state", WORK_ORDER_STATES),
        CheckConstraint("request_rating BETWEEN 1 AND 5", name="request_rating"),
        CheckConstraint("answer_rating BETWEEN 1 AND 5", name="answer_rating"),
        UniqueConstraint("case_id", "place"),
        Index(
            "ix_work_order_department_open", "department", "due_at", postgresql_where=text("state IN ('open', 'taken')")
        ),
        Index(
            "ix_work_order_due_at",
            "due_at",
            postgresql_where=text("overdue_at IS NULL AND state IN ('open', 'taken')"),
        ),
    )

    id: Mapped[Id]
    case_id: Mapped[UUID] = mapped_column(ForeignKey("customer_case.id", ondelete="CASCADE"))
    place: Mapped[int]
    number: Mapped[str] = mapped_column(unique=True)
    department: Mapped[str] = mapped_column(ForeignKey("department.code"))
    wanted: Mapped[str]
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("agent.id"))
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime]
    overdue_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    taken_by: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id"))
    taken_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(server_default=text("''"))
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id"))
    answered_at: Mapped[datetime | None]
    request_rating: Mapped[int | None]
    request_remark: Mapped[str] = mapped_column(server_default=text("''"))
    answer_rating: Mapped[int | None]
    answer_remark: Mapped[str] = mapped_column(server_default=text("''"))
