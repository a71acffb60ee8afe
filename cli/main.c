/* weft -- the command. Dispatches to one file for each command. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#ifndef WEFT_VERSION
#define WEFT_VERSION "0.1.0"
#endif

static const struct command {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *synopsis;
        const char *summary; /* NULL: hidden */
} commands[] = {
        { "run", cmd_run,
          "run [--json] [--pin spread|compact|LIST] [--chunk BYTES] [--memory BYTES]\n"
          "                [--restarts N] [--name NAME] [--verbose] 'PIPELINE'",
          "run a pipeline over files or the standard input on every core" },
        { "ls", cmd_ls, "ls [--json] [ARENA[/OBJECT]]...",
          "list arenas, or what is in one" },
        { "stat", cmd_stat, "stat [--json] ARENA[/OBJECT]...",
          "all there is to know about an arena or an object" },
        { "cat", cmd_cat,
          "cat [--json] [--format FORMAT] [--key-format FORMAT] [--from N] [-n N]\n"
          "                ARENA/NAME",
          "what lies in an array, a map, ...: element by element" },
        { "get", cmd_get,
          "get [--json] [--format FORMAT] [--key-format FORMAT] ARENA/NAME KEY|INDEX",
          "one element, or the value of a key" },
        { "put", cmd_put,
          "put [--json] [--format FORMAT] [--key-format FORMAT] [--create KIND ...]\n"
          "                ARENA/NAME KEY|INDEX VALUE|-",
          "set an element, or the value of a key" },
        { "del", cmd_del, "del [--json] [--key-format FORMAT] ARENA/NAME KEY",
          "take a key out of a map or a set" },
        { "push", cmd_push,
          "push [--json] [--format FORMAT] [--timeout TIME] [--create KIND ...]\n"
          "                 ARENA/NAME VALUE...|-",
          "put elements into a queue, a stack, ..." },
        { "pop", cmd_pop,
          "pop [--json] [--format FORMAT] [--timeout TIME] [-n N] ARENA/NAME",
          "take elements out of a queue, a stack, ..." },
        { "tap", cmd_tap,
          "tap [--json] [--format FORMAT] [--from oldest|new|N] [--rate] [-n N]\n"
          "                [--timeout TIME] ARENA/NAME",
          "what flows through a hot stream, a channel, ...: taking nothing" },
        { "send", cmd_send,
          "send [--json] [--format FORMAT] [--timeout TIME] [--close[=REASON]]\n"
          "                 [--create channel ...] ARENA/CHANNEL [VALUE...|-]",
          "send elements into a channel, and end it" },
        { "recv", cmd_recv,
          "recv [--json] [--format FORMAT] [--timeout TIME] [-n N]\n"
          "                 [--create channel ...] ARENA/CHANNEL",
          "receive elements from a channel" },
        { "check", cmd_check, "check [--json] [--repair] ARENA...|--all",
          "count every block by its owner; --repair settles the dead first" },
        { "rm", cmd_rm, "rm [--json] ARENA[/OBJECT]...", "remove an arena or an object" },
        { "clean", cmd_clean, "clean [--json] [--dry-run]",
          "remove the arenas of which nobody is alive" },
        { "doctor", cmd_doctor, "doctor [--json]",
          "what of this machine is fine for weft, and what to change" },
        { "sem", cmd_sem,
          "sem [--json] ARENA/NAME create [--exist-ok] [--owned] [--max M] PERMITS\n"
          "                           | wait [-n N] [--timeout TIME] | try [-n N]\n"
          "                           | post [-n N] | value | info\n"
          "                           | run [-n N] [--timeout TIME] [--] COMMAND...",
          "a semaphore: permits, taken and given by commands" },
        { "event", cmd_event,
          "event [--json] ARENA/NAME create [--exist-ok] [--auto] [--set]\n"
          "                             | set | clear | pulse | wait [--timeout TIME]\n"
          "                             | test | info",
          "an event: set, cleared, waited for by commands" },
        { "latch", cmd_latch,
          "latch [--json] ARENA/NAME create [--exist-ok] COUNT | down [N]\n"
          "                             | wait [--timeout TIME]\n"
          "                             | arrive [--timeout TIME] [N] | count | info",
          "a latch: a count that goes down to zero, and commands that wait for it" },
        { "barrier", cmd_barrier,
          "barrier [--json] ARENA/NAME create [--exist-ok] [--shrink] [--members] "
          "PARTIES\n"
          "                               | wait [--timeout TIME] | reset | info",
          "a barrier: commands that go on together" },
        { "help", cmd_help, "help [COMMAND]", "this list, or one command's usage" },
        { "run-worker", cmd_run_worker, "run-worker", NULL },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const struct command *find(const char *name)
{
        for (int i = 0; i < COMMANDS; i++)
                if (!strcmp(commands[i].name, name))
                        return &commands[i];
        return NULL;
}

const char *cli_synopsis(const char *command)
{
        const struct command *c = find(command);
        return c && c->summary ? c->synopsis : NULL;
}

int cmd_help(int argc, char **argv)
{
        if (argc > 2)
                return cli_usage("one command at a time");
        if (argc == 2) {
                const struct command *c = find(argv[1]);
                if (!c || !c->summary)
                        return cli_usage("there is no command '%s'", argv[1]);
                printf("usage: weft %s\n\n%s\n", c->synopsis, c->summary);
                return cli_flush();
        }
        puts("usage: weft COMMAND [ARGUMENT...]\n");
        for (int i = 0; i < COMMANDS; i++)
                if (commands[i].summary)
                        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
        puts("\n  weft run 'files:/usr/include/*.h | words | count | top=20'\n"
             "\nweft(1) says more; 'weft help COMMAND' shows its usage.");
        return cli_flush();
}

/* Who starts us without one of the first three descriptors must not find what we open next
 * in its place: the arena as the standard input or, worse, output. What is put there fails as
 * a closed one does, and is closed again in what we run. */
static void hold_places(void)
{
        for (int fd = 0; fd <= 2; fd++)
                if (fcntl(fd, F_GETFD) < 0)
                        (void)!open("/dev/null", (fd ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
}

int main(int argc, char **argv)
{
        hold_places();
        if (argc < 2)
                return cli_usage("no command given");
        if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
                puts("weft " WEFT_VERSION);
                return cli_flush();
        }
        if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
                return cmd_help(1, argv);
        const struct command *c = find(argv[1]);
        if (!c)
                return cli_usage("there is no command '%s'", argv[1]);
        cli.command = c->name;
        signal(SIGXFSZ, SIG_IGN); /* a file limit is then an error that can be said */
        if (c->run != cmd_help && c->run != cmd_run_worker)
                cli_sweep();
        return c->run(argc - 1, argv + 1);
}
