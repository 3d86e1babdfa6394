#!/bin/sh
# A PostgreSQL of its own for a test, in FOLDER, reached only by a Unix socket there:
#   postgresql.sh start FOLDER     makes the cluster when there is none; prints nothing
#   postgresql.sh stop FOLDER      ends it, fast
#   postgresql.sh kill FOLDER      kill -9 of the postmaster and of its children
# Its URL: postgresql:///postgres?host=FOLDER&user=postgres. As root it runs as user postgres.
set -eu
command=$1 folder=$2
bin=$(echo /usr/lib/postgresql/*/bin)
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
case "$command" in
  start)
    mkdir -p "$folder"
    chmod 755 "$folder"
    [ "$(id -u)" != 0 ] || chown postgres "$folder"
    cd "$folder"
    [ -d d ] || as "$bin/initdb" -D "$folder/d" -A trust -U postgres --locale=C.UTF-8 -E UTF8 \
      --no-sync >/dev/null
    as "$bin/pg_ctl" -D "$folder/d" -w -l "$folder/log" -o "-c listen_addresses='' \
      -c unix_socket_directories='$folder' -c max_connections=150 -c fsync=on" start >/dev/null 2>&1
    ;;
  stop) cd "$folder"; as "$bin/pg_ctl" -D "$folder/d" -w -m fast stop >/dev/null ;;
  kill)
    main=$(head -n 1 "$folder/d/postmaster.pid")
    children=$(ps -o pid= --ppid "$main")
    kill -9 "$main"
    # a new postmaster waits until the old one's children have let go of its shared memory
    kill -9 $children 2>/dev/null || true
    while kill -0 "$main" 2>/dev/null; do sleep 0.01; done
    ;;
esac
