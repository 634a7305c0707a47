"""The words of cases, work orders and tellings as people read them, and the refusals that agents may meet there.

Parts of crm/web/words.py and crm/web/sentences.py, kept beside each other because they change together.
"""

from __future__ import annotations

from collections.abc import Mapping


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Mark `text` for the catalogs."""
    return text


LABELS: Mapping[str, Mapping[str, str]] = {
    "case_state": {
        "open": N_("being worked on"),
        "waiting": N_("waits for the customer"),
        "solved": N_("solved, to be closed"),
        "closed": N_("closed case"),
    },
    "case_tier": {
        "first_line": N_("First line"),
        "second_line": N_("Second line"),
        "complaints": N_("Complaints"),
    },
    "case_list": {
        "mine": N_("My cases"),
        "queue": N_("My queue"),
        "overdue": N_("Overdue"),
        "open": N_("All open"),
        "closed": N_("Closed"),
        "all": N_("All cases"),
    },
    "case_did": {
        "opened": N_("opened"),
        "noted": N_("noted"),
        "taken": N_("taken on"),
        "handed_on": N_("handed on"),
        "given": N_("given another owner"),
        "edited": N_("edited"),
        "waits": N_("waits"),
        "goes_on": N_("goes on"),
        "escalated": N_("escalated"),
        "breached": N_("time is over"),
        "solved": N_("solved"),
        "closed": N_("closed"),
        "reopened": N_("reopened"),
        "told": N_("customer told"),
        "call_promised": N_("call promised"),
        "text_written": N_("text written"),
        "work_ordered": N_("work ordered"),
        "work_taken": N_("work taken on"),
        "work_answered": N_("work answered"),
        "work_withdrawn": N_("work withdrawn"),
        "work_rated": N_("work rated"),
    },
    "case_field": {
        "owner": N_("owner"),
        "handler": N_("handler"),
        "tier": N_("tier"),
        "state": N_("state"),
        "category": N_("category"),
        "subject": N_("subject"),
        "description": N_("description"),
        "customer": N_("customer"),
        "solution": N_("solution"),
        "reopened": N_("times reopened"),
        "solved_at": N_("solved at"),
        "closed_at": N_("closed at"),
        "closed_by": N_("closed by"),
    },
    "case_said": {
        "breached": N_("by rule: its time is over"),
        "reopened": N_("by rule: it keeps coming back"),
        "solve": N_("time to solve"),
        "respond": N_("time to take it"),
        "the customer knows": N_("the customer knows"),
        "called": N_("called"),
    },
    "clock": {"solve": N_("to solve"), "respond": N_("to take it")},
    "no_case": {
        "answered_at_once": N_("Answered at once"),
        "wrong_number": N_("Wrong number"),
        "nobody_spoke": N_("Nobody spoke"),
        "internal": N_("A colleague"),
        "other": N_("Another reason"),
    },
    "work_order_state": {
        "open": N_("not taken yet"),
        "taken": N_("in work"),
        "answered": N_("answer given"),
        "refused": N_("refused"),
        "withdrawn": N_("withdrawn"),
    },
    "work_order_list": {
        "open": N_("To be answered"),
        "overdue": N_("Overdue"),
        "answered": N_("Finished"),
        "all": N_("All orders"),
    },
    "channel": {"call": N_("Call"), "sms": N_("SMS"), "email": N_("E-mail")},
    "telling_state": {
        "to_call": N_("to be called"),
        "told": N_("told"),
        "written": N_("written; no gateway sends it yet"),
        "sent": N_("sent"),
        "failed": N_("failed"),
    },
    "reminder": {
        "case_due_soon": N_("its time is nearly over"),
        "case_not_taken": N_("nobody has taken it"),
        "work_order_late": N_("a department is late"),
    },
}

TONES: Mapping[str, Mapping[str, str]] = {
    "case_state": {"open": "cool", "waiting": "warm", "solved": "violet", "closed": "good"},
    "case_tier": {"second_line": "warm", "complaints": "bad"},
    "work_order_state": {"open": "warm", "taken": "cool", "answered": "good", "refused": "bad"},
    "telling_state": {"to_call": "warm", "told": "good", "sent": "good", "failed": "bad"},
}

SENTENCES = (
    N_("there is no case %(number)s"),
    N_("%(who)s changed case %(number)s meanwhile (%(what)s): look at it, then send yours again"),
    N_("a case needs a subject: say in a few words what it is about"),
    N_("the subject has %(characters)s characters: %(most)s fit"),
    N_("the description has %(characters)s characters: %(most)s fit"),
    N_("the solution has %(characters)s characters: %(most)s fit"),
    N_("the note is empty"),
    N_("there is no such customer any more: look them up again"),
    N_("there is no customer with the number %(code)s"),
    N_("%(name)s does not work here any more: choose somebody else"),
    N_("only a supervisor gives a case another owner: hand it on, and it stays yours"),
    N_("say why the case gets another owner"),
    N_("case %(number)s is closed: reopen it first"),
    N_("case %(number)s is closed already: %(login)s closed it"),
    N_("case %(number)s is %(state)s: only an open one can wait"),
    N_("case %(number)s is %(state)s: it does not wait for anybody"),
    N_("case %(number)s is %(state)s: there is nothing to reopen"),
    N_("case %(number)s is %(state)s: reopen it first"),
    N_("say what the case waits for"),
    N_("say why the case is escalated"),
    N_("say why the case is reopened"),
    N_("case %(number)s cannot be lifted from %(tier)s to %(to)s"),
    N_("case %(number)s is %(name)s's: its owner closes it, or a supervisor"),
    N_("case %(number)s cannot be closed: write down the solution first"),
    N_("case %(number)s cannot be closed: a department still owes an answer: withdraw its work order, or wait for it"),
    N_("case %(number)s cannot be closed: a call to the customer was promised and is not made"),
    N_("case %(number)s cannot be closed: the customer was not told of the solution: tell them, or say that they know"),
    N_("case %(number)s cannot be closed: affirm first: %(check)s"),
    N_("write down the solution: the next person must understand what was done"),
    N_("say what the customer is told: write it, or choose a template"),
    N_("an e-mail needs an address such as name@example.com"),
    N_("an SMS needs a number with its country, such as +8613800138000"),
    N_("this call was made already, or there is no such call"),
    N_("say what the reminder is about"),
    N_("a reminder needs a day and a time"),
    N_("say which case this call belongs to, or why it has none"),
    N_("this call is not in the ledger: open the case from the list of cases"),
    N_("say what the department is to do"),
    N_("a work order is due in the future"),
    N_("there is no work order %(number)s"),
    N_("somebody changed work order %(number)s meanwhile: look at it, then send yours again"),
    N_("work order %(number)s is for people of %(department)s"),
    N_("work order %(number)s is %(state)s already"),
    N_("write the answer: the case's owner must know what was done"),
    N_("a rating is a number from 1 to 5"),
    N_("there is no department %(code)s: there are %(known)s"),
    N_("a directory entry needs a name"),
)
