#define _GNU_SOURCE
#include <signal.h>
#include <string.h>

#include "cli/run_supervise.h"

static volatile sig_atomic_t interrupts, terminated, child;

static void on_signal(int signal)
{
        if (signal == SIGINT)
                interrupts++;
        else if (signal == SIGCHLD)
                child = 1;
        else
                terminated = 1;
}

void run_signals_catch(void)
{
        struct sigaction action = { .sa_handler = on_signal };
        struct sigaction before;
        sigfillset(&action.sa_mask);
        sigaction(SIGCHLD, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGHUP, NULL, &before);
        if (before.sa_handler != SIG_IGN) /* nohup */
                sigaction(SIGHUP, &action, NULL);
        sigaction(SIGINT, NULL, &before);
        if (before.sa_handler != SIG_IGN) /* a job in the background of a script */
                sigaction(SIGINT, &action, NULL);
        signal(SIGPIPE, SIG_IGN);
}

unsigned run_signals_interrupts(void)
{
        return (unsigned)interrupts;
}

bool run_signals_terminated(void)
{
        return terminated != 0;
}

bool run_signals_child(void)
{
        bool was = child != 0;
        child = 0;
        return was;
}
