"""Lines as Asterisk writes them into CEL and queue_log, for one call at a time."""

from __future__ import annotations

import json

T = 1_795_308_068.0
TRUNK = "PJSIP/trunk-00000001"
PHONE = "PJSIP/1001-00000002"


def cel(kind: str, at: float, channel: str, uniqueid: str, linkedid: str, **more: object) -> str:
    """One record. more: number, name, exten, context, app, data, extra."""
    said = {name: str(more.get(name, "")) for name in ("number", "name", "exten", "context", "app", "data")}
    extra = json.dumps(more["extra"]) if "extra" in more else ""
    columns = [kind, f"{at:.6f}", channel, uniqueid, linkedid, *said.values(), "", extra]
    return ",".join('"' + column.replace('"', '""') + '"' for column in columns)


class FileCall:
    """A caller who rings in, waits in `support`, is answered at PJSIP/1001 (or not), and is gone again."""

    def __init__(self, at: float = T, number: int = 1) -> None:
        self.at = at
        self.caller, self.agent = f"17.{number}", f"18.{number}"
        self.cel: list[str] = []
        self.log: list[str] = []
        self._leg = {"number": "13800138000", "name": "王芳", "context": "queue-support"}

    def arrives(self) -> FileCall:
        started = {**self._leg, "exten": "95000", "context": "from-trunk"}
        self.cel.append(cel("CHAN_START", self.at, TRUNK, self.caller, self.caller, **started))
        queue = {**self._leg, "app": "Queue", "data": "support,ct,,,300"}
        self.cel.append(cel("APP_START", self.at + 1.25, TRUNK, self.caller, self.caller, **queue))
        self._queue(1.25, "NONE", "ENTERQUEUE", "", "13800138000", "1")
        return self

    def rings(self, after_s: float = 1.5) -> FileCall:
        self.cel.append(cel("CHAN_START", self.at + after_s, PHONE, self.agent, self.caller, context="from-seat"))
        return self

    def answered(self, after_s: float = 4.0, talk_s: float = 30.0) -> FileCall:
        rung = {"app": "AppQueue", "data": "(Outgoing Line)", "context": "from-seat"}
        at, bridge = self.at + after_s, {"bridge_id": f"b-{self.caller}", "bridge_technology": "simple_bridge"}
        self.cel.append(cel("ANSWER", at, PHONE, self.agent, self.caller, **rung))
        self._queue(after_s, "Amy B.", "CONNECT", "3", self.agent, "2")
        for channel, uniqueid in ((PHONE, self.agent), (TRUNK, self.caller)):
            self.cel.append(cel("BRIDGE_ENTER", at + 0.01, channel, uniqueid, self.caller, extra=bridge))
        for channel, uniqueid in ((PHONE, self.agent), (TRUNK, self.caller)):
            self.cel.append(cel("BRIDGE_EXIT", at + talk_s, channel, uniqueid, self.caller, extra=bridge))
        self._hangs_up(after_s + talk_s + 0.001, PHONE, self.agent, PHONE, 16)
        self._queue(after_s + talk_s, "Amy B.", "COMPLETEAGENT", "3", f"{talk_s:.0f}", "1")
        return self._leaves(after_s + talk_s + 0.002, "dialplan/builtin")

    def gives_up(self, after_s: float = 9.0) -> FileCall:
        self._queue(after_s, "NONE", "ABANDON", "1", "1", "8")
        return self._leaves(after_s, TRUNK)

    def _leaves(self, after_s: float, source: str) -> FileCall:
        queue = {**self._leg, "app": "Queue", "data": "support,ct,,,300"}
        self.cel.append(cel("APP_END", self.at + after_s, TRUNK, self.caller, self.caller, **queue))
        self._hangs_up(after_s + 0.001, TRUNK, self.caller, source, 16)
        return self

    def _hangs_up(self, after_s: float, channel: str, uniqueid: str, source: str, cause: int) -> None:
        extra = {"hangupcause": cause, "hangupsource": source, "dialstatus": ""}
        app = "AppQueue" if uniqueid == self.agent else ""
        self.cel.append(cel("HANGUP", self.at + after_s, channel, uniqueid, self.caller, app=app, extra=extra))
        self.cel.append(cel("CHAN_END", self.at + after_s, channel, uniqueid, self.caller))

    def _queue(self, after_s: float, agent: str, event: str, *data: str) -> None:
        line = "|".join((f"{int(self.at + after_s)}", self.caller, "support", agent, event, *data))
        self.log.append(line)
