# Every command, its errors, its exit codes, its JSON.
# shellcheck shell=bash disable=SC2154,SC2034

helper() {
        "$CLI_HELPER" "$@"
}

# ---- help, usage --------------------------------------------------------------------

expect 2 'no command given' --
expect 2 "no command 'frobnicate'" -- frobnicate
expect 0 -- --version
check 'version' grep -qE '^weft [0-9]+\.[0-9]+\.[0-9]+$' "$out"
expect 0 -- help
check 'help lists doctor' grep -q doctor "$out"
check 'help hides run-worker' bash -c "! grep -q run-worker '$out'"
expect 0 -- --help
for command in run ls stat cat get put del push pop check rm clean doctor sem event latch barrier help; do
        expect 0 -- help $command
        check "help $command" grep -q "usage: weft $command" "$out"
        [ $command = help ] || expect 0 -- $command --help
done
expect 2 "no command 'nosuch'" -- help nosuch
expect 2 'one command' -- help ls stat
for command in ls stat check rm clean doctor run sem event latch barrier; do
        expect 2 'no option --nosuch' -- $command --nosuch
done
expect 2 'is no command' -- run-worker
expect 2 'is no command' -- run-worker x 0 0 1 y

# ---- ls, stat -----------------------------------------------------------------------

expect 0 -- ls
check 'ls of nothing prints nothing' test ! -s "$out"
expect 0 -- ls --json
json 'ls of nothing' 'j == []'
expect 3 "nosuch" -- ls nosuch
expect 3 -- ls --json nosuch
json 'an error in JSON' '"nosuch" in j["error"] and j["exit"] == 3'
expect 2 'names no arena' -- ls /x
expect 2 'names no object' -- ls x/
expect 2 'longer than' -- ls "$(printf 'x%.0s' {1..300})"

check 'make an arena' helper make one
expect 0 -- ls
check 'ls shows it' grep -qE '^one ' "$out"
expect 0 -- ls --json
json 'ls' 'len(j) == 1 and j[0]["name"] == "one" and j[0]["objects"] == 2 and not j[0]["ephemeral"]'
expect 0 -- ls one
check 'ls shows the objects' grep -qE '^jobs +queue' "$out"
expect 0 -- ls --json one
json 'objects' 'sorted((o["name"], o["kind"]) for o in j) == [("jobs", "queue"), ("table", "array")]'
expect 0 -- ls one/jobs
check 'ls of one object' bash -c "grep -q ^jobs '$out' && ! grep -q ^table '$out'"
expect 3 'one/nosuch' -- ls one/nosuch

expect 2 'which arena' -- stat
expect 3 'nosuch' -- stat nosuch
expect 0 -- stat one
check 'stat' grep -qE '^ +max_bytes +67108864 ' "$out"
expect 0 -- stat --json one
json 'stat' 'j["name"] == "one" and j["max_bytes"] == 64 << 20 and j["objects"] == 2 and j["mode"] == "0600"'
expect 0 -- stat one/jobs
check 'stat of a queue' grep -qE '^ +length +3$' "$out"
expect 0 -- stat --json one/jobs
json 'stat of a queue' 'j["length"] == 3 and j["capacity"] == 16 and j["flags"] == "lease"'
expect 0 -- stat --json one/table
json 'stat of an array' 'j["length"] == 10 and j["element_bytes"] == 8'
expect 0 -- stat --json one one/jobs
json 'stat of two' '[x["name"] for x in j] == ["one", "jobs"]'
expect 3 'one/nosuch' -- stat --json one/nosuch
json 'stat of what is not there' 'j["exit"] == 3'

# ---- check ---------------------------------------------------------------------------

expect 2 'which arena' -- check
expect 2 'either --all or names' -- check --all one
expect 3 'nosuch' -- check nosuch
expect 0 -- check one
check 'check' grep -q '^one: whole' "$out"
expect 0 -- check --json --all
json 'check' 'j[0]["whole"] and j[0]["orphans"] == 0 and j[0]["name"] == "one"'
helper drop one 2>/dev/null
expect 0 -- check --json --repair one
json 'check --repair' 'j[0]["whole"] and j[0]["recovery"]["failed"] == 0 and j[0]["agent_bytes"] == 0'
expect 0 -- stat --json one/jobs
json 'the lease of the dead came back' 'j["length"] == 3 and j["leased"] == 0'

head -c 8192 /dev/zero >"$WEFT_DIR/weft.broken"
for command in ls stat check rm; do
        expect 1 'broken: no arena, or one of another format' -- $command broken
done
expect 1 'broken: no arena' -- pop broken/x
expect 1 'broken: no arena' -- sem broken/x wait
expect 0 -- check --all
expect 0 -- ls
check 'ls lists the others' grep -qE '^one ' "$out"
rm "$WEFT_DIR/weft.broken"
ln -s weft.one "$WEFT_DIR/weft.link"
expect 1 'link' -- stat link
rm "$WEFT_DIR/weft.link"

# ---- rm, clean -------------------------------------------------------------------------

expect 2 'which arena' -- rm
expect 3 'nosuch' -- rm nosuch
expect 3 'one/nosuch' -- rm one/nosuch
expect 0 -- rm one/jobs
expect 3 'one/jobs' -- stat one/jobs
expect 0 -- rm --json one
json 'rm' 'j["removed"] == ["one"]'
expect 3 'one' -- rm one

expect 2 'takes no names' -- clean one
check 'make two' helper make two
"$CLI_HELPER" hold held >"$work/held" &
holder=$!
disown $holder
check 'hold' wait_for 10 grep -q held "$work/held"
expect 0 -- clean --dry-run
check 'a dry run says' grep -q 'would remove two' "$out"
expect 0 -- ls
check 'a dry run removes nothing' grep -qE '^two ' "$out"
expect 0 -- clean --json
json 'clean' 'j["removed"] == ["two"] and [k["name"] for k in j["kept"]] == ["held"]'
kill -STOP $holder
expect 0 -- clean
check 'a stopped process is alive' grep -q 'kept     held: in use' "$out"
kill -KILL $holder
check 'it is gone' wait_for 5 test ! -d /proc/$holder
expect 0 -- clean
check 'clean removes what the dead left' grep -q 'removed  held' "$out"

# Another user's arena is for him to clean.
others=$(mktemp -d "$shm/${WEFT_TEST_PREFIX:-weft-test}.XXXXXX")
chmod 1777 "$others"
as_other() {
        setpriv --reuid=65534 --regid=65534 --clear-groups env WEFT_DIR="$others" "$@"
}
if [ "$(id -u)" = 0 ] && as_other "$WEFT" --version >/dev/null 2>&1; then
        WEFT_DIR=$others helper make ours
        chmod 644 "$others/weft.ours"
        as_other "$WEFT" push --create queue his/jobs 1
        code=0
        as_other "$WEFT" clean >"$out" 2>"$err" || code=$?
        check 'clean of a directory that is shared' test "$code" = 0
        check 'his is removed' grep -q 'removed  his' "$out"
        check 'ours is kept' grep -q 'kept     ours: permission denied' "$out"
fi
rm -rf "$others"

# ---- names ------------------------------------------------------------------------------

# What is no text, and what would move the cursor, is shown as what it is.
expect 0 -- push --create queue $'n\xff\e[2J\n/q' 1
expect 1 'not printable UTF-8' -- push $'n\xff\e[2J\n/q\n' 1
expect 0 -- ls
check 'ls of odd bytes' grep -qF 'n\xff\x1b[2J\x0a ' "$out"
expect 0 -- ls --json
json 'a name that is not UTF-8' 'j[0]["name"] == {"hex": "6eff1b5b324a0a"}'
expect 0 -- check --all
check 'check of odd bytes' grep -qF 'n\xff\x1b[2J\x0a: whole' "$out"
expect 0 -- check --json --all
json 'check' 'j[0]["name"] == {"hex": "6eff1b5b324a0a"} and j[0]["whole"]'
expect 3 'nosuch.x0aname' -- ls $'nosuch\nname'
expect 0 -- clean --json
json 'clean of odd bytes' 'j["removed"] == [{"hex": "6eff1b5b324a0a"}]'
for command in ls stat check rm; do
        expect 2 "begins with '.'" -- $command ..
        expect 2 'names no arena' -- $command ''
done
expect 2 'check takes whole arenas' -- check one/jobs

# ---- descriptors that are closed ---------------------------------------------------------

# What is opened must not stand in their place: the arena as the standard input or output.
expect 0 -- push --create queue --lease fds/q a b
check 'push of no input' bash -c '! "$1" push fds/q - <&-' - "$WEFT" 2>/dev/null
check 'put of no input' bash -c '! "$1" put --create map fds/m k - <&-' - "$WEFT" 2>/dev/null
check 'run of no input' bash -c '! "$1" run "stdin | print" <&-' - "$WEFT" 2>/dev/null
check 'pop to no output' bash -c '! "$1" pop fds/q >&-' - "$WEFT" 2>/dev/null
check 'ls to no output' bash -c '! "$1" ls >&-' - "$WEFT" 2>/dev/null
check 'help to no output' bash -c '! "$1" ls --help >&-' - "$WEFT" 2>/dev/null
check 'run to no output' bash -c 'echo x | { ! "$1" run "stdin | print" >&-; }' - "$WEFT" 2>/dev/null
check 'push without the others' bash -c '"$1" push fds/q c >&- 2>&-' - "$WEFT"
expect 0 -- check fds
expect 0 -- pop -n 5 fds/q
check 'all is there' cmp -s "$out" <(printf 'a\nb\nc\n')
expect 0 -- rm fds

# The directory is named, not what is to be in it.
code=0
WEFT_DIR=$work/nosuch "$WEFT" push --create queue x/q 1 2>"$err" || code=$?
check 'no directory' test "$code" = 3
check 'it is named' grep -q "directory of arenas $work/nosuch: not there" "$err"
code=0
WEFT_DIR=$work/nosuch "$WEFT" sem x/s create 1 2>"$err" || code=$?
check 'no directory for a semaphore' test "$code" = 3
check 'it is named, too' grep -q "directory of arenas $work/nosuch: no arena" "$err"

# On a full tmpfs, in a mount namespace of its own, what cannot be made leaves no arena behind,
# though there may be room for that. Arguments: the command to make it, for several fillings.
on_a_small_tmpfs() {
        mkdir -p "$work/small"
        # shellcheck disable=SC2016 # the inner shell's
        timeout 60 unshare -m bash -c '
                dir=$1 weft=$2 failed=0
                shift 2
                mount -t tmpfs -o size=256k tmpfs "$dir" || exit 77
                for fill in 0 16 32 48 64 100; do
                        head -c ${fill}k /dev/zero >"$dir/fill" || exit 77
                        if ! WEFT_DIR=$dir "$weft" "$@" 2>>"$dir.err"; then
                                failed=$((failed + 1))
                                [ "$(ls "$dir")" = fill ] || exit 1
                        fi
                        rm -f "$dir"/*
                done
                umount "$dir"
                [ $failed -gt 0 ]' - "$work/small" "$WEFT" "$@" >"$out"
}
if unshare -m mount -t tmpfs tmpfs /mnt 2>/dev/null; then
        check 'a semaphore has no room' on_a_small_tmpfs sem a/b create 1
        check 'a barrier has no room' on_a_small_tmpfs barrier a/b create 3
        check 'a queue has no room' on_a_small_tmpfs push --create queue a/b x
        check 'a map has no room' on_a_small_tmpfs put --create map a/b key value
fi

# ---- doctor ------------------------------------------------------------------------------

expect 2 'takes no names' -- doctor x
expect 0 -- doctor
check 'doctor knows futex_waitv' grep -q futex_waitv "$out"
expect 0 -- doctor --json
json 'doctor' 'j["fine"] and {"cpus", "directory", "ptrace", "arena"} <= {f["what"] for f in j["findings"]}'
code=0
WEFT_DIR=/nonexistent "$WEFT" doctor >"$out" 2>"$err" || code=$?
check 'doctor fails without a directory' test $code = 1
check 'doctor says what is bad' grep -q '^bad *directory' "$out"
code=0
"$WEFT" help >/dev/full 2>"$err" || code=$?
check 'a full standard output is an error' test $code = 1
