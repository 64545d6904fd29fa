"""What producers and peers on RabbitMQ do, with the libraries they do it with: FastStream and aio-pika."""
import asyncio
import json

import aio_pika
import pytest
from aio_pika import DeliveryMode
from aiormq.exceptions import ChannelAccessRefused
from conftest import RABBITMQ_API, Duet, server, until, virtual_host
from faststream.rabbit import RabbitBroker, RabbitMessage, RabbitQueue

SHORTLY = 5  # seconds for a message to come through

pytestmark = pytest.mark.skipif(not RABBITMQ_API, reason="skipped: there is no RabbitMQ, see conftest.py")


async def publish(amqp_url, body, **properties):
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        message = aio_pika.Message(body, **properties)
        await channel.default_exchange.publish(message, routing_key="messages", mandatory=True)


def test_what_a_faststream_producer_publishes_reaches_the_room(duet_on_rabbitmq, room):
    async def produce():
        async with RabbitBroker(duet_on_rabbitmq.amqp_url) as broker:
            await broker.publish({"room_id": room, "content": "from FastStream, grüße"}, queue="messages")

    with duet_on_rabbitmq.updates(room, user="user1") as socket:
        asyncio.run(produce())
        assert socket.recv(timeout=SHORTLY) == "from FastStream, grüße"


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", None])
def test_any_producer_may_publish_any_spelling_of_the_json(duet_on_rabbitmq, room, content_type):
    bodies = {
        json.dumps({"room_id": room, "content": "spaces", "more": {"a": [1]}}, indent=4).encode(): "spaces",
        json.dumps({"content": "h\u00e9llo \U0001f44b", "room_id": room}).encode(): "h\u00e9llo \U0001f44b",
        f'{{"room_id":"{room}","content":"gr\u00fc\u00dfe"}}'.encode(): "gr\u00fc\u00dfe",
    }
    with duet_on_rabbitmq.updates(room, user="user1") as socket:
        for body, content in bodies.items():
            asyncio.run(publish(duet_on_rabbitmq.amqp_url, body, content_type=content_type))
            assert socket.recv(timeout=SHORTLY) == content


def test_the_same_content_published_twice_without_an_id_comes_twice(duet_on_rabbitmq, room):
    body = json.dumps({"room_id": room, "content": "again"}).encode()
    with duet_on_rabbitmq.updates(room, user="user1") as socket:
        for _ in range(2):
            asyncio.run(publish(duet_on_rabbitmq.amqp_url, body))
        assert [socket.recv(timeout=SHORTLY) for _ in range(2)] == ["again", "again"]


def test_poison_does_not_stop_what_comes_after_it(duet_on_rabbitmq, room):
    poison = [b"", b"not json", b"[]", b"\xff\xfe", b'{"room_id": "r"}', b'{"room_id": 7, "content": "x"}']
    with duet_on_rabbitmq.updates(room, user="user1") as socket:
        for body in (*poison, json.dumps({"room_id": room, "content": "after poison"}).encode()):
            asyncio.run(publish(duet_on_rabbitmq.amqp_url, body))
        assert socket.recv(timeout=SHORTLY) == "after poison"


def test_a_faststream_peer_can_declare_the_queue_that_duet_has(duet_on_rabbitmq):
    """0.7 declares it durable, earlier ones not; a peer of the other kind could not share it in the first system either."""

    async def start_a_subscriber():
        broker = RabbitBroker(duet_on_rabbitmq.amqp_url)
        queue = RabbitQueue("messages", durable=duet_on_rabbitmq.queue_is_durable)

        @broker.subscriber(queue)
        async def deliver(message: dict):
            raise AssertionError("Duet is the only consumer")

        try:
            await broker.start()
        except ChannelAccessRefused:
            pass  # declared, but Duet consumes the queue exclusively
        finally:
            await broker.stop()

    asyncio.run(start_a_subscriber())


def test_a_faststream_peer_decodes_what_duet_publishes(room):
    """The peer holds the queue before Duet starts, so it is the peer that gets the message which Duet publishes."""
    arrived = []

    async def scenario(amqp_url):
        broker = RabbitBroker(amqp_url)

        @broker.subscriber("messages")
        async def deliver(body: dict, message: RabbitMessage):
            arrived.append((body, message.raw_message))

        async with broker:
            await broker.start()
            await asyncio.to_thread(post_to_a_new_server, amqp_url)

    def post_to_a_new_server(amqp_url):
        with server(amqp_url, wait_for="/healthz") as address:
            message = {"room_id": room, "content": "grüße"}
            until(lambda: Duet(address).http("POST", "/message", json=message).status_code == 200)
            until(lambda: arrived)

    with virtual_host() as amqp_url:
        asyncio.run(scenario(amqp_url))
    [(body, raw)] = arrived
    assert body == json.loads(raw.body) == {"room_id": room, "content": "grüße"}
    assert raw.content_type == "application/json"
    assert raw.delivery_mode == DeliveryMode.PERSISTENT
    assert raw.message_id and raw.timestamp and raw.app_id
