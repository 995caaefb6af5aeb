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

# The door closes before anything else goes.
rm -f /etc/sudoers.d/dplane
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
    say "removed. Kept: /var/lib/dplane, /var/log/dplane, /etc/dplane, the user dplane and the dplane groups (--purge deletes them too)."
    exit 0
fi
rm -rf /var/lib/dplane /var/log/dplane /etc/dplane
if getent passwd dplane >/dev/null; then
    [ "$(getent passwd dplane | cut -d: -f6)" != /var/lib/dplane ] || userdel dplane
fi
for group in dplane-view dplane-operate dplane-admin dplane; do
    if getent group "$group" >/dev/null; then groupdel "$group"; fi
done
say "removed with all its data."
