-- Run once by the postgres image when its data folder is empty: the two roles and the database of a production setting.
-- The owner migrates; the app reads and writes rows and owns nothing, so the audit trail is out of its reach.
\set ON_ERROR_STOP on
\getenv owner_password OWNER_DB_PASSWORD
\getenv app_password APP_DB_PASSWORD
CREATE ROLE vitrine_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
CREATE ROLE vitrine_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'app_password';
CREATE DATABASE vitrine OWNER vitrine_owner;
\connect vitrine
GRANT USAGE ON SCHEMA public TO vitrine_app;
ALTER DEFAULT PRIVILEGES FOR ROLE vitrine_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO vitrine_app;
ALTER DEFAULT PRIVILEGES FOR ROLE vitrine_owner IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO vitrine_app;
