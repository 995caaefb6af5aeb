# Sourced by install.sh: the texts that depend on what is installed. Functions only, no effects.

# sudoers_text KIND HELPER...: the sudoers file that lets dplane-view through to each helper named.
# KIND is `sudo` (rules carry the helper's digest) or `sudo-rs` (which knows no digests).
# Fails when a helper cannot be read: a rule without its digest is never written for sudo.
sudoers_text() {
    kind=$1
    shift
    echo "# Written by the D-Plane installer together with the helper; changed by hand, it locks the console out."
    echo "# One command, no arguments; the helper itself checks who asks and what for."
    for helper in "$@"; do
        case $helper in
            /*[!A-Za-z0-9/._+-]*) return 1 ;; # sudoers has its own ideas about , : = \ and blanks
            /*) ;;
            *) return 1 ;;
        esac
        if [ "$kind" = sudo-rs ]; then
            echo "%dplane-view ALL=(root) NOPASSWD: $helper \"\""
            continue
        fi
        digest=$(sha256sum -- "$helper") || return 1
        # Streams pass through the helper: no pty in between. A job has no terminal.
        echo "Defaults!$helper env_reset, !setenv, !use_pty, !requiretty"
        echo "%dplane-view ALL=(root) NOPASSWD: sha256:${digest%% *} $helper \"\""
    done
}

# launcher_text RELEASE: the `dplane` command of a release, cut off from the caller's Python settings (-I).
launcher_text() {
    cat <<TEXT
#!$1/venv/bin/python -I
from dplane_tui.__main__ import command

command()
TEXT
}

# shut_locks_text USER FOLDER: a command, to be run as USER who owns FOLDER, that closes its lock files to all others.
# Who can open one can hold it, and everybody could open those of releases before this one. Somebody else's file goes,
# for only its owner can close it. Not root's to do: its members may put links there.
shut_locks_text() {
    echo "find '$2' -maxdepth 1 -type f -name '*.lock' -perm /007 \\( -user '$1' -exec chmod o= {} + -o -delete \\)"
}

# source_files DIR: what a release is made from, one path a line, relative, sorted.
source_files() {
    (
        cd -- "$1" || exit 1
        set -- dplane_tui privhelper packaging/etc packaging/uninstall.sh requirements.lock LICENSE
        [ -d themes ] && set -- "$@" themes
        find "$@" -type f ! -path '*/__pycache__/*' ! -name '*.pyc' | LC_ALL=C sort
    )
}

# release_name DIR VERSION: <version>+<hash of the sources, this machine's Python and architecture>.
release_name() {
    files=$(source_files "$1") || return 1
    hash=$(
        cd -- "$1" && {
            printf '%s\n' "$files" | tr '\n' '\0' | xargs -0 sha256sum --
            /usr/bin/python3 -I -c 'import sys; print(sys.implementation.cache_tag)'
            uname -m
        } | sha256sum | cut -c1-10
    ) || return 1
    echo "$2+$hash"
}

# manifest DIR [PART]: digest and path of every file of a release (or of its folder PART) except the manifest itself.
manifest() {
    (cd -- "$1" && find ".${2:+/$2}" -type f ! -path ./MANIFEST -print0 | LC_ALL=C sort -z | xargs -0 sha256sum --)
}
