-- Keys of exchanges, sealed by a key that is not in the database.
CREATE TABLE exchange_keys (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id       INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    venue         TEXT NOT NULL CHECK (venue IN ('sim', 'binance')),
    label         TEXT NOT NULL CHECK (length(label) BETWEEN 1 AND 64),
    masked        TEXT NOT NULL CHECK (length(masked) BETWEEN 1 AND 15),
    permissions   INTEGER NOT NULL CHECK (permissions >= 0), -- bits: what the venue said it may do
    ip_restricted INTEGER NOT NULL CHECK (ip_restricted IN (0, 1)),
    sealed        BLOB NOT NULL CHECK (length(CAST(sealed AS BLOB)) <= 1024),
    created_ms    INTEGER NOT NULL CHECK (created_ms >= 0)
) STRICT;
CREATE INDEX exchange_keys_user ON exchange_keys (user_id);

-- What is sealed from here on, is sealed by this version of the master key or a later one.
ALTER TABLE settings ADD COLUMN key_version INTEGER NOT NULL DEFAULT 1;
