#!/bin/sh
# Files of secrets -> the variables that `affekt serve` reads. A variable that is set already is left as it is.
set -eu
from=${SECRETS:-/run/secrets}
if [ -r "$from/secret" ] && [ -z "${AFFEKT_SECRET:-}${AFFEKT_SECRET_FILE:-}" ]; then
    export AFFEKT_SECRET_FILE="$from/secret"
fi
if [ -r "$from/database_url" ] && [ -z "${AFFEKT_DATABASE_URL:-}" ]; then
    AFFEKT_DATABASE_URL=$(cat "$from/database_url")
    export AFFEKT_DATABASE_URL
fi
if [ -r "$from/admin_password" ] && [ -z "${AFFEKT_ADMIN_PASSWORD:-}" ]; then
    AFFEKT_ADMIN_PASSWORD=$(cat "$from/admin_password")
    export AFFEKT_ADMIN_PASSWORD
fi
exec "$@"
