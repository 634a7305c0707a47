"""`kefu doctor`: one probe a hop, from the settings file to the card on an agent's screen.

    hops.py      the hops in the order of a call, what each needs, how long it may take: the table of contents
    rounds.py    walks them: each as soon as what it needs is well, each with its own deadline
    probe_*.py   look at the real thing and hand over what they saw
    judging*.py  pure: what was seen → a verdict
    faults.py    pure: each fault's code, why it matters, and the command that mends it

Nothing here changes what callers or agents notice: the one call a round places enters a context of its own, lasts a
moment, and the bridge leaves it out of the ledger (`PROBE_ID`). A door like the command line: may use any room of crm.
"""

PROBE_ID = "kefu-doctor-"
"""Channels whose Linkedid begins so are the doctor's ear test: no conversation."""

TEST_CALL_ID = "kefu-test-call-"
"""A test call from trunk to card, asked for by `--call`: a conversation like any other, with this Linkedid."""

CONTEXT = "kefu-doctor"
"""Our context in the dialplan; also the queue's name in lines that we write into queue_log."""
