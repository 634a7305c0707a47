"""All AMI actions of Asterisk 16 to 22 with what asterisk-conf loads: rights each needs, and how to try it in vain.

Asterisk looks at the right first, so an action on nothing, or without a header it must have, tells denied from allowed
and does nothing. An action with no such form is not sent: what ListCommands shows decides. Called by harden.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

NOBODY = "Local/nobody@kefu-nowhere"
NOTHING = "kefu-no-such-thing"


class Action(Struct, frozen=True):
    """`needs`: one of these classes in write= allows it; none at all: everybody who is logged in may. `headers`: how to
    try it without effect; None: it is not tried."""

    name: str
    needs: frozenset[str]
    headers: Mapping[str, str] | None


_CHANNEL = {"Channel": NOBODY}
_BRIDGE = {"BridgeUniqueid": NOTHING, "BridgeTechnology": NOTHING, "Channel": NOBODY}
_QUEUE = {"Queue": NOTHING, "Interface": NOBODY}
_FILE = {"Filename": NOTHING + "/none.conf", "SrcFilename": NOTHING + ".conf", "DstFilename": NOTHING + ".conf"}
# Class of rights → action → headers.
_ACTIONS: Mapping[str, Mapping[str, Mapping[str, str] | None]] = {
    "": {
        "BridgeDestroy": _BRIDGE,
        "BridgeInfo": _BRIDGE,
        "BridgeKick": _BRIDGE,
        "BridgeList": {},
        "BridgeTechnologyList": {},
        "BridgeTechnologySuspend": _BRIDGE,
        "BridgeTechnologyUnsuspend": _BRIDGE,
        "Challenge": None,
        "Events": {"EventMask": "off"},
        "ListCommands": {},
        "Login": None,
        "Logoff": None,
        "Ping": {},
        "QueueChangePriorityCaller": {"Queue": NOTHING, "Caller": NOBODY, "Priority": "1"},
        "QueueReload": {"Queue": NOTHING, "Parameters": "yes"},
        "QueueReset": {"Queue": NOTHING},
        "QueueRule": {"Rule": NOTHING},
        "QueueStatus": {"Queue": NOTHING},
        "QueueSummary": {"Queue": NOTHING},
        "QueueWithdrawCaller": {"Queue": NOTHING, "Caller": NOBODY},
        "WaitEvent": None,
    },
    "agent": {
        "QueueAdd": _QUEUE,
        "QueueLog": {"Queue": NOTHING},
        "QueueMemberRingInUse": {**_QUEUE, "RingInUse": "yes"},
        "QueuePause": {**_QUEUE, "Paused": "true"},
        "QueuePenalty": {**_QUEUE, "Penalty": "0"},
        "QueueRemove": _QUEUE,
    },
    "agi": {"AGI": {**_CHANNEL, "Command": "NOOP"}},
    "aoc": {"AOCMessage": _CHANNEL},
    "call": {
        "Atxfer": {**_CHANNEL, "Exten": "s"},
        "BlindTransfer": {**_CHANNEL, "Exten": "s"},
        "Bridge": {"Channel1": NOBODY, "Channel2": NOBODY},
        "CancelAtxfer": _CHANNEL,
        "Park": _CHANNEL,
        "ParkedCalls": {"ParkingLot": NOTHING},
        "Parkinglots": {},
        "PlayDTMF": {**_CHANNEL, "Digit": "1"},
        "Redirect": {**_CHANNEL, "Context": NOTHING, "Exten": "s", "Priority": "1"},
        "SendFlash": _CHANNEL,
        "SendText": {**_CHANNEL, "Message": "x"},
        "Setvar": _CHANNEL,
    },
    "call,reporting": {
        "DeviceStateList": {},
        "ExtensionState": {"Exten": NOTHING, "Context": NOTHING},
        "ExtensionStateList": {},
        "Getvar": {"Variable": "EPOCH"},
        "MailboxCount": {"Mailbox": NOTHING},
        "MailboxStatus": {"Mailbox": NOTHING},
        "PresenceState": {"Provider": NOTHING},
    },
    "command": {"Command": {"Command": "core show uptime"}},
    "config": {"CreateConfig": _FILE, "ListCategories": _FILE, "UpdateConfig": _FILE},
    "config,reporting": {"ShowDialPlan": {"Context": NOTHING}},
    "config,system": {
        "GetConfig": _FILE,
        "GetConfigJSON": _FILE,
        "Reload": {"Module": NOTHING},
    },
    "message": {"MessageSend": {}},
    "originate": {"Originate": {**_CHANNEL, "Context": NOTHING, "Exten": "s", "Priority": "1", "Timeout": "100"}},
    "call,system": {
        "AbsoluteTimeout": {**_CHANNEL, "Timeout": "60"},
        "Hangup": _CHANNEL,
        "LocalOptimizeAway": _CHANNEL,
        "MixMonitorMute": _CHANNEL,
        "PJSIPHangup": _CHANNEL,
        "StopMixMonitor": _CHANNEL,
    },
    "call,reporting,system": {"Status": _CHANNEL},
    "reporting,system": {
        "CoreSettings": {},
        "CoreShowChannelMap": _CHANNEL,
        "CoreShowChannels": {},
        "CoreStatus": {},
        "DBGet": {"Family": NOTHING, "Key": NOTHING},
        "DBGetTree": {"Family": NOTHING},
        "LoggerRotate": None,
        "PJSIPQualify": {"Endpoint": NOTHING},
        "PJSIPRegister": {"Registration": NOTHING},
        "PJSIPShowRegistrationsOutbound": {},
        "PJSIPUnregister": {"Registration": NOTHING},
    },
    "system": {
        "DBDel": {},
        "DBDelTree": {},
        "DBPut": {},
        "DialplanExtensionAdd": {},
        "DialplanExtensionRemove": {},
        "Filter": {},
        "MixMonitor": _CHANNEL,
        "ModuleCheck": {"Module": NOTHING},
        "ModuleLoad": {"LoadType": "load", "Module": NOTHING + ".so"},
        "MuteAudio": _CHANNEL,
        "PJSIPShowAors": {},
        "PJSIPShowAuths": {},
        "PJSIPShowContacts": {},
        "PJSIPShowEndpoint": {"Endpoint": NOTHING},
        "PJSIPShowEndpoints": {},
        "PJSIPShowRegistrationInboundContactStatuses": {},
        "PJSIPShowRegistrationsInbound": {},
        "PJSIPShowResourceLists": {},
        "PJSIPShowSubscriptionsInbound": {},
        "PJSIPShowSubscriptionsOutbound": {},
    },
    "user": {"UserEvent": {}},
}

ACTIONS: tuple[Action, ...] = tuple(
    sorted(
        (
            Action(name, frozenset(filter(None, needs.split(","))), headers)
            for needs, named in _ACTIONS.items()
            for name, headers in named.items()
        ),
        key=lambda action: action.name.lower(),
    )
)

SHELLS = ("System", "TrySystem", "Exec", "AGI", "ExternalIVR", "MixMonitor")
"""Applications that an Originate may not name without the right system: with them it is a shell."""
