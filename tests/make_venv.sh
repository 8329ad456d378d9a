#!/usr/bin/env bash
# Make the virtual environment. Debian splits venv off the interpreter, so it is installed where that may be done.
set -eu
python=$1
venv=$2
if ! command -v "$python" >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv >/dev/null
  else
    echo "no $python here: install Python 3.11 or newer (Debian: apt install python3 python3-venv)" >&2
    exit 2
  fi
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "$python is older than 3.11: name a newer one, for example make demo PYTHON=python3.12" >&2
  exit 2
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
  else
    echo "$python has no venv: install it (Debian: apt install python3-venv)" >&2
    exit 2
  fi
fi
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --upgrade pip
