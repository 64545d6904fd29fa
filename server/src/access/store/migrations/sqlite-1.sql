-- Who may come in: invites, what they were exchanged for, and who is no longer welcome. Codes and tokens only as their SHA-256.
CREATE TABLE invites (
    id         TEXT PRIMARY KEY,
    code       BLOB NOT NULL UNIQUE,
    room       TEXT NOT NULL,
    username   TEXT NOT NULL,
    creator    TEXT, -- NULL for the operator
    made_at    INTEGER NOT NULL, -- milliseconds since 1970, UTC
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    refresh    BLOB -- what it was exchanged for
) STRICT, WITHOUT ROWID;

CREATE INDEX invites_by_room ON invites (room, username);

CREATE TABLE refresh_tokens (
    token      BLOB PRIMARY KEY,
    room       TEXT NOT NULL,
    username   TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX refresh_tokens_by_room ON refresh_tokens (room, username);

CREATE TABLE revocations (
    room       TEXT NOT NULL,
    username   TEXT NOT NULL,
    revoked_at INTEGER NOT NULL,
    PRIMARY KEY (room, username)
) STRICT, WITHOUT ROWID;
