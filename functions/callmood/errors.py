"""Errors that callmood raises. Each message states the problem, the affected object, and the fix."""


class CallmoodError(Exception):
    """Base class of all errors of callmood."""


class SettingsError(CallmoodError):
    """A setting is missing or invalid; the message names it and its valid values."""


class ModelError(CallmoodError):
    """The model file cannot be loaded, or no TFLite runtime is installed."""


class RegistryError(CallmoodError):
    """A version or alias does not exist in the model registry, or a change of the registry is invalid."""


class SchemaError(CallmoodError):
    """A row does not match the schema of its table; no row of its batch was written."""


class WarehouseError(CallmoodError):
    """The warehouse rejected rows or a query; a retry can succeed."""


class QueryError(CallmoodError):
    """A query is not valid BigQuery SQL, or the local store does not support it."""


class CloudError(CallmoodError):
    """A Google Cloud resource is missing, not accessible, or unavailable; the message names the fix."""


class PublishError(CallmoodError):
    """The message of a call was not published; its rows are written."""


class AlertError(CallmoodError):
    """A webhook did not accept an alert; the rows of the call are written."""


class AnnotationError(CallmoodError):
    """A file of annotations cannot be imported; the message lists its errors."""


class BadRecording(CallmoodError):
    """The recording can never be analyzed: a permanent failure, recorded once and not retried.

    Parameters
    ----------
    code : str
        One of `FAILURE_CODES`.
    message : str
        One sentence for readers of the table `failures`.
    """

    def __init__(self, code: str, message: str) -> None:
        if code not in FAILURE_CODES:
            raise ValueError(f"unknown failure code {code!r}")
        super().__init__(message)
        self.code = code
        self.message = message


class LegAwaited(CallmoodError):
    """A leg of a call has no partner yet. The event must be delivered again later."""


class BadEvent(CallmoodError):
    """A message is not a valid event: a permanent error.

    Parameters
    ----------
    message : str
        The problem, without the content of the message.
    event_id : str or None
        Pub/Sub's message ID, if known.
    """

    def __init__(self, message: str, event_id: str | None = None) -> None:
        super().__init__(message)
        self.event_id = event_id


FAILURE_CODES = {
    "empty_file": "The object is empty.",
    "not_audio": "The content is not in a supported audio container format.",
    "damaged": "The audio container has an unreadable header or stream.",
    "unsupported_codec": "The container is supported, but its codec is not.",
    "encrypted": "The recording is encrypted or protected by a password.",
    "no_audio": "The container has no audio stream, or the stream has no samples.",
    "invalid_format": "The header states an impossible format, such as a sample rate of zero.",
    "too_long": "The recording is longer than the limit (MAX_DURATION_S).",
    "too_large": "The object is larger than the limit (MAX_SIZE_BYTES).",
    "too_costly": "Decoding needs far more memory or time than the recording explains, or has too many channels.",
    "gone": "The object was deleted or replaced before it could be read.",
    "forbidden": "Read access to the recording is denied.",
    "bad_name": "The file name is not valid UTF-8.",
    "bad_event": "A message in the topic of events is not a Cloud Storage notification.",
    "undeliverable": "All attempts failed; the event was dead-lettered.",
}
"""dict of str to str: meaning of each code in the table `failures`."""
