"""Refusals of what agents ask for their own calls, each as its template: a part of sentences.py. Called by it alone."""

from __future__ import annotations


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Mark `text` for the catalogs."""
    return text


CALL_REFUSALS = (
    N_("there is no call on your phone now"),
    N_("that call is over: another one is on your phone now"),
    N_("your role does not include this (%(permission)s): ask a supervisor"),
    N_("1 to %(most)s keys can be sent: digits, * and #"),
    N_("%(number)s is no number that can be dialled: write it with its area or country"),
    N_("%(number)s is blocked (%(why)s): take it off the list first"),
    N_("%(number)s asked not to be called: it is on the do-not-call list"),
    N_("a queue cannot be asked first: hand the caller over"),
    N_("%(how)s ends no consult: it is one of %(known)s"),
    N_("%(seat)s is no seat with a number: see who is there"),
    N_("that is your own seat"),
    N_("the phone of %(seat)s is away: choose somebody else"),
    N_("there is no queue %(queue)s"),
    N_("there is no such directory entry (any more)"),
    N_("the directory has no number for %(name)s"),
    N_("say where the call shall go"),
    N_("your phone is away: nothing can be dialled"),
    N_("there is a call on your phone already"),
    N_("another number is about to be dialled"),
    N_("a queue cannot be dialled from here"),
    N_("a call has come first: your phone rings"),
    N_("your phone is away"),
    N_("your phone has not been seen yet"),
    N_("your phone rang and was not answered"),
    N_("your phone is busy"),
    N_("your phone did not take the call"),
    N_("your phone could not be kept free for dialling"),
    N_("the call is over at this phone"),
    N_("the other side is busy"),
    N_("nobody answered there"),
    N_("the other side cannot be reached"),
    N_("a colleague is being asked: leave the two together, or go back to the caller first"),
    N_("nobody is being asked by keys: what the phone began on its other line is ended on the phone"),
    N_("there is nobody on the other end yet"),
    N_("Asterisk refused it: %(why)s"),
    N_("Asterisk did not confirm it in time"),
    N_("the question has %(characters)s characters: %(most)s fit"),
    N_("the hand of %(login)s is not up any more"),
)
