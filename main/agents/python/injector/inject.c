// heaphouse-inject: has one line of Python run in a live CPython process, at a point where that is safe.
//
//   heaphouse-inject [--any-thread] [--timeout MS] PID < CODE
//
// A stopped thread may be anywhere, also inside malloc, the collector or the dynamic loader; nothing that takes one of
// their locks may be called there. Therefore there are two ways, and no third:
//
// * pending: the main thread runs. It gets two pages (one system call each), and `Py_AddPendingCall`, which takes
//   neither the interpreter lock nor memory; the interpreter comes by at its next safe point. The lock of the queue is
//   held by the main thread itself for some instructions whenever it takes a call out; should it have been stopped just
//   there, the call is given up and the thread put back (3.12 and older) or reported as stuck (3.13 and newer).
// * thread: a thread waits, seen several times in the very same wait of a list of system calls, none of which malloc or the
//   loader wait in. There pthread_create is sound; the new thread takes the interpreter lock as any thread does.
//
// The thread is put back so that the kernel restarts the call it was in. --any-thread: when the main thread runs, take
// another one that waits, for when it is in native code for long. Answer: one line of JSON, see report.h.
#include "tracer.h"
#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/mman.h>

enum { MAX_CODE = 60000, PAGE = 4096, WATCHES = 6, MAX_THREADS = 64 };
// Waiting for the interpreter lock wakes every 5 ms: watching must take longer than that.
enum { WATCH_EVERY_US = 1600 };
// linux/futex.h: semaphores and conditions of glibc wait with FUTEX_WAIT_BITSET, its mutexes, malloc's too, with FUTEX_WAIT.
enum { FUTEX_WAIT_BITSET_COMMAND = 9, FUTEX_COMMAND_MASK = 0x7f };

#ifdef HEAPHOUSE_INJECT_DIE_AT
// For the test that kills the tracer at every step.
static void step(int number) { if (number == HEAPHOUSE_INJECT_DIE_AT) kill(getpid(), SIGKILL); }
#else
static void step(int number) { (void)number; }
#endif

struct watched {
  int tid;
  bool steady;
  long call;
  uint64_t first, second, sp, pc;
  unsigned long switches;
};

static const char *wait_name(long call, uint64_t second) {
  for (size_t i = 0; i < sizeof WAITS / sizeof WAITS[0]; i++) {
    if (WAITS[i].number != call) continue;
    if (strcmp(WAITS[i].name, "futex") == 0 && (second & FUTEX_COMMAND_MASK) != FUTEX_WAIT_BITSET_COMMAND) return NULL;
    return WAITS[i].name;
  }
  return NULL;
}

// One look at a thread; false when it runs or cannot be looked at.
static bool look(int pid, struct watched *into) {
  char path[96];
  snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, into->tid);
  char *text = read_file(path, 512);
  if (!text) return false;
  uint64_t a[6];
  bool waits = sscanf(text, "%ld %lx %lx %lx %lx %lx %lx %lx %lx", &into->call, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &into->sp, &into->pc) == 9;
  free(text);
  into->first = a[0], into->second = a[1];
  snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, into->tid);
  text = read_file(path, 65536);
  if (!text) return false;
  into->switches = 0;
  for (char *at = text; (at = strstr(at, "voluntary_ctxt_switches:")); at += 24) into->switches += strtoul(at + 24, NULL, 10);
  free(text);
  return waits && wait_name(into->call, into->second) != NULL;
}

static int list_threads(int pid, struct watched *threads) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *folder = opendir(path);
  if (!folder) fail("gone", "the process ended meanwhile");
  int count = 0;
  threads[count++].tid = pid;
  for (struct dirent *entry; (entry = readdir(folder)) && count < MAX_THREADS;) {
    int tid = atoi(entry->d_name);
    if (tid > 0 && tid != pid) threads[count++].tid = tid;
  }
  closedir(folder);
  return count;
}

// The first thread, the main one before others, that is blocked rather than on its way through; NULL: none.
static struct watched *choose(int pid, bool any) {
  static struct watched threads[MAX_THREADS];
  memset(threads, 0, sizeof threads);
  int count = any ? list_threads(pid, threads) : 1;
  threads[0].tid = pid;
  for (int i = 0; i < count; i++) threads[i].steady = look(pid, &threads[i]);
  for (int round = 1; round < WATCHES; round++) {
    if (!any && !threads[0].steady) return NULL;
    usleep(WATCH_EVERY_US);
    for (int i = 0; i < count; i++) {
      if (!threads[i].steady) continue;
      struct watched now = {.tid = threads[i].tid};
      const struct watched *then = &threads[i];
      threads[i].steady = look(pid, &now) && now.call == then->call && now.first == then->first && now.second == then->second && now.sp == then->sp && now.pc == then->pc && now.switches == then->switches;
    }
  }
  for (int i = 0; i < count; i++)
    if (threads[i].steady) return &threads[i];
  return NULL;
}

static bool still_waits(const struct stopped *stopped, const struct watched *wait) {
  const registers *r = &stopped->saved;
  return interrupted_call(r) == wait->call && SP(r) == wait->sp && same_pc(r, wait->pc) && argument_of_call(r, 0) == wait->first && argument_of_call(r, 1) == wait->second;
}

static void check_status(int pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  char *text = read_file(path, 65536);
  if (!text) fail("gone", "there is no such process");
  char *at = strstr(text, "\nState:\t");
  char state = at ? at[8] : '?';
  if (state == 'Z' || state == 'X') fail("gone", "the process has ended");
  if (state == 'T') fail("stopped", "the process is stopped");
  at = strstr(text, "\nTracerPid:\t");
  int tracer = at ? atoi(at + 12) : 0;
  if (tracer) fail("traced", "process %d traces it already", tracer);
  at = strstr(text, "\nSeccomp:\t");
  if (at && at[10] == '1') fail("seccomp", "it runs in strict seccomp mode: any system call of ours would end it");
  if (strstr(text, "\nx86_Thread_features:") && strstr(text, "shstk")) fail("shadow-stack", "it runs with a shadow stack, which forbids calls from outside");
  free(text);
}

// What is missing in a process may be missing because it has just ended.
static void check_alive(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/maps", memory_pid);
  char *text = read_file(path, 4096);
  if (!text || !*text) fail("gone", "the process ended meanwhile");
  free(text);
}

struct functions {
  struct shared shared;
  bool locks_detach; // 3.13 and newer: waiting for the lock of the queue gives up the interpreter lock
  bool threads;
};

static void find_functions(struct functions *found) {
  uint64_t run = 0;
  struct module *python = find_module("PyRun_SimpleString", &run);
  if (!python) check_alive();
  if (!python) fail("no-symbols", "its interpreter exports none of the functions that are needed: it is stripped of them, or it is not CPython");
  struct shared *s = &found->shared;
  memset(found, 0, sizeof *found);
  s->run = (void *)run;
  s->is_initialized = (void *)find_in(python, "Py_IsInitialized");
  s->is_finalizing = (void *)find_in(python, "_Py_IsFinalizing");
  if (!s->is_finalizing) s->is_finalizing = (void *)find_in(python, "Py_IsFinalizing");
  s->add_pending = (void *)find_in(python, "Py_AddPendingCall");
  s->ensure = (void *)find_in(python, "PyGILState_Ensure");
  s->release = (void *)find_in(python, "PyGILState_Release");
  if (!s->is_initialized || !s->add_pending || !s->ensure || !s->release) check_alive();
  if (!s->is_initialized || !s->add_pending || !s->ensure || !s->release) fail("no-symbols", "its interpreter does not export all of the functions that are needed");
  found->locks_detach = find_in(python, "PyMutex_Lock") != 0;
  s->munmap = (void *)find_function("munmap");
  if (!s->munmap) check_alive();
  if (!s->munmap) fail("no-libc", "no C library that exports munmap is loaded in it");
  s->pthread_create = (void *)find_function("pthread_create");
  s->pthread_detach = (void *)find_function("pthread_detach");
  s->pthread_self = (void *)find_function("pthread_self");
  found->threads = s->pthread_create && s->pthread_detach && s->pthread_self;
}

// A system call instruction followed by a return, and where signal handlers return to; outside of the time of the stop.
static void find_gadgets(const struct functions *found, uint64_t *gadget, uint64_t *restorer) {
  uint64_t munmap_at = (uint64_t)found->shared.munmap;
  *gadget = *restorer = 0;
  for (int i = 0; i < module_count; i++) {
    const struct module *module = &modules[i];
    if (munmap_at < module->start || munmap_at >= module->end) continue;
    *gadget = find_bytes(module->code_start, module->code_end, GADGET, sizeof GADGET);
    *restorer = find_bytes(module->code_start, module->code_end, RESTORER, sizeof RESTORER);
  }
  if (!*gadget) *gadget = find_bytes(vdso_start, vdso_end, GADGET, sizeof GADGET);
  if (!*restorer) *restorer = find_bytes(vdso_start, vdso_end, RESTORER, sizeof RESTORER);
  if (!*gadget || !*restorer) check_alive();
  if (!*gadget || !*restorer) fail("no-libc", "its C library has no place from which a system call could be made");
}

struct leaving { int memory; uint64_t at; };
static void mark_left(void *argument) {
  const struct leaving *leaving = argument;
  int one = 1;
  write_memory(leaving->memory, leaving->at, &one, sizeof one);
}

static void enter(int pid, int memory, struct functions *found, const struct watched *wait, bool only_thread, const char *code, size_t code_bytes, uint64_t deadline) {
  uint64_t gadget, restorer;
  find_gadgets(found, &gadget, &restorer);
  static struct stopped stopped;
  stop_thread(&stopped, wait ? wait->tid : pid, memory, deadline);
  step(1);
  read_state(&stopped);
  bool thread = wait && still_waits(&stopped, wait);
  if (!thread && only_thread) {
    let_go(&stopped);
    fail("no-thread", "no thread waits where another one could be started from it");
  }
  if (thread) snprintf(report.wait, sizeof report.wait, "%s", wait_name(wait->call, wait->second));
  report.how = thread ? "thread" : "pending";
  write_frame(&stopped);
  step(2);

  uint64_t data_bytes = (sizeof(struct shared) + code_bytes + PAGE - 1) / PAGE * PAGE;
  uint64_t length = PAGE + data_bytes;
  long base = 0, second = 0;
  const uint64_t whole[6] = {0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0};
  bool done = call_system(&stopped, gadget, restorer, NR_MMAP, whole, &base);
  step(3);
  if (!done || (base < 0 && base > -4096)) {
    put_back(&stopped, NULL, NULL);
    if (!done) fail("timeout", "a system call in it did not come back");
    fail("memory-refused", "it got no memory for the code (%s)", strerror((int)-base));
  }
  const uint64_t unmap[6] = {(uint64_t)base, length, 0, 0, 0, 0};
  // In place of the first page, fresh: memory that is written to must not become executable on hardened systems.
  const uint64_t first[6] = {(uint64_t)base, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, (uint64_t)-1, 0};
  done = call_system(&stopped, gadget, restorer, NR_MMAP, first, &second);
  step(4);
  if (!done || second != base) {
    long ignored;
    if (done) call_system(&stopped, gadget, restorer, NR_MUNMAP, unmap, &ignored);
    put_back(&stopped, NULL, NULL);
    fail("memory-refused", "it got no executable memory (%s)", strerror(second < 0 ? (int)-second : EACCES));
  }

  size_t payload_bytes = (size_t)(__stop_payload - __start_payload);
  uint64_t data = (uint64_t)base + PAGE;
#define IN_TARGET(symbol) ((void *)((uint64_t)base + (uint64_t)((const char *)(symbol) - __start_payload)))
  struct shared *s = &found->shared;
  s->old_mask = stopped.mask;
  s->base = (void *)base;
  s->length = length;
  s->code = (const char *)(data + sizeof *s);
  s->pending_entry = (int (*)(void *))IN_TARGET(payload_pending);
  s->thread_entry = (void *(*)(void *))IN_TARGET(payload_thread);
  s->mode = thread ? MODE_THREAD : MODE_PENDING;
  s->result = RESULT_NONE;
  s->left = 0;
  bool written = write_memory(memory, (uint64_t)base, __start_payload, payload_bytes) && write_memory(memory, data, s, sizeof *s) &&
                 write_memory(memory, data + sizeof *s, code, code_bytes);
  step(5);
  int result = RESULT_NONE;
  if (written) {
    registers r = stopped.saved;
    set_enter(&r, stopped.frame, (uint64_t)IN_TARGET(payload_enter), data);
    done = run_to(&stopped, &r, (uint64_t)IN_TARGET(payload_marker), now_us() + 2000000);
    step(6);
    if (!done && !thread && found->locks_detach) {
      // It waits with the interpreter lock given up: only it itself can take that back.
      fail("stuck", "its main thread holds the lock of the queue of pending calls; it goes on when that is free");
    }
    if (!done) {
      int status = 0;
      ptrace(PTRACE_INTERRUPT, stopped.tid, 0, 0);
      if (!wait_stop(stopped.tid, &status, now_us() + 1000000)) fail("timeout", "it does not stop again");
    }
    // A thread that is through with everything has taken the page away: then all went well.
    if (done && !read_memory(data + offsetof(struct shared, result), &result, sizeof result)) result = 0;
  }
  if (result == 0) {
    struct leaving leaving = {memory, data + offsetof(struct shared, left)};
    put_back(&stopped, thread ? mark_left : NULL, &leaving);
    step(7);
    succeed();
  }
  long ignored;
  call_system(&stopped, gadget, restorer, NR_MUNMAP, unmap, &ignored);
  put_back(&stopped, NULL, NULL);
  if (!written) fail("memory-refused", "the code could not be written into it (%s)", strerror(errno));
  if (!done) fail("timeout", "the call in it did not come back; it was given up");
  if (result == RESULT_NOT_READY) fail("not-ready", "its Python is not running yet");
  if (result == RESULT_FINISHING) fail("not-ready", "its Python is shutting down");
  if (thread) fail("thread-refused", "no thread could be started in it (%s)", strerror(result));
  fail("queue-full", "the queue of pending calls is full");
}

int main(int argc, char **argv) {
  bool any = false;
  long timeout_ms = 5000;
  int pid = 0;
  report.begun_us = now_us();
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--any-thread") == 0) any = true;
    else if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc) timeout_ms = atol(argv[++i]);
    else pid = atoi(argv[i]);
  }
  if (pid <= 0 || timeout_ms <= 0 || timeout_ms > 600000) fail("usage", "heaphouse-inject [--any-thread] [--timeout MS] PID < CODE");
  static char code[MAX_CODE + 1];
  size_t bytes = 0;
  for (ssize_t got; bytes < MAX_CODE && (got = read(0, code + bytes, MAX_CODE - bytes)) > 0;) bytes += (size_t)got;
  if (bytes == 0 || bytes == MAX_CODE) fail("usage", "the code on standard input is empty or too long");
  code[bytes++] = 0;

  sigset_t blocked;
  sigfillset(&blocked);
  // Ctrl-C in a terminal must not end us in the middle; SIGCHLD is waited for.
  sigprocmask(SIG_SETMASK, &blocked, NULL);
  check_status(pid);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", pid);
  int memory = open(path, O_RDWR | O_CLOEXEC);
  if (memory < 0) fail(errno == ENOENT ? "gone" : "permission", "its memory cannot be opened (%s)", strerror(errno));
  read_modules(pid);
  struct functions found;
  find_functions(&found);
  // The shorter we wait for a processor, the shorter the target stands still. Without the right to, it is refused.
  const struct sched_param urgent = {.sched_priority = 1};
  if (sched_setscheduler(0, SCHED_FIFO, &urgent) != 0) setpriority(PRIO_PROCESS, 0, -20);
  uint64_t deadline = now_us() + (uint64_t)timeout_ms * 1000;
  struct watched *wait = found.threads ? choose(pid, any) : NULL;
  if (any && !wait) fail("no-thread", "no thread waits where another one could be started from it");
  enter(pid, memory, &found, wait, any, code, bytes, deadline);
}
