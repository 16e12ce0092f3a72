"""h2 with its rules for errors loosened to what RFC 9113 asks for.

A malformed request ends its stream, a GOAWAY ends nothing that is open, and closed streams are forgotten when
they close instead of being looked for at every request. Source: RFC 9113, 5.1, 5.4, 6.8, 8.1.1
"""

import h2.events as said
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import (
    DenialOfServiceError,
    InvalidBodyLengthError,
    ProtocolError,
    StreamClosedError,
    StreamIDTooLowError,
)
from h2.settings import SettingCodes, Settings
from h2.stream import StreamClosedBy, StreamState
from hpack.exceptions import HPACKError
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
)

from entrypoints.grpc.transport.engine import PROTOCOL_ERROR, SLACK, EngineLimits

DEFAULT_WINDOW = 65_535
# Of the headers that we send, whatever larger table the peer offers: hpack looks through all of it each time.
_MOST_TABLE_BYTES = 4096


class LenientConnection(H2Connection):
    """One end of a connection, with limits that have some slack."""

    # Of how many closed streams it is remembered how they were closed, for frames that come late.
    MAX_CLOSED_STREAMS = 1024

    def __init__(self, client: bool, limits: EngineLimits) -> None:
        """Make one end of a connection; nothing is queued yet."""
        super().__init__(
            H2Configuration(
                client_side=client,
                # Bytes: what is no UTF-8 must not end the connection.
                header_encoding=None,
                # We write them ourselves, and well.
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                normalize_inbound_headers=False,
            )
        )
        settings = {
            SettingCodes.INITIAL_WINDOW_SIZE: limits.stream_window,
            SettingCodes.MAX_FRAME_SIZE: limits.max_frame,
            SettingCodes.MAX_HEADER_LIST_SIZE: limits.max_header_list,
            SettingCodes.ENABLE_PUSH: 0,
        }
        if not client:
            settings[SettingCodes.MAX_CONCURRENT_STREAMS] = limits.max_streams
        self._told = settings
        self.max_inbound_frame_size = limits.max_frame
        self.decoder.max_header_list_size = limits.max_header_list * SLACK

    def initiate_connection(self) -> None:
        """Queue the preface and our settings; until the peer knows them, it may use the default window."""
        client, window = self.config.client_side, SettingCodes.INITIAL_WINDOW_SIZE
        self.local_settings = Settings(client, self._told)
        super().initiate_connection()
        self.local_settings = Settings(client, self._told | {window: DEFAULT_WINDOW})
        self.local_settings[window] = self._told[window]

    @property
    def unsent(self) -> int:
        """Bytes framed and not yet taken."""
        return len(self._data_to_send)

    def queue(self, frame: Frame) -> None:
        """Queue a frame that h2 itself would not send."""
        self._data_to_send += frame.serialize()

    @property
    def open_inbound_streams(self) -> int:
        """What h2 holds against the limit: the slack is subtracted."""
        return len(self.streams) // SLACK

    @property
    def open_outbound_streams(self) -> int:
        """The number of open streams."""
        return len(self.streams)

    def forget(self, stream_id: int) -> bool:
        """Remember of a closed stream only how it was closed; return whether it was known."""
        stream = self.streams.pop(stream_id, None)
        if stream is None:
            return False
        self._closed_streams[stream_id] = stream.closed_by
        return True

    def _terminate_connection(self, error_code: int) -> None:
        # The engine says it, whatever went wrong.
        return

    def _receive_settings_frame(self, frame: SettingsFrame) -> tuple[list[Frame], list[said.Event]]:
        offered = frame.settings.get(SettingsFrame.HEADER_TABLE_SIZE)
        if offered is not None:
            frame.settings[SettingsFrame.HEADER_TABLE_SIZE] = min(offered, _MOST_TABLE_BYTES)
        return super()._receive_settings_frame(frame)

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[said.Event]]:
        event = said.ConnectionTerminated()
        event.error_code, event.last_stream_id = frame.error_code, frame.last_stream_id
        return [], [event]

    def _receive_headers_frame(self, frame: HeadersFrame) -> tuple[list[Frame], list[said.Event]]:
        try:
            return super()._receive_headers_frame(frame)
        except (StreamClosedError, StreamIDTooLowError, DenialOfServiceError):
            raise
        except ProtocolError as error:
            # Once the block is decoded, both ends agree on its compression: only the stream is ill.
            if frame.stream_id not in self.streams or isinstance(error.__cause__, HPACKError):
                raise
            return self._malformed(frame.stream_id)

    def _receive_data_frame(self, frame: DataFrame) -> tuple[list[Frame], list[said.Event]]:
        try:
            return super()._receive_data_frame(frame)
        except InvalidBodyLengthError:
            self.acknowledge_received_data(frame.flow_controlled_length, frame.stream_id)
            return self._malformed(frame.stream_id)

    def _malformed(self, stream_id: int) -> tuple[list[Frame], list[said.Event]]:
        machine = self.streams[stream_id].state_machine
        machine.state = StreamState.CLOSED
        machine.stream_closed_by = StreamClosedBy.SEND_RST_STREAM
        reset = said.StreamReset(stream_id=stream_id, error_code=PROTOCOL_ERROR, remote_reset=False)
        return [RstStreamFrame(stream_id, PROTOCOL_ERROR)], [reset]
