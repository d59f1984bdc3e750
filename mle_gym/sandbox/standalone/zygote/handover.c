/* Moves a process into another process namespace without copying it.
 *
 * A process can't change its own process namespace, only that of its children; and a fork of one
 * with the usual libraries takes longer than most programs. So the child shares the memory, the
 * parent at once executes the small keeper (keeper.c), and the memory is the child's alone. The
 * child goes on where the parent was, on the same stack; the parent has another one for its last
 * steps. Where the C library can't do that, an ordinary fork does the same, slower.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct handover {
    int keeper;                  /* the program's descriptor */
    int connection, usage, line; /* become the keeper's first three */
};

/* In the parent, whose memory the child uses: only system calls. */
static void become_keeper(const struct handover *handover, pid_t pid)
{
    static char number[16];
    static char *const arguments[] = {"keeper", number, NULL}, *const variables[] = {NULL};
    dup2(handover->connection, 0);
    dup2(handover->usage, 1);
    dup2(handover->line, 2);
    char *digit = number + sizeof number - 1;
    for (; pid; pid /= 10)
        *--digit = '0' + pid % 10;
    memmove(number, digit, number + sizeof number - digit);
    syscall(SYS_execveat, handover->keeper, "", arguments, variables, AT_EMPTY_PATH);
    _exit(127);
}

#if defined(__GLIBC__)
#include <ucontext.h>

#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS 40
#endif
#define RSEQ_SIGNATURE 0x53053053
#define RSEQ_BYTES 32

/* What glibc told the kernel about the thread, and a child that shares memory doesn't inherit. */
extern __attribute__((weak)) const ptrdiff_t __rseq_offset;
extern __attribute__((weak)) const unsigned int __rseq_size;

static ucontext_t here, elsewhere;
static char parents_stack[1 << 14], childs_stack[1 << 14];
static struct handover current; /* a copy: the child frees what it was given */
static int *thread_id, failure;
static void *robust_mutexes;
static size_t robust_size;

static void register_thread(void)
{
    syscall(SYS_set_robust_list, robust_mutexes, robust_size);
#if defined(SYS_rseq) && defined(__x86_64__)
    if (&__rseq_size && __rseq_size)
        syscall(SYS_rseq, (char *)pthread_self() + __rseq_offset, RSEQ_BYTES, 0, RSEQ_SIGNATURE);
#endif
}

/* The child, on a stack of its own, goes back to the parent's. */
static int arrive(void *unused)
{
    (void)unused;
    register_thread();
    setcontext(&here);
    return 127;
}

static void part(void)
{
    static int nobody;
    syscall(SYS_set_tid_address, &nobody); /* cleared as the parent leaves the memory */
    pid_t pid = clone(arrive, childs_stack + sizeof childs_stack,
                      CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL,
                      NULL, thread_id);
    if (pid > 0)
        become_keeper(&current, pid);
    failure = errno;
    setcontext(&here);
}

/* Whether memory can be handed over. */
static int can_share(void)
{
    return !prctl(PR_GET_TID_ADDRESS, &thread_id) && thread_id && *thread_id == gettid() &&
           !syscall(SYS_get_robust_list, 0, &robust_mutexes, &robust_size) &&
           !getcontext(&elsewhere);
}

static int share(const struct handover *handover)
{
    current = *handover;
    elsewhere.uc_stack.ss_sp = parents_stack;
    elsewhere.uc_stack.ss_size = sizeof parents_stack;
    makecontext(&elsewhere, part, 0);
    swapcontext(&here, &elsewhere);
    return failure;
}
#else
static int can_share(void)
{
    return 0;
}

static int share(const struct handover *handover)
{
    (void)handover;
    return ENOSYS;
}
#endif

/* Leaves the keeper's process group, so that no signal to a group reaches the keeper.
 *
 * The leader of the new group is another process, which ends at once: a leader can't make a session
 * of its own, as a program may want to.
 */
static int leave_group(void)
{
    pid_t leader = vfork();
    if (!leader) {
        setpgid(0, 0);
        _exit(0);
    }
    int left = leader < 0 ? -1 : setpgid(0, leader); /* the group lives as long as the dead leader */
    int error = errno;
    while (leader > 0 && waitpid(leader, NULL, 0) < 0 && errno == EINTR)
        ;
    return left ? error : 0;
}

/* Returns in the child only, which is in the process namespace for children; otherwise an errno. */
int hand_over(const struct handover *handover)
{
    int error = 0;
    if (can_share()) {
        error = share(handover);
    } else {
        pid_t pid = fork();
        if (pid > 0)
            become_keeper(handover, pid);
        error = pid < 0 ? errno : 0;
    }
    return error ? error : leave_group();
}
