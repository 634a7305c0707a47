"""The names of events: those that Asterisk 16 to 22 is known to send, and what one of no known name is.

As documented by the four versions, and what their modules hold besides (rows and ends of lists, call completion). Ours
are followed, the rest is skipped without a word; any other name is news: another Asterisk, or a module of a stranger.
"""

from __future__ import annotations

from .headers import Unreadable

_SENT = """
    AgentCalled AgentComplete AgentConnect AgentDump AgentLogin AgentLogoff AgentRingNoAnswer Agents AgentsComplete
    AGIExecEnd AGIExecStart Alarm AlarmClear AOC-D AOC-E AOC-S AorDetail AorList AorListComplete AsyncAGIEnd
    AsyncAGIExec AsyncAGIStart AttendedTransfer AuthDetail AuthList AuthListComplete AuthMethodNotAllowed
    BlindTransfer BridgeCreate BridgeDestroy BridgeEnter BridgeInfoChannel BridgeInfoComplete BridgeLeave
    BridgeListComplete BridgeListItem BridgeMerge BridgeTechnologyListComplete BridgeTechnologyListItem
    BridgeVideoSourceUpdate CCAvailable CCCallerRecalling CCCallerStartMonitoring CCCallerStopMonitoring CCFailure
    CCMonitorFailed CCOfferTimerStart CCRecallComplete CCRequestAcknowledged CCRequested Cdr CEL
    ChallengeResponseFailed ChallengeSent ChannelHungup ChannelReload ChannelsHungupListComplete ChannelTalkingStart
    ChannelTalkingStop ChanSpyStart ChanSpyStop ConfbridgeEnd ConfbridgeJoin ConfbridgeLeave ConfbridgeList
    ConfbridgeListComplete ConfbridgeListRooms ConfbridgeListRoomsComplete ConfbridgeMute ConfbridgeRecord
    ConfbridgeStart ConfbridgeStopRecord ConfbridgeTalking ConfbridgeUnmute ContactList ContactListComplete
    ContactStatus ContactStatusDetail ContactStatusDetailComplete CoreShowChannel CoreShowChannelMap
    CoreShowChannelMapComplete CoreShowChannelsComplete DAHDIChannel DAHDIShowChannels DAHDIShowChannelsComplete
    DBGetComplete DBGetResponse DBGetTreeComplete DBGetTreeResponse DeadlockStart DeviceEntry DevicelistComplete
    DeviceStateChange DeviceStateListComplete DialBegin DialEnd DialState DNDState DTMFBegin DTMFEnd EndpointDetail
    EndpointDetailComplete EndpointList EndpointListComplete ExtensionStateListComplete ExtensionStatus FailedACL
    FAXSession FAXSessionsComplete FAXSessionsEntry FAXStats FAXStatus Flash FullyBooted Hangup HangupHandlerPop
    HangupHandlerPush HangupHandlerRun HangupRequest Hold IdentifyDetail InboundRegistrationDetail
    InboundRegistrationDetailComplete InboundSubscriptionDetail InboundSubscriptionDetailComplete InvalidAccountID
    InvalidPassword InvalidTransport JabberEvent JabberStatus LineEntry LinelistComplete ListDialplan Load
    LoadAverageLimit LocalBridge LocalOptimizationBegin LocalOptimizationEnd LogChannel MCID MeetmeEnd MeetmeJoin
    MeetmeLeave MeetmeList MeetmeListComplete MeetmeListRooms MeetmeListRoomsComplete MeetmeMute MeetmeTalking
    MeetmeTalkRequest MemoryLimit MessageWaiting MiniVoiceMail MixMonitorMute MixMonitorStart MixMonitorStop
    ModuleLoadReport MonitorStart MonitorStop MusicOnHoldStart MusicOnHoldStop MWIGet MWIGetComplete NewAccountCode
    NewCallerid Newchannel NewConnectedLine NewExten Newexten Newstate OriginateResponse OutboundRegistrationDetail
    OutboundRegistrationDetailComplete OutboundSubscriptionDetail OutboundSubscriptionDetailComplete ParkedCall
    ParkedCallGiveUp ParkedCallsComplete ParkedCallSwap ParkedCallTimeOut Parkinglot ParkinglotsComplete PeerEntry
    PeerlistComplete PeerStatus Pickup PJSIPMaintenanceStatus PJSIPMaintenanceStatusComplete PresenceStateChange
    PresenceStateListComplete PresenceStatus PRIShowSpans PRIShowSpansComplete QueueCallerAbandon QueueCallerJoin
    QueueCallerLeave QueueEntry QueueMember QueueMemberAdded QueueMemberPause QueueMemberPenalty QueueMemberRemoved
    QueueMemberRinginuse QueueMemberStatus QueueParams QueueStatusComplete QueueSummary QueueSummaryComplete
    ReceiveFAX RegistrationsComplete Registry RegistryEntry Reload Rename RequestBadFormat RequestNotAllowed
    RequestNotSupported ResourceListDetail ResourceListDetailComplete RTCPReceived RTCPSent SendFAX SessionLimit
    SessionTimeout ShowDialPlanComplete Shutdown SIPpeerstatusComplete SIPQualifyPeerDone SoftHangupRequest
    SpanAlarm SpanAlarmClear Status StatusComplete SuccessfulAuth TestEvent TransportDetail UnexpectedAddress Unhold
    Unload UnParkedCall UserEvent VarSet VoicemailBoxDetail VoicemailBoxDetailComplete VoicemailPasswordChange
    VoicemailUserDetail VoicemailUserDetailComplete VoicemailUserEntry VoicemailUserEntryComplete WaitEventComplete
    Wink
"""
KNOWN_NAMES = frozenset(name.encode() for name in _SENT.split())


class UnknownName(Unreadable, frozen=True):
    """An event of a name that is not known: nobody can say what it means. `name`: shortened, printable."""

    name: str


def of_unknown_name(name: str) -> UnknownName:
    return UnknownName(f"an event of an unknown name, {name}", name)
