// Runs itself anew from another thread than its first, as Go programs run other
// programs, as many times as it is told to. Then it stays, under another name.
//
// Whoever looks at such a process may find its first thread ended and no other:
// the kernel gives the thread that calls execve(2) the place of the first one.

#define _GNU_SOURCE

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static char **arguments;

static void *run_anew(void *count) {
  char text[32];
  snprintf(text, sizeof text, "%ld", *(long *)count - 1);
  char *const next[] = {arguments[0], text, NULL};
  execv(arguments[0], next);
  _exit(127);
  return NULL;
}

int main(int argc, char **argv) {
  arguments = argv;
  long count = argc > 1 ? atol(argv[1]) : 0;
  pthread_t thread;
  if (count == 0)
    prctl(PR_SET_NAME, "has-run-all");
  else if (pthread_create(&thread, NULL, run_anew, &count) != 0)
    return 1;
  for (;;) pause();
}
