"""The menu language as one table: every word an engineer may write, what it takes, and what it means.

The reader (steps_of.py), the JSON Schema for editors (schema.py) and the table in docs/ivr.md are made from it, so the
three cannot differ. To add a word: a line here, and what it does in building.py and flows/menu.py.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from agi.steps import LANGUAGES


class Kind(StrEnum):
    """What may stand behind a word."""

    PROMPTS = "a prompt's key, or a list of keys and of things to speak ({tell: order}, {digits: name} …)"
    ROUTE = "a step, a list of steps, a part's name, or a word such as again"
    KEYS = "telephone keys, each with a route"
    PART = "the name of a part"
    VARIABLE = "the name of a variable"
    VARIABLES = "a list of names of variables"
    VALUES = "variables, each with its text"
    QUEUE = "the name of a queue"
    BOX = "a queue, whose people hear the message"
    EXTENSION = "a number inside the house"
    SEAT = "a seat's number, or last_agent"
    MATTER = "a matter's name"
    NAME = "a name of small letters, digits and _"
    LANGUAGE = "a language"
    NEW_LANGUAGE = "a language, or other"
    TEXT = "text"
    CHOICE = "one of the words named"
    NUMBER = "a number"
    DIGITS = "how many digits: 6, or 4-12"
    YES = "yes"
    FAREWELL = "yes, or prompts to say first"
    CONDITIONS = "conditions that must all hold"
    URL = "an https address; {name} puts a variable in"
    ANSWER = "fields of the answer, each with its type"
    RUN = "the name of a registered Python step"


class Word(Struct, frozen=True):
    """One word and what stands behind it. `least`, `most`: of a number; `choices`: of a choice."""

    name: str
    kind: Kind
    means: str
    needed: bool = False
    least: int = 0
    most: int = 0
    choices: tuple[str, ...] = ()


class Act(Struct, frozen=True):
    """One step: the word that names it, and the words that may stand beside it.

    `asks`: it waits for keys, so wrong key, silence and the last try must be written. `leaves`: the caller does not
    come back from it. `ways`: the options that are routes, in the order they are drawn.
    """

    word: Word
    options: tuple[Word, ...] = ()
    asks: bool = False
    leaves: bool = False

    @property
    def name(self) -> str:
        return self.word.name


LOOKUPS = ("customer", "order", "case", "balance", "http")
ANSWER_TYPES = ("text", "digits", "number", "date", "yes_no")
SPOKEN = ("tell", "digits", "number", "money", "date")
TOLD = ("order", "case", "balance")
WHOSE = ("caller", "anyone")
PLACES = ("again", "back", "human", "end", "next")
UNIFORM_KEYS = "0*#"
FACTS = ("number", "dialled", "language", "tier", "matter", "customer_code")
SETS = {
    "customer": ("customer_code", "tier"),
    "order": ("order_number", "order_state", "order_expected_on"),
    "case": ("case_number", "case_state"),
    "balance": ("balance", "balance_currency"),
    "http": (),
}

_TRIES = (
    Word("wrong_key", Kind.ROUTE, "after a key that is not offered; then the question is heard again", needed=True),
    Word("silence", Kind.ROUTE, "when nothing is pressed; then the question is heard again", needed=True),
    Word("out_of_tries", Kind.ROUTE, "after the last try", needed=True),
    Word("tries", Kind.NUMBER, "how often the question is heard at most (3)", least=1, most=9),
    Word("timeout_s", Kind.NUMBER, "seconds of waiting after the question (5)", least=1, most=60),
)
_UNAVAILABLE = Word("unavailable", Kind.ROUTE, "when it cannot be read in time", needed=True)
_NOT_OFFERED = Word("not_offered", Kind.ROUTE, "where this installation does not offer it", needed=True)

PRELUDES = (
    Word("matter", Kind.MATTER, "the matter: shown on the agent's card, and handed to the dialplan"),
    Word("language", Kind.NEW_LANGUAGE, "all that follows is heard in this language"),
    Word("set", Kind.VALUES, "variables of this call"),
    Word("say", Kind.PROMPTS, "heard until a key is pressed, which the next question takes without being heard"),
    Word(
        "whole",
        Kind.YES,
        "what this step says is heard to its end, and keys pressed meanwhile are lost (legal notices)",
    ),
    Word("skip", Kind.YES, "this step is left out, and stays written"),
)

ACTS = (
    Act(
        Word("menu", Kind.PROMPTS, "a question with a choice of keys"),
        (Word("keys", Kind.KEYS, "what each key does", needed=True), *_TRIES),
        asks=True,
    ),
    Act(
        Word("ask", Kind.PROMPTS, "a question for yes (1) or no (2)"),
        (
            Word("yes", Kind.ROUTE, "after 1", needed=True),
            Word("no", Kind.ROUTE, "after 2", needed=True),
            *_TRIES,
        ),
        asks=True,
    ),
    Act(
        Word("collect", Kind.PROMPTS, "a question for digits; 0 is a digit here, and # ends them"),
        (
            Word("into", Kind.VARIABLE, "the variable that holds them", needed=True),
            Word("digits", Kind.DIGITS, "how many", needed=True),
            Word("read_back", Kind.PROMPTS, "said before the digits are read back"),
            Word("confirm", Kind.PROMPTS, "asked after the reading: 1 is right, 2 asks anew"),
            Word("secret", Kind.YES, "the keys pressed are not recorded"),
            *_TRIES,
        ),
        asks=True,
    ),
    Act(
        Word("lookup", Kind.CHOICE, "reads what the company knows, within a time limit", choices=LOOKUPS),
        (
            Word("by", Kind.VARIABLE, "the variable with the number wanted; without it the caller's latest"),
            Word("whose", Kind.CHOICE, "whether only the caller's own may be found (caller)", choices=WHOSE),
            Word("url", Kind.URL, "what an http lookup asks"),
            Word("answer", Kind.ANSWER, "what an http lookup must be answered"),
            Word("found", Kind.ROUTE, "when it was found"),
            Word("not_found", Kind.ROUTE, "when there is none", needed=True),
            _UNAVAILABLE,
        ),
    ),
    Act(
        Word("when", Kind.CONDITIONS, "a fork without a question"),
        (
            Word("then", Kind.ROUTE, "when all conditions hold", needed=True),
            Word("else", Kind.ROUTE, "when one does not"),
        ),
    ),
    Act(
        Word("run", Kind.RUN, "a registered Python step, within a time limit"),
        (
            Word("sets", Kind.VARIABLES, "the variables it answers"),
            Word("within_ms", Kind.NUMBER, "its time limit in milliseconds (800)", least=50, most=5000),
            _UNAVAILABLE,
        ),
    ),
    Act(
        Word("record", Kind.NAME, "the caller speaks after the tone, # ends it"),
        (
            Word("most_s", Kind.NUMBER, "seconds at most (60)", least=1, most=300),
            Word("nothing", Kind.ROUTE, "when nothing was said"),
        ),
    ),
    Act(
        Word("callback", Kind.QUEUE, "promises a call back and keeps the place"),
        (
            Word("number", Kind.VARIABLE, "the variable with the number to call; without it the one that calls"),
            Word("booked", Kind.ROUTE, "when the promise is written"),
            _NOT_OFFERED,
        ),
    ),
    Act(Word("survey", Kind.NAME, "questions after the talk"), (_NOT_OFFERED,)),
    Act(
        Word("queue", Kind.QUEUE, "waits for a person"),
        (Word("credit_s", Kind.NUMBER, "seconds of waiting credited on joining (0)", least=0, most=3600),),
        leaves=True,
    ),
    Act(
        Word("ring", Kind.SEAT, "rings one person first"),
        (
            Word("otherwise", Kind.QUEUE, "the queue when that person cannot be reached", needed=True),
            Word("for_s", Kind.NUMBER, "seconds of ringing (20)", least=5, most=60),
        ),
        leaves=True,
    ),
    Act(Word("transfer", Kind.EXTENSION, "on to a number inside the house"), leaves=True),
    Act(Word("voicemail", Kind.BOX, "leaves a message"), leaves=True),
    Act(Word("goto", Kind.PART, "on to a part"), leaves=True),
    Act(Word("end", Kind.FAREWELL, "the call is over"), leaves=True),
    Act(Word("again", Kind.YES, "the question of this answer once more"), leaves=True),
    Act(Word("back", Kind.YES, "the question before this one, or the last one heard"), leaves=True),
    Act(Word("human", Kind.YES, "what the key 0 does"), leaves=True),
    Act(Word("next", Kind.YES, "the step after the question or fork"), leaves=True),
)
BY_NAME = {act.name: act for act in ACTS}

CONDITIONS = (
    Word("hours", Kind.CHOICE, "the opening hours of the settings", choices=("open", "closed")),
    Word("calendar", Kind.NAME, "a calendar of this file holds now"),
    Word("language", Kind.CHOICE, "the caller's language", choices=(*LANGUAGES, "unknown")),
    Word("tier", Kind.CHOICE, "the customer's value", choices=("key", "main", "ordinary", "small")),
    Word("known", Kind.CHOICE, "whether the number belongs to one customer", choices=("yes", "no")),
    Word("dialled", Kind.TEXT, "the number dialled, or its beginning with *"),
    Word("from", Kind.TEXT, "the caller's number, or its beginning with *"),
    Word("matter", Kind.MATTER, "the matter chosen"),
    Word("is", Kind.VALUES, "variables, each with the text or texts it may have"),
)

DEFAULTS = (
    *_TRIES,
    Word("human", Kind.ROUTE, "what the key 0 does in every menu"),
    Word("not_found", Kind.ROUTE, "of lookups"),
    _UNAVAILABLE,
    _NOT_OFFERED,
)
FILE = (
    Word("languages", Kind.TEXT, "the languages offered; the first is spoken to a caller whose language is unknown"),
    Word("defaults", Kind.TEXT, "what holds in every step that does not say otherwise"),
    Word("calendars", Kind.TEXT, "named times: days, spans of days, weekdays with hours"),
    Word("start", Kind.PART, "the part where every call begins", needed=True),
    Word("parts", Kind.TEXT, "the menu itself: named lists of steps", needed=True),
)


def options_of(act: Act) -> dict[str, Word]:
    """What may stand beside this act's own word."""
    return {word.name: word for word in (*PRELUDES, *act.options) if word.name != act.name}
