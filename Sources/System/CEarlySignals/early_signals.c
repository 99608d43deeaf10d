#include "early_signals.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t hangup_has_come;

static void keep_hangup(int signal) {
    (void)signal;
    hangup_has_come = 1;
}

int early_hangup_has_come(void) { return hangup_has_come; }

static void leave(int signal) {
    (void)signal;
    _exit(0);
}

static void handle(int signal, void (*handler)(int)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigaction(signal, &action, NULL);
}

// HUP means "read the configuration again" to `run`. Until the program waits for it, it is kept and does not end the process.
// TERM and INT ask it to stop: until flows start there is nothing to finish, and it has stopped as asked.
static void begin(int count, char **arguments, char **environment) {
    (void)environment;
    if (count < 2 || strcmp(arguments[1], "run") != 0) return;
    handle(SIGHUP, keep_hangup);
    handle(SIGTERM, leave);
    handle(SIGINT, leave);
}

// Before the constructors of all libraries, which take longer than everything that follows them.
__attribute__((section(".preinit_array"), used)) static void (*const begin_early)(int, char **, char **) = begin;
