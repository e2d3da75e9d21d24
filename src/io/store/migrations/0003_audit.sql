-- Who did what. No reference to users: the log outlives them.
CREATE TABLE audit_log (
    id         INTEGER PRIMARY KEY CHECK (id > 0), -- counts without gaps
    time_ms    INTEGER NOT NULL,
    user_id    INTEGER NOT NULL,                   -- 0: nobody who is known
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL CHECK (length(action) BETWEEN 1 AND 32),
    target     TEXT NOT NULL,
    address    TEXT NOT NULL,
    request_id TEXT NOT NULL,
    detail     TEXT NOT NULL,
    hash       BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX audit_log_user ON audit_log (user_id, id);

-- sqlite:
ALTER TABLE settings ADD COLUMN audit_hash BLOB NOT NULL
    DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000';
-- postgres:
ALTER TABLE settings ADD COLUMN audit_hash BYTEA NOT NULL
    DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000';
-- both:
ALTER TABLE settings ADD COLUMN audit_id INTEGER NOT NULL DEFAULT 0;
