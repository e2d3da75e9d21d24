-- Accounts: who may come in, and by what. Tokens stand here as hashes only; a second factor's secret is
-- sealed by a key that is not in the database.

-- sqlite:
CREATE TABLE users_new (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    email         TEXT UNIQUE CHECK (length(email) BETWEEN 3 AND 254), -- NULL: nobody has claimed it
    password_hash TEXT CHECK (length(password_hash) BETWEEN 1 AND 127),
    role          TEXT NOT NULL CHECK (role IN ('admin', 'trader', 'viewer')),
    state         TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
    locale        TEXT CHECK (locale IN ('tr', 'en')),
    totp          BLOB,                              -- the second factor in use, sealed
    totp_next     BLOB,                              -- one that waits for its first code
    totp_step     INTEGER NOT NULL CHECK (totp_step >= 0), -- of the newest code that was used
    created_ms    INTEGER NOT NULL CHECK (created_ms >= 0),
    password_ms   INTEGER NOT NULL CHECK (password_ms >= 0),
    CHECK (email IS NOT NULL OR id = 1),
    CHECK ((email IS NULL) = (password_hash IS NULL))
) STRICT;
INSERT INTO users_new (id, email, password_hash, role, state, locale, totp, totp_next, totp_step,
                       created_ms, password_ms)
SELECT id, email, NULL, CASE role WHEN 'admin' THEN 'admin' ELSE 'trader' END, 'active', NULL, NULL,
       NULL, 0, created_ms, 0
FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;

-- postgres:
ALTER TABLE users DROP CONSTRAINT users_role_check;
UPDATE users SET role = 'trader' WHERE role <> 'admin';
ALTER TABLE users
    ADD COLUMN password_hash TEXT CHECK (length(password_hash) BETWEEN 1 AND 127),
    ADD COLUMN state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
    ADD COLUMN locale TEXT CHECK (locale IN ('tr', 'en')),
    ADD COLUMN totp BYTEA,
    ADD COLUMN totp_next BYTEA,
    ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0 CHECK (totp_step >= 0),
    ADD COLUMN password_ms BIGINT NOT NULL DEFAULT 0 CHECK (password_ms >= 0),
    ADD CONSTRAINT users_role_check CHECK (role IN ('admin', 'trader', 'viewer')),
    ADD CONSTRAINT users_claimed CHECK (email IS NOT NULL OR id = 1),
    ADD CONSTRAINT users_password CHECK ((email IS NULL) = (password_hash IS NULL));
ALTER TABLE users ALTER COLUMN state DROP DEFAULT, ALTER COLUMN totp_step DROP DEFAULT,
    ALTER COLUMN password_ms DROP DEFAULT;

-- both:
-- Counted up with every change of an account, so that a server sees what another process changed.
ALTER TABLE settings ADD COLUMN account_version INTEGER NOT NULL DEFAULT 0;

CREATE TABLE sessions (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id          INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash       BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_ms       INTEGER NOT NULL CHECK (created_ms >= 0),
    authenticated_ms INTEGER NOT NULL CHECK (authenticated_ms >= 0), -- when the password was given
    seen_ms          INTEGER NOT NULL,
    expires_ms       INTEGER NOT NULL,
    lifetime_ms      INTEGER NOT NULL CHECK (lifetime_ms > 0),
    address          TEXT NOT NULL CHECK (length(address) <= 45),
    agent            TEXT NOT NULL CHECK (length(agent) <= 127)
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_end ON sessions (expires_ms);

CREATE TABLE api_tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name       TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    scopes     INTEGER NOT NULL CHECK (scopes > 0),
    created_ms INTEGER NOT NULL CHECK (created_ms >= 0),
    used_ms    INTEGER NOT NULL CHECK (used_ms >= 0),   -- 0: never
    expires_ms INTEGER NOT NULL CHECK (expires_ms >= 0) -- 0: never
) STRICT;
CREATE INDEX api_tokens_user ON api_tokens (user_id);

-- One a user: the newest that was asked for.
CREATE TABLE password_resets (
    user_id    INTEGER NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;

-- Those that were not used yet.
CREATE TABLE recovery_codes (
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL CHECK (length(code_hash) = 32),
    UNIQUE (user_id, code_hash)
) STRICT;
