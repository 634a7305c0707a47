"""The two AMI accounts: what each may do, and what neither may, tried on a real Asterisk."""

from __future__ import annotations

from itertools import takewhile

import pytest

from crm.pbx.ami_probe import AmiRefused, Message
from crm.pbx.sandbox import Account, Sandbox

NO_CHANNEL = "Local/nobody@nowhere"
# Asterisk checks the right first, so an action on nothing tells denied from allowed without doing anything.
ACTIONS: dict[str, dict[str, str]] = {
    "CoreShowChannels": {},
    "DeviceStateList": {},
    "Getvar": {"Variable": "EPOCH"},
    "QueuePause": {"Queue": "reception", "Interface": NO_CHANNEL, "Paused": "true"},
    "QueueAdd": {"Queue": "no-such-queue", "Interface": NO_CHANNEL},
    "QueueRemove": {"Queue": "no-such-queue", "Interface": NO_CHANNEL},
    "Hangup": {"Channel": NO_CHANNEL},
    "Redirect": {"Channel": NO_CHANNEL, "Context": "from-trunk", "Exten": "1", "Priority": "1"},
    "Originate": {"Channel": NO_CHANNEL, "Context": "nowhere", "Exten": "s", "Priority": "1", "Timeout": "100"},
    "Command": {"Command": "core show uptime"},
    "GetConfig": {"Filename": "manager.conf"},
    "UpdateConfig": {"SrcFilename": "manager.conf", "DstFilename": "manager.conf"},
    "ModuleLoad": {"LoadType": "load", "Module": "app_system.so"},
    "Reload": {},
    "DBGet": {"Family": "x", "Key": "y"},
    "Filter": {"Operation": "Add", "Filter": "x"},
    "DialplanExtensionAdd": {"Context": "x", "Extension": "1", "Priority": "1", "Application": "NoOp"},
}
READER_MAY = {"CoreShowChannels", "DeviceStateList", "Getvar", "DBGet"}
ACTOR_MAY = READER_MAY | {"QueuePause", "QueueAdd", "QueueRemove", "Hangup", "Redirect", "Originate"}


def account(sandbox: Sandbox, name: str) -> Account:
    return sandbox.reader if name == "reader" else sandbox.actor


def denied(answer: Message) -> bool:
    return answer.get("Message") == "Permission denied"


@pytest.mark.parametrize("who", ["reader", "actor"])
def test_each_account_may_do_what_its_work_needs_and_no_more(sandbox: Sandbox, who: str) -> None:
    with sandbox.ami(account(sandbox, who)) as session:
        allowed = {name for name, headers in ACTIONS.items() if not denied(session.ask({"Action": name, **headers}))}
    assert allowed == (READER_MAY if who == "reader" else ACTOR_MAY)


@pytest.mark.parametrize("application", ["System", "TrySystem", "Exec", "AGI", "ExternalIVR"])
def test_the_actor_cannot_start_programs_by_a_call(sandbox: Sandbox, application: str) -> None:
    with sandbox.ami(sandbox.actor) as actor:
        answer = actor.ask(
            {
                "Action": "Originate",
                "Channel": "Local/95000@from-trunk",
                "Application": application,
                "Data": "/bin/true",
            }
        )
    assert answer["Response"] == "Error"


def test_the_actor_hears_nothing(sandbox: Sandbox) -> None:
    with sandbox.ami(sandbox.actor) as actor, sandbox.ami() as reader:
        actor.ask({"Action": "QueueAdd", "Queue": "support", "Interface": "Local/7100@sandbox-agents/n"})
        reader.read_until("QueueMemberAdded")
        actor.ask({"Action": "QueueRemove", "Queue": "support", "Interface": "Local/7100@sandbox-agents/n"})
        reader.read_until("QueueMemberRemoved")
        ping = actor.send({"Action": "Ping"})
        heard = list(takewhile(lambda message: message.get("ActionID") != ping, actor.messages()))
    assert heard == []


def test_a_wrong_secret_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(AmiRefused, match="AMI refused kefu_reader: Authentication failed"):
        sandbox.ami(Account("kefu_reader", "not the secret"))
