-- Personal keys, and the audit trail.

-- `hash` is SHA-256 of the key; `prefix` is its beginning, by which its owner knows it again. `scopes` is a list in JSON.
CREATE TABLE api_keys (
	id TEXT PRIMARY KEY,
	user_id TEXT NOT NULL,
	name TEXT NOT NULL,
	prefix TEXT NOT NULL,
	hash TEXT NOT NULL UNIQUE,
	scopes TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	expires_at INTEGER,
	last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_by_user ON api_keys (user_id, id);

-- Ids are made when entries are, so the primary key is the order of things. Entries outlive the people they are about.
CREATE TABLE audit (
	id TEXT PRIMARY KEY,
	at INTEGER NOT NULL,
	action TEXT NOT NULL,
	user_id TEXT,
	by_id TEXT,
	address TEXT,
	device TEXT,
	detail TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_by_user ON audit (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_by_actor ON audit (by_id, id) WHERE by_id IS NOT NULL;
CREATE INDEX audit_by_action ON audit (action, id);
