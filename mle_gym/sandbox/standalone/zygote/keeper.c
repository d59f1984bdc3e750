/* The parent of a program: outside of the sandbox's process namespace, otherwise as confined.
 *
 * Passes the shim's signals on and reports the program's end. It is a program of its own because
 * it must share nothing with the agent's: it could reach other processes of the same user.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTION, USAGE, LINE }; /* to the shim, to the runner, to the program */

/* What the runner is told: seconds of user and system time, peak resident memory in KiB. */
struct usage {
    double user, system;
    uint64_t memory;
};

/* An interrupt is meant for all that the program started, as from a terminal. */
static void pass_on(pid_t pid, int number)
{
    pid_t group = getpgid(pid);
    int all = number == SIGINT && group > 1 && getsid(pid) == getsid(0);
    kill(all ? -group : pid, number);
}

/* Until the program ends. A shim that is gone takes its program with it. */
static void accompany(pid_t pid, int ended)
{
    for (;;) {
        struct pollfd both[2] = {{CONNECTION, POLLIN, 0}, {ended, POLLIN, 0}};
        if (poll(both, 2, -1) < 0)
            continue;
        if (both[0].revents) {
            unsigned char numbers[64];
            ssize_t count = recv(CONNECTION, numbers, sizeof numbers, MSG_DONTWAIT);
            if (count <= 0) {
                kill(pid, SIGKILL);
                return;
            }
            for (ssize_t n = 0; n < count; n++)
                pass_on(pid, numbers[n]);
        }
        if (both[1].revents)
            return;
    }
}

static double seconds(struct timeval time)
{
    return time.tv_sec + time.tv_usec / 1e6;
}

static void report(int status, const struct rusage *used)
{
    struct usage usage = {seconds(used->ru_utime), seconds(used->ru_stime), used->ru_maxrss};
    unsigned char end[2] = {'X', WEXITSTATUS(status)};
    if (WIFSIGNALED(status))
        end[0] = 'K', end[1] = WTERMSIG(status);
    if (write(USAGE, &usage, sizeof usage) < 0) {}
    send(CONNECTION, end, sizeof end, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int main(int count, char **arguments)
{
    pid_t pid = count > 1 ? atoi(arguments[1]) : 0;
    struct rusage used;
    int status;
    char starts;
    prctl(PR_SET_DUMPABLE, 0);
    syscall(SYS_close_range, 3, ~0u, 0);
    int ended = syscall(SYS_pidfd_open, pid, 0);
    /* The memory is the program's alone now: it may run code of the agent's. */
    int agreed = ended >= 0 && write(LINE, "R", 1) == 1 && read(LINE, &starts, 1) == 1;
    close(LINE);
    if (agreed)
        accompany(pid, ended);
    else
        kill(pid, SIGKILL); /* of its own accord, most often: the request can't be served */
    while (wait4(pid, &status, 0, &used) < 0)
        ;
    if (agreed)
        report(status, &used);
    return 0;
}
