#!/bin/sh
# Brings up compose.yaml: makes what is secret where it is missing, starts everything, and makes the first caller.

set -eu
cd -- "$(dirname -- "$0")"

say() { printf 'up: %s\n' "$*" >&2; }
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# Readable by whoever runs this, and by the containers' users through the mount; the folder lets nobody else in.
umask 022
mkdir -p secrets
chmod 700 secrets
[ -s secrets/grafana_password ] || random >secrets/grafana_password
if [ ! -s secrets/postgres_password ]; then
    random >secrets/postgres_password
    printf 'postgresql://llmservice:%s@postgres:5432/llmservice' "$(cat secrets/postgres_password)" >secrets/database_url
    say 'made secrets/postgres_password; it belongs to the database of the volume postgres'
fi
for provider in openai anthropic gemini openrouter; do
    [ -e "secrets/${provider}_api_key" ] || : >"secrets/${provider}_api_key"
done

docker compose build
docker compose up --detach --wait postgres redis
if [ -z "$(docker compose run --rm --no-deps llmservice keys list --json)" ]; then
    say 'the first caller, `admin`: keep its token, which is shown this once'
    docker compose run --rm --no-deps llmservice keys create admin --scope usage.read_all
fi
docker compose up --detach --wait
say 'gRPC at 127.0.0.1:50051; metrics and console at http://127.0.0.1:9464; Grafana at http://127.0.0.1:3000'
