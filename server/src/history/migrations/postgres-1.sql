-- The first schema. What people write is kept as bytes (UTF-8), for `text` holds no NUL. Names compare by their bytes, as
-- they do in Duet. Nothing refers to another table by a foreign key: rooms are never deleted, and each message would lock
-- its room's row once more.

-- `rooms.head` is kept apart from the messages, so that it outlives them. Each batch changes it: a page that is half empty
-- has room for the new row beside the old one.
CREATE TABLE rooms (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    head bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE messages (
    room    bigint NOT NULL,
    seq     bigint NOT NULL,
    id      text COLLATE "C" NOT NULL,
    sender  text COLLATE "C",
    content bytea NOT NULL,
    sent_at bigint NOT NULL, -- milliseconds since 1970, UTC
    PRIMARY KEY (room, seq)
);

-- The id comes first: ids made by Duet rise with time, so that new entries of all rooms share their pages.
CREATE UNIQUE INDEX messages_by_id ON messages (id, room);

-- How far the users of each room have come.
CREATE SEQUENCE receipts_moved;

CREATE TABLE receipts (
    room      bigint NOT NULL,
    username  text COLLATE "C" NOT NULL,
    delivered bigint NOT NULL,
    read      bigint NOT NULL,
    moved     bigint NOT NULL, -- the higher, the later it changed
    PRIMARY KEY (room, username)
) WITH (fillfactor = 50);

-- Which messages hold which words. A word here is the number of its room in hexadecimal digits, `_`, and the word as
-- `shared::search` folds it, so that a question never meets the words of other rooms.
CREATE TABLE search (
    room  bigint NOT NULL,
    seq   bigint NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (room, seq)
);

CREATE INDEX search_by_words ON search USING gin (words);

-- Up to which place `search` has the messages of a room; what comes after it is looked through one by one. It stands apart
-- from `rooms`, so that no append waits for the index.
CREATE TABLE indexed (
    room bigint PRIMARY KEY,
    seq  bigint NOT NULL
) WITH (fillfactor = 50);
