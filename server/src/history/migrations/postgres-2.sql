-- Several nodes: which of them live, and who sits where. A node that was found with its time run out is buried by the time
-- '-infinity', for good: what it holds counts no more, and it cannot renew. Its row goes when its seats are gone.
CREATE TABLE nodes (
    id         text COLLATE "C" PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE TABLE seats (
    room     bigint NOT NULL,
    username text COLLATE "C" NOT NULL,
    node     text COLLATE "C" NOT NULL,
    state    text NOT NULL,
    since    bigint NOT NULL, -- milliseconds since 1970, UTC
    number   bigint NOT NULL, -- of the errand of its node that wrote it last
    PRIMARY KEY (room, username, node)
) WITH (fillfactor = 50);

CREATE INDEX seats_by_node ON seats (node);

-- Rises with each change of the seats of a room.
ALTER TABLE rooms ADD COLUMN seats bigint NOT NULL DEFAULT 0;
