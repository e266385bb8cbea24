"""The story of generated clients, in Python: openapi-python-client makes all of it."""

import os

from tidings_client import AuthenticatedClient, Client
from tidings_client.api.accounts import sign_up
from tidings_client.api.messages import list_events, send_message
from tidings_client.api.rooms import create_room, get_room
from tidings_client.api.stream import events
from tidings_client.models import (
    ContentMessage,
    CreateRoom,
    Live,
    Problem,
    Role,
    RoomKind,
    SendMessage,
    ServerFrameEvent,
    ServerFrameReady,
    SignUp,
)

URL = os.environ["TIDINGS_URL"]


def main() -> None:
    anyone = Client(base_url=URL)
    account = SignUp(username="snake", password="a long password")
    signed_in = sign_up.sync(client=anyone, body=account)
    api = AuthenticatedClient(base_url=URL, token=signed_in.token)
    room = create_room.sync(client=api, body=CreateRoom(kind=RoomKind.GROUP, name="harbour")).room
    assert room.role is Role.OWNER and room.last is None, room

    first = events.sync(client=api, live=Live.POLL)
    ready = first.frames[0]
    assert isinstance(ready, ServerFrameReady), ready
    assert [one.id for one in ready.rooms] == [room.id] and ready.me.id == signed_in.user.id

    sent = send_message.sync(room.id, client=api, body=SendMessage(text="hello"))
    assert isinstance(sent.content, ContentMessage) and sent.content.text == "hello", sent
    after = events.sync(client=api, live=Live.POLL, since=first.cursor)
    heard = [frame for frame in after.frames if isinstance(frame, ServerFrameEvent) and frame.log == room.id]
    assert [frame.content.text for frame in heard] == ["hello"], after
    log = list_events.sync(room.id, client=api)
    kinds = [type(event.content).__name__ for event in log.events]
    assert kinds == ["ContentRoomCreated", "ContentMemberJoined", "ContentMessage"], kinds

    refused = get_room.sync("room_00000000000000000000000000", client=api)
    assert isinstance(refused, Problem) and refused.code.value == "not_found", refused
    print("the story holds")


main()
