"""Refusals of promises to call back, each as its template: a part of sentences.py. Called by it alone."""

from __future__ import annotations


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Mark `text` for the catalogs."""
    return text


CALLBACK_REFUSALS = (
    N_("the number is withheld: the caller must enter one"),
    N_("%(number)s is not rung: it costs more than a call"),
    N_("%(number)s is not rung: nobody knows what it costs"),
    N_("%(number)s is not rung: nobody speaks there"),
    N_("%(number)s is a number of %(country)s, which is not rung"),
    N_("%(number)s asked not to be called"),
    N_("there is no queue %(queue)s: see `kefu queue list`"),
    N_("nobody could be rung when it would be their turn"),
    N_("the turn may come after %(time)s UTC, when nobody is rung any more"),
    N_("nobody works in %(queue)s now: offer a slot instead"),
    N_("nobody is signed in to %(queue)s"),
    N_("what it is about has %(characters)s characters: %(most)s fit"),
    N_("%(time)s is not free: %(near)s is"),
    N_("%(time)s cannot be promised any more"),
    N_("there is no such callback: see `kefu callback list`"),
    N_("this caller is owed nothing any more"),
    N_("this promise is over already: %(state)s"),
    N_("it stands in its queue already"),
    N_("the customer's phone rings just now: wait for the end of this call"),
    N_("the customer's phone rings"),
    N_("nobody knows what time it is at %(number)s: ask the customer, and say it with --zone"),
    N_("it is %(time)s in %(zone)s, and %(day)s is kept in %(country)s"),
    N_("it is %(time)s in %(zone)s, and nobody is called on that day in %(country)s"),
    N_("it is %(time)s in %(zone)s, and nobody is called at that hour in %(country)s"),
    N_("the customer asked for %(wish)s, and it is %(time)s there"),
    N_("%(queue)s is closed (%(why)s)"),
    N_("it is over: %(state)s since %(time)s"),
    N_("%(login)s has halted callbacks of %(queue)s: %(reason)s"),
    N_("no bridge sees %(node)s now"),
    N_("nobody works in %(queue)s"),
    N_("it stands in its queue since %(time)s"),
    N_("it is due at %(time)s"),
    N_("the customer waits in a queue just now"),
    N_("%(count)s callbacks stand in %(queue)s already, as many as may (callback_places)"),
    N_("nothing: it is placed with the next look, within a second"),
)

LABELS = {
    "callback": {
        "waiting": N_("open"),
        "placed": N_("in its queue"),
        "reached": N_("reached"),
        "cancelled": N_("cancelled"),
        "given_up": N_("given up"),
        "refused": N_("refused"),
        "attached": N_("the customer rang in"),
    },
    "callback_source": {
        "queue": N_("asked for while waiting"),
        "menu": N_("asked for in the menu"),
        "web": N_("asked for on a web page"),
        "agent": N_("promised by an agent"),
        "abandoned": N_("gave up waiting"),
        "voicemail": N_("left a message"),
        "api": N_("asked for by another system"),
        "cli": N_("promised by hand"),
    },
    "callback_try": {
        "reached": N_("reached"),
        "later": N_("later, said the customer"),
        "cancelled": N_("not any more, said the customer"),
        "voicemail": N_("a machine answered, or nobody pressed 1"),
        "busy": N_("busy"),
        "no_answer": N_("no answer"),
        "rejected": N_("rejected"),
        "failed": N_("failed"),
        "agent_left": N_("the agent had gone"),
        "not_served": N_("no agent was free"),
        "never_left": N_("never dialled"),
        "refused_by_asterisk": N_("refused by the phone system"),
        "lost_sight": N_("lost sight of"),
        "attached": N_("the customer rang in"),
    },
    "callback_list": {
        "open": N_("Open"),
        "at_risk": N_("At risk"),
        "due": N_("Due now"),
        "late": N_("late"),
        "done": N_("Over"),
        "owed": N_("Callers we owe a call"),
    },
}
TONES = {
    "callback": {"waiting": "warm", "placed": "cool", "reached": "good", "attached": "good", "given_up": "bad"},
}
