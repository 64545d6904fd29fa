-- Who may come in: invites, what they were exchanged for, and who is no longer welcome. Codes and tokens only as their SHA-256.
CREATE TABLE invites (
    id         text COLLATE "C" PRIMARY KEY,
    code       bytea NOT NULL UNIQUE,
    room       text COLLATE "C" NOT NULL,
    username   text COLLATE "C" NOT NULL,
    creator    text COLLATE "C", -- NULL for the operator
    made_at    bigint NOT NULL, -- milliseconds since 1970, UTC
    expires_at bigint NOT NULL,
    used_at    bigint,
    refresh    bytea -- what it was exchanged for
);

CREATE INDEX invites_by_room ON invites (room, username);

CREATE TABLE refresh_tokens (
    token      bytea PRIMARY KEY,
    room       text COLLATE "C" NOT NULL,
    username   text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL
);

CREATE INDEX refresh_tokens_by_room ON refresh_tokens (room, username);

CREATE TABLE revocations (
    room       text COLLATE "C" NOT NULL,
    username   text COLLATE "C" NOT NULL,
    revoked_at bigint NOT NULL,
    PRIMARY KEY (room, username)
);
