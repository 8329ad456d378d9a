# Starts broker, Asterisk, dialler and desk, and exits when one of them does, so that the container's restart policy applies; the
# store has the calls that were in progress. With arguments it runs that command instead, as the site's user, such as `dialer init`.
set -eu
settings=/etc/matdan/centre.toml
cd /var/lib/matdan
ours=(setpriv --reuid=matdan --regid=matdan --init-groups)

if [ $# -gt 0 ]; then
  exec "${ours[@]}" "$@"
fi
[ -f "$settings" ] || { echo "there is no $settings: make one with \`dialer init $settings\` in this container" >&2; exit 2; }

dialer asterisk render -c "$settings" --to /etc/asterisk --force
dialer mqtt render -c "$settings" --to /etc/mosquitto --force
chown mosquitto /etc/mosquitto/matdan.acl /etc/mosquitto/matdan.passwords
"${ours[@]}" dialer agent tones --to /usr/share/asterisk/sounds/en

mosquitto -c /etc/mosquitto/mosquitto.conf &
asterisk -f -U asterisk &
switch=$!
until asterisk -rx 'core waitfullybooted' 2>/dev/null | grep -q booted; do
  kill -0 $switch # exits if Asterisk has exited
  sleep 0.5
done
"${ours[@]}" dialer run -c "$settings" &
dialler=$!
"${ours[@]}" dialer desk serve -c "$settings" &
trap 'kill -TERM $dialler; wait $dialler; kill $(jobs -p); exit 0' TERM INT # live calls may end first
wait -n || true
kill $(jobs -p)
exit 1
