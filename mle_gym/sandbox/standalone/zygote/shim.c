/* `python` on a sandbox's PATH: has a warm interpreter run the program, or becomes the real one.
 *
 * Sends its arguments, environment, limits, directory and standard descriptors to the socket on
 * which a zygote listens; then passes signals on and ends as the program ends. Whenever anything
 * is unusual, up to the moment in which the program would start, it executes the interpreter.
 * Linux only; the layout of `struct request` is known to accept_request.py as well.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef RUN_FOLDER
#define RUN_FOLDER "/run/mle-gym"
#endif
#ifndef INTERPRETER
#define INTERPRETER "/opt/mle-gym/interpreter"
#endif
#ifndef START_MILLISECONDS
#define START_MILLISECONDS 15000 /* on a busy machine a cold start takes as long */
#endif
#define LIMITS 16

struct request {
    char magic[8];
    uint32_t arguments, variables, size, umask;
    int32_t nice, parent;
    uint64_t ignored, blocked;
    uint64_t limits[LIMITS][2];
    unsigned char processors[128];
};

extern char **environ;
static sigset_t original;

/* The runner passes it on to the host. Nobody waits for that. */
static void tell_why(const char *reason)
{
    struct sockaddr_un address = {AF_UNIX, RUN_FOLDER "/control"};
    char message[64], *end = message;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    end = stpcpy(stpcpy(stpcpy(end, "{\"tool\":\"cold\",\"path\":\""), reason), "\"}\n");
    if (!connect(fd, (struct sockaddr *)&address, sizeof address))
        send(fd, message, end - message, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

static void become_real(char **argv, const char *reason)
{
    static char path[4096], by_name[8192];
    ssize_t size = readlink(INTERPRETER, path, sizeof path - 1);
    tell_why(reason);
    sigprocmask(SIG_SETMASK, &original, NULL);
    if (size > 0) {
        char *folder_end = strrchr(path, '/'), *name = strrchr(argv[0], '/');
        stpcpy(mempcpy(by_name, path, folder_end + 1 - path), "");
        strncat(by_name, name ? name + 1 : argv[0], 4000);
        /* A bare name would have it look for itself on the PATH, and find us. */
        argv[0] = access(by_name, X_OK) ? path : by_name;
        execv(argv[0], argv);
    }
    static const char message[] = "python: the interpreter could not be started\n";
    if (write(2, message, sizeof message - 1)) {}
    _exit(127);
}

/* Three standard descriptors that are no terminals, and no others. */
static int plain_descriptors(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 || isatty(fd))
            return 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    int others = 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        others += entry->d_name[0] != '.' && atoi(entry->d_name) > 2 &&
                  atoi(entry->d_name) != dirfd(folder);
    closedir(folder);
    return !others;
}

static void describe(struct request *request)
{
    memcpy(request->magic, "mlewarm1", 8);
    request->umask = umask(0);
    umask(request->umask);
    request->nice = getpriority(PRIO_PROCESS, 0);
    request->parent = getppid();
    for (int number = 1; number < 65; number++) {
        struct sigaction action;
        if (!sigaction(number, NULL, &action) && action.sa_handler == SIG_IGN)
            request->ignored |= 1ull << (number - 1);
        if (sigismember(&original, number) == 1)
            request->blocked |= 1ull << (number - 1);
    }
    for (int number = 0; number < LIMITS; number++) {
        struct rlimit limit = {0, 0};
        getrlimit(number, &limit);
        request->limits[number][0] = limit.rlim_cur;
        request->limits[number][1] = limit.rlim_max;
    }
    sched_getaffinity(0, sizeof request->processors, (cpu_set_t *)request->processors);
}

static char *append(char *at, char **strings, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++)
        at = stpcpy(at, strings[n]) + 1;
    return at;
}

/* The strings, NUL-terminated one after the other. */
static char *body(struct request *request, int argc, char **argv)
{
    size_t size = 0;
    request->arguments = argc;
    for (int n = 0; n < argc; n++)
        size += strlen(argv[n]) + 1;
    for (char **variable = environ; *variable; variable++, request->variables++)
        size += strlen(*variable) + 1;
    request->size = size;
    char *data = malloc(size + 1);
    if (data)
        append(append(data, argv, argc), environ, request->variables);
    return data;
}

static int send_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return 0;
        data += sent;
        size -= sent;
    }
    return 1;
}

static int send_request(int fd, struct request *request, const char *data)
{
    int folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int passed[4] = {0, 1, 2, folder};
    char space[CMSG_SPACE(sizeof passed)] = {0};
    struct iovec part = {request, sizeof *request};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space,
                             .msg_controllen = sizeof space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof passed);
    memcpy(CMSG_DATA(header), passed, sizeof passed);
    int sent = folder >= 0 && sendmsg(fd, &message, MSG_NOSIGNAL) == sizeof *request;
    if (folder >= 0)
        close(folder);
    return sent && send_all(fd, data, request->size);
}

/* The other side says it could start, and waits for our word, so nothing ever runs twice. */
static int agree(int fd, const char **reason)
{
    struct pollfd ready = {fd, POLLIN, 0};
    char answer = 0;
    if (poll(&ready, 1, START_MILLISECONDS) != 1) {
        *reason = "late";
        return 0;
    }
    if (recv(fd, &answer, 1, 0) != 1 || answer != 'S')
        return 0;
    return send(fd, "G", 1, MSG_NOSIGNAL) == 1;
}

static int start(int argc, char **argv, uint64_t *ignored, const char **reason)
{
    static struct request request;
    struct sockaddr_un address = {AF_UNIX, RUN_FOLDER "/python"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    char *data = NULL;
    if (!connect(fd, (struct sockaddr *)&address, sizeof address)) {
        struct timeval patience = {START_MILLISECONDS / 1000, 0};
        fcntl(fd, F_SETFL, 0);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        describe(&request);
        *ignored = request.ignored;
        data = body(&request, argc, argv);
        if (data && send_request(fd, &request, data) && agree(fd, reason))
            return fd;
    }
    else {
        *reason = "unavailable";
    }
    free(data);
    close(fd);
    return -1;
}

static void end_by(int number)
{
    struct rlimit none = {0, 0};
    sigset_t set;
    setrlimit(RLIMIT_CORE, &none);
    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    kill(getpid(), number);
    _exit(128 + number);
}

/* Until the program ends: signals go there, its end comes here. */
static void accompany(int fd, int signals, uint64_t ignored)
{
    for (;;) {
        struct pollfd both[2] = {{fd, POLLIN, 0}, {signals, POLLIN, 0}};
        if (poll(both, 2, -1) < 0)
            continue;
        struct signalfd_siginfo arrived;
        if (both[1].revents)
            usleep(1000); /* one sent twice at once, as `timeout` does, arrives as one */
        if (both[1].revents && read(signals, &arrived, sizeof arrived) == sizeof arrived) {
            unsigned char number = arrived.ssi_signo;
            if (number != SIGCHLD && !(ignored >> (number - 1) & 1) &&
                send(fd, &number, 1, MSG_NOSIGNAL) != 1) {}
        }
        if (both[0].revents) {
            unsigned char end[2];
            if (recv(fd, end, 2, MSG_WAITALL) != 2)
                end_by(SIGKILL);
            if (end[0] == 'K')
                end_by(end[1]);
            _exit(end[1]);
        }
    }
}

/* The program's own process has the command line: who looks for it finds one, not two. */
static void forget_arguments(int argc, char **argv)
{
    if (argc > 1)
        memset(argv[1], 0, argv[argc - 1] + strlen(argv[argc - 1]) - argv[1]);
}

int main(int argc, char **argv)
{
    uint64_t ignored = 0;
    const char *reason = "refused";
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &original);
    if (!plain_descriptors())
        become_real(argv, reason);
    int fd = start(argc, argv, &ignored, &reason);
    if (fd < 0)
        become_real(argv, reason);
    for (int standard = 0; standard < 3; standard++)
        close(standard); /* who waits for the end of our output waits for the program's alone */
    forget_arguments(argc, argv);
    accompany(fd, signalfd(-1, &all, SFD_CLOEXEC), ignored);
}
