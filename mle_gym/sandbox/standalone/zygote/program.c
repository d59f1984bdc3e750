/* Runs a program as `__main__` in an interpreter that is running already, as if it had just begun.
 *
 * The program gets a thread state of its own: its stack is empty below it, so that tracebacks,
 * `sys._getframe`, the stack levels of warnings and the recursion limit are what they always are.
 * Ends without tearing the preloaded modules down, which would take longer than most programs.
 * Only functions of the stable interface, declared here: no Python headers are needed to compile.
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct object Object;

extern Object _Py_NoneStruct;
extern Object *PyExc_SystemExit, *PyExc_KeyboardInterrupt;
extern void *PyInterpreterState_Main(void);
extern void *PyThreadState_New(void *);
extern void *PyThreadState_Swap(void *);
extern Object *PyRun_FileExFlags(FILE *, const char *, int, Object *, Object *, int, void *);
extern Object *Py_CompileStringExFlags(const char *, const char *, int, void *, int);
extern Object *PyEval_EvalCode(Object *, Object *, Object *);
extern Object *PyObject_CallObject(Object *, Object *);
extern Object *PyObject_CallFunctionObjArgs(Object *, ...);
extern Object *PyObject_CallMethod(Object *, const char *, const char *, ...);
extern Object *PySys_GetObject(const char *);
extern Object *PyImport_ImportModule(const char *);
extern int PyErr_ExceptionMatches(Object *);
extern void PyOS_BeforeFork(void);
extern void PyOS_AfterFork_Child(void);
extern int PyObject_IsTrue(Object *);
extern void PyErr_Restore(Object *, Object *, Object *);
extern void PyErr_Fetch(Object **, Object **, Object **);
extern void PyErr_NormalizeException(Object **, Object **, Object **);
extern void PyErr_Print(void);
extern void PyErr_Clear(void);
extern void PyErr_WriteUnraisable(Object *);
extern void PyErr_FormatUnraisable(const char *, ...) __attribute__((weak)); /* since 3.13 */
extern int PyDict_DelItemString(Object *, const char *);
extern long PyLong_AsLong(Object *);
extern void Py_DecRef(Object *);

#define FILE_INPUT 257
#define IGNORE_COOKIE 0x0800

struct flags {
    int flags, minor_version;
};

struct program {
    const char *code;     /* of -c, or NULL */
    const char *filename; /* of a script, or NULL */
    FILE *file;
    Object *function, *arguments; /* of -m, or NULL */
    struct flags flags; /* of the compiler */
    Object *globals;
    Object *remember_source; /* callable: the code object of -c -> None */
    Object *exit_code; /* callable: SystemExit -> int, prints what there is to print */
    Object *clean_up;  /* callable: clears the program's own modules */
    int interrupted; /* an uncaught KeyboardInterrupt ended it */
};

/* From 3.13 on tracebacks show the lines of what -c was given, so they are remembered. */
static Object *evaluate_code(struct program *program)
{
    program->flags.flags = IGNORE_COOKIE;
    Object *code = Py_CompileStringExFlags(program->code, "<string>", FILE_INPUT, &program->flags,
                                           -1);
    Object *result =
        code ? PyObject_CallFunctionObjArgs(program->remember_source, code, NULL) : NULL;
    if (result) {
        Py_DecRef(result);
        result = PyEval_EvalCode(code, program->globals, program->globals);
    }
    Py_DecRef(code);
    return result;
}

static Object *evaluate(struct program *program)
{
    if (program->filename)
        return PyRun_FileExFlags(program->file, program->filename, FILE_INPUT, program->globals,
                                 program->globals, program->file != stdin,
                                 &program->flags);
    if (program->code)
        return evaluate_code(program);
    return PyObject_CallObject(program->function, program->arguments);
}

static int code_of_exit(struct program *program)
{
    Object *kind, *value, *trace;
    PyErr_Fetch(&kind, &value, &trace);
    PyErr_NormalizeException(&kind, &value, &trace);
    fflush(stdout);
    Object *code = PyObject_CallFunctionObjArgs(program->exit_code, value, NULL);
    int status = code ? (int)PyLong_AsLong(code) : 1;
    PyErr_Clear();
    Py_DecRef(kind);
    Py_DecRef(value);
    Py_DecRef(trace);
    return status;
}

static void flush_quietly(const char *name)
{
    Object *kind, *value, *trace, *stream = PySys_GetObject(name);
    PyErr_Fetch(&kind, &value, &trace);
    Py_DecRef(stream ? PyObject_CallMethod(stream, "flush", NULL) : NULL);
    PyErr_Clear();
    PyErr_Restore(kind, value, trace);
}

static int run(struct program *program)
{
    int status = 0;
    Object *result = evaluate(program);
    if (program->filename) {
        flush_quietly("stderr");
        flush_quietly("stdout");
    }
    if (result) {
        Py_DecRef(result);
    } else if (PyErr_ExceptionMatches(PyExc_SystemExit)) {
        return code_of_exit(program);
    } else {
        program->interrupted = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
        PyErr_Print();
        status = 1;
    }
    if (program->filename && PyDict_DelItemString(program->globals, "__file__"))
        PyErr_Clear();
    if (program->filename && PyDict_DelItemString(program->globals, "__cached__"))
        PyErr_Clear();
    return status;
}

static void call(const char *module_name, const char *function)
{
    Object *module = PyImport_ImportModule(module_name);
    Object *result = module ? PyObject_CallMethod(module, function, NULL) : NULL;
    if (!result)
        PyErr_WriteUnraisable(module);
    Py_DecRef(result);
    Py_DecRef(module);
}

/* In the words of that version's own. */
static void report_lost_output(int minor_version, Object *stream)
{
    if (!PyErr_FormatUnraisable)
        PyErr_WriteUnraisable(stream);
    else
        PyErr_FormatUnraisable(minor_version == 13 ? "Exception ignored on flushing sys.stdout"
                                                   : "Exception ignored while flushing sys.stdout");
}

static int flush(const char *name, int minor_version)
{
    Object *stream = PySys_GetObject(name);
    Object *closed = stream ? PyObject_CallMethod(stream, "__getattribute__", "s", "closed") : NULL;
    int open = !closed || PyObject_IsTrue(closed) == 0;
    PyErr_Clear();
    Py_DecRef(closed);
    if (!stream || stream == &_Py_NoneStruct || !open)
        return 0;
    Object *result = PyObject_CallMethod(stream, "flush", NULL);
    if (!result) {
        if (strcmp(name, "stdout") == 0)
            report_lost_output(minor_version, stream);
        else
            PyErr_Clear();
        return strcmp(name, "stdout") == 0;
    }
    Py_DecRef(result);
    return 0;
}

/* The steps of Py_FinalizeEx that a program can see; returns whether its output was lost. */
static int finish(struct program *program)
{
    call("threading", "_shutdown");
    call("atexit", "_run_exitfuncs");
    int minor = program->flags.minor_version;
    int lost = flush("stdout", minor) | flush("stderr", minor);
    Object *result = PyObject_CallFunctionObjArgs(program->clean_up, NULL);
    if (!result)
        PyErr_WriteUnraisable(program->clean_up);
    Py_DecRef(result);
    flush_quietly("stdout");
    flush_quietly("stderr");
    fflush(NULL);
    return lost;
}

/* As an interpreter ends after an uncaught KeyboardInterrupt: by the signal. */
static void end_by_interrupt(void)
{
    sigset_t set;
    signal(SIGINT, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    kill(getpid(), SIGINT);
}

/* A new thread state becomes this thread's own, also for callbacks from other languages. */
static void begin_anew(void)
{
    void *fresh = PyThreadState_New(PyInterpreterState_Main());
    void *old = PyThreadState_Swap(fresh);
    for (pthread_key_t key = 0; key < PTHREAD_KEYS_MAX; key++)
        if (pthread_getspecific(key) == old)
            pthread_setspecific(key, fresh);
}

/* Runs the program to its end, and ends with it.
 *
 * The interpreter takes the swap for a fork: the other thread state, with the frames of those who
 * called this, is forgotten, and this one becomes the thread's own in every respect.
 */
void play(struct program *program)
{
    begin_anew(); /* first: from 3.13 on no thread state can be made once a fork has begun */
    PyOS_BeforeFork();
    PyOS_AfterFork_Child();
    int status = run(program), lost = finish(program);
    if (program->interrupted)
        end_by_interrupt();
    _exit(lost ? 120 : status & 0xff);
}
