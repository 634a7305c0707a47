"""The pages for people: HTML by Jinja2, moved by htmx. One file a page; app includes this room's router."""

from __future__ import annotations

from fastapi import APIRouter

from . import (
    audit,
    call_control,
    call_me,
    callbacks,
    card_callers,
    card_case,
    card_more,
    case_deeds,
    case_endings,
    case_settings,
    cases,
    conversations,
    customer_acts,
    customer_files,
    customers,
    desk,
    desk_state,
    directory,
    gate,
    knowledge,
    messages,
    organisations,
    own_day,
    programs,
    promising,
    reports,
    second_step,
    single_sign_on,
    value,
    voicemail,
    wallboard,
    webhooks,
    work_orders,
)

router = APIRouter(include_in_schema=False)
# What desks fetch at every ring first: routes are tried one after the other. `cases` and its settings before
# `case_deeds`, whose paths begin with a case's number.
for page in (
    *(desk, card_more),
    *(
        gate,
        call_me,
        second_step,
        single_sign_on,
        desk_state,
        own_day,
        messages,
        call_control,
        card_case,
        conversations,
        case_settings,
        cases,
        case_deeds,
        case_endings,
        work_orders,
        directory,
    ),
    # Likewise what is done to customers before the page of one.
    *(card_callers, customer_files, customer_acts, customers, organisations),
    *(promising, callbacks, voicemail, reports, wallboard, knowledge, value),
    *(programs, webhooks, audit),
):
    router.include_router(page.router)

__all__ = ["router"]
