#!/bin/sh
# Removes D-Plane from this machine. What it recorded (tasks, runs and their evidence, peer keys, the audit log) and
# what was set in /etc/dplane stays unless --purge is given; so do the accounts that own it. ZFS pools and datasets are never touched.
set -eu
umask 022
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

say() { echo "dplane: $*"; }
fail() {
    echo "dplane: $*" >&2
    exit 1
}

purge=no
case "${1:-}" in
    '') ;;
    --purge) purge=yes ;;
    -h | --help)
        echo "packaging/uninstall.sh [--purge]    --purge also deletes /var/lib/dplane, /var/log/dplane, /etc/dplane and the accounts"
        exit 0
        ;;
    *) fail "unknown option $1; --help tells more." ;;
esac
[ $# -le 1 ] || fail "one option at most; --help tells more."
[ "$(id -u)" = 0 ] || fail "uninstalling needs root. Run it as: sudo make uninstall"
cd /

# Jobs end first: stopped by their own signal they record that they were cancelled.
if [ -d /run/systemd/system ]; then
    systemctl stop 'dplane-job@*.service' || fail "a running job could not be stopped; nothing was removed."
fi

if [ -d /run/systemd/system ] && [ -e /etc/systemd/system/dplane-check.timer ]; then
    systemctl disable --now dplane-check.timer || true
    systemctl stop dplane-check.service || true
fi
rm -f /etc/systemd/system/dplane-check.timer /etc/systemd/system/dplane-check.service

# So do the timers of tasks: nothing may start what is not there any more.
for timer in /etc/systemd/system/dplane-scheduled@*.timer; do
    [ -e "$timer" ] || continue
    if [ -d /run/systemd/system ]; then systemctl disable --now "$(basename "$timer")"; fi
    rm -f "$timer"
done

# Consoles on terminals give their login prompts back. Who is signed in there is signed out.
for kept in /etc/systemd/system/dplane-console@*.service.d/dplane.conf /etc/systemd/system/dplane-serial@*.service.d/dplane.conf; do
    [ -e "$kept" ] || continue
    unit=$(basename "$(dirname "$kept")" .d)
    terminal=${unit#dplane-*@}
    terminal=${terminal%.service}
    case $unit in
        dplane-serial@*) login=serial-getty@$terminal.service ;;
        *) login=getty@$terminal.service ;;
    esac
    if [ -d /run/systemd/system ]; then
        systemctl stop "dplane-session-$terminal.service" 2>/dev/null || true
        systemctl disable --now "$unit" || true
    else
        rm -f "/etc/systemd/system/getty.target.wants/$unit" "/etc/systemd/system/dev-$terminal.device.wants/$unit"
    fi
    before=$(sed -n 's/^Login=//p' "$kept")
    if [ "$before" != masked ] && [ "$(readlink "/etc/systemd/system/$login")" = /dev/null ]; then rm -f "/etc/systemd/system/$login"; fi
    rm -rf "$(dirname "$kept")"
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        if [ "$before" = active ]; then systemctl start "$login" || say "the login prompt on $terminal did not start; run: sudo systemctl start $login"; fi
    fi
done

# The door closes before anything else goes.
rm -f /etc/sudoers.d/dplane
rm -f /etc/systemd/system/dplane-console@.service /etc/systemd/system/dplane-serial@.service /etc/pam.d/dplane
rm -f /etc/systemd/system/dplane-job@.service /etc/systemd/system/dplane-scheduled@.service /etc/tmpfiles.d/dplane.conf /etc/ssh/sshd_config.d/dplane.conf
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    if systemctl -q is-active ssh.service; then systemctl reload ssh.service; fi
fi
if [ -L /usr/local/bin/dplane ]; then rm -f /usr/local/bin/dplane; fi
rm -f /usr/local/share/bash-completion/completions/dplane /usr/local/share/zsh/site-functions/_dplane \
    /usr/local/share/fish/vendor_completions.d/dplane.fish /usr/local/share/man/man1/dplane.1
rm -rf /opt/dplane /run/dplane

if [ "$purge" = no ]; then
    say "removed. Kept: /var/lib/dplane, /var/log/dplane, /etc/dplane, the users dplane and dplane-kiosk and the dplane groups (--purge deletes them too)."
    exit 0
fi
rm -rf /var/lib/dplane /var/log/dplane /etc/dplane
if getent passwd dplane >/dev/null; then
    [ "$(getent passwd dplane | cut -d: -f6)" != /var/lib/dplane ] || userdel dplane
fi
if getent passwd dplane-kiosk >/dev/null; then userdel dplane-kiosk; fi
for group in dplane-view dplane-operate dplane-admin dplane dplane-kiosk; do
    if getent group "$group" >/dev/null; then groupdel "$group"; fi
done
say "removed with all its data."
