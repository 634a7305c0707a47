"""A checked menu: what `asterisk-conf/ivr/*.yaml` becomes once it has no fault.

Steps are nodes of a graph: each knows where every outcome leads, so the walk, the drawing, the comparison and the
search for dead ends all read the same thing. Made by checking.py, walked by flows/menu.py. Nothing here can lead
nowhere.
"""

from __future__ import annotations

from msgspec import Struct

from agi.endings import Ending
from agi.steps import KEYS, Spoken

from .calendars import Calendar

BACK = "back"
OTHER_LANGUAGE = "other"
Said = tuple[str | Spoken, ...]


class Say(Struct, frozen=True, tag=True):
    """Prompts and spoken values; a key stops them and answers the next question, unless they are heard `whole`."""

    said: Said
    whole: bool = False


class Note(Struct, frozen=True, tag=True):
    """What is known from here on: the matter, the language of all that follows, variables."""

    matter: str | None = None
    language: str | None = None
    values: dict[str, str] = {}


class Choose(Struct, frozen=True, tag=True):
    """A question for one key. Ways: `key 1` …, `wrong_key`, `silence`. `yes_no`: 1 is yes and 2 is no. `ahead`: keys
    that count though they were pressed before it was heard (hearing.py)."""

    ask: Said
    tries: int
    timeout_s: float
    yes_no: bool = False
    ahead: str = KEYS


class Collect(Struct, frozen=True, tag=True):
    """A question for digits. Ways: `done`, `wrong_key` (too few, or denied), `silence`, `key *`."""

    ask: Said
    into: str
    least: int
    most: int
    tries: int
    timeout_s: float
    read_back: Said = ()
    confirm: Said = ()
    secret: bool = False


class Retry(Struct, frozen=True, tag=True):
    """After a wrong key or silence: the question once more (`again`), or `out_of_tries`."""

    question: str


class LookUp(Struct, frozen=True, tag=True):
    """Ways: `found`, `not_found`, `unavailable`. `by`: the variable with the number wanted."""

    what: str
    by: str | None = None
    whose: str = "caller"
    url: str = ""
    answer: dict[str, str | list[str]] = {}


class When(Struct, frozen=True, tag=True):
    """All conditions must hold. Ways: `then`, `else`."""

    conditions: dict[str, tuple[str, ...]]
    values: dict[str, tuple[str, ...]] = {}


class Run(Struct, frozen=True, tag=True):
    """A registered Python step. Ways: `next`, `unavailable`."""

    step: str
    sets: tuple[str, ...]
    within_ms: int


class RecordVoice(Struct, frozen=True, tag=True):
    """Ways: `next`, `nothing`."""

    name: str
    most_s: int


class Promise(Struct, frozen=True, tag=True):
    """A callback. Ways: `booked`, `not_offered`."""

    queue: str
    number: str | None = None


class Survey(Struct, frozen=True, tag=True):
    """Ways: `next`, `not_offered`."""

    name: str


class Leave(Struct, frozen=True, tag=True):
    """The caller leaves the menu here."""

    ending: Ending


class Pass(Struct, frozen=True, tag=True):
    """A word that only leads elsewhere, or a skipped step. Way: `next`."""

    word: str


Act = Say | Note | Choose | Collect | Retry | LookUp | When | Run | RecordVoice | Promise | Survey | Leave | Pass
QUESTIONS = (Choose, Collect)


class Node(Struct, frozen=True):
    """One step. `ways`: outcome → id of the node that follows; BACK is the question before.

    `within`: the question whose answer this step belongs to.
    """

    id: str
    part: str
    line: int
    act: Act
    ways: dict[str, str] = {}
    within: str | None = None


class Menu(Struct, frozen=True):
    """One whole file. `parts`: name → its first node. `sha256` is of its text; `version` None: the shipped file."""

    name: str
    languages: tuple[str, ...]
    start: str
    nodes: dict[str, Node]
    parts: dict[str, str]
    calendars: dict[str, Calendar]
    sha256: str = ""
    version: int | None = None
