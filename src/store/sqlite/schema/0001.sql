-- The first schema. `seq` gives the order of things: it only grows, whatever the clock does.
-- Ids are 24 hexadecimal characters, times are milliseconds since 1970 in UTC, flags are 0 or 1.

CREATE TABLE users (
	seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	email TEXT NOT NULL UNIQUE,
	full_name TEXT,
	avatar_url TEXT,
	password_hash TEXT NOT NULL,
	is_admin INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
	disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE logins (
	id TEXT PRIMARY KEY,
	user_id TEXT NOT NULL,
	seed TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	last_used_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX logins_by_user ON logins (user_id);

-- The chain of one login's refresh tokens: each spent one names its successor; the one that is not spent is the newest.
CREATE TABLE refresh_tokens (
	hash TEXT PRIMARY KEY,
	login_id TEXT NOT NULL REFERENCES logins (id) ON DELETE CASCADE,
	spent_at INTEGER,
	successor_hash TEXT,
	CHECK ((spent_at IS NULL) = (successor_hash IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX refresh_tokens_by_login ON refresh_tokens (login_id);
CREATE UNIQUE INDEX refresh_tokens_newest ON refresh_tokens (login_id) WHERE spent_at IS NULL;

CREATE TABLE reset_tokens (
	hash TEXT PRIMARY KEY,
	user_id TEXT NOT NULL UNIQUE,
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
	seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	user_id TEXT NOT NULL,
	title TEXT NOT NULL,
	metadata TEXT,
	model TEXT,
	system_prompt TEXT,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	last_message_at INTEGER,
	last_message TEXT,
	message_count INTEGER NOT NULL
) STRICT;

-- One for each order in which a person's list can be asked for; `id` decides between equals.
CREATE INDEX sessions_by_created ON sessions (user_id, created_at, id);
CREATE INDEX sessions_by_updated ON sessions (user_id, updated_at, id);
CREATE INDEX sessions_by_title ON sessions (user_id, title, id);
-- How many are new, for the metrics.
CREATE INDEX sessions_by_age ON sessions (created_at);

CREATE TABLE messages (
	seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
	user_id TEXT NOT NULL,
	role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
	created_at INTEGER NOT NULL,
	status TEXT NOT NULL CHECK (status IN ('sent', 'streaming', 'stopped', 'interrupted', 'error')),
	error_code TEXT,
	model TEXT,
	generation_id TEXT,
	client_message_id TEXT,
	version_of TEXT,
	in_force INTEGER NOT NULL CHECK (in_force IN (0, 1)),
	finish_reason TEXT,
	usage TEXT,
	timings TEXT,
	reasoning TEXT,
	content TEXT NOT NULL
) STRICT;

-- Every index ends with the row's `seq`, so this one is (session_id, in_force, seq): a session's branch in force in its order.
CREATE INDEX messages_by_session ON messages (session_id, in_force);
CREATE INDEX messages_by_generation ON messages (generation_id) WHERE generation_id IS NOT NULL;
CREATE INDEX messages_by_version ON messages (version_of) WHERE version_of IS NOT NULL;
-- How many are new, for the metrics.
CREATE INDEX messages_by_age ON messages (created_at);
-- The client's own id of a turn stands once in a session.
CREATE UNIQUE INDEX messages_by_client_id ON messages (session_id, client_message_id) WHERE client_message_id IS NOT NULL;
-- One answer at a time in a session; also what a restart looks through.
CREATE UNIQUE INDEX messages_streaming ON messages (session_id) WHERE status = 'streaming';

-- What has come of a running answer, in pieces: appending a row costs the same however long the answer is. Its own row holds the text
-- from its end on. `ends_at` counts the bytes of text and reasoning up to the end of the piece.
CREATE TABLE answer_parts (
	message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
	ends_at INTEGER NOT NULL,
	content TEXT NOT NULL,
	reasoning TEXT NOT NULL,
	PRIMARY KEY (message_id, ends_at)
) STRICT, WITHOUT ROWID;

-- Totals that lists and metrics would otherwise count row by row on every call. The triggers below keep them exact.
CREATE TABLE totals (
	name TEXT PRIMARY KEY,
	count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO totals (name, count) VALUES ('users', 0), ('sessions', 0), ('user', 0), ('assistant', 0), ('system', 0);

CREATE TABLE session_totals (
	user_id TEXT PRIMARY KEY,
	count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER users_added AFTER INSERT ON users BEGIN
	UPDATE totals SET count = count + 1 WHERE name = 'users';
END;

CREATE TRIGGER users_removed AFTER DELETE ON users BEGIN
	UPDATE totals SET count = count - 1 WHERE name = 'users';
END;

CREATE TRIGGER sessions_added AFTER INSERT ON sessions BEGIN
	UPDATE totals SET count = count + 1 WHERE name = 'sessions';
	INSERT INTO session_totals (user_id, count) VALUES (new.user_id, 1) ON CONFLICT (user_id) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER sessions_removed AFTER DELETE ON sessions BEGIN
	UPDATE totals SET count = count - 1 WHERE name = 'sessions';
	UPDATE session_totals SET count = count - 1 WHERE user_id = old.user_id;
END;

CREATE TRIGGER messages_added AFTER INSERT ON messages BEGIN
	UPDATE totals SET count = count + 1 WHERE name = new.role;
END;

CREATE TRIGGER messages_removed AFTER DELETE ON messages BEGIN
	UPDATE totals SET count = count - 1 WHERE name = old.role;
END;

-- What `check` writes to, so that "a durable write works" is tried and not guessed.
CREATE TABLE heartbeat (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	beats INTEGER NOT NULL
) STRICT;

INSERT INTO heartbeat (id, beats) VALUES (1, 0);
