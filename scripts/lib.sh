# Words that the chores in this folder share; sourced, never run.

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'scripts: %s\n' "$*" >&2; exit 1; }

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root for: $*. Run it as root, or install sudo."
    fi
}

# Debian keeps postfix and postconf in /usr/sbin, which is not on everybody's PATH.
export PATH="$PATH:/usr/sbin:/sbin"
