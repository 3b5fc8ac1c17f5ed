"""Errors that callmood raises: each says what happened, to which recording, and what to do."""


class CallmoodError(Exception):
    """Anything callmood itself raises; catch this to catch them all."""


class SettingsError(CallmoodError):
    """A setting is missing or makes no sense; the message names it and what it may be."""


class ModelError(CallmoodError):
    """The model file cannot be loaded, or no TFLite runtime is installed."""


class RegistryError(CallmoodError):
    """The model registry has no such version or alias, or what is asked of it makes no sense."""


class SchemaError(CallmoodError):
    """A row does not fit its table's schema; nothing of its batch was written."""


class WarehouseError(CallmoodError):
    """The warehouse refused rows or a query for a reason that a retry may cure."""


class QueryError(CallmoodError):
    """A query is no valid BigQuery SQL, or the local store has nothing like what it asks for."""


class CloudError(CallmoodError):
    """Something in Google Cloud is not there, not open to us, or does not answer; the message says what to do."""


class PublishError(CallmoodError):
    """A call's message was not published; its rows are written all the same."""


class AlertError(CallmoodError):
    """A webhook did not take an alert; the call's rows are written all the same."""


class AnnotationError(CallmoodError):
    """A file of annotations cannot be imported; the message lists its errors."""


class BadRecording(CallmoodError):
    """The recording can never be analyzed: a permanent failure, recorded once and not retried.

    Parameters
    ----------
    code : str
        One of `FAILURE_CODES`.
    message : str
        A plain sentence for the person who reads the failures table.
    """

    def __init__(self, code: str, message: str) -> None:
        if code not in FAILURE_CODES:
            raise ValueError(f"unknown failure code {code!r}")
        super().__init__(message)
        self.code = code
        self.message = message


class BadEvent(CallmoodError):
    """A message is no Cloud Storage notification, and never will be.

    Parameters
    ----------
    message : str
        What is wrong with it, without its content.
    event_id : str or None
        Pub/Sub's message id, where it has one.
    """

    def __init__(self, message: str, event_id: str | None = None) -> None:
        super().__init__(message)
        self.event_id = event_id


FAILURE_CODES = {
    "empty_file": "The object holds no bytes.",
    "not_audio": "The bytes are no audio container that callmood knows.",
    "damaged": "The container is audio, but its header or stream cannot be read.",
    "unsupported_codec": "The container is known, its codec is not.",
    "encrypted": "The recording is encrypted or locked by a password.",
    "no_audio": "The container is readable but holds no audio stream or no samples.",
    "invalid_format": "The header states an impossible format, such as a sample rate of zero.",
    "too_long": "The recording is longer than the limit (MAX_DURATION_S).",
    "too_large": "The object is larger than the limit (MAX_SIZE_BYTES).",
    "gone": "The object was deleted or replaced before it could be read.",
    "forbidden": "The recording may not be read.",
    "bad_name": "The file's name is no UTF-8.",
    "bad_event": "A message in the events' topic is no Cloud Storage notification.",
    "undeliverable": "Every attempt failed; the event ended in the dead letter topic.",
}
"""dict of str to str: every code in the `failures` table, and what it means."""
