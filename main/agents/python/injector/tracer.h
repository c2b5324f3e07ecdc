// Stopping one thread, calling something on it, and putting it back.
#pragma once
#include "arch.h"
#include <signal.h>
#include <sys/wait.h>

// Most of a frame: vector state, context, alignment.
enum { MAX_FRAME_BYTES = MAX_VECTOR_BYTES + 8192 };

struct stopped {
  int tid;
  int memory; // /proc/PID/mem
  registers saved;
  unsigned char vector[MAX_VECTOR_BYTES];
  size_t vector_length;
  uint64_t mask;
  uint64_t frame;
  uint64_t stopped_at;
};

static int status_event(int status) { return status >> 16; }

// Waits for the traced thread until `deadline`. False: it did not stop. Ends the program when the target has gone.
static bool wait_stop(int tid, int *status, uint64_t deadline) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  for (;;) {
    int got = waitpid(tid, status, WNOHANG | __WALL);
    if (got == tid) {
      if (WIFSTOPPED(*status)) return true;
      fail("gone", "the process ended meanwhile");
    }
    if (got < 0 && errno != EINTR) fail("gone", "the process ended meanwhile");
    uint64_t at = now_us();
    if (at >= deadline) return false;
    // Signals of stops that came at once are merged, so never wait for long.
    uint64_t wait = deadline - at < 5000 ? deadline - at : 5000;
    struct timespec limit = {0, (long)wait * 1000};
    sigtimedwait(&child, NULL, &limit);
  }
}

static bool write_memory(int memory, uint64_t to, const void *from, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    ssize_t put = pwrite(memory, (const char *)from + done, bytes - done, (off_t)(to + done));
    if (put <= 0) return false;
    done += (size_t)put;
  }
  return true;
}

static bool get_registers(int tid, registers *r, size_t *length) {
  struct iovec into = {r, sizeof *r};
  if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &into) != 0) return false;
  if (length) *length = into.iov_len;
  return true;
}

static bool set_registers(int tid, registers *r) {
  struct iovec from = {r, sizeof *r};
  return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &from) == 0;
}

// Seizes and stops the thread. The process is left alone when this fails.
static void stop_thread(struct stopped *stopped, int tid, int memory, uint64_t deadline) {
  memset(stopped, 0, sizeof *stopped);
  stopped->tid = tid;
  stopped->memory = memory;
  // No PTRACE_O_EXITKILL: if we die, the kernel lets go of the thread.
  if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD) != 0) {
    int error = errno;
    if (error == ESRCH) fail("gone", "the process ended meanwhile");
    fail("permission", "the system does not let us trace it (%s)", strerror(error));
  }
  stopped->stopped_at = now_us();
  if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) != 0) fail("gone", "the process ended meanwhile");
  report.stops++;
  report.tid = tid;
  int status = 0;
  for (;;) {
    if (!wait_stop(tid, &status, deadline)) fail("timeout", "it does not stop: it waits inside the kernel and cannot be interrupted");
    if (status_event(status) == PTRACE_EVENT_STOP) break;
    // A signal on its way to the program.
    ptrace(PTRACE_CONT, tid, 0, WSTOPSIG(status));
  }
  if (WSTOPSIG(status) != SIGTRAP) {
    ptrace(PTRACE_DETACH, tid, 0, 0);
    report.stop_us += now_us() - stopped->stopped_at;
    fail("stopped", "it is stopped by signal %d", WSTOPSIG(status));
  }
}

// Lets the thread go on from `saved` as if nothing had been: the kernel itself restarts the call that it was in.
static void let_go(struct stopped *stopped) {
  ptrace(PTRACE_DETACH, stopped->tid, 0, 0);
  report.stop_us += now_us() - stopped->stopped_at;
}

static void read_state(struct stopped *stopped) {
  size_t length = 0;
  struct iovec vector = {stopped->vector, sizeof stopped->vector};
  if (!get_registers(stopped->tid, &stopped->saved, &length)) {
    let_go(stopped);
    fail("internal", "its registers cannot be read (%s)", strerror(errno));
  }
  if (length != sizeof(registers)) {
    let_go(stopped);
    fail("architecture", "it is a program for another processor than this injector");
  }
  if (ptrace(PTRACE_GETREGSET, stopped->tid, VECTOR_SET, &vector) != 0 || ptrace(PTRACE_GETSIGMASK, stopped->tid, 8, &stopped->mask) != 0) {
    let_go(stopped);
    fail("internal", "its state cannot be read (%s)", strerror(errno));
  }
  stopped->vector_length = vector.iov_len;
}

// Puts the thread back where it was and lets it go. `before_go` runs when it has left our page, still stopped.
static void put_back(struct stopped *stopped, void (*before_go)(void *), void *argument) {
  int tid = stopped->tid;
  // Asked for first: from here on the kernel looks at signals, and with them at the interrupted call, before the
  // thread goes on, whether we live or not.
  ptrace(PTRACE_INTERRUPT, tid, 0, 0);
  registers back = stopped->saved;
  prepare_return(&back);
  struct iovec vector = {stopped->vector, stopped->vector_length};
  ptrace(PTRACE_SETREGSET, tid, VECTOR_SET, &vector);
  set_registers(tid, &back);
  ptrace(PTRACE_SETSIGMASK, tid, 8, &stopped->mask);
  if (before_go) before_go(argument);
  ptrace(PTRACE_CONT, tid, 0, 0);
  int status = 0, signal = 0;
  if (wait_stop(tid, &status, now_us() + 2000000) && status_event(status) != PTRACE_EVENT_STOP) signal = WSTOPSIG(status);
  ptrace(PTRACE_DETACH, tid, 0, signal);
  report.stop_us += now_us() - stopped->stopped_at;
}

// Runs from the registers given until the exit of the system call that ends at `end`. False: not within the time.
static bool run_to(struct stopped *stopped, registers *r, uint64_t end, uint64_t deadline) {
  int tid = stopped->tid, pass = 0;
  if (!set_registers(tid, r)) fail("gone", "the process ended meanwhile");
  bool inside = false;
  for (;;) {
    if (ptrace(PTRACE_SYSCALL, tid, 0, pass) != 0) fail("gone", "the process ended meanwhile");
    pass = 0;
    int status = 0;
    if (!wait_stop(tid, &status, deadline)) return false;
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
      inside = !inside;
      if (inside) continue;
      if (!get_registers(tid, r, NULL)) fail("gone", "the process ended meanwhile");
      if (PC(r) == end) return true;
    } else if (status_event(status) == 0) {
      pass = WSTOPSIG(status); // a signal for the program: its handler runs on top, as anywhere else
    } else if (status_event(status) == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP) {
      // Somebody stops the process: it goes on for us until it is back where it was, then it stops.
      pass = 0;
    }
  }
}

static void write_frame(struct stopped *stopped) {
  static unsigned char bytes[MAX_FRAME_BYTES] __attribute__((aligned(64)));
  size_t length = 0;
  stopped->frame = build_frame(&stopped->saved, stopped->vector, stopped->vector_length, stopped->mask, bytes, &length);
  if (!write_memory(stopped->memory, stopped->frame, bytes, length)) {
    let_go(stopped);
    fail("stack", "its stack has no room for a signal frame");
  }
}

static bool call_system(struct stopped *stopped, uint64_t gadget, uint64_t restorer, long number, const uint64_t arguments[6], long *result) {
  registers r = stopped->saved;
  set_system_call(&r, stopped->frame, gadget, number, arguments);
#if defined(__x86_64__)
  if (!write_memory(stopped->memory, stopped->frame, &restorer, 8)) return false;
#else
  r.regs[30] = restorer;
#endif
  if (!run_to(stopped, &r, gadget + GADGET_CALL_BYTES, now_us() + 2000000)) return false;
  *result = CALL_RESULT(&r);
  return true;
}
