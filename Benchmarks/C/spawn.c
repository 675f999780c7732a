// spawn COUNT PROGRAM ARGUMENT...: starts a program so many times, one after
// another, with nothing on its standard output. Prints the median of the
// microseconds from its start to its end.

#define _GNU_SOURCE

#include <BareCalls.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

extern char **environ;

static int by_value(const void *one, const void *other) {
  double x = *(const double *)one, y = *(const double *)other;
  return (x > y) - (x < y);
}

int main(int count, char **arguments) {
  if (count < 3) return 64;
  int runs = atoi(arguments[1]);
  if (runs < 1) return 64;
  double *times = calloc((size_t)runs, sizeof *times);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  for (int i = 0; i < runs; i++) {
    double start = bare_microseconds();
    pid_t child;
    int status;
    if (posix_spawnp(&child, arguments[2], &actions, NULL, arguments + 2,
                     environ) != 0 ||
        waitpid(child, &status, 0) < 0 || status != 0)
      return 1;
    times[i] = bare_microseconds() - start;
  }
  qsort(times, (size_t)runs, sizeof *times, by_value);
  printf("%f\n", times[runs / 2]);
  return 0;
}
