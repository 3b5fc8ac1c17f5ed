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
    source : str
        Where the format is documented.
    """

    title: str
    patterns: tuple[NamePattern, ...]
    example: str
    source: str


_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

# FreePBX joins type, destination, source, date, time, and Asterisk's unique ID, which begins with the start.
_FREEPBX_END = r"(?P<started_at>\d{8}-\d{6})-(?P<call_id>\d{9,10}\.\d+)"
_PARTY = r"[^-/]+"

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
        "https://docs.aws.amazon.com/connect/latest/adminguide/set-up-recordings.html",
    ),
    "genesys-cloud": NameFormat(
        "Genesys Cloud",
        (
            NamePattern(rf"conversation_id=(?P<call_id>{_UUID})/(?:[^/]+/)*[^/]+"),
            NamePattern(rf"(?P<call_id>{_UUID})[_/](?P<recording>{_UUID})"),
        ),
        "year=2024/month=03/day=12/hour=14/conversation_id=5f3c2d1e-7a4b-4c8d-9e0f-123456789abc/"
        "8a1b2c3d-0000-4000-8000-abcdefabcdef.ogg",
        "https://help.mypurecloud.com/articles/working-with-exported-recordings-in-aws-s3-bucket/",
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
        "https://wiki.freepbx.org/display/FPG/Call+Recording",
    ),
    "fusionpbx": NameFormat(
        "FreeSWITCH and FusionPBX",
        (
            NamePattern(rf"(?P<started_at>\d{{4}}-\d\d-\d\d-\d\d-\d\d-\d\d)[_-](?P<call_id>{_UUID})"),
            NamePattern(rf"(?P<call_id>{_UUID})"),
        ),
        "recordings/acme.example.com/archive/2024/Mar/12/5f3c2d1e-7a4b-4c8d-9e0f-123456789abc.wav",
        "https://docs.fusionpbx.com/en/latest/applications/call_recordings.html",
    ),
    "3cx": NameFormat(
        "3CX",
        (
            NamePattern(
                r"\[[^\]]*\]_(?P<agent_id>\d{2,5})-(?P<customer_id>\+?\d{6,})_(?P<started_at>\d{14})\((?P<call_id>\d+)\)",
                {"direction": "outbound"},
            ),
            NamePattern(
                r"\[[^\]]*\]_(?P<customer_id>\+?\d{6,})-(?P<agent_id>\d{2,5})_(?P<started_at>\d{14})\((?P<call_id>\d+)\)",
                {"direction": "inbound"},
            ),
            NamePattern(
                r"\[[^\]]*\]_(?P<caller>[^-/]+)-(?P<destination>[^_/]+)_(?P<started_at>\d{14})\((?P<call_id>\d+)\)"
            ),
        ),
        "[Ada Lovelace]_201-4930123456_20240312142233(1187).wav",
        "https://www.3cx.com/docs/call-recordings/",
    ),
    "twilio": NameFormat(
        "Twilio",
        (
            NamePattern(r"(?P<call_id>CA[0-9a-f]{32})[-_](?P<recording>RE[0-9a-f]{32})"),
            NamePattern(r"(?P<account>AC[0-9a-f]{32})/(?:Recordings/)?(?P<call_id>RE[0-9a-f]{32})"),
            NamePattern(r"(?P<call_id>(?:CA|RE)[0-9a-f]{32})"),
        ),
        "AC0123456789abcdef0123456789abcdef/RE0123456789abcdef0123456789abcdef.wav",
        "https://www.twilio.com/docs/voice/api/recording",
    ),
    "zoom-phone": NameFormat(
        "Zoom Phone and Zoom Contact Center",
        (
            NamePattern(rf"call_recording_(?P<call_id>{_UUID}|\d+)_(?P<started_at>\d{{14}})"),
            NamePattern(r"(?P<started_at>GMT\d{8}-\d{6})_(?P<call_id>[^_/]+)_(?:Video|Audio|Voice)?Recording", {}),
        ),
        "GMT20221115-181507_88v27Vl8TzyusVnY6y2uHw_VideoRecording.mp3",
        "https://support.zoom.com/hc/en/article?id=zm_kb&sysparm_article=KB0079123",
    ),
    "five9": NameFormat(
        "Five9",
        (
            NamePattern(
                r"(?P<queue>[^/]+)/(?P<start_date>\d{1,2}_\d{1,2}_\d{4})/(?P<customer_id>\+?\d+) by "
                r"(?P<agent_id>[^/]+?) @ (?P<start_clock>\d{1,2}_\d\d_\d\d [AP]M)",
                start_format="%m_%d_%Y %I_%M_%S %p",
            ),
            NamePattern(r"(?P<customer_id>\+?\d+) by (?P<agent_id>[^/]+?) @ \d{1,2}_\d\d_\d\d [AP]M"),
        ),
        "Support/3_12_2024/5551234567 by ada@example.com @ 2_22_33 PM.wav",
        "https://documentation.five9.com/",
    ),
    "nice": NameFormat(
        "NICE CXone",
        (
            NamePattern(
                r"(?P<call_id>\d{6,})_(?P<agent_id>[^_/]+)_(?P<started_at>\d{4}-\d\d-\d\dT\d\d[-_:]\d\d[-_:]\d\d(?:\.\d+)?Z?)"
            ),
            NamePattern(rf"(?P<call_id>{_UUID})[_-](?P<started_at>\d{{14}})"),
            NamePattern(r"(?P<call_id>\d{6,})"),
        ),
        "123456789012_4711_2024-03-12T14-22-33Z.wav",
        "https://help.nicecxone.com/content/recording/recording.htm",
    ),
    "avaya": NameFormat(
        "Avaya Contact Recorder",
        (NamePattern(r"(?P<call_id>\d{15})"),),
        "calls/811/000/000/000/811000000000123.wav",
        "https://support.avaya.com/ (Avaya Contact Recorder: Planning, Installation and Administration Guide)",
    ),
}
"""mapping of str to NameFormat: formats by the value of `NAME_FORMAT`."""
