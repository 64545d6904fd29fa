-- How far the users of each room have come.
CREATE TABLE receipts (
    room      INTEGER NOT NULL REFERENCES rooms (id),
    user      TEXT NOT NULL,
    delivered INTEGER NOT NULL,
    read      INTEGER NOT NULL,
    moved     INTEGER NOT NULL, -- the higher, the later it changed; counted in each room
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX receipts_by_moved ON receipts (room, moved);
