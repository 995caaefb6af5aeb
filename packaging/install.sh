#!/bin/sh
# Installs D-Plane from this source tree on Debian 12 or 13 (as root). Can be run again at any time: the same sources are
# repaired in place, newer ones become a new release next to the old. Nothing goes live before it was checked, and when
# anything fails the release that was current stays so.
set -eu
umask 022
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP CDPATH ENV BASH_ENV || true
cd -- "$(dirname -- "$0")/.."
src=$(pwd)
. packaging/rules.sh

base=/opt/dplane
python=/usr/bin/python3
wheels=
start=yes
admin=${SUDO_USER:-}
work=
building=
fresh=
finished=no
sshd_changed=no

usage() {
    cat <<'TEXT'
packaging/install.sh [--wheels DIR] [--admin USER] [--no-start]
  --wheels DIR   take the Python packages from DIR instead of the package index (still checked against the lock file)
  --admin USER   give USER the groups dplane-view, dplane-operate and dplane-admin (default: who called sudo)
  --no-start     for images: do not talk to systemd, start and reload nothing
TEXT
}

say() { echo "dplane: $*"; }
note() { echo "dplane: note: $*"; }
fail() {
    echo "dplane: $*" >&2
    exit 1
}

# put MODE SRC DEST: DEST becomes a root-owned copy of SRC in one step; undone when a later step fails.
put() {
    mkdir -p -- "$(dirname -- "$3")"
    count=$((${count:-0} + 1))
    if [ -e "$3" ] || [ -L "$3" ]; then cp -a -- "$3" "$work/old.$count"; fi
    printf '%s %s\n' "$count" "$3" >>"$work/undo"
    cp -- "$2" "$3.new"
    chown root:root "$3.new"
    chmod "$1" "$3.new"
    mv -f -- "$3.new" "$3"
}

undo() {
    [ -s "$work/undo" ] || return 0
    tac "$work/undo" | while read -r number dest; do
        if [ -e "$work/old.$number" ] || [ -L "$work/old.$number" ]; then
            cp -a -- "$work/old.$number" "$dest.new" && mv -f -- "$dest.new" "$dest"
        else
            rm -f -- "$dest"
        fi
        rm -f -- "$dest.new"
    done
}

# Runs at every end, also after Ctrl+C: nothing half done stays.
leave() {
    status=$?
    trap - EXIT INT TERM HUP
    if [ "$finished" = no ]; then
        [ "$status" != 0 ] || status=1
        if [ -n "$work" ]; then undo; fi
        [ -z "$building" ] || rm -rf -- "$building"
        [ -z "$fresh" ] || rm -rf -- "$fresh"
        rm -f -- "$base/current.new"
        if [ -n "$work" ]; then
            if [ -L "$base/current" ]; then
                echo "dplane: stopped; $(basename -- "$(readlink "$base/current")") is still the release in use, untouched." >&2
            else
                echo "dplane: stopped; D-Plane is not installed." >&2
            fi
        fi
    fi
    [ -z "$work" ] || rm -rf -- "$work"
    exit "$status"
}

arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
            --wheels | --admin) [ $# -ge 2 ] || fail "$1 needs a value; --help tells more." ;;
        esac
        case $1 in
            --wheels) wheels=$2 && shift ;;
            --admin) admin=$2 && shift ;;
            --no-start) start=no ;;
            -h | --help) usage && exit 0 ;;
            *) usage >&2 && exit 2 ;;
        esac
        shift
    done
    [ -z "$wheels" ] || [ -d "$wheels" ] || fail "there is no folder $wheels to take the Python packages from."
    [ -z "$wheels" ] || wheels=$(cd -- "$wheels" && pwd)
}

check_system() {
    [ "$(id -u)" = 0 ] || fail "installing needs root. Run it as: sudo make install"
    [ -r /etc/os-release ] || fail "this does not look like Debian (no /etc/os-release); only Debian 12 and 13 are supported."
    like=$(. /etc/os-release && echo " $ID ${ID_LIKE:-} ")
    number=$(. /etc/os-release && echo "${VERSION_ID:-99}")
    case $like in
        *" debian "*) ;;
        *) fail "this is not a Debian system; only Debian 12 and 13 (and Raspberry Pi OS built from them) are supported." ;;
    esac
    case $like in
        " debian "* | " raspbian "*)
            [ "${number%%.*}" -ge 12 ] || fail "this is Debian $number; Debian 12 or newer is needed (for Python 3.11)."
            ;;
        *) note "this is a relative of Debian, on which D-Plane is not tested." ;;
    esac
    [ -z "$admin" ] || getent passwd -- "$admin" >/dev/null ||
        fail "there is no user $admin on this machine to make an administrator of D-Plane."
    missing=
    "$python" -I -c 'import sys, ensurepip, venv' 2>/dev/null || missing="$missing python3 python3-venv"
    command -v sudo >/dev/null && command -v visudo >/dev/null || missing="$missing sudo"
    command -v ssh >/dev/null && command -v ssh-keygen >/dev/null || missing="$missing openssh-client"
    [ -z "$missing" ] || fail "these Debian packages are missing:$missing. Install them with: sudo apt-get install$missing"
    "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$python is $("$python" -V 2>&1), and D-Plane needs 3.11 or newer."
    case $(sudo --version 2>&1 | head -n 1) in
        *sudo-rs*) sudo_kind=sudo-rs ;;
        *) sudo_kind=sudo ;;
    esac
    for file in dplane_tui/__init__.py privhelper/__main__.py requirements.lock packaging/etc/tmpfiles.conf; do
        [ -r "$file" ] || fail "$src is not a complete source tree: $file is missing."
    done
}

# Who can write to a folder above the code can replace the code, so root must own the whole way down.
check_place() {
    mkdir -p "$base/releases"
    for folder in / /opt "$base" "$base/releases"; do
        [ ! -L "$folder" ] || fail "$folder is a link; root-owned code needs a real folder there."
        case $(stat -c '%u %A' "$folder") in
            0\ d????-??-?*) ;;
            *) fail "$folder can be written by others than root, so code below it could be replaced. Mend it with: chown root:root $folder && chmod go-w $folder" ;;
        esac
    done
    # Root's alone: who can open a lock can hold it. Installers before this one let everybody.
    [ ! -e "$base/.lock" ] || [ "$(stat -c %a "$base/.lock")" = 600 ] || rm -f -- "$base/.lock"
    (umask 077 && : >>"$base/.lock")
    exec 9>"$base/.lock"
    flock -n 9 || fail "another installation is running on this machine; wait for it to end."
    free=$(df -Pk "$base" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }')
    [ -z "$free" ] || [ "$free" -ge 200 ] || fail "$base has $free MB free, and a release needs 200 MB while it is built. Make room and run this again."
}

# pip_install VENV: the locked packages, each checked against its recorded hash.
pip_install() {
    if [ -n "$wheels" ]; then
        set -- "$1" --isolated --no-index --find-links "$wheels"
    else
        set -- "$1"
    fi
    venv=$1
    shift
    "$venv/bin/python" -I -m pip install "$@" --quiet --disable-pip-version-check --no-input --no-compile \
        --no-cache-dir --root-user-action=ignore --require-hashes -r requirements.lock ||
        fail "pip could not install the packages of requirements.lock${wheels:+ from $wheels}. Is the package index reachable? Where there is no ready wheel for this machine: apt-get install gcc python3-dev libffi-dev, and run this again."
    "$venv/bin/python" -I -m pip uninstall --quiet --yes pip setuptools 2>"$work/pip" ||
        fail "pip could not be removed from the new release: $(tail -n 1 "$work/pip")"
}

# environment VENV: Python and the locked packages, taken from the release in use when that has the very same ones
# and is unaltered (seconds instead of minutes on a small box, and no package index needed), else made anew.
environment() {
    if [ -n "$previous" ] && cmp -s requirements.lock "$previous/share/requirements.lock" &&
        [ "$("$previous/venv/bin/python" -IV 2>/dev/null)" = "$("$python" -IV)" ] && intact "$previous" venv; then
        cp -a -- "$previous/venv" "$1"
        site=$(site_of "$1")
        rm -rf -- "$site/dplane_tui" "$site/privhelper" "$site/themes"
        return 0
    fi
    say "installing the Python packages (this takes the longest)"
    "$python" -I -m venv "$1" || fail "Python could not make a virtual environment in $1."
    pip_install "$1"
    # What is left in the environment's bin knows the wrong path, and nobody should run it.
    find "$1/bin" -mindepth 1 ! -name 'python*' -delete
    site=$(site_of "$1")
    find "$1" -name __pycache__ -type d -prune -exec rm -rf {} +
    compile "$site"
    (cd / && "$1/bin/python" -I -c 'import aiosqlite, asyncssh, docker, psutil, textual.app') ||
        fail "a Python package of the new release does not load on this machine."
}

site_of() { "$1/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

# compile DIR...: byte code that is used without a look at the source's time, which a copy does not keep.
compile() {
    PYTHONPYCACHEPREFIX='' "$python" -I -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -s "$building" -p "$base/current" "$@" || fail "a Python file of the release could not be compiled."
}

# build RELEASE: everything of a release, made under RELEASE.new and renamed when complete.
build() {
    building=$1.new
    rm -rf -- "$building"
    mkdir -m 0755 "$building" "$building/bin" "$building/libexec" "$building/share"
    say "building release $name"
    environment "$building/venv"
    set -- "$1" dplane_tui privhelper
    [ ! -d themes ] || set -- "$@" themes
    final=$1
    shift
    cp -R "$@" "$site/"
    (cd -- "$site" && find "$@" -name __pycache__ -type d -prune -exec rm -rf {} +)
    for package in "$@"; do compile "$site/$package"; done
    "$building/venv/bin/python" -I -m dplane_tui.cli.manual "$building/share" ||
        fail "the manual page and the completion scripts could not be made; see the lines above."
    launcher_text "$final" >"$building/bin/dplane"
    "$python" -B -m privhelper build "$building/libexec/privhelper" >/dev/null ||
        fail "the privileged helper could not be built."
    [ -s "$building/libexec/privhelper" ] || fail "the privileged helper was not written."
    cp -R packaging/etc packaging/uninstall.sh LICENSE requirements.lock "$building/share/"
    chown -R root:root "$building"
    chmod -R u=rwX,go=rX "$building"
    chmod 0755 "$building/bin/dplane" "$building/libexec/privhelper" "$building/share/uninstall.sh"
    manifest "$building" >"$work/manifest"
    mv -- "$work/manifest" "$building/MANIFEST"
    chmod 0644 "$building/MANIFEST"
}

# intact RELEASE [PART]: is it (or its folder PART) there, unchanged since it was built, and root's alone?
intact() {
    [ -s "$1/MANIFEST" ] && [ -d "$1/${2:-}" ] && [ -z "$(writable_in "$1/${2:-}")" ] || return 1
    grep "^[0-9a-f]*  \./${2:+$2/}" "$1/MANIFEST" >"$work/was"
    manifest "$1" "${2:-}" >"$work/is" && cmp -s "$work/was" "$work/is"
}

writable_in() { find "$1" \( ! -user root -o ! -type l -perm /022 \) -print -quit; }

place_release() {
    version=$(sed -n 's/^__version__ = "\([A-Za-z0-9.+-]*\)"$/\1/p' dplane_tui/__init__.py)
    [ -n "$version" ] || fail "dplane_tui/__init__.py names no version."
    name=$(release_name "$src" "$version") || fail "the source tree could not be read."
    release=$base/releases/$name
    if intact "$release"; then
        say "release $name is here already and unaltered"
    else
        build "$release"
        # A damaged release of the same name steps aside; running programs keep their open files.
        if [ -e "$release" ]; then
            rm -rf -- "$release.old" && mv -- "$release" "$release.old"
        else
            fresh=$release
        fi
        mv -- "$building" "$release"
        building=
        rm -rf -- "$release.old"
    fi
    bad=$(writable_in "$release")
    [ -z "$bad" ] || fail "$bad belongs to, or can be written by, someone other than root."
    "$release/bin/dplane" --version >/dev/null || fail "the new release does not start; see the lines above."
    fresh= # whole and checked: kept for the next try even if a later step fails
}

accounts() {
    for group in dplane dplane-view dplane-operate dplane-admin; do
        getent group "$group" >/dev/null || groupadd --system "$group"
    done
    if home=$(getent passwd dplane | cut -d: -f6) && [ -n "$home" ]; then
        [ "$home" = /var/lib/dplane ] ||
            fail "there is a user dplane with the home $home already. That name is needed for a system user; rename yours first."
    else
        # A shell only because sshd starts forced commands with it; `*` is no password that can be typed.
        useradd --system --gid dplane --home-dir /var/lib/dplane --no-create-home --shell /bin/sh \
            --comment "D-Plane jobs and peers" --password '*' dplane
    fi
    usermod --append --groups dplane-view,dplane-operate dplane
    # Whose console stands on the box's own screen for everybody to see: it looks, and has no shell to fall into.
    getent passwd dplane-kiosk >/dev/null ||
        useradd --system --user-group --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin \
            --comment "D-Plane console on the box's own terminals" --password '*' dplane-kiosk
    usermod --groups dplane-view dplane-kiosk # these and no others: what a passer-by can do is what this account can
    if [ -n "$admin" ] && [ "$admin" != root ]; then
        usermod --append --groups dplane-view,dplane-operate,dplane-admin "$admin"
    fi
    # One list for systemd-tmpfiles (at boot) and for us (now).
    while read -r type path mode owner group _; do
        [ "$type" = d ] || continue
        [ ! -L "$path" ] || fail "$path is a link; D-Plane keeps its data in a real folder there."
        install -d -m "$mode" -o "$owner" -g "$group" "$path"
    done <packaging/etc/tmpfiles.conf
    for folder in /run/dplane/jobs /var/lib/dplane/store; do
        (cd / && runuser -u dplane -- sh -c "$(shut_locks_text dplane "$folder")") ||
            note "the lock files in $folder could not be closed to others; who can read one can hold it."
    done
}

# open_door: the sudoers rule for the new helper (and the one still in use), live only after visudo and a real request.
open_door() {
    helper=$release/libexec/privhelper
    set -- "$helper"
    if [ -n "$previous" ] && [ -e "$previous/libexec/privhelper" ]; then set -- "$@" "$previous/libexec/privhelper"; fi
    sudoers_text "$sudo_kind" "$@" >"$work/sudoers" || fail "the sudoers rule could not be written: a helper is unreadable or its path is odd."
    chmod 0440 "$work/sudoers"
    visudo -cqf "$work/sudoers" || fail "visudo refuses the sudoers rule, so it was not put in place."
    [ "$sudo_kind" = sudo ] || note "this sudo is sudo-rs, which knows no digests: only the file's owner protects the helper, not its checksum."
    put 0440 "$work/sudoers" /etc/sudoers.d/dplane
    answer=$(cd / && echo '{"verb":"noop"}' | runuser -u dplane -- sudo -n "$helper" 2>"$work/door") || true
    case $answer in
        *'"ok": true'* | *'"ok":true'*) ;;
        *) fail "the privileged door does not answer: $(tail -n 1 "$work/door") $answer. Does /etc/sudoers include /etc/sudoers.d?" ;;
    esac
}

sshd_rules() {
    # A reload closes sshd's door for a moment, so it is done only for a reason.
    cmp -s packaging/etc/sshd.conf /etc/ssh/sshd_config.d/dplane.conf || sshd_changed=yes
    put 0644 packaging/etc/sshd.conf /etc/ssh/sshd_config.d/dplane.conf
    if ! command -v sshd >/dev/null; then
        note "no SSH server here, so no other box can replicate to this one. To change that: sudo apt-get install openssh-server"
        return 0
    fi
    set --
    if ! ls /etc/ssh/ssh_host_*_key >/dev/null 2>&1; then # an image before its first boot
        ssh-keygen -q -t ed25519 -N '' -f "$work/hostkey"
        set -- -h "$work/hostkey"
    fi
    [ -d /run/sshd ] || mkdir -m 0755 /run/sshd
    sshd -t "$@" 2>"$work/sshd" || fail "sshd does not accept its configuration: $(head -n 1 "$work/sshd")"
    sshd -T "$@" -C user=dplane,host=localhost,addr=127.0.0.1 2>/dev/null | grep -qx 'authorizedkeysfile /var/lib/dplane/ssh-accept/authorized_keys' ||
        note "/etc/ssh/sshd_config does not include /etc/ssh/sshd_config.d/*.conf, so paired boxes cannot log in here. Add that line at its top."
}

system_files() {
    put 0644 packaging/etc/tmpfiles.conf /etc/tmpfiles.d/dplane.conf
    put 0644 packaging/etc/dplane-job@.service /etc/systemd/system/dplane-job@.service
    put 0644 packaging/etc/dplane-scheduled@.service /etc/systemd/system/dplane-scheduled@.service
    put 0644 packaging/etc/dplane-console@.service /etc/systemd/system/dplane-console@.service
    put 0644 packaging/etc/dplane-serial@.service /etc/systemd/system/dplane-serial@.service
    put 0644 packaging/etc/pam-dplane /etc/pam.d/dplane
    put 0644 packaging/etc/dplane-check.service /etc/systemd/system/dplane-check.service
    put 0644 packaging/etc/dplane-check.timer /etc/systemd/system/dplane-check.timer
    [ -d /etc/dplane ] || mkdir -m 0755 /etc/dplane
    if [ ! -e /etc/dplane/notify.toml ]; then # the person's own from now on
        install -m 0640 -g dplane packaging/etc/notify.toml /etc/dplane/notify.toml
    fi
    put 0644 "$release/share/dplane.bash" /usr/local/share/bash-completion/completions/dplane
    put 0644 "$release/share/dplane.zsh" /usr/local/share/zsh/site-functions/_dplane
    put 0644 "$release/share/dplane.fish" /usr/local/share/fish/vendor_completions.d/dplane.fish
    put 0644 "$release/share/dplane.1" /usr/local/share/man/man1/dplane.1
}

# link TARGET NAME: NAME points to TARGET, switched in one step.
link() {
    [ ! -e "$2" ] || [ -L "$2" ] || fail "$2 exists and is not a link of ours; move it away."
    ln -sfn -- "$1" "$2.new"
    mv -Tf -- "$2.new" "$2"
}

go_live() {
    [ ! -e /usr/local/bin/dplane ] || [ -L /usr/local/bin/dplane ] || fail "/usr/local/bin/dplane is there and is not ours; move it away."
    link "releases/$name" "$base/current"
    finished=yes # from here on the new release is the one in use
    link "$base/current/bin/dplane" /usr/local/bin/dplane
    [ -z "$previous" ] || link "releases/$(basename -- "$previous")" "$base/previous"
    [ "$start" = yes ] && [ -d /run/systemd/system ] || {
        say "systemd is not asked for anything; units are in place for the next boot"
        return 0
    }
    systemctl daemon-reload || note "systemd did not reload its units; run: sudo systemctl daemon-reload"
    systemctl enable --now dplane-check.timer >/dev/null 2>&1 ||
        note "the regular look for alarms did not start; run: sudo systemctl enable --now dplane-check.timer"
    for kept in /etc/systemd/system/dplane-serial@*.service.d/dplane.conf; do # what starts them may have become more
        unit=$(basename -- "$(dirname -- "$kept")" .d)
        [ -e "$kept" ] && systemctl -q is-enabled "$unit" || continue
        systemctl -q enable "$unit" || note "the console of $unit may not come back by itself; run: sudo systemctl enable $unit"
    done
    # Consoles on terminals of the box go on with the new release; nobody is signed in at those.
    systemctl try-restart 'dplane-console@*.service' 'dplane-serial@*.service' ||
        note "a console on a terminal did not start again; dplane kiosk status tells which."
    if [ "$sshd_changed" = yes ] && systemctl -q is-active ssh.service; then
        systemctl reload ssh.service || note "sshd was not reloaded; run: sudo systemctl reload ssh"
    fi
}

# Keeps the release in use and the one before it. A running job may still load code of an older one.
sweep() {
    if [ -d /run/systemd/system ] && [ -n "$(systemctl list-units --no-legend --plain --state=active,activating 'dplane-job@*' 2>/dev/null)" ]; then
        note "a job is running, so older releases are kept until the next installation."
        return 0
    fi
    for old in "$base"/releases/*; do
        [ "$old" = "$release" ] || [ "$old" = "$previous" ] || rm -rf -- "$old"
    done
}

tell() {
    command -v zpool >/dev/null || note "ZFS is not on this machine yet. $("$release/venv/bin/python" -I -m dplane_tui.services.zfs.recipe)"
    command -v smartctl >/dev/null || note "smartctl is missing, so the health of disks stays unknown: sudo apt-get install smartmontools"
    if [ -n "$admin" ] && [ "$admin" != root ]; then
        say "$admin is now in the groups dplane-view, dplane-operate and dplane-admin; that counts from the next login."
    else
        say "nobody was given rights. For a person: sudo usermod -aG dplane-view,dplane-operate,dplane-admin NAME (fewer groups, fewer rights)"
    fi
    say "installed $name. Start the console with: dplane"
}

arguments "$@"
check_system
work=$(mktemp -d /tmp/dplane-install.XXXXXX)
trap leave EXIT
trap 'exit 130' INT TERM HUP
check_place
previous=
if [ -L "$base/current" ]; then previous=$(readlink -e "$base/current") || previous=; fi
place_release
# Installing the release in use again keeps the one before it as the way back.
if [ "$previous" = "$release" ]; then previous=$(readlink -e "$base/previous" 2>/dev/null) || previous=; fi
accounts
open_door
sshd_rules
system_files
go_live
sweep
tell
