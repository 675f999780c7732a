// Executes itself from another thread than its first, as Go programs execute others, as
// many times as its argument says. Then it pauses, under another name.
//
// During execve(2), /proc may show such a process with its first thread exited and no
// other, because the thread that calls execve(2) takes the place of the first.

#define _GNU_SOURCE

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static char **arguments;

static void *execute_again(void *count) {
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
  else if (pthread_create(&thread, NULL, execute_again, &count) != 0)
    return 1;
  for (;;) pause();
}
