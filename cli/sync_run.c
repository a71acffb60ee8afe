/* A command that runs while something is held for it. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/sync.h"

static void listened_to(sigset_t *set)
{
        static const int signals[] = { SIGCHLD, SIGINT,  SIGTERM, SIGHUP,
                                       SIGQUIT, SIGUSR1, SIGUSR2 };
        sigemptyset(set);
        for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
                sigaddset(set, signals[i]);
}

/* It holds nothing itself: so it goes when we, who hold, are killed. */
static void become(struct sync_call *c, pid_t parent)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                raise(SIGKILL);
        signal(SIGXFSZ, SIG_DFL);
        sync_signals_restore();
        execvp(c->argv[0], c->argv);
        int code = errno == ENOENT ? SYNC_NO_COMMAND : SYNC_CANNOT_RUN;
        cli_warn("cannot run %s: %s", c->argv[0], strerror(errno));
        _exit(code);
}

/* What the terminal sends, it sends to the command as well; what somebody sent to us alone
 * is passed on. Whatever came before there was a command goes to it in any case. */
static int supervise(const sigset_t *set, pid_t pid)
{
        const struct timespec at_once = { 0, 0 };
        siginfo_t info;
        bool early = true;
        int status = 0;
        for (;;) {
                int signal = early ? sigtimedwait(set, &info, &at_once)
                                   : sigwaitinfo(set, &info);
                if (signal < 0) {
                        early = early && errno != EAGAIN;
                        continue;
                }
                if (signal != SIGCHLD) {
                        if (early || info.si_code <= 0)
                                kill(pid, signal);
                } else if (waitpid(pid, &status, WNOHANG) == pid) {
                        return status;
                }
        }
}

int sync_run_command(struct sync_call *c)
{
        sigset_t set;
        pid_t parent = getpid();
        listened_to(&set);
        signal(SIGCHLD, SIG_DFL);
        sigprocmask(SIG_BLOCK, &set, NULL);
        fflush(stdout);
        pid_t pid = fork();
        if (pid < 0)
                return cli_fail(CLI_FAILED, "cannot start a process: %s",
                                strerror(errno));
        if (!pid)
                become(c, parent);
        int status = supervise(&set, pid);
        if (!WIFSIGNALED(status))
                return WEXITSTATUS(status);
        c->die_by = WTERMSIG(status);
        prctl(PR_SET_DUMPABLE, 0); /* the core, if any, is the command's */
        return 128 + c->die_by;
}
