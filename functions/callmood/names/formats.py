"""Formats of the names that call recorders give to their files: the values of `NAME_FORMAT`.

Names of a telephone system can be configured, so compare the example with your own names:
`callmood names amazon-connect FOLDER` shows what a format reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class NamePattern:
    """One form of a name.

    Parameters
    ----------
    regex : str
        Regular expression with named groups. It must match the whole name without the suffix of audio files, or the
        end of the path that begins at a folder.
    values : mapping of str to str
        Fields that this form implies, such as a direction.
    start_format : str or None
        Format of `datetime.strptime` of the groups ``start_date`` and ``start_clock``, joined by a space. None: the
        group ``started_at`` contains the start.
    """

    regex: str
    values: Mapping[str, str] = field(default_factory=dict)
    start_format: str | None = None


@dataclass(frozen=True)
class NameFormat:
    """The names of one telephone system.

    Parameters
    ----------
    title : str
        Name of the system.
    patterns : tuple of NamePattern
        Its forms. The first that matches is used.
    example : str
        A name in this format.
    sources : tuple of str
        Public documents that show names in this format; empty if none does.
    note : str
        What a user must know, for the documentation.
    """

    title: str
    patterns: tuple[NamePattern, ...]
    example: str
    sources: tuple[str, ...]
    note: str = ""


_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

# FreePBX joins type, destination, source, date, time, and Asterisk's unique ID, which begins with the start.
_FREEPBX_END = r"(?P<started_at>\d{8}-\d{6})-(?P<call_id>\d{9,10}\.\d+)"
_PARTY = r"[^-/]+"

_DASHES = r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d"
_3CX_END = r"(?P<call_id>(?P<started_at>\d{14})\(\d+\))"
# Number, agent (empty in transfers), time, module of the IVR script; then session ID, agent, and a number.
_FIVE9_NAME = (
    r"(?P<customer_id>\+?\d+) by (?P<agent_id>[^/]*?) @ (?P<start_clock>\d{1,2}_\d\d_\d\d [AP]M)"
    r"(?:_(?P<module>[^/]+?))?(?:(?P<call_id>[0-9A-F]{32})(?P=agent_id)(?P<recording>\d{15}))?"
)

NAME_FORMATS: Mapping[str, NameFormat] = {
    "amazon-connect": NameFormat(
        "Amazon Connect",
        (
            NamePattern(rf"(?P<call_id>{_UUID})_(?P<started_at>\d{{8}}T\d\d[:_]\d\d_UTC)"),
            NamePattern(
                rf"(?P<call_id>{_UUID})_(?:call_recording|analysis)_(?P<started_at>\d{{4}}-\d\d-\d\dT\d\d[_:]\d\d[_:]\d\dZ)"
            ),
        ),
        "connect/acme/CallRecordings/2024/03/12/5f3c2d1e-7a4b-4c8d-9e0f-123456789abc_20240312T14:22_UTC.wav",
        ("https://docs.aws.amazon.com/connect/latest/adminguide/set-up-recordings.html",),
    ),
    "genesys-cloud": NameFormat(
        "Genesys Cloud",
        (
            NamePattern(rf"conversation_id=(?P<call_id>{_UUID})/(?:[^/]+/)*[^/]+"),
            NamePattern(rf"(?P<call_id>{_UUID})[_/](?P<recording>{_UUID})"),
        ),
        "year=2024/month=03/day=12/hour=14/conversation_id=5f3c2d1e-7a4b-4c8d-9e0f-123456789abc/"
        "8a1b2c3d-0000-4000-8000-abcdefabcdef.ogg",
        ("https://help.mypurecloud.com/articles/working-with-exported-recordings-in-aws-s3-bucket/",),
        "Names contain IDs only.",
    ),
    "freepbx": NameFormat(
        "Asterisk, FreePBX, and Issabel",
        (
            NamePattern(
                rf"out-(?P<customer_id>{_PARTY})-(?P<agent_id>{_PARTY})-{_FREEPBX_END}", {"direction": "outbound"}
            ),
            NamePattern(
                rf"external-(?P<agent_id>{_PARTY})-(?P<customer_id>{_PARTY})-{_FREEPBX_END}", {"direction": "inbound"}
            ),
            NamePattern(rf"q-(?P<queue>{_PARTY})-(?P<customer_id>{_PARTY})-{_FREEPBX_END}", {"direction": "inbound"}),
            NamePattern(rf"(?P<recording_type>[a-z]+)-(?P<destination>{_PARTY})-(?P<caller>{_PARTY})-{_FREEPBX_END}"),
            NamePattern(r"(?P<call_id>(?P<started_at>\d{10})\.\d+)"),
        ),
        "out-+4930123456-201-20240312-142233-1710253353.123.wav",
        ("https://wiki.freepbx.org/display/FPG/Call+Recording",),
    ),
    "fusionpbx": NameFormat(
        "FreeSWITCH and FusionPBX",
        (
            NamePattern(rf"(?P<call_id>{_UUID})"),
            NamePattern(
                rf"(?P<started_at>{_DASHES})(?:_(?P<destination>{_PARTY})_(?P<caller>{_PARTY}))?[_-](?P<call_id>{_UUID})"
            ),
            NamePattern(rf"(?P<started_at>{_DASHES})_(?P<destination>{_PARTY})_(?P<caller>{_PARTY})"),
            NamePattern(rf"(?P<caller>[^/]+)\.(?P<started_at>{_DASHES})"),
        ),
        "recordings/acme.example.com/archive/2024/Mar/12/5f3c2d1e-7a4b-4c8d-9e0f-123456789abc.wav",
        (
            "https://github.com/fusionpbx/fusionpbx/blob/05be3f72e723e29e0048cb4ca52fe30f80345095/app/dialplans/resources/switch/conf/dialplan/050_user_record.xml",
            "https://github.com/signalwire/freeswitch/blob/0fcc4ad26e0b4d933caee8506611938df899625d/conf/vanilla/dialplan/default.xml",
        ),
        "FusionPBX states only the day of a call, in a folder, which is not read as its start. FreeSWITCH's own "
        "`CALLER.2024-03-12-14-22-33.wav` has no call ID. `START_DESTINATION_CALLER`, with or without a UUID, is "
        "common but not a default.",
    ),
    "3cx": NameFormat(
        "3CX",
        (
            NamePattern(
                rf"\[[^\]]*\]_(?P<agent_id>\d{{2,5}})-(?P<customer_id>\+?\d{{6,}})_{_3CX_END}",
                {"direction": "outbound"},
            ),
            NamePattern(
                rf"\[[^\]]*\]_(?P<customer_id>\+?\d{{6,}})-(?P<agent_id>\d{{2,5}})_{_3CX_END}", {"direction": "inbound"}
            ),
            NamePattern(rf"\[[^\]]*\]_(?P<caller>[^-/]+)-(?P<destination>[^_/]+)_{_3CX_END}"),
        ),
        "[Ada Lovelace]_201-4930123456_20240312142233(1187).wav",
        (
            "https://github.com/sashintulsiram/callcabinet/blob/00c38b33d45730eb974895c724c7f72b127d77ad/3cxmoverecdata.sh",
        ),
        "The number in parentheses can be as low as 2, so it is not unique: the call ID is the time with the number.",
    ),
    "twilio": NameFormat(
        "Twilio",
        (
            NamePattern(r"(?P<call_id>CA[0-9a-f]{32})[-_](?P<recording>RE[0-9a-f]{32})"),
            NamePattern(r"(?P<account>AC[0-9a-f]{32})/(?:Recordings/)?(?P<call_id>RE[0-9a-f]{32})"),
            NamePattern(r"(?P<call_id>(?:CA|RE)[0-9a-f]{32})"),
        ),
        "Accounts/AC0123456789abcdef0123456789abcdef/Recordings/RE0123456789abcdef0123456789abcdef.wav",
        ("https://www.twilio.com/docs/voice/api/recording", "https://github.com/twilio/twilio-python/issues/296"),
        "Names contain IDs only. Without a call SID (`CA…`), the call ID is the SID of the recording (`RE…`).",
    ),
    "zoom-phone": NameFormat(
        "Zoom Phone and Zoom Contact Center",
        (
            NamePattern(r"(?P<started_at>GMT\d{8}-\d{6})_(?P<call_id>[^/]+)_[A-Za-z]*Recording"),
            NamePattern(rf"call_recording_(?P<call_id>{_UUID}|\d+)_(?P<started_at>\d{{14}})"),
        ),
        "GMT20221115-181507_88v27Vl8TzyusVnY6y2uHw_VideoRecording.mp3",
        ("https://support.zoom.com/hc/en/article?id=zm_kb&sysparm_article=KB0079123",),
        "The document is of Zoom Contact Center. No public document confirms the names of Zoom Phone, "
        "`call_recording_ID_20240312142233.mp3`.",
    ),
    "five9": NameFormat(
        "Five9",
        (
            NamePattern(
                rf"(?P<queue>[^/]+)/(?P<start_date>\d{{1,2}}_\d{{1,2}}_\d{{4}})/{_FIVE9_NAME}",
                start_format="%m_%d_%Y %I_%M_%S %p",
            ),
            NamePattern(_FIVE9_NAME.replace("start_clock", "clock")),
        ),
        "Support/3_12_2024/5551234567 by ada@example.com @ 2_22_33 PM"
        "0123456789ABCDEF0123456789ABCDEFada@example.com300000000000123.wav",
        (
            "https://github.com/mrichard33/LP-MCP/blob/021c6b34b486d5cd645354fb60db48e0ef781456/src/ci/filenames.js",
            "https://www.powershellgallery.com/packages/PSFive9Admin/1.0.113/Content/Public%5CCampaigns%5CNew-Five9InboundCampaign.ps1",
        ),
        "The call ID is the session ID in names that contain it (option `recordingNameAsSid` of the campaign). Other "
        "names have no call ID. The start is read with the two folders only.",
    ),
    "nice": NameFormat(
        "NICE CXone",
        (
            NamePattern(
                r"CXone recording_(?P<agent_id>[^/]+?)_(?P<started_at>\d{4}-\d\d-\d\d_\d\d-\d\d\[[^\]/]+\])_"
                r"(?P<call_id>[0-9a-fA-F-]+)(?:_(?P<part>\d+))?"
            ),
        ),
        "CXone recording_Ada Lovelace_2024-03-12_14-22[UTC]_5f3c2d1e-7a4b-4c8d-9e0f-123456789abc_01.mp4",
        (
            "https://github.com/velandiajc/Initial_TEAM_ANALYZER/blob/8f8347a9d3fd1496469eee09f0286a1878a3c05a/Scripts/call_analyzer.py",
        ),
        "Names of files that users downloaded; NICE documents none.",
    ),
    "avaya": NameFormat(
        "Avaya Contact Recorder",
        (NamePattern(r"(?P<call_id>\d{15})"),),
        "calls/811/000/000/000/811000000000123.wav",
        (),
        "Names contain IDs only.",
    ),
}
"""mapping of str to NameFormat: formats by the value of `NAME_FORMAT`."""
