# Shell jobs that coordinate: they meet, take turns, are killed, stopped, interrupted.
# shellcheck shell=bash disable=SC2154,SC2034

start() { # NAME ARGUMENT...: a job of its own that Ctrl-C ends; sets $pid
        local name=$1
        shift
        env --default-signal=INT "$WEFT" "$@" >"$work/$name.out" 2>"$work/$name.err" &
        pid=$!
}

ended() { # WHAT PID CODE
        wait_for 30 ends "$2" || kill -KILL "$2"
        code=0
        wait "$2" 2>/dev/null || code=$?
        if [ "$code" = "$3" ]; then pass; else fail "$1: exit $code, not $3" "$work"/*.err; fi
}

waiting() { # ARENA/NAME N: so many sleep
        "$WEFT" stat "$1" | grep -qE "^ +waiting +$2$"
}

runs() { # PID: and is no zombie
        [ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status"
}

ends() { # PID...
        for p in "$@"; do
                runs "$p" && return 1
        done
        return 0
}

"$WEFT" event j/never create

# ---- waiting ----------------------------------------------------------------------------

"$WEFT" sem j/n create 0
start a sem j/n wait
a=$pid
start b sem j/n wait -n 2
b=$pid
check 'two wait' wait_for 10 waiting j/n 2
expect 1 'j/n: in use by somebody alive: semaphore: 0 of .* 2 waiting' -- rm j/n
expect 0 -- sem j/n post -n 3
ended 'who waits for one' $a 0
ended 'who waits for two' $b 0
check 'nobody waits' waiting j/n 0

start a event j/never wait
a=$pid
check 'it waits' wait_for 10 waiting j/never 1
kill -INT $a
ended 'Ctrl-C while waiting' $a 130
check 'without a word' test ! -s "$work/a.err"
start a sem j/n wait
a=$pid
check 'it waits' wait_for 10 waiting j/n 1
kill -TERM $a
ended 'SIGTERM while waiting' $a 143
expect 0 -- sem j/n post
expect 0 -- sem j/n try
expect 1 -- sem j/n try

for round in 1 2 3; do
        start a sem j/n wait
        a=$pid
        start b sem j/n wait
        b=$pid
        check 'two wait' wait_for 10 waiting j/n 2
        kill -KILL $a
        ended 'killed while waiting' $a 137
        expect 0 -- sem j/n post
        ended 'the permit goes to who is left' $b 0
        expect 0 -- sem j/n info
        check 'the dead do not wait' grep -qE '^ +waiting +0$' "$out"
done
expect 0 -- sem j/n value
check 'none is left over' test "$(cat "$out")" = 0

# ---- run ----------------------------------------------------------------------------------

"$WEFT" sem j/owned create --owned 1
start a sem j/owned run -- sh -c "echo \$\$ >'$work/child'; exec sleep 1000"
a=$pid
check 'it runs' wait_for 10 test -s "$work/child"
child=$(cat "$work/child")
start b sem j/owned run -- echo ran
b=$pid
check 'the next one waits' wait_for 10 waiting j/owned 1
kill -STOP $a
expect 124 'timed out' -- sem j/owned run --timeout 200ms true
check 'who is stopped holds what he holds' test ! -s "$work/b.out"
kill -KILL $a
ended 'a killed holder' $a 137
ended 'his permit goes to the next one' $b 0
check 'who runs' test "$(cat "$work/b.out")" = ran
check 'his command is gone, too' wait_for 5 ends "$child"
expect 0 -- sem j/owned value
check 'the permit is there once' test "$(cat "$out")" = 1
start b sem j/n wait # who comes first ends first: another one takes that seat, not the dead's
b=$pid
check 'it waits' wait_for 10 waiting j/n 1
start a sem j/owned run -- sleep 1000
a=$pid
check 'it runs' wait_for 10 pgrep -P $a -x sleep
expect 0 -- sem j/n post
ended 'who came first' $b 0
kill -KILL $a
ended 'a killed holder' $a 137
expect 0 -- sem j/owned value
check 'nobody has to wait for it to be noticed' test "$(cat "$out")" = 1

"$WEFT" sem j/plain create 1
start a sem j/plain run -- sleep 1000
a=$pid
check 'it runs' wait_for 10 bash -c "'$WEFT' sem j/plain value | grep -q 0"
kill -KILL $a
ended 'a killed holder' $a 137
expect 0 -- sem j/plain value
check 'plain: his permit is used up' test "$(cat "$out")" = 0

for signal in INT TERM HUP USR1; do
        rm -f "$work/ready"
        start a sem j/owned run -- bash -c "trap 'exit 42' $signal; : >'$work/ready'
                while :; do sleep 0.02; done"
        a=$pid
        check 'it runs' wait_for 10 test -e "$work/ready"
        kill -$signal $a
        ended "SIG$signal is passed on" $a 42
done
start a sem j/owned run -- sleep 1000
a=$pid
check 'it runs' wait_for 10 pgrep -P $a -x sleep
kill -TERM $a
ended 'and who dies by it, dies by it' $a 143
expect 0 -- sem j/owned value
check 'they gave back what they held' test "$(cat "$out")" = 1

start a sem j/n run -- touch "$work/never"
a=$pid
check 'it waits' wait_for 10 waiting j/n 1
kill -INT $a
ended 'Ctrl-C before it has permits' $a 130
check 'and the command has not run' test ! -e "$work/never"

# Ctrl-C at a terminal reaches both, and the command hears of it once. What it does about
# it counts.
cat >"$work/terminal.py" <<'END'
import os, pty, signal, sys, time
work, weft = sys.argv[1:]
def appears(name):
    while not os.path.exists(f"{work}/{name}") or not os.path.getsize(f"{work}/{name}"):
        time.sleep(0.01)
pid, terminal = pty.fork()
if pid == 0:
    os.execv(weft, [weft, "sem", "j/owned", "run", "--", "bash", "-c",
                    f"trap 'echo INT >>{work}/heard' INT; echo >{work}/at-terminal;"
                    f"until [ -e {work}/enough ]; do sleep 0.02; done; exit 5"])
appears("at-terminal")
os.kill(pid, signal.SIGSTOP)
os.write(terminal, b"\x03")
appears("heard")
os.kill(pid, signal.SIGCONT)  # now it may pass on what came meanwhile, but must not
time.sleep(0.3)
open(f"{work}/enough", "w").close()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
code=0
timeout 60 python3 "$work/terminal.py" "$work" "$WEFT" || code=$?
check "Ctrl-C at a terminal: exit $code" test $code = 5
check 'it is heard once' test "$(cat "$work/heard")" = INT

# ---- event ----------------------------------------------------------------------------------

"$WEFT" event j/e create
start a event j/e wait
a=$pid
start b event j/e wait
b=$pid
check 'two wait' wait_for 10 waiting j/e 2
expect 0 -- event j/e pulse
ended 'a pulse lets both through' $a 0
ended 'a pulse lets both through' $b 0
expect 1 -- event j/e test
start a event j/e wait
a=$pid
check 'one waits' wait_for 10 waiting j/e 1
expect 0 -- event j/e set
ended 'a set lets it through' $a 0

"$WEFT" event j/auto create --auto
start a event j/auto wait
a=$pid
start b event j/auto wait
b=$pid
check 'two wait' wait_for 10 waiting j/auto 2
expect 0 -- event j/auto set
check 'one goes through' wait_for 10 bash -c "! kill -0 $a 2>/dev/null || ! kill -0 $b 2>/dev/null"
check 'and one only' waiting j/auto 1
expect 1 -- event j/auto test
expect 0 -- event j/auto set
ended 'then the other' $a 0
ended 'then the other' $b 0

# ---- latch ----------------------------------------------------------------------------------

"$WEFT" latch j/l create 3
start w latch j/l wait
w=$pid
for i in 1 2; do
        start l$i latch j/l arrive
        l[i]=$pid
done
check 'three wait' wait_for 10 waiting j/l 3
kill -KILL "${l[1]}"
ended 'who arrived and was killed' "${l[1]}" 137
expect 0 -- latch j/l count
check 'has arrived' test "$(cat "$out")" = 1
expect 0 -- latch j/l down
ended 'it opens' $w 0
ended 'for all' "${l[2]}" 0

# ---- barrier ---------------------------------------------------------------------------------

"$WEFT" barrier j/b create 3
for phase in 1 2 3 4 5; do
        for i in 1 2 3; do
                start b$i barrier j/b wait
                b[i]=$pid
        done
        for i in 1 2 3; do
                ended "phase $phase" "${b[i]}" 0
        done
        check 'one is the last' test "$(cat "$work"/b[123].out)" = last
done

start b1 barrier j/b wait
b[1]=$pid
start b2 barrier j/b wait
b[2]=$pid
check 'two wait' wait_for 10 waiting j/b 2
expect 1 'in use' -- rm j/b
expect 1 'not broken, and somebody waits' -- barrier j/b reset
kill -KILL "${b[1]}"
ended 'a killed party' "${b[1]}" 137
ended 'breaks it' "${b[2]}" 4
check 'and it is said why' grep -q 'broken: a party died' "$work/b2.err"
expect 4 -- barrier j/b wait
expect 0 -- barrier j/b reset
for i in 1 2 3; do
        start b$i barrier j/b wait
        b[i]=$pid
done
for i in 1 2 3; do
        ended 'after the reset' "${b[i]}" 0
done

"$WEFT" barrier j/s create --shrink 3
start b1 barrier j/s wait
b[1]=$pid
start b2 barrier j/s wait
b[2]=$pid
check 'two wait' wait_for 10 waiting j/s 2
kill -KILL "${b[1]}"
ended 'a killed party' "${b[1]}" 137
expect 0 -- barrier j/s wait
ended 'is not missed by a barrier that shrinks' "${b[2]}" 0
expect 0 -- barrier --json j/s info
json 'its place is gone' 'j["parties"] == 2 and j["broken"] == 0'

# ---- a pipeline of jobs ------------------------------------------------------------------------

# Three jobs work through their parts, two pieces at a time among them all, and meet before
# the last of them puts the result together. The pieces meet in pairs, so that two are
# seen at once; the semaphore sees to it that never more are.
"$WEFT" sem p/slots create --owned 2
"$WEFT" barrier p/pair create 2
"$WEFT" barrier p/all create 3
"$WEFT" event p/merged create
mkdir "$work/now"
cat >"$work/piece" <<'END'
#!/bin/bash
: >"$work/now/$1"
"$WEFT" barrier p/pair wait --timeout 50 >/dev/null || exit
ls "$work/now" | wc -l >>"$work/concurrency"
echo "$1" >>"$work/part.${1%-*}"
rm "$work/now/$1"
END
cat >"$work/job" <<'END'
#!/bin/bash
for i in 1 2 3 4; do
        "$WEFT" sem p/slots run -- bash "$work/piece" "$1-$i" &
done
wait
if [ "$("$WEFT" barrier p/all wait --timeout 50)" = last ]; then
        sort "$work"/part.* >"$work/merged"
        "$WEFT" event p/merged set
fi
"$WEFT" event p/merged wait --timeout 50 && wc -l <"$work/merged"
END
export work WEFT
for i in 1 2 3; do
        bash "$work/job" $i >"$work/job$i.out" 2>"$work/job$i.err" &
        job[i]=$!
done
for i in 1 2 3; do
        ended "job $i" "${job[i]}" 0
        check "job $i sees the whole" test "$(cat "$work/job$i.out")" = 12
done
check 'twelve pieces' test "$(wc -l <"$work/concurrency")" = 12
check 'two at a time, never more' test "$(sort -n "$work/concurrency" | tail -n 1)" = 2
expect 0 -- check p j
expect 0 -- rm p j
