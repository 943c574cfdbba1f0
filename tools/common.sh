# Sourced by `run`, `test`, `tools/sqlx-prepare` and `.ci/run`: finds, and where it can installs, what they need.

# Prints the folder of the newest initdb; fails when there is none. The order is that of src/private_postgres/programs.rs.
postgres_bin() {
    if [ -n "${PG_BIN:-}" ]; then
        [ -x "$PG_BIN/initdb" ] && echo "$PG_BIN"
        return
    fi
    newest=$(
        for program in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb \
            /opt/homebrew/opt/postgresql@*/bin/initdb /usr/local/opt/postgresql@*/bin/initdb; do
            if [ -x "$program" ]; then echo "$program"; fi
        done | sort -V | tail -n 1
    )
    [ -n "$newest" ] || newest=$(command -v initdb) || return 1
    dirname "$(readlink -f "$newest")"
}

# Runs a command as root: directly, or by sudo where there is one.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "this takes root, and there is no sudo: $*" >&2
        return 1
    fi
}

# Installs Debian packages.
apt_install() {
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# The PostgreSQL programs, on Debian and Ubuntu without the server that the package would start. Elsewhere it is left
# to the gateway to say what to install.
ensure_postgres() {
    if postgres_bin >/dev/null || ! command -v apt-get >/dev/null; then return 0; fi
    echo "installing the PostgreSQL programs" >&2
    if ! [ -e /etc/postgresql-common/createcluster.conf ]; then
        as_root mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    apt_install postgresql
}

# What builds the allocator, which is C, on Debian and Ubuntu. The C compiler is there: Rust links by it.
ensure_make() {
    if command -v make >/dev/null || ! command -v apt-get >/dev/null; then return 0; fi
    apt_install make
}

# Whether graphiql/dist holds what its sources say, and the apps' operations that it offers.
graphiql_is_built() {
    [ -e graphiql/dist/index.html ] || return 1
    changed=$(find graphiql clients/partner-app clients/customer-portal \( -name node_modules -o -name dist -o -name e2e \) -prune \
        -o -type f -newer graphiql/dist/index.html -print | head -n 1)
    [ -z "$changed" ]
}

# Builds graphiql/dist where it is missing or old. Without npm the gateway works, without its GraphiQL page.
ensure_graphiql() {
    if graphiql_is_built; then return 0; fi
    if ! command -v npm >/dev/null && command -v apt-get >/dev/null; then
        echo "installing node and npm" >&2
        apt_install nodejs npm
    fi
    if ! command -v npm >/dev/null; then
        echo "npm was not found: the GraphiQL page is left out (install node 20.19 or later, then run this again)" >&2
        return 0
    fi
    echo "building the GraphiQL page" >&2
    (
        cd graphiql || exit
        # Some systems still package a node that is too old for the bundler; npm has a newer one.
        if node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'; then
            npm ci --loglevel=error --no-audit --no-fund && npm run --silent build -- --logLevel warn
        else
            npx --yes --package=node@22 -- sh -c 'npm ci --loglevel=error --no-audit --no-fund && npm run --silent build -- --logLevel warn'
        fi
    ) >&2
}

# A browser to drive the GraphiQL page with: CHROMIUM, or Debian's, which is installed where it is missing.
ensure_chromium() {
    CHROMIUM=${CHROMIUM:-$(command -v chromium || true)}
    if [ -z "$CHROMIUM" ] && command -v apt-get >/dev/null; then
        echo "installing Chromium" >&2
        apt_install chromium fonts-liberation
        CHROMIUM=$(command -v chromium)
    fi
    if [ -z "$CHROMIUM" ]; then
        echo "Chromium was not found: CHROMIUM names one" >&2
        return 1
    fi
    export CHROMIUM
}
