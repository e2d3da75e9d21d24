-- When the database was restored from a backup, until a person has settled what happened since.
ALTER TABLE settings ADD COLUMN restored_ms INTEGER NOT NULL DEFAULT 0;
