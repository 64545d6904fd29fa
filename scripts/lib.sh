# What the scripts share. Sourced, not run.
# shellcheck shell=bash
shopt -s inherit_errexit # what fails in $(…) fails here too

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
tools=$target/tools # git ignores it and `cargo clean` empties it

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# again_and_again COMMAND…: a download that fails is tried again after 5, 15 and 45 seconds.
again_and_again() {
    local wait
    for wait in 5 15 45; do
        ! "$@" || return 0
        printf '%s failed; again in %s s\n' "$(basename "$1")" "$wait" >&2
        sleep "$wait"
    done
    "$@"
}

# Installs a Debian package where we may, and says what to do where we may not.
install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        die "$1 is missing; install it with: apt-get install $1"
    fi
    echo "installing $1" >&2
    apt-get update -qq -o Acquire::Retries=3 >/dev/null
    # RUNLEVEL: a package that brings a service is not to start it (invoke-rc.d(8)).
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq -o Acquire::Retries=3 --no-install-recommends "$1" >/dev/null
}

# need COMMAND PACKAGE: the command, from the package if it is missing.
need() { command -v "$1" >/dev/null || install "$2"; }

need_cargo() {
    # shellcheck source=/dev/null
    command -v cargo >/dev/null || . "$HOME/.cargo/env" 2>/dev/null || die "cargo is missing; install Rust first"
    need cc build-essential # links, and builds SQLite
}

# A Python with the packages of these requirement files: prints the folder of its programs.
python_with() {
    local stamp
    stamp=$tools/python-$(cat "$@" | cksum | cut -d ' ' -f 1)
    if [ ! -f "$stamp/ready" ]; then
        python3 -c 'import ensurepip' 2>/dev/null || install python3-venv
        rm -rf "$stamp"
        python3 -m venv "$stamp"
        again_and_again "$stamp/bin/pip" install --quiet --disable-pip-version-check "${@/#/-r}"
        touch "$stamp/ready"
    fi
    echo "$stamp/bin"
}

# newman, which runs Postman collections: prints its path.
newman() {
    local version=6.2.2
    if [ ! -x "$tools/newman-$version/node_modules/.bin/newman" ]; then
        need npm npm
        again_and_again npm install --silent --no-audit --no-fund --prefix "$tools/newman-$version" "newman@$version" >&2
    fi
    echo "$tools/newman-$version/node_modules/.bin/newman"
}

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A loopback port nobody listens on, below the ports that the system gives to outgoing connections.
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)); is_open "$port"; do :; done
    echo "$port"
}

# free_ports N: so many of them, no two the same.
free_ports() {
    local -A ports=()
    while [ ${#ports[@]} -lt "$1" ]; do ports[$(free_port)]=; done
    echo "${!ports[@]}"
}
