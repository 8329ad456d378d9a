#!/usr/bin/env bash
# What the tests need beside Python: installed where that may be done, else named.
set -eu
have_mosquitto() { command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ]; }
missing=""
have_mosquitto || missing="$missing mosquitto"
needed="$missing" # what is named below is wanted: without it tests are skipped (AGI scripts, pages, trust, units, alerts, jails, web servers, synthetic greetings)
command -v bwrap >/dev/null || missing="$missing bubblewrap"
command -v chromium >/dev/null || missing="$missing chromium"
command -v certutil >/dev/null || missing="$missing libnss3-tools"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
command -v fail2ban-regex >/dev/null || missing="$missing fail2ban"
command -v promtool >/dev/null || missing="$missing promtool"
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing="$missing nginx"
command -v caddy >/dev/null || missing="$missing caddy"
command -v espeak-ng >/dev/null || missing="$missing espeak-ng"
command -v sox >/dev/null || missing="$missing sox"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  apt-cache show promtool >/dev/null 2>&1 || missing="${missing/ promtool/ prometheus}" # which has it before Debian 13
  apt-cache show caddy >/dev/null 2>&1 || missing="${missing/ caddy/}" # Debian 12 and newer have it
  # The package would start a broker of its own on the default port; the tests start theirs on free ports.
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq $missing >/dev/null
elif [ -n "$needed" ]; then
  echo "the tests need:$needed (Debian: apt install$missing)" >&2
  exit 2
fi
