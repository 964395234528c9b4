"""One connection to a deployment over HTTP/2, on the ``h2`` library, and the exchanges on it."""

from __future__ import annotations

import asyncio
from typing import cast

from restate_reflect.embedded.deployments.transport import Receiver

try:
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.errors import ErrorCodes
    from h2.events import (
        ConnectionTerminated,
        DataReceived,
        Event,
        RemoteSettingsChanged,
        ResponseReceived,
        StreamEnded,
        StreamReset,
        WindowUpdated,
    )
    from h2.exceptions import ProtocolError, StreamClosedError
    from h2.settings import SettingCodes
except ImportError as error:  # pragma: no cover
    raise ImportError(
        "deployments over HTTP/2 need the h2 library: pip install 'restate-reflect[local]'. Or serve them in this"
        " process (InProcessDeployment), or register with use_http_11."
    ) from error

__all__ = ["ClientConnection", "ClientStream"]

_WINDOW = 16 * 1024 * 1024
"""Bytes that a deployment may send before they are acknowledged."""


class ClientStream:
    """An exchange: output that waits for a connection or for window, and who gets the answer."""

    is_executing = True  # nobody can tell from outside

    def __init__(self, fields: list[tuple[str, str]], receiver: Receiver) -> None:
        self.fields = fields
        self.receiver: Receiver | None = receiver
        self.pending = bytearray()
        self.input_closed = False
        self.end_sent = False
        self.id = 0
        self.connection: ClientConnection | None = None

    def write(self, data: bytes) -> None:
        self.pending += data
        self._flush()

    def close_input(self) -> None:
        self.input_closed = True
        self._flush()

    def abort(self) -> None:
        self.receiver = None
        if self.connection is not None:
            self.connection.reset(self)

    def _flush(self) -> None:
        if self.connection is not None:
            self.connection.flush(self)

    def end(self, error: str | None) -> None:
        receiver, self.receiver = self.receiver, None
        self.connection = None
        if receiver is not None:
            receiver.ended(error)


class ClientConnection(asyncio.Protocol):
    """One TCP connection; streams beyond the peer's limit wait for one to end."""

    def __init__(self) -> None:
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._streams: dict[int, ClientStream] = {}
        self._queued: list[ClientStream] = []
        self._transport: asyncio.Transport | None = None
        self.is_closed = False
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._h2.initiate_connection()
        self._h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW, SettingCodes.ENABLE_PUSH: 0})
        self._h2.increment_flow_control_window(_WINDOW)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        if not self.lost.done():
            self.lost.set_result(None)
        self._lose(str(exc or "closed by the deployment"))

    def _lose(self, why: str) -> None:
        lost = [*self._streams.values(), *self._queued]
        self._streams.clear()
        self._queued.clear()
        for stream in lost:
            stream.end(f"the connection was lost: {why}")

    def close(self) -> None:
        self.is_closed = True
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            events = self._h2.receive_data(data)
        except ProtocolError as error:
            self._send()
            self.close()
            self._lose(str(error))
            return
        for event in events:
            self._on_event(event)
        self._send()

    def _on_event(self, event: Event) -> None:
        match event:
            case ResponseReceived() if (stream := self._streams.get(event.stream_id or 0)) and stream.receiver:
                headers = {str(name): str(value) for name, value in event.headers or ()}
                stream.receiver.answered(int(headers.pop(":status")), headers)
            case DataReceived():
                self._on_data(event)
            case StreamEnded():
                self._ended(event.stream_id or 0, None)
            case StreamReset():
                self._ended(event.stream_id or 0, f"the deployment has reset the stream ({event.error_code!r})")
            case WindowUpdated() | RemoteSettingsChanged():
                for stream in list(self._streams.values()):
                    self.flush(stream)
                self._open_queued()
            case ConnectionTerminated():
                self.is_closed = True
            case _:
                pass

    def _on_data(self, event: DataReceived) -> None:
        stream = self._streams.get(event.stream_id or 0)
        if event.flow_controlled_length:
            try:
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id or 0)
            except StreamClosedError:
                pass
        if stream is not None and stream.receiver is not None:
            stream.receiver.received(event.data or b"")

    def _ended(self, stream_id: int, error: str | None) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            if not stream.end_sent:
                self._try_reset(stream_id)
            stream.end(error)
        self._open_queued()

    # ------------------------------------------------------------ from streams

    def open(self, stream: ClientStream) -> None:
        if self.is_closed:  # by a deployment that stops, before this one could be told: nothing would end it later
            stream.end("the connection was lost: closed by the deployment")
            return
        stream.connection = self
        self._queued.append(stream)
        self._open_queued()

    def _open_queued(self) -> None:
        while self._queued and len(self._streams) < self._h2.remote_settings.max_concurrent_streams:
            stream = self._queued.pop(0)
            if stream.receiver is None:
                continue
            stream.id = self._h2.get_next_available_stream_id()
            self._streams[stream.id] = stream
            self._h2.send_headers(stream.id, stream.fields)
            self.flush(stream)

    def flush(self, stream: ClientStream) -> None:
        """Sends as much as the windows allow."""
        if not stream.id or stream.end_sent or stream.id not in self._streams:
            return
        try:
            while stream.pending:
                size = min(self._h2.local_flow_control_window(stream.id), self._h2.max_outbound_frame_size)
                if size <= 0:
                    break
                self._h2.send_data(stream.id, bytes(stream.pending[:size]))
                del stream.pending[:size]
            if stream.input_closed and not stream.pending:
                stream.end_sent = True
                self._h2.end_stream(stream.id)
        except StreamClosedError:
            pass
        self._send()

    def reset(self, stream: ClientStream) -> None:
        if stream.id and self._streams.pop(stream.id, None) is not None:
            self._try_reset(stream.id)
            self._open_queued()

    def _try_reset(self, stream_id: int) -> None:
        try:
            self._h2.reset_stream(stream_id, ErrorCodes.CANCEL)
        except (StreamClosedError, ProtocolError):
            pass
        self._send()

    def _send(self) -> None:
        data = self._h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
