#!/bin/sh
# Runs a program again each time that it ends, until this shell is told to end: run-again.sh PROGRAM [ARGUMENT...]
# The program's process id is in /tmp/program.pid, for whoever wants it started anew.
ended=
trap 'ended=yes; kill -TERM "$program" 2>/dev/null' TERM INT
while [ -z "$ended" ]; do
  "$@" &
  program=$!
  echo "$program" >/tmp/program.pid
  [ -z "$ended" ] || kill -TERM "$program" 2>/dev/null # told before the program was there
  wait "$program"
  status=$?
  # A signal to this shell ends the wait, not the program: another wait has its status, or 127 if it was the first's.
  if [ -n "$ended" ]; then
    while wait "$program" 2>/dev/null; again=$?; kill -0 "$program" 2>/dev/null; do :; done
    [ "$again" -eq 127 ] || status=$again
  fi
  # Ended by itself with an error, as with a typing error in what was synced: not in a tight loop.
  [ -n "$ended" ] || [ "$status" -eq 0 ] || sleep 1
done
exit "$status"
