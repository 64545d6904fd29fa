-- Which messages hold which words. The text itself stands in `messages` alone. A word here is the number of its room, `_`,
-- and the word as `shared::search` folds it, so that a question never meets the words of other rooms; a row is
-- `room << 32 | seq`.
CREATE VIRTUAL TABLE search USING fts5 (
    words,
    content = '',
    contentless_delete = 1,
    detail = none,
    tokenize = "ascii tokenchars '_'"
);

-- Up to which place `search` has the messages of a room. What comes after it is looked through one by one.
ALTER TABLE rooms ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
