-- Where a login is used from, invitations, and people whose data is still being removed.

ALTER TABLE logins ADD COLUMN address TEXT;
ALTER TABLE logins ADD COLUMN device TEXT;

CREATE TABLE invitations (
	seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	hash TEXT NOT NULL UNIQUE,
	note TEXT,
	-- Who made it; NULL: somebody at a shell.
	created_by TEXT,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT;

-- An account goes in one step, its sessions and messages in several small ones, so that nobody else waits for long. What stands here has
-- not been removed to the end.
CREATE TABLE removals (
	user_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
