# What scripts/rabbitmq and scripts/postgres share: a service of one's own on free loopback ports, with its files in one
# folder. Sourced, not run, after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # what others set
#
# The script that sources it sets `name` (as people call it), `folder` and `image`, defines
#   print_exports, write_settings (which may change `dir` to an absolute path), runs, begin (without waiting), is_up, about
#   and end SIGNAL (which waits), and calls `service "$@"`.

wait_seconds=180 # several may start beside each other and beside a build
more_usage=
more_help=

service_usage() {
    cat <<TEXT
Usage: scripts/$folder COMMAND [--dir DIR] [--owner PID] [--quiet]$more_usage

  start    start it and print \`export\` lines for the shell: eval "\$(scripts/$folder start)"
  run      the same in the foreground, until Ctrl+C
  stop     stop it in good order
  kill     end it at once, as a crash does
  restart  stop it if it runs, and start it with the same ports and the same files
  status   print the \`export\` lines, or fail when it does not run

DIR (default: target/$folder) holds everything. With --owner, start also kills it when the process PID has ended in
whichever way. Where no $name is installed, Docker is used if it answers.$more_help
TEXT
}

say() { [ -n "$quiet" ] || printf '%s\n' "$*" >&2; }

# Process ids are used again, so the time of the start stands beside each. Nothing for a process that has ended.
# proc(5), stat: 3 is the state, 22 the time of the start.
started_at() { awk '$3 != "Z" { print $22 }' "/proc/$1/stat" 2>/dev/null; }
remember() { echo "$2 $(started_at "$2")" >"$dir/$1.pid"; }
is_running() {
    local pid start
    [ -f "$dir/$1.pid" ] && read -r pid start <"$dir/$1.pid" && [ "$(started_at "$pid")" = "$start" ]
}

container_runs() { [ "$(docker inspect -f '{{.State.Running}}' "$(cat "$dir/container")" 2>/dev/null)" = true ]; }

# end_container SIGNAL
end_container() {
    docker kill --signal "$1" "$(cat "$dir/container")" >/dev/null 2>&1 || true
    while container_runs; do sleep 0.1; done
}

# end_process NAME SIGNAL: signals it and waits until it is gone.
end_process() {
    local deadline=$((SECONDS + wait_seconds)) pid
    is_running "$1" || return 0
    read -r pid _ <"$dir/$1.pid"
    kill -s "$2" "$pid" 2>/dev/null || true
    while is_running "$1"; do
        [ $SECONDS -lt $deadline ] || kill -s KILL "$pid" 2>/dev/null || true
        sleep 0.1
    done
    rm -f "$dir/$1.pid"
}

# A certificate for localhost and 127.0.0.1, and the authority that signed it.
make_certificates() {
    need openssl openssl
    (
        cd "$dir"
        local days=3650
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$days" -subj '/CN=Duet test authority' \
            -keyout ca.key -out ca.crt
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key -out server.csr
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -out server.crt \
            -extfile <(echo 'subjectAltName = DNS:localhost, IP:127.0.0.1')
        chmod 600 server.key
    ) >>"$dir/server.out" 2>&1 || die "the certificates could not be made; $dir/server.out says why"
}

kill_when_ended() {
    # shellcheck disable=SC2016 # the inner shell is to expand these
    setsid bash -c 'while kill -0 "$1"; do sleep 1; done; exec "$2" kill --quiet --dir "$3"' \
        watcher "$1" "$root/scripts/$folder" "$dir" </dev/null >/dev/null 2>&1 &
}

start() {
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    write_settings
    if runs; then
        say "$name runs already, in $dir"
        return
    fi
    begin
    local deadline=$((SECONDS + wait_seconds))
    until is_up; do
        if ! runs || [ $SECONDS -ge $deadline ]; then
            end KILL
            die "$name did not start; $dir/server.out says why"
        fi
        sleep 0.1
    done
    [ -z "$owner" ] || kill_when_ended "$owner"
    say "$name is up; $(about) Its files are in $dir"
}

finish() {
    dir=$(cd "$dir" 2>/dev/null && pwd) || return 0
    end "$1"
}

# shellcheck disable=SC2034 # `unsynced` is for whoever sources this
service() {
    local command=${1:-}
    dir=$target/$folder
    owner=
    quiet=
    unsynced=
    shift || true
    while [ $# -gt 0 ]; do
        case $1 in
            --dir) dir=${2:?--dir needs a folder}; shift 2 ;;
            --owner) owner=${2:?--owner needs a process id}; shift 2 ;;
            --quiet) quiet=yes; shift ;;
            --unsynced) unsynced=yes; shift ;;
            *) service_usage >&2; exit 2 ;;
        esac
    done
    case $command in
        start) start; print_exports ;;
        run)
            trap 'finish TERM' EXIT
            trap 'exit 130' INT TERM HUP
            start
            print_exports
            while runs; do sleep 1; done
            die "$name has ended by itself; its logs are in $dir"
            ;;
        stop) finish TERM; say "$name is stopped" ;;
        kill) finish KILL; say "$name is killed" ;;
        restart) finish TERM; start; print_exports ;;
        status)
            [ -f "$dir/ports" ] || die "no $name was started in $dir"
            dir=$(cd "$dir" && pwd)
            write_settings
            runs || die "the $name in $dir does not run"
            print_exports
            ;;
        -h | --help) service_usage ;;
        *) service_usage >&2; exit 2 ;;
    esac
}
