"""What clients of the first system do, with the libraries they do it with: PyJWT, httpx, websockets."""
import json
import time
from socket import SHUT_RDWR

import jwt
import pytest
from conftest import SECRET_KEY, sign, until
from websockets.exceptions import ConnectionClosed, InvalidStatus

SHORTLY = 2  # seconds for a frame to come


def is_open(socket):
    try:
        socket.ping().wait(SHORTLY)
        return True
    except ConnectionClosed:
        return False


def refused(duet, room, headers):
    with pytest.raises(InvalidStatus) as refusal:
        duet.updates(room, headers=headers)
    return refusal.value.response.status_code


def may_enter(duet, room, user, patience=0.3):
    with duet.updates(room, user=user) as socket:
        try:
            socket.recv(timeout=patience)
        except TimeoutError:
            return True
        except ConnectionClosed as end:
            assert end.rcvd.code == 4001
        return False


def test_pyjwt_decodes_the_token(duet, room):
    claims = jwt.decode(duet.token("user1", room), SECRET_KEY, ["HS256"])
    assert 3590 < claims.pop("exp") - time.time() <= 3600
    # Added by Duet, and nothing else.
    assert -10 < claims.pop("iat") - time.time() <= 0
    assert claims == {"username": "user1", "email": "user1@example.com", "room_id": room}


def test_a_token_that_pyjwt_made_opens_the_room(duet, room):
    token = sign({"username": "user1", "email": "user1@example.com", "room_id": room})
    with duet.updates(room, token=token) as socket:
        assert is_open(socket)


def test_a_message_reaches_every_connection_as_the_content_alone(duet, room):
    with (
        duet.updates(room, user="user1") as one,
        duet.updates(room, user="user1") as one_again,
        duet.updates(room, user="user2") as other,
    ):
        assert one.subprotocol is None
        duet.post(room, "Hello, Room!")
        for socket in (one, one_again, other):
            assert socket.recv(timeout=SHORTLY) == "Hello, Room!"
            with pytest.raises(TimeoutError):
                socket.recv(timeout=0.1)


def test_messages_keep_their_order_and_their_text(duet, room):
    contents = ["first", "", "two\nlines\tand \u0000 more", "grüße 👩‍👩‍👧 שלום", '{"type": "message"}', "x" * 65536]
    with duet.updates(room, user="user1") as socket:
        for content in contents:
            duet.post(room, content)
        assert [socket.recv(timeout=SHORTLY) for _ in contents] == contents


def test_a_message_stays_in_its_room(duet, room):
    with duet.updates(room, user="user1") as here, duet.updates(room + "-other", user="user1") as there:
        duet.post(room, "here")
        assert here.recv(timeout=SHORTLY) == "here"
        with pytest.raises(TimeoutError):
            there.recv(timeout=0.2)


def test_a_third_user_is_closed_with_4001_and_a_third_connection_is_not(duet, room):
    with duet.updates(room, user="user1"), duet.updates(room, user="user2"):
        with duet.updates(room, user="user3") as third, pytest.raises(ConnectionClosed) as end:
            third.recv(timeout=SHORTLY)
        assert end.value.rcvd.code == 4001
        with duet.updates(room, user="user2") as again:
            assert is_open(again)


@pytest.mark.parametrize("ending", ["closed", "broken"])
def test_a_seat_is_free_when_the_last_connection_has_ended(duet, room, ending):
    with (
        duet.updates(room, user="user1") as first,
        duet.updates(room, user="user1") as second,
        duet.updates(room, user="user2"),
    ):
        for leaving in (first, second):
            assert not may_enter(duet, room, "user3", patience=SHORTLY)
            leaving.close() if ending == "closed" else leaving.socket.shutdown(SHUT_RDWR)
        until(lambda: may_enter(duet, room, "user3"))


def test_what_a_client_sends_is_ignored_and_keeps_it_connected(duet, room):
    with duet.updates(room, user="user1") as socket:
        for said in ("keep-alive", "", '{"type": "typing"}', b"\x00\xff"):
            socket.send(said)
        assert is_open(socket)
        duet.post(room, "still here")
        assert socket.recv(timeout=SHORTLY) == "still here"


def test_a_handshake_without_a_good_token_is_refused_with_401(duet, room):
    user = {"username": "user1", "email": "user1@example.com", "room_id": room}
    for headers in (
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer not.a.token"},
        {"Authorization": f"Basic {duet.token('user1', room)}"},
        {"Authorization": f"Bearer {sign(user, key='another-key-of-at-least-thirty-two-bytes')}"},
        {"Authorization": f"Bearer {sign(user, key=None, algorithm='none')}"},
        {"Authorization": f"Bearer {sign(user | {'exp': int(time.time()) - 1})}"},
        {"Authorization": f"Bearer {sign({'room_id': room})}"},
    ):
        assert refused(duet, room, headers) == 401, headers


def test_a_token_for_another_room_is_refused_with_403(duet, room):
    assert refused(duet, room, {"Authorization": f"Bearer {duet.token('user1', room + '-other')}"}) == 403


def test_a_room_may_be_called_anything(duet, room):
    room += " ü%/?#+ & more"
    with duet.updates(room, user="user 1 ü") as socket:
        duet.post(room, "hi")
        assert socket.recv(timeout=SHORTLY) == "hi"


def test_a_body_that_is_not_what_the_schema_says_gets_422(duet, room):
    for path, body in (("/message", {"room_id": room}), ("/message", []), ("/generate-token", {"username": "user1"})):
        assert duet.http("POST", path, json=body).status_code == 422, body


def test_extra_fields_and_spaces_are_no_offence(duet, room):
    body = json.dumps({"content": "hi", "room_id": room, "more": [1, {"a": None}]}, indent=3)
    answer = duet.http("POST", "/message", content=body, headers={"Content-Type": "application/json; charset=utf-8"})
    assert answer.status_code == 200, answer.text


def test_swagger_works_without_the_internet(duet):
    page = duet.http("GET", "/docs", follow_redirects=True)
    assert page.status_code == 200 and "swagger" in page.text.lower()
    assert "https://" not in page.text and "http://" not in page.text
    paths = duet.http("GET", "/openapi.json").json()["paths"]
    assert {"/generate-token", "/message", "/updates/{room_id}"} <= paths.keys()
