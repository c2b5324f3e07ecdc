// What the program prints: one line of JSON on standard output, then it ends.
#pragma once
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct report {
  uint64_t begun_us;
  uint64_t stop_us; // the entered thread did not run
  int stops;
  int tid;
  const char *how; // "pending", "thread"
  char wait[32];   // the system call the entered thread waited in
  char libc[8];    // "glibc", "musl"
};
static struct report report;

static uint64_t now_us(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000u + (uint64_t)at.tv_nsec / 1000u;
}

static void print_common(void) {
  printf("\"stopUs\":%llu,\"stops\":%d,\"tid\":%d,\"wait\":", (unsigned long long)report.stop_us, report.stops, report.tid);
  if (report.wait[0]) printf("\"%s\"", report.wait);
  else printf("null");
  printf(",\"libc\":\"%s\",\"elapsedUs\":%llu}\n", report.libc, (unsigned long long)(now_us() - report.begun_us));
  fflush(stdout);
}

static void succeed(void) {
  printf("{\"ok\":true,\"how\":\"%s\",", report.how);
  print_common();
  exit(0);
}

// `reason` is a stable word for the caller; the text is fixed or formatted from numbers, so it needs no escaping.
__attribute__((noreturn, format(printf, 2, 3))) static void fail(const char *reason, const char *format, ...) {
  char text[400];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  for (char *at = text; *at; at++)
    if (*at == '"' || *at == '\\' || (unsigned char)*at < 32) *at = ' ';
  printf("{\"ok\":false,\"reason\":\"%s\",\"message\":\"%s\",", reason, text);
  print_common();
  exit(1);
}
