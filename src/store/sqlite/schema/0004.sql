-- The text of running answers in one row for each save, whatever number of answers it is of: a save then costs some pages at the end of
-- one table, where a row for each answer dirtied a page for each.

-- What a crash left in pieces goes to where it stands from its end on.
UPDATE messages
SET content = (SELECT coalesce(group_concat(content, '' ORDER BY ends_at), '') FROM answer_parts WHERE message_id = messages.id),
	reasoning = (SELECT nullif(group_concat(reasoning, '' ORDER BY ends_at), '') FROM answer_parts WHERE message_id = messages.id)
WHERE status = 'streaming' AND EXISTS (SELECT 1 FROM answer_parts WHERE message_id = messages.id);

DROP TABLE answer_parts;

-- `parts` is JSON, a list of [message id, begin in the text, text, begin in the reasoning, reasoning]; begins count UTF-16 units.
-- A row is removed once every answer in it has ended, or stands whole in a later one.
CREATE TABLE answer_progress (
	number INTEGER PRIMARY KEY,
	parts TEXT NOT NULL
) STRICT;
