#!/usr/bin/env bash
# Sets up what `make test` needs, or with the word `demo` or `bench` what that does; does nothing, quickly, when it is
# all there.
# Only Debian packages go outside this folder. The rest: .venv (the project and its libraries) and
# .lab (the servers that tests run, and pip's cache).
set -euo pipefail
cd "$(dirname "$0")/.."
export PIP_CACHE_DIR="$PWD/.lab/pip-cache" PIP_DISABLE_PIP_VERSION_CHECK=1
stamp=.venv/.installed
what=${1:-all}

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

suits() { # is $1 a Python that this project runs on?
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null
}

has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

find_python() { # prints the first Python that suits, rather one that can make virtual environments
    local name fallback=
    for name in python3 python3.13 python3.12 python3.11; do
        if ! suits "$name"; then continue; fi
        if has_venv "$name"; then echo "$name"; return; fi
        fallback=${fallback:-$name}
    done
    echo "$fallback"
}

venv_works() { [ -x .venv/bin/python ] && suits .venv/bin/python; }

install_packages() { # apt-get install $@, as root or through sudo
    local as_root=(env)
    if ! command -v apt-get >/dev/null; then
        fail "there is no apt-get here; install by hand what Debian calls: $*"
    fi
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            fail "not root and no sudo; as root run: apt-get install --no-install-recommends $*"
        fi
        as_root=(sudo env)
    fi
    local install=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y "$@")
    "${install[@]}" && return
    say "apt-get could not install them; once more with fresh package lists"
    if ! { "${as_root[@]}" apt-get update && "${install[@]}"; }; then
        fail "could not install $*; the reason is above. By hand: apt-get install --no-install-recommends $*"
    fi
}

packages=() reasons=()
need() { packages+=("$1"); reasons+=("  $1: $2"); }

PATH="$PATH:/usr/sbin:/usr/bin"
if ! venv_works; then
    python=$(find_python)
    if [ -z "$python" ]; then
        need python3 "runs the project"
        need python3-venv "makes the virtual environment .venv"
    elif ! has_venv "$python"; then
        need "$("$python" -c 'import sys; print("python3-venv" if sys.executable == "/usr/bin/python3" else "python3.%d-venv" % sys.version_info[1])')" \
            "makes the virtual environment .venv (this Python lacks ensurepip)"
    fi
fi
{ command -v prometheus && command -v promtool; } >/dev/null ||
    need prometheus "the demo and the tests run a real Prometheus, and promtool checks rules"
{ command -v prometheus-alertmanager && command -v amtool; } >/dev/null ||
    need prometheus-alertmanager "the demo and the tests run a real Alertmanager, and amtool checks routes"
if [ "$what" != demo ]; then
    command -v mosquitto >/dev/null || need mosquitto "the tests send recovery commands through a real MQTT broker"
    command -v mosquitto_sub >/dev/null || need mosquitto-clients "the healthcheck of docker-compose.yml's broker"
    command -v wget >/dev/null || need wget "healthchecks of docker-compose.yml"
    command -v curl >/dev/null || need curl "the quick starts ask with it whether a program is ready"
    command -v openssl >/dev/null || need openssl "makes certificates for the tests of TLS"
    command -v collectd >/dev/null || need collectd-core "the tests replace the configuration of a real collectd"
    for library in libmicrohttpd.so.12:libmicrohttpd12 libprotobuf-c.so.1:libprotobuf-c1; do
        compgen -G "/usr/lib/*/${library%:*}" >/dev/null ||
            need "${library#*:}" "collectd's plugin write_prometheus needs it; collectd-core only recommends it"
    done
    compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null ||
        need postgresql "the tests ask a real PostgreSQL for an oracle node's jobs"
    command -v chromium >/dev/null || need chromium "the tests read the pages as a browser shows them"
    command -v chromedriver >/dev/null || need chromium-driver "drives that browser"
    command -v systemd-analyze >/dev/null || need systemd "systemd-analyze checks the units in deploy/systemd"
    command -v docker-compose >/dev/null || need docker-compose "checks docker-compose.yml; no container is started"
    command -v npm >/dev/null ||
        need npm "downloads anvil, a local EVM chain, and checks dashboards against Grafana's published types"
fi
if [ "$what" = bench ]; then
    command -v monit >/dev/null || need monit "the watchdog is measured beside it"
fi

if [ ${#packages[@]} != 0 ]; then
    say "Debian packages are missing and will be installed:"
    printf '%s\n' "${reasons[@]}"
    services=()
    for name in "${packages[@]}"; do
        case $name in prometheus | prometheus-alertmanager | mosquitto | postgresql | monit) services+=("$name") ;; esac
    done
    if [ ${#services[@]} != 0 ]; then
        say "Debian also starts servers as services; nothing here uses those, stop them with:"
        say "  systemctl disable --now ${services[*]}"
    fi
    install_packages "${packages[@]}"
fi

if ! venv_works; then
    python=${python:-$(find_python)}
    [ -n "$python" ] || fail "needs Python 3.11, 3.12 or 3.13 as python3; this system's package is another one"
    say "making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv || fail "could not make .venv; the reason is above"
fi

if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ] || [ constraints.txt -nt "$stamp" ]; then
    say "installing the project and its libraries into .venv"
    PYTHONWARNINGS=ignore .venv/bin/python -m pip install --quiet -c constraints.txt -e '.[dev]' ||
        fail "pip could not install the libraries; the reason is above"
    touch "$stamp"
fi

.venv/bin/python -m lab.binaries --quiet "$what"
