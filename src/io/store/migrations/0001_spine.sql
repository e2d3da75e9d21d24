-- The tables of the spine. Amounts are integer units with their scale beside them, never floating
-- point. Times are milliseconds since 1970 UTC. Words are those of core/model. JSON is checked by the
-- program: SQLite's functions for it are not trusted in a schema.

CREATE TABLE users (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    email      TEXT UNIQUE CHECK (length(email) BETWEEN 3 AND 254),
    role       TEXT NOT NULL CHECK (role IN ('admin', 'user')),
    created_ms INTEGER NOT NULL CHECK (created_ms >= 0)
) STRICT;

-- Everything belongs to somebody from the first day on. The first account that registers becomes this
-- one; the first open dates it.
INSERT INTO users (id, email, role, created_ms) VALUES (1, NULL, 'admin', 0);

-- One row: what the installation knows of itself.
CREATE TABLE settings (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    install_id     TEXT NOT NULL CHECK (length(install_id) = 8 AND install_id NOT GLOB '*[^a-z0-9]*'),
    order_id_limit INTEGER NOT NULL CHECK (order_id_limit > 0) -- ids from here on were never used
) STRICT;

CREATE TABLE bots (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id            INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name               TEXT NOT NULL CHECK (length(CAST(name AS BLOB)) BETWEEN 1 AND 128),
    venue              TEXT NOT NULL CHECK (venue IN ('sim', 'binance')),
    market             TEXT NOT NULL DEFAULT 'spot' CHECK (market = 'spot'),
    mode               TEXT NOT NULL CHECK (mode IN ('paper', 'live')),
    strategy           TEXT NOT NULL CHECK (length(strategy) BETWEEN 1 AND 31),
    params             TEXT NOT NULL CHECK (params LIKE '{%}'
                                            AND length(CAST(params AS BLOB)) < 2048),
    symbols            TEXT NOT NULL CHECK (symbols LIKE '["%"]'
                                            AND length(CAST(symbols AS BLOB)) < 2048),
    timeframe          TEXT NOT NULL CHECK (timeframe IN ('1s', '1m', '3m', '5m', '15m', '30m', '1h',
                                                          '2h', '4h', '6h', '8h', '12h', '1d')),
    capital            INTEGER NOT NULL CHECK (capital > 0),
    quote_scale        INTEGER NOT NULL CHECK (quote_scale BETWEEN 0 AND 18),
    sizing_kind        TEXT NOT NULL CHECK (sizing_kind IN ('quantity', 'quote', 'percent', 'risk')),
    sizing_value       INTEGER NOT NULL CHECK (sizing_value > 0),
    sizing_scale       INTEGER NOT NULL CHECK (sizing_scale BETWEEN 0 AND 18),
    stop_loss_ppm      INTEGER NOT NULL CHECK (stop_loss_ppm BETWEEN 0 AND 2147483647),
    take_profit_ppm    INTEGER NOT NULL CHECK (take_profit_ppm BETWEEN 0 AND 2147483647),
    trailing_ppm       INTEGER NOT NULL CHECK (trailing_ppm BETWEEN 0 AND 2147483647),
    max_daily_loss_ppm INTEGER NOT NULL CHECK (max_daily_loss_ppm BETWEEN 0 AND 2147483647),
    daily_target_ppm   INTEGER NOT NULL CHECK (daily_target_ppm BETWEEN 0 AND 2147483647),
    max_daily_trades   INTEGER NOT NULL CHECK (max_daily_trades BETWEEN 0 AND 4294967295),
    cooldown_s         INTEGER NOT NULL CHECK (cooldown_s BETWEEN 0 AND 4294967295),
    wanted             TEXT NOT NULL CHECK (wanted IN ('stopped', 'running')),
    created_ms         INTEGER NOT NULL CHECK (created_ms >= 0),
    updated_ms         INTEGER NOT NULL CHECK (updated_ms >= 0),
    -- A deleted bot is only hidden: its orders and profits stay the user's history, and news of an old
    -- order can still be booked.
    deleted_ms         INTEGER CHECK (deleted_ms >= 0),
    CHECK (deleted_ms IS NULL OR wanted = 'stopped')
) STRICT;
CREATE INDEX bots_user ON bots (user_id, created_ms) WHERE deleted_ms IS NULL;

CREATE TABLE bot_states (
    bot_id      INTEGER NOT NULL UNIQUE REFERENCES bots (id) ON DELETE CASCADE,
    state       TEXT NOT NULL CHECK (state IN ('stopped', 'running', 'paused', 'stopping')),
    reason      TEXT NOT NULL CHECK (length(reason) <= 64),
    day         INTEGER NOT NULL,
    day_pnl     INTEGER NOT NULL,
    day_trades  INTEGER NOT NULL CHECK (day_trades BETWEEN 0 AND 4294967295),
    realized    INTEGER NOT NULL,
    trades      INTEGER NOT NULL CHECK (trades >= 0),
    quote_scale INTEGER NOT NULL CHECK (quote_scale BETWEEN 0 AND 18)
) STRICT;

CREATE TABLE positions (
    bot_id      INTEGER NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
    venue       TEXT NOT NULL CHECK (venue IN ('sim', 'binance')),
    symbol      TEXT NOT NULL CHECK (length(CAST(symbol AS BLOB)) BETWEEN 1 AND 23),
    is_open     INTEGER NOT NULL CHECK (is_open IN (0, 1)),
    base        INTEGER NOT NULL,
    cost        INTEGER NOT NULL,
    proceeds    INTEGER NOT NULL,
    fees        INTEGER NOT NULL,
    fees_quote  INTEGER NOT NULL,
    bought      INTEGER NOT NULL CHECK (bought >= 0),
    sold        INTEGER NOT NULL CHECK (sold >= 0),
    entry_price INTEGER NOT NULL CHECK (entry_price >= 0),
    peak        INTEGER NOT NULL CHECK (peak >= 0),
    opened_ms   INTEGER NOT NULL,
    price_scale INTEGER NOT NULL CHECK (price_scale BETWEEN 0 AND 18),
    qty_scale   INTEGER NOT NULL CHECK (qty_scale BETWEEN 0 AND 18),
    base_scale  INTEGER NOT NULL CHECK (base_scale BETWEEN 0 AND 18),
    quote_scale INTEGER NOT NULL CHECK (quote_scale BETWEEN 0 AND 18),
    UNIQUE (bot_id, venue, symbol)
) STRICT;

CREATE TABLE orders (
    id              INTEGER PRIMARY KEY CHECK (id > 0), -- counted by the engine, never used twice
    bot_id          INTEGER NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
    user_id         INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    venue           TEXT NOT NULL CHECK (venue IN ('sim', 'binance')),
    symbol          TEXT NOT NULL CHECK (length(CAST(symbol AS BLOB)) BETWEEN 1 AND 23),
    mode            TEXT NOT NULL CHECK (mode IN ('paper', 'live')),
    side            TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    type            TEXT NOT NULL CHECK (type IN ('market', 'limit')),
    purpose         TEXT NOT NULL CHECK (purpose IN ('entry', 'exit', 'stop', 'target')),
    state           TEXT NOT NULL CHECK (state IN ('sent', 'unknown', 'open', 'canceling', 'filled',
                                                   'canceled', 'expired', 'rejected')),
    reason          TEXT NOT NULL CHECK (length(reason) <= 64),
    qty             INTEGER NOT NULL CHECK (qty > 0),
    price           INTEGER NOT NULL CHECK (price >= 0),
    trigger_price   INTEGER NOT NULL CHECK (trigger_price >= 0),
    filled          INTEGER NOT NULL CHECK (filled >= 0),
    filled_quote    INTEGER NOT NULL CHECK (filled_quote >= 0),
    venue_order_id  INTEGER NOT NULL CHECK (venue_order_id >= 0), -- 0: not told yet
    venue_code      INTEGER NOT NULL,
    client_order_id TEXT NOT NULL UNIQUE CHECK (length(client_order_id) BETWEEN 1 AND 36),
    body            TEXT NOT NULL CHECK (length(CAST(body AS BLOB)) < 512),
    created_ms      INTEGER NOT NULL,
    updated_ms      INTEGER NOT NULL,
    price_scale     INTEGER NOT NULL CHECK (price_scale BETWEEN 0 AND 18),
    qty_scale       INTEGER NOT NULL CHECK (qty_scale BETWEEN 0 AND 18),
    base_scale      INTEGER NOT NULL CHECK (base_scale BETWEEN 0 AND 18),
    quote_scale     INTEGER NOT NULL CHECK (quote_scale BETWEEN 0 AND 18),
    CHECK (type = 'market' OR price > 0)
) STRICT;
CREATE INDEX orders_bot ON orders (bot_id, created_ms);
CREATE INDEX orders_user ON orders (user_id, created_ms);
CREATE INDEX orders_open ON orders (bot_id) WHERE state IN ('sent', 'unknown', 'open', 'canceling');

CREATE TABLE fills (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id       INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    bot_id         INTEGER NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    venue          TEXT NOT NULL CHECK (venue IN ('sim', 'binance')),
    symbol         TEXT NOT NULL CHECK (length(CAST(symbol AS BLOB)) BETWEEN 1 AND 23),
    mode           TEXT NOT NULL CHECK (mode IN ('paper', 'live')),
    venue_trade_id INTEGER NOT NULL CHECK (venue_trade_id >= 0),
    price          INTEGER NOT NULL CHECK (price > 0),
    qty            INTEGER NOT NULL CHECK (qty > 0),
    fee            INTEGER NOT NULL CHECK (fee >= 0),
    fee_scale      INTEGER NOT NULL CHECK (fee_scale BETWEEN 0 AND 18),
    fee_asset      TEXT NOT NULL CHECK (length(CAST(fee_asset AS BLOB)) < 16),
    liquidity      TEXT NOT NULL CHECK (liquidity IN ('maker', 'taker')),
    created_ms     INTEGER NOT NULL, -- the venue's time of the trade
    price_scale    INTEGER NOT NULL CHECK (price_scale BETWEEN 0 AND 18),
    qty_scale      INTEGER NOT NULL CHECK (qty_scale BETWEEN 0 AND 18),
    base_scale     INTEGER NOT NULL CHECK (base_scale BETWEEN 0 AND 18),
    quote_scale    INTEGER NOT NULL CHECK (quote_scale BETWEEN 0 AND 18),
    -- A venue tells a fill several times; it is booked once.
    UNIQUE (venue, mode, symbol, venue_trade_id)
) STRICT;
CREATE INDEX fills_order ON fills (order_id);
CREATE INDEX fills_bot ON fills (bot_id, created_ms);
CREATE INDEX fills_user ON fills (user_id, created_ms);

CREATE TABLE round_trips (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    bot_id      INTEGER NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    fill_id     INTEGER NOT NULL UNIQUE REFERENCES fills (id) ON DELETE CASCADE, -- that closed it
    venue       TEXT NOT NULL CHECK (venue IN ('sim', 'binance')),
    symbol      TEXT NOT NULL CHECK (length(CAST(symbol AS BLOB)) BETWEEN 1 AND 23),
    mode        TEXT NOT NULL CHECK (mode IN ('paper', 'live')),
    qty         INTEGER NOT NULL CHECK (qty > 0),
    entry_price INTEGER NOT NULL CHECK (entry_price >= 0),
    exit_price  INTEGER NOT NULL CHECK (exit_price >= 0),
    pnl         INTEGER NOT NULL,
    pnl_ppm     INTEGER NOT NULL,
    fees        INTEGER NOT NULL CHECK (fees >= 0),
    opened_ms   INTEGER NOT NULL,
    created_ms  INTEGER NOT NULL, -- when it closed
    exit_reason TEXT NOT NULL CHECK (exit_reason IN ('entry', 'exit', 'stop', 'target')),
    price_scale INTEGER NOT NULL CHECK (price_scale BETWEEN 0 AND 18),
    qty_scale   INTEGER NOT NULL CHECK (qty_scale BETWEEN 0 AND 18),
    base_scale  INTEGER NOT NULL CHECK (base_scale BETWEEN 0 AND 18),
    quote_scale INTEGER NOT NULL CHECK (quote_scale BETWEEN 0 AND 18)
) STRICT;
CREATE INDEX round_trips_bot ON round_trips (bot_id, created_ms);
CREATE INDEX round_trips_user ON round_trips (user_id, created_ms);
