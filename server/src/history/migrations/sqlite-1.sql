-- The first schema. `rooms.head` is kept apart from the messages, so that it outlives them.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rooms (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL
) STRICT;

-- By room and place, so that a page of a room lies together.
CREATE TABLE messages (
    room    INTEGER NOT NULL REFERENCES rooms (id),
    seq     INTEGER NOT NULL,
    id      TEXT NOT NULL,
    sender  TEXT,
    content TEXT NOT NULL,
    sent_at INTEGER NOT NULL, -- milliseconds since 1970, UTC
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

-- The id comes first: ids made by Duet rise with time, so that new entries of all rooms share their pages.
CREATE UNIQUE INDEX messages_by_id ON messages (id, room);
