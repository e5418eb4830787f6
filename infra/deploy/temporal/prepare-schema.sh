#!/bin/sh
# Makes Temporal's two databases and brings their schemas up to the version of this image. Safe to repeat, and what an upgrade of
# the server needs first. The address and the user come from SQL_* variables.
set -eu

for database in temporal temporal_visibility; do
  schema="${database#temporal_}"
  temporal-sql-tool --db "$database" create
  # Fails when it was done before; whether the schema is whole is decided by the update.
  temporal-sql-tool --db "$database" setup-schema -v 0.0 || echo "$database has a schema already"
  temporal-sql-tool --db "$database" update-schema -d "/etc/temporal/schema/postgresql/v12/$schema/versioned"
done
