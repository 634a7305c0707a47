"""Refusals in the reader's language. Deeds refuse in one English sentence, names and seats already in it; here stand
those that an agent may meet on a page, each as its template.

Called by templates as `|said`. A sentence that fits no template is shown as it came; a test raises each and reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .call_words import CALL_REFUSALS
from .callback_words import CALLBACK_REFUSALS
from .case_words import SENTENCES as CASE_SENTENCES
from .customer_words import CUSTOMER_REFUSALS
from .import_words import IMPORT_REFUSALS
from .program_words import PROGRAM_REFUSALS
from .words import N_

TEMPLATES = (
    N_("seat %(seat)s is taken by %(name)s: choose another seat, or let %(login)s sign out"),
    N_("the phone of seat %(seat)s is not there: switch it on, or sit down all the same"),
    N_("seat %(seat)s is no device: write it as Asterisk does, such as PJSIP/101"),
    N_("%(name)s sits at %(seat)s (%(node)s): sign out there first"),
    N_("%(name)s has just sat down at another seat: sign out there first"),
    N_("this agent may not sign in: ask a supervisor"),
    N_("the phone is ringing at %(seat)s: sign out after it"),
    N_("a call is going on at %(seat)s: sign out after it"),
    N_("this call was not yours: open it from your own list of calls"),
    N_("outcome %(outcome)s is unknown: it is one of %(known)s"),
    N_("queue %(queue)s needs an outcome of every talk of %(after)s s and more: choose one"),
    N_("a follow-up is today or within %(days)s days, not on %(day)s"),
    N_("a message has 1 to %(most)s characters"),
    N_("a message cannot end before it is sent"),
    N_("you are bound to queues: write to one of them, or to one agent"),
    N_("you are bound to queues: withdraw what was written to them, or to one agent"),
    N_("a moment is written as 2026-10-01T18:00"),
    N_("the note has %(characters)s characters: %(most)s fit"),
    N_("a pause needs a reason of 1 to %(most)s printable characters"),
    N_("%(reason)s begins and ends by itself: give another reason"),
    N_("there is no pause reason %(reason)s: it is one of %(known)s"),
    N_("reason %(reason)s of an extension is unknown: it is one of %(known)s"),
    N_("no after-call work is going on at %(seat)s"),
    N_("the work after one call can be made longer by at most %(most)s s: %(given)s s were given"),
    N_("%(name)s has taken this message: ask them, or a supervisor"),
    N_("this message is done already: %(login)s finished it"),
    N_("there is no such message, or it is not of your queues"),
    N_("the recording is not there any more"),
    N_("your role (%(role)s) does not include this (%(permission)s): ask an administrator"),
    N_("your role needs codes from a phone beside the password: set them up first"),
    N_("codes are asked for already: turn them off first"),
    N_("there is nothing to confirm: begin again"),
    N_("the identity provider does not answer: sign in with your password"),
    N_("the identity provider did not let you in: try again, or use your password"),
    N_("the identity provider did not confirm this sign-in: try again"),
    N_("what the identity provider sent cannot be believed: try again"),
    N_("this way back was used already, is too old, or began in another browser: try again"),
    N_("nobody works here by the login %(login)s: ask an administrator"),
    N_("the login %(login)s is somebody else's at the identity provider: ask an administrator"),
    N_("a day is written as 2026-10-01"),
    N_("the days must be in order, %(most)s of them at most"),
    N_("there are more than %(most)s visits in this time: ask for fewer days at once"),
    N_("this page is too old: reload it and try again"),
    N_("this request came from another site: use the page itself"),
    N_("your browser did not keep this page's cookie: open the page by https, or set secure_cookies = false"),
    N_("the database does not answer: try again in a moment"),
    N_("there is no such page"),
    N_("this page does not do that"),
    N_("this did not work"),
    N_("no bridge has answered"),
    N_("score %(score)s"),
    N_("set by hand, found by the ranking"),
    N_("set in the customer's record"),
    N_("given when the customer was entered"),
    N_("no longer set by hand"),
    N_("the note is empty"),
    N_("%(name)s has written version %(version)s meanwhile: read it, then write yours"),
    N_("an article needs a title in English or Chinese"),
    N_("the English text needs a title"),
    N_("the Chinese text needs a title"),
    N_("the English text has %(characters)s characters: %(most)s fit"),
    N_("the Chinese text has %(characters)s characters: %(most)s fit"),
    N_("a title is one line of %(most)s characters at most"),
    N_("say it in 1 to %(most)s characters"),
    N_("there is no such article"),
    N_("there is no such feedback"),
    N_("there is no such customer"),
    N_("%(login)s has answered this already"),
    N_("a tier by hand needs a reason of 1 to 300 printable characters"),
    N_("the tier of %(code)s was not set by hand"),
    N_("write a number, such as 14 or 0.5"),
    N_("%(rule)s cannot be %(value)s: it is a number from %(least)s to %(most)s"),
    N_("the pyramid stands on its head: key_from, main_from and ordinary_from must go down in this order"),
    N_("one of the three weights must be above 0"),
    N_("this cursor is none of ours: begin at the first page"),
    *CALL_REFUSALS,
    *CASE_SENTENCES,
    *CUSTOMER_REFUSALS,
    *CALLBACK_REFUSALS,
    *PROGRAM_REFUSALS,
    *IMPORT_REFUSALS,
)

_PLACE = re.compile(r"%\((\w+)\)s")


def _reader(template: str) -> re.Pattern[str]:
    """The template as a pattern: each place takes the shortest text that lets the rest fit."""
    names = _PLACE.findall(template)
    fixed = [re.escape(part) for part in _PLACE.split(template)[::2]]
    pattern = fixed[0] + "".join(f"(?P<{name}>.*?){part}" for name, part in zip(names, fixed[1:], strict=True))
    return re.compile(pattern, re.DOTALL)


_READERS = tuple((template, _reader(template)) for template in TEMPLATES)


def say(sentence: str, gettext: Callable[[str], str]) -> str:
    """`sentence` in the language of `gettext`."""
    for template, reader in _READERS:
        fits = reader.fullmatch(sentence)
        if fits:
            return gettext(template) % fits.groupdict()
    return sentence
