-- A ledger of kcode 0.1, version 1 of the schema.
CREATE TABLE requests (
    id TEXT PRIMARY KEY,
    parent TEXT,
    session TEXT NOT NULL,
    task TEXT NOT NULL,
    parent_task TEXT,
    mode TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    purpose TEXT NOT NULL,
    root TEXT NOT NULL,
    price TEXT,
    fingerprint TEXT NOT NULL,
    pid INTEGER NOT NULL,
    state TEXT NOT NULL,
    fresh INTEGER NOT NULL DEFAULT 0,
    cached INTEGER NOT NULL DEFAULT 0,
    stored INTEGER NOT NULL DEFAULT 0,
    stored_1h INTEGER NOT NULL DEFAULT 0,
    output INTEGER NOT NULL DEFAULT 0,
    reasoning INTEGER NOT NULL DEFAULT 0,
    upper_bound INTEGER,
    micro_dollars INTEGER,
    provider_micro_dollars INTEGER,
    started REAL NOT NULL,
    first_token REAL,
    ended REAL,
    charged INTEGER AS (
        CASE state
            WHEN 'reserved' THEN NULL
            WHEN 'failed' THEN coalesce(provider_micro_dollars, micro_dollars, 0)
            ELSE coalesce(provider_micro_dollars, micro_dollars)
        END
    )
);
CREATE INDEX requests_by_session ON requests (session);
CREATE INDEX requests_by_time ON requests (started);
CREATE INDEX requests_reserved ON requests (id) WHERE state = 'reserved';
INSERT INTO requests (id, session, task, mode, model, provider, purpose, root, fingerprint, pid, state,
    fresh, output, upper_bound, micro_dollars, started, ended)
VALUES ('a1', 's1', 'main', 'code', 'x/y', 'x', 'chat', '/home/ada/shop', 'ab', 1, 'settled',
    100, 20, 5000, 600, 1760000000.0, 1760000001.0);
INSERT INTO requests (id, session, task, mode, model, provider, purpose, root, fingerprint, pid, state,
    upper_bound, started)
VALUES ('a2', 's1', 'main', 'code', 'x/y', 'x', 'chat', '/home/ada/shop', 'ab', 4194999, 'reserved', 5000,
    1760000002.0);
PRAGMA user_version = 1;
